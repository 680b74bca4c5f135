// Names of server blocks, by which one is found again after a reload or a restart.
#pragma once

#include <string_view>
#include <vector>

#include "../base/ngx.hpp"

namespace flashduty {

/// Lists all server blocks, once their `listen`s are known; nullptr when out of memory.
[[nodiscard]] const ngx_array_t* list_servers(ngx_conf_t* cf) noexcept;

/// Name of the request's server block: one of its listens, and its server_name.
[[nodiscard]] std::string_view server_of(ngx_http_request_t* r) noexcept;

/// Name of a server block.
[[nodiscard]] std::string_view server_of(const ngx_array_t& servers,
                                         const ngx_http_core_srv_conf_t* conf) noexcept;

/// Configuration of the server block with this name; nullptr when it no longer exists.
[[nodiscard]] ngx_http_conf_ctx_t* find_server(const ngx_array_t& servers,
                                               std::string_view name) noexcept;

/// All names of all server blocks.
[[nodiscard]] std::vector<std::string_view> server_names(const ngx_array_t& servers) noexcept;

}  // namespace flashduty
