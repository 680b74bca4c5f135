// Directive of the fleet.
#pragma once

#include "base/ngx.hpp"

namespace flashduty {

char* set_fleet(ngx_conf_t* cf, ngx_command_t* command, void* conf) noexcept;

/// Called once everything has been read. False, and logged, when there is a fleet and it cannot be
/// used as it is configured. Connects to nothing.
[[nodiscard]] bool check_fleet(ngx_conf_t* cf) noexcept;

}  // namespace flashduty
