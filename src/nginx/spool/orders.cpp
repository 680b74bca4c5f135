#include "orders.hpp"

#include "../request/recorder.hpp"
#include "desk.hpp"

namespace flashduty {

void Pauses::set(const std::vector<EventLedger::Paused>& paused) noexcept {
    until_ms_.clear();
    for (const EventLedger::Paused& one : paused) {
        until_ms_.emplace(one.target_id, one.until_ms);
    }
}

void Pauses::set(std::int64_t target_id, UnixMs until_ms) noexcept {
    if (until_ms == 0) {
        until_ms_.erase(target_id);
    } else {
        until_ms_[target_id] = until_ms;
    }
}

bool Pauses::has(std::int64_t target_id, UnixMs now_ms) const noexcept {
    const auto found = until_ms_.find(target_id);
    return found != until_ms_.end() && now_ms < found->second;
}

void OrderJob::work(EventLedger* ledger) noexcept {
    if (ledger == nullptr) {
        status = StoreStatus::kFailed;
        error = kNoLedger;
        return;
    }
    switch (order.kind) {
        case Order::Kind::kChange:
            status = ledger->change(order.change, now_ms, busy, changed);
            break;
        case Order::Kind::kPause:
            status = ledger->pause(order.target_id, until_ms(), changed.is_found);
            break;
        case Order::Kind::kResume:
            status = ledger->pause(order.target_id, 0, changed.is_found);
            break;
        case Order::Kind::kTry:
        case Order::Kind::kHearYes:
        case Order::Kind::kCount:
            break;
    }
    if (status != StoreStatus::kOk) {
        error = ledger->error();
        changed = {};
    }
}

OrderDone OrderJob::done() const noexcept {
    OrderDone done;
    done.number = order.number;
    done.is_done = status == StoreStatus::kOk;
    done.is_found = changed.is_found;
    done.done = changed.done;
    done.busy = changed.busy;
    done.superseded = changed.superseded;
    done.next = changed.next;
    done.reason = done.is_done ? "" : say_store_failed(error);
    return done;
}

}  // namespace flashduty
