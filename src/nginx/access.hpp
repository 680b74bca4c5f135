// Access check: who may use the gateway.
#pragma once

#include "base/ngx.hpp"

namespace flashduty {

/// Installs the check of `flashduty_bearer_file`, to run after every other module of the access
/// phase.
[[nodiscard]] ngx_int_t install_access(ngx_http_core_main_conf_t& core) noexcept;

}  // namespace flashduty
