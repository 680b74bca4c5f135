// The spool's time.
#pragma once

#include "../../spool/event_store.hpp"
#include "../base/ngx.hpp"

namespace flashduty {

/// About the time of day, but it never goes back and never jumps: what somebody does to the clock
/// must hold nothing up.
class SpoolClock {
  public:
    SpoolClock() noexcept : start_ms_(ngx_current_msec) {
        const ngx_time_t& now = *ngx_timeofday();
        start_unix_ms_ = static_cast<UnixMs>(now.sec) * 1000 + static_cast<UnixMs>(now.msec);
    }

    [[nodiscard]] UnixMs now_ms() const noexcept {
        return start_unix_ms_ + static_cast<UnixMs>(ngx_current_msec - start_ms_);
    }

  private:
    ngx_msec_t start_ms_;
    UnixMs start_unix_ms_;
};

}  // namespace flashduty
