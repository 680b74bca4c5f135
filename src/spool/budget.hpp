// How many pushes may leave for one target within a second and within a minute.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>

#include "event_store.hpp"

namespace flashduty {

/// What is sent to one target at most; 0: no limit.
struct Rate {
    std::uint32_t per_second = 100;
    std::uint32_t per_minute = 1000;
};

/// Keeps to a Rate in any second and any minute, wherever they begin: it remembers when each push
/// of the last minute has left.
class Budget {
  public:
    explicit Budget(Rate rate) noexcept : rate_(rate) {}

    /// How many may leave now.
    [[nodiscard]] std::size_t room(UnixMs now_ms) const noexcept;

    /// When the next may leave, from `now_ms` on.
    [[nodiscard]] UnixMs free_ms(UnixMs now_ms) const noexcept;

    /// One leaves now.
    void spend(UnixMs now_ms) noexcept;

    /// Whether nothing that has left counts any more.
    [[nodiscard]] bool is_whole(UnixMs now_ms) const noexcept;

  private:
    Rate rate_;
    std::deque<UnixMs> left_ms_;  ///< the oldest first
};

}  // namespace flashduty
