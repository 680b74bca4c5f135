// Store of a fleet's acceptor: appends to the shared database, or to the local spool where it
// cannot be told that the events are safe there. Everything else is the local spool's.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "event_store.hpp"
#include "postgres_store.hpp"
#include "sqlite_store.hpp"

namespace flashduty {

class FleetAppender final : public EventStore {
  public:
    /// Where the last append() went, for figures and the log.
    struct Way {
        bool was_asked = false;    ///< the shared database
        bool is_shared = false;    ///< it has the events
        bool is_unknown = false;   ///< it may have them; the local spool has them, too
        std::int64_t took_ms = 0;  ///< by it
        std::string reason;        ///< why it has not got them; empty: the edge was local already
    };

    /// `shared`: options of the shared database; its append timeout is the longest that it gets.
    FleetAppender(std::unique_ptr<SqliteStore> local, PostgresStoreOptions shared) noexcept;

    // ---------------------------------------------------------------- of another thread

    /// Connects to the shared database, while append() goes on with what it has. False when that
    /// fails.
    [[nodiscard]] bool connect(std::string& error) noexcept;
    /// True when append() has no connection, and none is ready for it.
    [[nodiscard]] bool is_cut_off() const noexcept { return is_cut_off_; }

    // ---------------------------------------------------------------- of the acceptor's thread

    /// Time that the callers of the next append() leave to the shared database; 0: none.
    void hurry(std::int64_t left_ms) noexcept { left_ms_ = left_ms; }
    [[nodiscard]] const Way& way() const noexcept { return way_; }

    /// Ids of what the shared database has got have the bit kShared.
    [[nodiscard]] StoreStatus append(const std::vector<NewEvent>& events,
                                     std::vector<Appended>& appended) noexcept override;
    [[nodiscard]] StoreStatus supersede(const std::vector<DeliveredKey>& keys) noexcept override;

    [[nodiscard]] StoreStatus targets(std::vector<std::int64_t>& target_ids) noexcept override {
        return local_->targets(target_ids);
    }
    [[nodiscard]] StoreStatus find(const Search& search, UnixMs now_ms, std::vector<DueEvent>& due,
                                   Held& held) noexcept override {
        return local_->find(search, now_ms, due, held);
    }
    [[nodiscard]] StoreStatus settle(const std::vector<Settlement>& settlements) noexcept override {
        return local_->settle(settlements);
    }
    [[nodiscard]] StoreStatus expire(UnixMs now_ms, const std::vector<std::int64_t>& busy,
                                     Tended& tended) noexcept override {
        return local_->expire(now_ms, busy, tended);
    }
    [[nodiscard]] StoreStatus size(StoreSize& size) noexcept override { return local_->size(size); }
    [[nodiscard]] std::vector<std::int64_t> take_postponed() noexcept override {
        return local_->take_postponed();
    }
    [[nodiscard]] std::string_view error() const noexcept override { return error_; }
    [[nodiscard]] std::string take_notice() noexcept override { return local_->take_notice(); }

  private:
    [[nodiscard]] PostgresStore* shared() noexcept;
    [[nodiscard]] bool append_shared(const std::vector<NewEvent>& events,
                                     std::vector<Appended>& appended, BatchId& id) noexcept;
    [[nodiscard]] StoreStatus append_rest(const std::vector<NewEvent>& events,
                                          std::vector<Appended>& appended) noexcept;
    [[nodiscard]] StoreStatus keep_error(StoreStatus status) noexcept;

    std::unique_ptr<SqliteStore> local_;
    PostgresStoreOptions options_;
    std::unique_ptr<PostgresStore> shared_;  ///< nullptr: no connection
    std::mutex mutex_;
    std::unique_ptr<PostgresStore> ready_;  ///< connected, by another thread
    std::atomic<bool> is_cut_off_{true};
    std::int64_t left_ms_ = 0;
    Way way_;
    std::string error_;
};

}  // namespace flashduty
