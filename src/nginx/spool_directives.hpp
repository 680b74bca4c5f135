// Directives of the spool.
#pragma once

#include "base/ngx.hpp"

namespace flashduty {

char* set_spool(ngx_conf_t* cf, ngx_command_t* command, void* conf) noexcept;
char* set_rate(ngx_conf_t* cf, ngx_command_t* command, void* conf) noexcept;

/// Called once everything has been read. False, and logged, when the workers cannot use the folder
/// of the spool.
[[nodiscard]] bool check_spool(ngx_conf_t* cf) noexcept;

}  // namespace flashduty
