// The files that lie beside the spool's database.
#pragma once

#include <string_view>

namespace flashduty {

/// Where the deliverer listens for the other workers.
inline constexpr std::string_view kSocketSuffix = ".sock";

/// Whoever holds its lock is the deliverer.
inline constexpr std::string_view kLockSuffix = ".lock";

}  // namespace flashduty
