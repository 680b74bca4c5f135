// SQLite for this folder: a connection keeps its first error until it is asked for, so that
// statements can follow each other and are judged at their end; statements are prepared once.
#pragma once

#include <sqlite3.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>

namespace flashduty {

inline constexpr int kLeastSqlite = 3024000;  ///< first version with ON CONFLICT DO
static_assert(SQLITE_VERSION_NUMBER >= kLeastSqlite, "SQLite 3.24 or newer is needed");

/// True when the library that was loaded is as new as the headers must be.
[[nodiscard]] inline bool has_recent_sqlite() noexcept {
    return sqlite3_libversion_number() >= kLeastSqlite;
}

using Deadline = std::chrono::steady_clock::time_point;

/// Value bound as bytes rather than as text.
struct Blob {
    std::string_view bytes;
};

class Connection;

/// A running statement. Its end resets the statement, which would otherwise hold its snapshot and
/// keep checkpoints from going on.
class Query {
  public:
    /// `statement` may be nullptr: it has no rows.
    Query(Connection& connection, sqlite3_stmt* statement) noexcept
        : connection_(connection), statement_(statement) {}
    ~Query();
    Query(const Query&) = delete;
    Query& operator=(const Query&) = delete;

    /// Advances to the next row; false at the end and when the connection has failed.
    bool next() noexcept;

    [[nodiscard]] std::int64_t number(int column) const noexcept {
        return sqlite3_column_int64(statement_, column);
    }
    [[nodiscard]] bool is_null(int column) const noexcept {
        return sqlite3_column_type(statement_, column) == SQLITE_NULL;
    }
    /// Lives until next().
    [[nodiscard]] std::string_view text(int column) const noexcept;

  private:
    Connection& connection_;
    sqlite3_stmt* statement_;
};

/// A connection. After a failure it runs nothing until forgive().
class Connection {
  public:
    Connection() = default;
    ~Connection() { close(); }
    Connection(const Connection&) = delete;
    Connection& operator=(const Connection&) = delete;

    /// Opens an existing file, with the VFS of that name or the usual one.
    bool open(const std::string& path, const char* vfs) noexcept;
    /// Closes without writing anything, not even a checkpoint.
    void close() noexcept;
    [[nodiscard]] bool is_open() const noexcept { return database_ != nullptr; }

    /// Sets the deadline for waiting for another connection's lock.
    void wait_until(Deadline deadline) noexcept { deadline_ = deadline; }

    /// `sql` is a literal: its statement is kept under its address. Values are only borrowed.
    template <class... Values>
    [[nodiscard]] Query query(const char* sql, const Values&... values) noexcept {
        sqlite3_stmt* statement = prepare(sql);
        int parameter = 0;
        (bind(statement, ++parameter, values), ...);
        return Query(*this, failed() ? nullptr : statement);
    }
    /// Runs a statement whose rows do not matter.
    template <class... Values>
    bool run(const char* sql, const Values&... values) noexcept {
        Query rows = query(sql, values...);
        while (rows.next()) {
        }
        return !failed();
    }
    /// First number of the first row, or 0.
    template <class... Values>
    [[nodiscard]] std::int64_t number(const char* sql, const Values&... values) noexcept {
        Query rows = query(sql, values...);
        return rows.next() ? rows.number(0) : 0;
    }
    /// Runs several statements once.
    bool script(const char* sql) noexcept;

    /// Copies the WAL into the database and syncs both. False unless all of it was copied; if
    /// others were in the way, without having failed.
    bool checkpoint(int mode) noexcept;
    /// Length of the WAL at the last commit.
    [[nodiscard]] int wal_frames() const noexcept { return wal_frames_; }

    [[nodiscard]] std::int64_t last_id() const noexcept {
        return sqlite3_last_insert_rowid(database_);
    }
    /// Rows that the last statement has changed itself, not by triggers.
    [[nodiscard]] int changes() const noexcept { return sqlite3_changes(database_); }
    [[nodiscard]] bool is_read_only() const noexcept {
        return sqlite3_db_readonly(database_, "main") == 1;
    }
    [[nodiscard]] bool is_in_transaction() const noexcept {
        return database_ != nullptr && sqlite3_get_autocommit(database_) == 0;
    }

    [[nodiscard]] bool failed() const noexcept { return code_ != SQLITE_OK; }
    /// SQLite's extended result code of the first failure.
    [[nodiscard]] int code() const noexcept { return code_; }
    [[nodiscard]] const std::string& message() const noexcept { return message_; }
    void forgive() noexcept { code_ = SQLITE_OK; }

  private:
    friend class Query;

    static int wait(void* self, int tries) noexcept;
    static int note_wal(void* self, sqlite3*, const char*, int frames) noexcept;

    bool check(int code) noexcept;
    sqlite3_stmt* prepare(const char* sql) noexcept;
    void bind(sqlite3_stmt* statement, int parameter, std::int64_t value) noexcept;
    void bind(sqlite3_stmt* statement, int parameter, std::string_view value) noexcept;
    void bind(sqlite3_stmt* statement, int parameter, Blob value) noexcept;

    sqlite3* database_ = nullptr;
    std::unordered_map<const char*, sqlite3_stmt*> statements_;
    Deadline deadline_;
    int wal_frames_ = 0;
    int code_ = SQLITE_OK;
    std::string message_;
};

}  // namespace flashduty
