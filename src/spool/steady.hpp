// Time for state machines that measure waits within one process.
#pragma once

#include <chrono>
#include <cstdint>

namespace flashduty {

/// Milliseconds of one process's own clock, which never goes back and is compared with no other's.
using SteadyMs = std::int64_t;

[[nodiscard]] inline SteadyMs steady_now_ms() noexcept {
    return std::chrono::duration_cast<std::chrono::milliseconds>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

}  // namespace flashduty
