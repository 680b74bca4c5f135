#include "fleet_appender.hpp"

#include <algorithm>
#include <chrono>

namespace flashduty {

namespace {

using Clock = std::chrono::steady_clock;

/// Time for the shared database below which a batch goes to the local spool at once.
constexpr std::int64_t kLeastMs = 50;

/// Turns between both places: a turn is wasted only when the spool has run empty meanwhile.
constexpr int kMostTurns = 4;

}  // namespace

FleetAppender::FleetAppender(std::unique_ptr<SqliteStore> local,
                             PostgresStoreOptions shared) noexcept
    : local_(std::move(local)), options_(std::move(shared)) {
    options_.connects_to_append = false;
}

bool FleetAppender::connect(std::string& error) noexcept {
    auto store = std::make_unique<PostgresStore>(options_);
    if (store->prepare() != StoreStatus::kOk) {
        error = store->error();
        return false;
    }
    const std::lock_guard<std::mutex> guard(mutex_);
    ready_ = std::move(store);
    is_cut_off_ = false;
    return true;
}

/// The connected store; nullptr when there is none.
PostgresStore* FleetAppender::shared() noexcept {
    if (shared_ == nullptr || !shared_->is_connected()) {
        const std::lock_guard<std::mutex> guard(mutex_);
        shared_ = std::move(ready_);
    }
    is_cut_off_ = shared_ == nullptr;
    return shared_.get();
}

StoreStatus FleetAppender::keep_error(StoreStatus status) noexcept {
    error_ = local_->error();
    return status;
}

/// True when the shared database has the events. Else `id` is the name under which it may have
/// them, or empty.
bool FleetAppender::append_shared(const std::vector<NewEvent>& events,
                                  std::vector<Appended>& appended, BatchId& id) noexcept {
    id = {};
    PostgresStore* store = shared();
    if (store == nullptr) {
        way_.reason = "there is no connection to PostgreSQL";
        return false;
    }
    const std::int64_t timeout_ms = std::min(options_.timeout_ms, left_ms_);
    if (timeout_ms < kLeastMs) {
        way_.reason = "its callers cannot wait for PostgreSQL any more";
        return false;
    }
    store->set_append_timeout(timeout_ms);
    const BatchId name = store->next_batch();
    const auto begun = Clock::now();
    const StoreStatus status = store->append(events, appended);
    way_.was_asked = true;
    way_.took_ms =
        std::chrono::duration_cast<std::chrono::milliseconds>(Clock::now() - begun).count();
    if (status != StoreStatus::kOk) {
        way_.reason = store->error();
        way_.is_unknown = status == StoreStatus::kUnknown;
        id = way_.is_unknown ? name : BatchId{};
        is_cut_off_ = !store->is_connected();
        return false;
    }
    way_.is_shared = true;
    for (Appended& one : appended) {
        if (one.event_id != 0) {
            one.event_id |= kShared;
            one.target_id |= kShared;
        }
    }
    return true;
}

/// Writes down locally what the shared database cannot hold, whatever is tried.
StoreStatus FleetAppender::append_rest(const std::vector<NewEvent>& events,
                                       std::vector<Appended>& appended) noexcept {
    std::vector<NewEvent> rest;
    for (std::size_t i = 0; i < events.size(); i++) {
        if (appended[i].event_id == 0) {
            rest.push_back(events[i]);
        }
    }
    if (rest.empty()) {
        return StoreStatus::kOk;
    }
    std::vector<Appended> kept;
    bool is_written = false;
    const StoreStatus status = local_->append_local(rest, {}, false, kept, is_written);
    auto next = kept.begin();
    for (Appended& one : appended) {
        if (status == StoreStatus::kOk && one.event_id == 0) {
            one = *next++;
        }
    }
    way_.reason = shared_->unfit_reason();
    return keep_error(status);
}

StoreStatus FleetAppender::append(const std::vector<NewEvent>& events,
                                  std::vector<Appended>& appended) noexcept {
    way_ = {};
    if (events.empty()) {
        return keep_error(local_->append(events, appended));
    }
    BatchId id;
    for (int turn = 0; turn < kMostTurns; turn++) {
        LocalState state;
        // A spool that cannot be read holds up nothing that goes past it.
        const bool is_local =
            local_->look(state) == StoreStatus::kOk && state.is_local && turn + 1 < kMostTurns;
        if (!is_local && append_shared(events, appended, id)) {
            return append_rest(events, appended);
        }
        bool is_written = false;
        const StoreStatus status = local_->append_local(events, id, is_local, appended, is_written);
        if (status != StoreStatus::kOk || is_written) {
            return keep_error(status);
        }
        // It ran empty between both looks.
    }
    error_ = "the local spool keeps running empty";
    return StoreStatus::kStalled;
}

StoreStatus FleetAppender::supersede(const std::vector<DeliveredKey>& keys) noexcept {
    const StoreStatus status = local_->supersede(keys);
    if (status != StoreStatus::kOk) {
        return keep_error(status);
    }
    PostgresStore* store = shared();
    if (store == nullptr) {
        error_ = "there is no connection to PostgreSQL";
        return StoreStatus::kAway;
    }
    const StoreStatus told = store->supersede(keys);
    error_ = store->error();
    return told;
}

}  // namespace flashduty
