// Store of events in a SQLite database: for its tables see schema.cpp, for the handling of its file
// spool_database.hpp.
#pragma once

#include <memory>
#include <string>
#include <utility>

#include "dead_letters.hpp"
#include "event_ledger.hpp"
#include "event_store.hpp"
#include "local_spool.hpp"
#include "spool_database.hpp"

namespace flashduty {

struct SqliteStoreOptions {
    std::string path;
    std::uint64_t max_size_bytes = std::uint64_t{1} << 30;
    std::int64_t max_age_ms = std::int64_t{24} * 60 * 60 * 1000;
    std::int64_t dead_age_ms = std::int64_t{30} * 24 * 60 * 60 * 1000;
    std::int64_t busy_ms = 150;  ///< wait for the locks of other programs
    /// Time to queue behind other stores of the same database; for an event since it was accepted.
    std::int64_t queue_ms = 10'000;
    const char* vfs = nullptr;  ///< SQLite's by that name, for tests
    bool is_of_fleet = false;   ///< keeps what was delivered, to be reported: see LocalSpool
    SpoolClock clock{};         ///< of all times that the store is given and gives
};

/// Opens nothing before its first call, and must not be carried over a fork() after that.
class SqliteStore final : public EventStore, public EventLedger, public LocalSpool {
  public:
    /// Only the deliverer's store may set a database aside and begin a new one; the others leave a
    /// mark for it and follow.
    SqliteStore(SqliteStoreOptions options, bool may_set_aside) noexcept;

    [[nodiscard]] StoreStatus append(const std::vector<NewEvent>& events,
                                     std::vector<Appended>& appended) noexcept override;
    [[nodiscard]] StoreStatus targets(std::vector<std::int64_t>& target_ids) noexcept override;
    [[nodiscard]] StoreStatus find(const Search& search, UnixMs now_ms, std::vector<DueEvent>& due,
                                   Held& held) noexcept override;
    [[nodiscard]] StoreStatus settle(const std::vector<Settlement>& settlements) noexcept override;
    [[nodiscard]] StoreStatus supersede(const std::vector<DeliveredKey>& keys) noexcept override;
    [[nodiscard]] StoreStatus expire(UnixMs now_ms, const std::vector<std::int64_t>& busy,
                                     Tended& tended) noexcept override;
    [[nodiscard]] StoreStatus size(StoreSize& size) noexcept override;
    [[nodiscard]] std::string_view error() const noexcept override { return database_.error(); }

    [[nodiscard]] std::string take_notice() noexcept override { return database_.take_notice(); }
    [[nodiscard]] EventLedger* ledger() noexcept override { return this; }

    [[nodiscard]] StoreStatus list_targets(std::vector<ListedTarget>& targets) noexcept override;
    [[nodiscard]] StoreStatus list(Pile pile, const EventFilter& filter, std::int64_t after,
                                   std::size_t limit, EventPage& page) noexcept override;
    [[nodiscard]] StoreStatus show(Pile pile, std::int64_t event_id, WholeEvent& event,
                                   bool& is_found) noexcept override;
    [[nodiscard]] StoreStatus read_whole(Pile pile, std::int64_t after, std::size_t most_bytes,
                                         WholePage& page) noexcept override;
    [[nodiscard]] StoreStatus facts(StoreFacts& facts) noexcept override;
    [[nodiscard]] StoreStatus change(const EventChange& change, UnixMs now_ms,
                                     const std::vector<std::int64_t>& busy,
                                     EventsChanged& changed) noexcept override;
    [[nodiscard]] StoreStatus pause(std::int64_t target_id, UnixMs until_ms,
                                    bool& is_found) noexcept override;
    [[nodiscard]] StoreStatus paused(UnixMs now_ms, std::vector<Paused>& paused) noexcept override;

    [[nodiscard]] StoreStatus look(LocalState& state) noexcept override;
    [[nodiscard]] StoreStatus append_local(const std::vector<NewEvent>& events, const BatchId& id,
                                           bool only_if_local, std::vector<Appended>& appended,
                                           bool& is_written) noexcept override;
    [[nodiscard]] StoreStatus first_batch(const BatchId& name, LocalBatch& batch) noexcept override;
    [[nodiscard]] StoreStatus moved(const LocalBatch& batch, const std::vector<std::int64_t>& unfit,
                                    bool& is_local) noexcept override;
    [[nodiscard]] StoreStatus begin_alone() noexcept override;
    [[nodiscard]] StoreStatus pushed_alone(bool with_waiting, std::size_t most,
                                           std::vector<AloneEvent>& events) noexcept override;
    [[nodiscard]] StoreStatus reported(const std::vector<AloneEvent>& events,
                                       bool& owes_report) noexcept override;

    [[nodiscard]] std::vector<std::int64_t> take_postponed() noexcept override {
        return std::exchange(postponed_, {});
    }

  private:
    template <class Before>
    [[nodiscard]] StoreStatus append_after(Before before, const std::vector<NewEvent>& events,
                                           const BatchId& id,
                                           std::vector<Appended>& appended) noexcept;
    [[nodiscard]] Limits limits() const noexcept;
    StoreStatus refuse_full() noexcept;
    StoreStatus settle_some(const Settlement* settlements, std::size_t count) noexcept;

    SqliteStoreOptions options_;
    SpoolDatabase database_;
    std::vector<std::int64_t> postponed_;
    UnixMs next_wal_look_ms_ = 0;
    UnixMs looked_ms_ = 0;  ///< last look for events of workers of 1.0.0, by the database's clock
};

class SqliteStoreFactory final : public StoreFactory {
  public:
    explicit SqliteStoreFactory(SqliteStoreOptions options) noexcept
        : options_(std::move(options)) {}

    [[nodiscard]] std::unique_ptr<EventStore> make(StoreUser user) const noexcept override {
        return std::make_unique<SqliteStore>(options_, user == StoreUser::kDeliverer);
    }

  private:
    SqliteStoreOptions options_;
};

}  // namespace flashduty
