// Directives of the module: reading and merging its configuration.
#pragma once

#include "base/ngx.hpp"

namespace flashduty {

extern ngx_command_t commands[];

struct LocationConf;

/// Handler of the module in this location; nullptr when it has none.
[[nodiscard]] ngx_http_handler_pt handler_of(const LocationConf& conf) noexcept;

void* create_main_conf(ngx_conf_t* cf) noexcept;
void* create_location_conf(ngx_conf_t* cf) noexcept;
char* merge_location_conf(ngx_conf_t* cf, void* parent, void* child) noexcept;

/// Keeps the names of server blocks with a `flashduty_api`; false when out of memory.
[[nodiscard]] bool keep_server_names(ngx_conf_t* cf) noexcept;

/// True when each `api=` names a location of `flashduty_api`; logs one that does not.
[[nodiscard]] bool check_api_users(ngx_conf_t* cf) noexcept;

}  // namespace flashduty
