#include "budget.hpp"

#include <algorithm>
#include <array>
#include <limits>

namespace flashduty {

namespace {

struct Window {
    std::size_t limit;  ///< 0: none
    UnixMs length_ms;
};

/// A millisecond longer than the names say: times are cut to milliseconds, so that two which differ
/// by 1000 can be less than a second apart.
std::array<Window, 2> windows_of(Rate rate) noexcept {
    return {{{rate.per_second, 1'001}, {rate.per_minute, 60'001}}};
}

/// Time for which a push counts.
UnixMs memory_ms(Rate rate) noexcept {
    UnixMs longest_ms = 0;
    for (const Window& window : windows_of(rate)) {
        longest_ms = window.limit > 0 ? std::max(longest_ms, window.length_ms) : longest_ms;
    }
    return longest_ms;
}

}  // namespace

std::size_t Budget::room(UnixMs now_ms) const noexcept {
    std::size_t room = std::numeric_limits<std::size_t>::max();
    for (const Window& window : windows_of(rate_)) {
        if (window.limit > 0) {
            const auto first =
                std::upper_bound(left_ms_.begin(), left_ms_.end(), now_ms - window.length_ms);
            const auto left = static_cast<std::size_t>(left_ms_.end() - first);
            room = std::min(room, window.limit - std::min(window.limit, left));
        }
    }
    return room;
}

UnixMs Budget::free_ms(UnixMs now_ms) const noexcept {
    UnixMs free_ms = now_ms;
    for (const Window& window : windows_of(rate_)) {
        if (window.limit > 0 && left_ms_.size() >= window.limit) {
            const UnixMs first_ms = left_ms_[left_ms_.size() - window.limit];
            free_ms = std::max(free_ms, first_ms + window.length_ms);
        }
    }
    return free_ms;
}

void Budget::spend(UnixMs now_ms) noexcept {
    const UnixMs memory = memory_ms(rate_);
    if (memory == 0) {
        return;
    }
    while (!left_ms_.empty() && left_ms_.front() <= now_ms - memory) {
        left_ms_.pop_front();
    }
    left_ms_.push_back(left_ms_.empty() ? now_ms : std::max(now_ms, left_ms_.back()));
}

bool Budget::is_whole(UnixMs now_ms) const noexcept {
    return left_ms_.empty() || left_ms_.back() <= now_ms - memory_ms(rate_);
}

}  // namespace flashduty
