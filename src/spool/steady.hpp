// Time for state machines that measure waits within one process.
#pragma once

#include <cstdint>

namespace flashduty {

/// Milliseconds of one process's own clock, which never goes back and is compared with no other's.
using SteadyMs = std::int64_t;

}  // namespace flashduty
