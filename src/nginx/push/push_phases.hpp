// Phases of nginx for a push: which ones it passes through, and which it skips.
#pragma once

#include "../base/ngx.hpp"

namespace flashduty {

/// Called last at the end of the configuration; false when out of memory.
[[nodiscard]] bool install_push_phases(ngx_conf_t* cf) noexcept;

}  // namespace flashduty
