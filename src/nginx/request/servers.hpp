// Server blocks by name, so that one can be found again after a reload or a restart.
#pragma once

#include <string_view>
#include <vector>

#include "../base/ngx.hpp"

namespace flashduty {

/// Looks at all server blocks, once their `listen`s are known; nullptr when out of memory.
[[nodiscard]] const ngx_array_t* list_servers(ngx_conf_t* cf) noexcept;

/// The name of the request's server block: one of its listens, and its server_name.
[[nodiscard]] std::string_view server_of(ngx_http_request_t* r) noexcept;

/// The configuration of the server block of that name; nullptr when there is none any more.
[[nodiscard]] ngx_http_conf_ctx_t* find_server(const ngx_array_t& servers,
                                               std::string_view name) noexcept;

/// All names that they go by.
[[nodiscard]] std::vector<std::string_view> server_names(const ngx_array_t& servers) noexcept;

}  // namespace flashduty
