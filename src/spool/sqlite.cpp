#include "sqlite.hpp"

#include <system_error>
#include <thread>

namespace flashduty {

Query::~Query() {
    if (statement_ != nullptr) {
        sqlite3_reset(statement_);
        sqlite3_clear_bindings(statement_);
    }
}

bool Query::next() noexcept {
    if (statement_ == nullptr || connection_.failed()) {
        return false;
    }
    const int code = sqlite3_step(statement_);
    if (code == SQLITE_ROW) {
        return true;
    }
    connection_.check(code == SQLITE_DONE ? SQLITE_OK : code);
    return false;
}

std::string_view Query::text(int column) const noexcept {
    const void* bytes = sqlite3_column_blob(statement_, column);
    const int size = sqlite3_column_bytes(statement_, column);
    return bytes == nullptr
               ? std::string_view{}
               : std::string_view(static_cast<const char*>(bytes), static_cast<std::size_t>(size));
}

bool Connection::open(const std::string& path, const char* vfs) noexcept {
    close();
    forgive();
    // NOMUTEX: its user lets only one thread in at a time.
    check(sqlite3_open_v2(path.c_str(), &database_, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                          vfs));
    if (failed()) {
        close();
        return false;
    }
    sqlite3_extended_result_codes(database_, 1);
    sqlite3_busy_handler(database_, wait, this);
    // Replaces SQLite's own checkpoints, which tell nobody that they failed.
    sqlite3_wal_hook(database_, note_wal, this);
    // Without this the last connection to close would make a checkpoint too, and then delete the
    // WAL by its name, which may be another database's by then.
    return check(sqlite3_db_config(database_, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, nullptr));
}

void Connection::close() noexcept {
    for (const auto& [sql, statement] : statements_) {
        sqlite3_finalize(statement);
    }
    statements_.clear();
    sqlite3_close(database_);
    database_ = nullptr;
    wal_frames_ = 0;
}

bool Connection::script(const char* sql) noexcept {
    return !failed() && check(sqlite3_exec(database_, sql, nullptr, nullptr, nullptr));
}

bool Connection::checkpoint(int mode) noexcept {
    if (failed()) {
        return false;
    }
    int frames = -1, copied = -1;
    const int code = sqlite3_wal_checkpoint_v2(database_, "main", mode, &frames, &copied);
    // Busy is fine when everything was copied: readers only keep the WAL from beginning anew.
    if (code == SQLITE_BUSY || code == SQLITE_LOCKED) {
        return frames >= 0 && copied == frames;
    }
    return check(code) && copied == frames;
}

int Connection::wait(void* self, int) noexcept {
    if (std::chrono::steady_clock::now() >= static_cast<Connection*>(self)->deadline_) {
        return 0;
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
    return 1;
}

int Connection::note_wal(void* self, sqlite3*, const char*, int frames) noexcept {
    static_cast<Connection*>(self)->wal_frames_ = frames;
    return SQLITE_OK;
}

bool Connection::check(int code) noexcept {
    if (code == SQLITE_OK || failed()) {
        return !failed();
    }
    code_ = code;
    message_ = database_ == nullptr ? sqlite3_errstr(code) : sqlite3_errmsg(database_);
    const int primary = code & 0xFF;
    if (database_ != nullptr && (primary == SQLITE_IOERR || primary == SQLITE_CANTOPEN)) {
        const int system = sqlite3_system_errno(database_);
        message_ += system == 0 ? "" : ", " + std::generic_category().message(system);
    }
    return false;
}

sqlite3_stmt* Connection::prepare(const char* sql) noexcept {
    if (failed()) {
        return nullptr;
    }
    sqlite3_stmt*& statement = statements_[sql];
    if (statement == nullptr) {
        check(
            sqlite3_prepare_v3(database_, sql, -1, SQLITE_PREPARE_PERSISTENT, &statement, nullptr));
    }
    return statement;
}

void Connection::bind(sqlite3_stmt* statement, int parameter, std::int64_t value) noexcept {
    if (!failed()) {
        check(sqlite3_bind_int64(statement, parameter, value));
    }
}

void Connection::bind(sqlite3_stmt* statement, int parameter, std::string_view value) noexcept {
    if (!failed()) {
        const char* text = value.data() == nullptr ? "" : value.data();  // nullptr would be NULL
        check(sqlite3_bind_text64(statement, parameter, text, value.size(), SQLITE_STATIC,
                                  SQLITE_UTF8));
    }
}

void Connection::bind(sqlite3_stmt* statement, int parameter, Blob value) noexcept {
    if (!failed()) {
        const char* bytes = value.bytes.data() == nullptr ? "" : value.bytes.data();
        check(sqlite3_bind_blob64(statement, parameter, bytes, value.bytes.size(), SQLITE_STATIC));
    }
}

}  // namespace flashduty
