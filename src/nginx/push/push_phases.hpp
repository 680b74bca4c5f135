// What a push meets on its way through nginx's phases, and what it does not.
#pragma once

#include "../base/ngx.hpp"

namespace flashduty {

/// As the last of what the configuration's end brings; false when out of memory.
[[nodiscard]] bool install_push_phases(ngx_conf_t* cf) noexcept;

}  // namespace flashduty
