// Whether there is a location behind each `flashduty_push`, as far as its uri never changes.
#pragma once

#include "base/ngx.hpp"

namespace flashduty {

/// Once all locations are known. False, and logged, for a uri that leads to none, or to one of
/// ours.
[[nodiscard]] bool check_push_uris(ngx_conf_t* cf) noexcept;

}  // namespace flashduty
