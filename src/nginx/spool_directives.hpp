// The directives of the spool.
#pragma once

#include "base/ngx.hpp"

namespace flashduty {

char* set_spool(ngx_conf_t* cf, ngx_command_t* command, void* conf) noexcept;
char* set_rate(ngx_conf_t* cf, ngx_command_t* command, void* conf) noexcept;

/// Once everything has been read: whether the workers can use the folder of the spool. Logs why
/// not.
[[nodiscard]] bool check_spool(ngx_conf_t* cf) noexcept;

}  // namespace flashduty
