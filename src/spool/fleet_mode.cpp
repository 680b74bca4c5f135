#include "fleet_mode.hpp"

#include <algorithm>

namespace flashduty {

void FleetMode::answered() noexcept {
    good_ = std::min(good_ + 1, kEnough);
    is_alone_ = is_alone_ && !is_trusted();
}

void FleetMode::failed(SteadyMs now_ms) noexcept {
    // Away since a bad answer followed the last good one, not since the last bad one.
    if (good_ > 0) {
        away_since_ms_ = now_ms;
    }
    good_ = 0;
}

void FleetMode::push_started() noexcept {
    in_flight_++;
    owes_report_ = true;
}

void FleetMode::push_ended() noexcept { in_flight_--; }

LocalWork FleetMode::work(SteadyMs now_ms) noexcept {
    if (is_trusted()) {
        if (in_flight_ > 0) {
            return LocalWork::kFinish;
        }
        if (owes_report_) {
            return LocalWork::kReport;
        }
        return is_local_ ? LocalWork::kDrain : LocalWork::kNone;
    }
    if (good_ == 0 && now_ms - away_since_ms_ >= alone_after_ms_) {
        is_alone_ = true;
    }
    if (!is_local_) {
        return LocalWork::kNone;
    }
    return is_alone_ ? LocalWork::kPush : LocalWork::kHold;
}

SteadyMs FleetMode::next_change_ms() const noexcept {
    return is_trusted() || is_alone_ || good_ > 0 ? kNever : away_since_ms_ + alone_after_ms_;
}

}  // namespace flashduty
