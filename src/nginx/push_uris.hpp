// Check that each `flashduty_push` has a location behind it, as far as its uri never changes.
#pragma once

#include "base/ngx.hpp"

namespace flashduty {

/// Called once all locations are known. False, and logged, for a uri that leads to no location, or
/// to one of ours.
[[nodiscard]] bool check_push_uris(ngx_conf_t* cf) noexcept;

}  // namespace flashduty
