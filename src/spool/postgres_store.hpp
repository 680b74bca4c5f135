// Events of a fleet that wait in PostgreSQL: see postgres_events_sql.cpp for its tables.
//
// Only an answer without a warning counts as written down: PostgreSQL answers a commit whose wait
// for a standby was cancelled like any other, but for that. Nobody knows whether a batch without
// such an answer is there. Anybody may append it again under its BatchId, which adds it at most
// once and says for certain that it is safe.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "event_store.hpp"
#include "postgres.hpp"
#include "postgres_ledger.hpp"

namespace flashduty {

struct PostgresStoreOptions {
    PgOptions server;
    std::uint64_t max_size_bytes = std::uint64_t{1} << 30;
    std::int64_t max_age_ms = std::int64_t{24} * 60 * 60 * 1000;
    std::int64_t dead_age_ms = std::int64_t{30} * 24 * 60 * 60 * 1000;
    std::int64_t timeout_ms = 500;         ///< for an append
    std::int64_t work_timeout_ms = 5'000;  ///< for everything else
    std::int64_t connect_timeout_ms = 2'000;
    /// Time for which a key without waiting events is remembered.
    std::int64_t remember_ms = 10 * 60 * 1000;
    SpoolClock clock{};  ///< clock of all times that the store is given and gives
    /// Time by which PostgreSQL's clock is ahead of that one; measured with each connection unless
    /// given.
    std::optional<std::int64_t> clock_offset_ms;
    /// Start of the writers' names, unique for each edge's spool.
    std::string writer = "edge";
    /// False: append() never connects, since callers wait for it; prepare() does.
    bool connects_to_append = true;
};

/// Lasting name of a batch.
struct BatchId {
    std::string writer;
    std::int64_t batch = 0;
};

/// Time that an append may take so that its oldest caller, who came `age_ms` ago, hears within
/// `spool_after_ms`, with enough left for the local spool; 0: none, it goes there at once.
[[nodiscard]] std::int64_t append_timeout_ms(std::int64_t timeout_ms, std::int64_t spool_after_ms,
                                             std::int64_t age_ms) noexcept;

/// True when the event's key is BlueKing's id of the alert: a new firing has another one.
[[nodiscard]] bool has_own_id(const NewEvent& event) noexcept;

/// An event that an edge has delivered while the database was away.
struct PushedAlone {
    NewEvent event;          ///< without its body; without `event` it cannot be sent again
    UnixMs pushed_ms = 0;    ///< when it was taken
    bool is_certain = true;  ///< false: it may have been delivered, and will be drained
};

/// Connects when it is first asked for something, and must not be carried over a fork() after that.
/// Connecting may take longer than it should, for the look-up of a name: only for threads.
class PostgresStore final : public EventStore {
  public:
    explicit PostgresStore(PostgresStoreOptions options) noexcept;

    /// Connects, if there is no connection; then an append() need not.
    [[nodiscard]] StoreStatus prepare() noexcept;
    [[nodiscard]] bool is_connected() const noexcept { return connection_.is_connected(); }
    /// Raised with each connection.
    [[nodiscard]] std::uint64_t generation() const noexcept { return connection_.generation(); }

    [[nodiscard]] StoreStatus append(const std::vector<NewEvent>& events,
                                     std::vector<Appended>& appended) noexcept override;
    [[nodiscard]] StoreStatus targets(std::vector<std::int64_t>& target_ids) noexcept override;
    [[nodiscard]] StoreStatus find(const Search& search, UnixMs now_ms, std::vector<DueEvent>& due,
                                   Held& held) noexcept override;
    [[nodiscard]] StoreStatus settle(const std::vector<Settlement>& settlements) noexcept override;
    [[nodiscard]] std::vector<std::int64_t> take_postponed() noexcept override {
        return std::exchange(postponed_, {});
    }
    [[nodiscard]] StoreStatus supersede(const std::vector<DeliveredKey>& keys) noexcept override;
    [[nodiscard]] StoreStatus expire(UnixMs now_ms, const std::vector<std::int64_t>& busy,
                                     Tended& tended) noexcept override;
    [[nodiscard]] StoreStatus size(StoreSize& size) noexcept override;
    [[nodiscard]] std::string_view error() const noexcept override { return error_; }
    [[nodiscard]] std::string take_notice() noexcept override { return std::exchange(notice_, {}); }
    [[nodiscard]] EventLedger* ledger() noexcept override { return &ledger_; }

    // ---------------------------------------------------------------- appending in a fleet

    /// Name under which the next append() writes, so that it can be repeated.
    [[nodiscard]] BatchId next_batch() noexcept;
    /// Deadline of each append() from now on.
    void set_append_timeout(std::int64_t timeout_ms) noexcept { options_.timeout_ms = timeout_ms; }
    /// Appends a batch that may be there already: with kOk it is, and `appended` is empty if it
    /// was.
    [[nodiscard]] StoreStatus append_again(const BatchId& id, const std::vector<NewEvent>& events,
                                           std::vector<Appended>& appended) noexcept;

    /// Appends events that have waited in an edge's spool, as append_again() does; `late` gets
    /// those that are dead letters at once, for their key has had a later word. The name of a drain
    /// is drain_writer() of the spool, its number the last event's id there.
    [[nodiscard]] StoreStatus drain(const BatchId& id, const std::vector<NewEvent>& events,
                                    std::vector<Appended>& appended,
                                    std::vector<DeadLetter>& late) noexcept;
    [[nodiscard]] static std::string drain_writer(const std::string& edge,
                                                  const std::string& spool_id) noexcept;
    /// Number of the last batch of a writer: what is up to there is safe. 0: none is.
    [[nodiscard]] StoreStatus last_batch(const std::string& writer, std::int64_t& batch) noexcept;

