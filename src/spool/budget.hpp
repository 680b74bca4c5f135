// Budget of a target: pushes that may leave within a second and within a minute.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "event_store.hpp"

namespace flashduty {

/// Limit of pushes to one target; 0: none.
struct Rate {
    std::uint32_t per_second = 100;
    std::uint32_t per_minute = 1000;
};

/// Keeps to a Rate in any second and any minute, wherever they begin: it remembers when each push
/// of the last minute has left.
class Budget {
  public:
    explicit Budget(Rate rate) noexcept : rate_(rate) {}

    /// Pushes that have left before count against the new rate.
    void set_rate(Rate rate) noexcept { rate_ = rate; }

    /// Pushes that may leave now.
    [[nodiscard]] std::size_t room(UnixMs now_ms) const noexcept;

    /// Time from `now_ms` on when the next push may leave.
    [[nodiscard]] UnixMs free_ms(UnixMs now_ms) const noexcept;

    /// Counts a push that leaves now.
    void spend(UnixMs now_ms) noexcept;

    /// True when no earlier push counts any more.
    [[nodiscard]] bool is_whole(UnixMs now_ms) const noexcept;

  private:
    Rate rate_;
    std::deque<UnixMs> left_ms_;  ///< oldest first
};

}  // namespace flashduty
