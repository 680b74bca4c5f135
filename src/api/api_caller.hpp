// Access to flashduty_api: a page of another origin in an operator's browser gets none, however it
// got hold of the gateway's address (a name of its own that leads there included).
#pragma once

#include <string_view>

namespace flashduty {

/// Headers that tell where a request comes from; missing ones are empty.
struct ApiCaller {
    std::string_view host;            ///< of the `Host` header, port included
    std::string_view sec_fetch_site;  ///< the Sec-Fetch-Site header
    std::string_view origin;          ///< the Origin header
};

/// Host of a `Host` header, without its port; an IPv6 address in its brackets.
[[nodiscard]] std::string_view host_of(std::string_view host_header) noexcept;

/// True for an IPv4 address, an IPv6 address in brackets, and `localhost`: no name server can lead
/// them elsewhere.
[[nodiscard]] bool is_own_address(std::string_view host) noexcept;

/// True when `server_name` of nginx, no regular expression, means `host`.
[[nodiscard]] bool is_named(std::string_view host, std::string_view server_name) noexcept;

/// True when a change may come from this caller.
[[nodiscard]] bool is_same_origin(const ApiCaller& caller) noexcept;

}  // namespace flashduty