    /// Tells of the events that `edge` has delivered alone, of each key the last. `dead` gets those
    /// of these keys that waited and were older. May be repeated.
    [[nodiscard]] StoreStatus report_alone(const std::string& edge,
                                           const std::vector<PushedAlone>& pushed,
                                           std::vector<DeadLetter>& dead) noexcept;

    /// Late events that became dead letters by the last settle().
    [[nodiscard]] std::vector<DeadLetter> take_late() noexcept { return std::exchange(late_, {}); }
    /// Reason why the database does not take the events that the last append left out.
    [[nodiscard]] const std::string& unfit_reason() const noexcept { return unfit_reason_; }
    /// False when the last append was acknowledged by a database that waits for no standby.
    [[nodiscard]] bool is_synchronous() const noexcept { return is_synchronous_; }

    /// Limits searches and changes to this term from now on; 0: there is no leader.
    void set_term(std::int64_t term) noexcept { term_ = term; }
    [[nodiscard]] std::int64_t term() const noexcept { return term_; }

    /// Runs a statement of somebody who uses this store's connection, in its thread.
    [[nodiscard]] StoreStatus ask(const char* sql, const PgValues& values, PgRows& rows) noexcept {
        return run(sql, values, rows, options_.work_timeout_ms);
    }
    [[nodiscard]] UnixMs now_ms() const noexcept { return options_.clock.now_ms(); }
    [[nodiscard]] UnixMs server_now_ms() const noexcept { return to_server(now_ms()); }
    /// Host that the connection leads to; empty without one.
    [[nodiscard]] std::string host() const noexcept { return connection_.host(); }

    /// Time by which PostgreSQL's clock is ahead; 0 below a second.
    [[nodiscard]] std::int64_t clock_offset_ms() const noexcept { return offset_ms_; }
    [[nodiscard]] UnixMs to_server(UnixMs ms) const noexcept { return ms + offset_ms_; }
    [[nodiscard]] UnixMs from_server(UnixMs ms) const noexcept { return ms - offset_ms_; }

    /// Most bytes of dead letters.
    [[nodiscard]] std::int64_t dead_bytes() const noexcept {
        return static_cast<std::int64_t>(options_.max_size_bytes / 2);
    }
    /// Gives a reason to a call that is refused.
    StoreStatus refuse(StoreStatus status, std::string reason) noexcept {
        error_ = std::move(reason);
        return status;
    }

  private:
    using Events = std::vector<NewEvent>;

    [[nodiscard]] PgValues batch_values(const BatchId& id, const Events& events,
                                        bool is_late) const noexcept;
    [[nodiscard]] StoreStatus write(const BatchId& id, const Events& events, bool is_late,
                                    std::int64_t timeout_ms, PgRows& rows) noexcept;
    [[nodiscard]] StoreStatus try_in_vain(const Events& events, bool& is_fit) noexcept;
    [[nodiscard]] StoreStatus find_unfit(const Events& events, std::size_t first, std::size_t end,
                                         std::vector<bool>& are_unfit) noexcept;
    [[nodiscard]] StoreStatus write_batch(const BatchId& id, const Events& events, bool is_late,
                                          std::int64_t timeout_ms, std::vector<Appended>& appended,
                                          std::vector<DeadLetter>& late) noexcept;
    [[nodiscard]] StoreStatus run(const char* sql, const PgValues& values, PgRows& rows,
                                  std::int64_t timeout_ms) noexcept;
    [[nodiscard]] StoreStatus connect(PgDeadline deadline) noexcept;
    [[nodiscard]] StoreStatus meet(PgDeadline deadline) noexcept;
    [[nodiscard]] StoreStatus judge(PgStatus status) noexcept;
    [[nodiscard]] PgValues values_of(const Search& search) const noexcept;
    [[nodiscard]] StoreStatus fetch(const char* sql, const PgValues& values, std::int64_t target_id,
                                    std::vector<DueEvent>& due) noexcept;
    [[nodiscard]] StoreStatus find_untried(const Search& search, const char* sql, UnixMs now_ms,
                                           std::vector<DueEvent>& due) noexcept;
    [[nodiscard]] StoreStatus find_tried(const Search& search, std::vector<DueEvent>& due) noexcept;
    [[nodiscard]] StoreStatus find_held(const Search& search, UnixMs now_ms,
                                        std::vector<DueEvent>& due, Held& held) noexcept;
    [[nodiscard]] StoreStatus forget(UnixMs now_ms, bool& has_more) noexcept;

    PostgresStoreOptions options_;
    PgConnection connection_;
    PostgresLedger ledger_{*this};
    BatchId batch_;
    std::int64_t term_ = 0;
    std::int64_t offset_ms_ = 0;
    std::int64_t last_id_ = 0;  ///< greatest event_id that was seen here
    std::vector<std::int64_t> postponed_;
    std::vector<DeadLetter> late_;
    std::string unfit_reason_;
    bool is_synchronous_ = true;
    UnixMs forgot_ms_ = 0;
    std::string error_;
    std::string notice_;
};

class PostgresStoreFactory final : public StoreFactory {
  public:
    explicit PostgresStoreFactory(PostgresStoreOptions options) noexcept
        : options_(std::move(options)) {}

    [[nodiscard]] std::unique_ptr<EventStore> make(StoreUser) const noexcept override {
        return std::make_unique<PostgresStore>(options_);
    }

  private:
    PostgresStoreOptions options_;
};

}  // namespace flashduty
