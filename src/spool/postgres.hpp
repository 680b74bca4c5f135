// Connection to PostgreSQL on which nothing takes longer than it may: libpq's waiting is done here,
// by poll(), with a deadline of ours. The server's own limits do not bound the wait for a standby.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "libpq.hpp"

namespace flashduty {

using PgDeadline = std::chrono::steady_clock::time_point;

/// Result of a statement.
enum class PgStatus : std::uint8_t {
    kOk,       ///< done, without a warning
    kRefused,  ///< refused by the server, and nothing has changed: see sql_state()
    kUnknown,  ///< no answer in time, or one with a warning: may have been done
    kAway,     ///< no connection: nothing was sent
};

/// Rows of a statement. Owns them.
class PgRows {
  public:
    PgRows() = default;
    PgRows(const Libpq* pq, PqResult* result) noexcept : pq_(pq), result_(result) {}
    PgRows(PgRows&& other) noexcept;
    PgRows& operator=(PgRows&& other) noexcept;
    ~PgRows();

    [[nodiscard]] int count() const noexcept;
    [[nodiscard]] int columns() const noexcept;
    [[nodiscard]] std::string_view text(int row, int column) const noexcept;
    [[nodiscard]] std::int64_t number(int row, int column) const noexcept;
    [[nodiscard]] bool flag(int row, int column) const noexcept { return text(row, column) == "t"; }

  private:
    const Libpq* pq_ = nullptr;
    PqResult* result_ = nullptr;
};

/// Values of a statement, in the order of $1, $2 and so on. Lists become arrays.
class PgValues {
  public:
    PgValues& add(std::int64_t value) noexcept;
    PgValues& add(std::string_view value) noexcept;
    PgValues& add(const std::vector<std::int64_t>& values) noexcept;
    /// Adds a list one element at a time: begin(), any of element(), end().
    PgValues& begin() noexcept;
    PgValues& element(std::int64_t value) noexcept;
    PgValues& element(std::string_view value) noexcept;
    PgValues& element_bytes(std::string_view value) noexcept;  ///< for a bytea
    PgValues& end() noexcept;

    [[nodiscard]] std::vector<const char*> pointers() const noexcept;

  private:
    std::string& next_element() noexcept;

    std::vector<std::string> texts_;
};

struct PgOptions {
    std::string conninfo;  ///< as libpq reads it; without a password
    std::string password;  ///< empty: none
    std::string schema = "flashduty";
    std::string name = "flashduty";  ///< name of the application, as the server shows it
};

/// A message from NOTIFY.
struct PgNotification {
    std::string channel;
    std::string payload;
};

/// Serves one thread at a time, and must not be carried over a fork() once it was used.
class PgConnection {
  public:
    explicit PgConnection(PgOptions options) noexcept : options_(std::move(options)) {}
    ~PgConnection() { close(); }
    PgConnection(const PgConnection&) = delete;
    PgConnection& operator=(const PgConnection&) = delete;

    /// Connects; false when that fails, or takes too long; the look-up of a name may take longer.
    /// With several hosts each call begins with the one behind that of the last call.
    [[nodiscard]] bool connect(PgDeadline deadline) noexcept;
    [[nodiscard]] bool is_connected() const noexcept { return connection_ != nullptr; }
    void close() noexcept;

    /// Runs a statement, which alone is a transaction. Unless it ends with kOk or kRefused, the
    /// connection is closed.
    [[nodiscard]] PgStatus run(const char* sql, const PgValues& values, PgRows& rows,
                               PgDeadline deadline) noexcept;
    // ---------------------------------------------------------------- a statement in two steps

    /// Sends a statement. Nothing else may be run until finish().
    [[nodiscard]] PgStatus begin(const char* sql, const PgValues& values,
                                 PgDeadline deadline) noexcept;
    /// True once finish() need not wait.
    [[nodiscard]] bool is_answered(PgDeadline deadline) noexcept;
    [[nodiscard]] PgStatus finish(PgRows& rows, PgDeadline deadline) noexcept;

    /// Process of the server that serves this connection; 0: there is none.
    [[nodiscard]] int server_process() const noexcept;

    // ---------------------------------------------------------------- in an event loop

    /// Socket to be watched; -1 without a connection.
    [[nodiscard]] int socket() const noexcept;
    /// Takes and sends what can be taken and sent without waiting; false when the connection has
    /// ended, and is closed.
    [[nodiscard]] bool pump(bool& wants_to_write) noexcept;
    /// Sends a statement as far as that goes without waiting, the rest by pump(); its rows are
    /// forgotten. False when the connection is of no use any more.
    [[nodiscard]] bool post(const char* sql, const PgValues& values, bool& wants_to_write) noexcept;
    /// True once the last post() is answered, whatever the answer.
    [[nodiscard]] bool is_posted() noexcept;
    /// False when there is none.
    [[nodiscard]] bool take_notification(PgNotification& notification) noexcept;

    /// Runs several statements without values, in one transaction. Gives the rows of the last one.
    [[nodiscard]] PgStatus script(const char* sql, PgRows& rows, PgDeadline deadline) noexcept;

    /// Reason of the last failed call: one line.
    [[nodiscard]] const std::string& error() const noexcept { return error_; }
    /// Gives the reason of an earlier call back.
    void set_error(std::string reason) noexcept { error_ = std::move(reason); }
    /// True when the last connect() has found a server that no try makes any better.
    [[nodiscard]] bool is_unfit() const noexcept { return is_unfit_; }
    /// PostgreSQL's five characters, with kRefused.
    [[nodiscard]] const std::string& sql_state() const noexcept { return sql_state_; }
    [[nodiscard]] int server_version() const noexcept;
    /// Host that it leads to, as the conninfo names it; empty without a connection.
    [[nodiscard]] std::string host() const noexcept;
    /// Raised with each connection.
    [[nodiscard]] std::uint64_t generation() const noexcept { return generation_; }

  private:
    static void note(void* self, const PqResult* notice) noexcept;

    bool start() noexcept;
    bool finish_connecting(PgDeadline deadline) noexcept;
    PgStatus give_up_in_time(std::string reason) noexcept;
    bool set_up(PgDeadline deadline) noexcept;
    bool wait(short events, PgDeadline deadline) noexcept;
    bool send(PgDeadline deadline) noexcept;
    PgStatus receive(PgRows& rows, PgDeadline deadline) noexcept;
    PgStatus judge(PgRows rows, PqResult* result, PgRows& to) noexcept;
    PgStatus give_up(std::string reason) noexcept;
    bool fail_to_connect(std::string reason) noexcept;

    PgOptions options_;
    const Libpq* pq_ = nullptr;
    PqConnection* connection_ = nullptr;
    std::size_t first_host_ = 0;
    std::uint64_t generation_ = 0;
    std::string notice_;  ///< warning of the statement that is run
    std::string error_;
    std::string sql_state_;
    bool is_unfit_ = false;
};

}  // namespace flashduty
