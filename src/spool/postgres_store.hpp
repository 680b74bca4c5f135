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
};

/// Lasting name of a batch.
struct BatchId {
    std::string writer;
    std::int64_t batch = 0;
};

/// Connects when it is first asked for something, and must not be carried over a fork() after that.
class PostgresStore final : public EventStore {
  public:
    explicit PostgresStore(PostgresStoreOptions options) noexcept;

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

    /// Name under which the next append() writes, so that it can be repeated.
    [[nodiscard]] BatchId next_batch() noexcept;
    /// Appends a batch that may be there already: with kOk it is, and `appended` is empty if it
    /// was.
    [[nodiscard]] StoreStatus append_again(const BatchId& id, const std::vector<NewEvent>& events,
                                           std::vector<Appended>& appended) noexcept;

    /// Limits searches and changes to this term from now on; 0: there is no leader.
    void set_term(std::int64_t term) noexcept { term_ = term; }
    [[nodiscard]] std::int64_t term() const noexcept { return term_; }

    /// Runs a statement of somebody who uses this store's connection, in its thread.
    [[nodiscard]] StoreStatus ask(const char* sql, const PgValues& values, PgRows& rows) noexcept {
        return run(sql, values, rows, options_.work_timeout_ms);
    }
    [[nodiscard]] UnixMs now_ms() const noexcept { return options_.clock.now_ms(); }
    /// Host that the connection leads to; empty without one.
    [[nodiscard]] std::string host() const noexcept { return connection_.host(); }

    /// Time by which PostgreSQL's clock is ahead; 0 below a second.
    [[nodiscard]] std::int64_t clock_offset_ms() const noexcept { return offset_ms_; }

  private:
    [[nodiscard]] StoreStatus run(const char* sql, const PgValues& values, PgRows& rows,
                                  std::int64_t timeout_ms) noexcept;
    [[nodiscard]] StoreStatus connect(PgDeadline deadline) noexcept;
    [[nodiscard]] StoreStatus measure_clock(PgDeadline deadline) noexcept;
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

    /// Most bytes of dead letters.
    [[nodiscard]] std::int64_t dead_bytes() const noexcept {
        return static_cast<std::int64_t>(options_.max_size_bytes / 2);
    }
    [[nodiscard]] UnixMs to_server(UnixMs ms) const noexcept { return ms + offset_ms_; }
    [[nodiscard]] UnixMs from_server(UnixMs ms) const noexcept { return ms - offset_ms_; }

    PostgresStoreOptions options_;
    PgConnection connection_;
    BatchId batch_;
    std::int64_t term_ = 0;
    std::int64_t offset_ms_ = 0;
    std::vector<std::int64_t> postponed_;
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
