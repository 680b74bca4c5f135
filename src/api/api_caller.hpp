// Who may use flashduty_api: a page of another origin in an operator's browser may not, however it
// got hold of the gateway's address (a name of its own that leads there included).
#pragma once

#include <string_view>

namespace flashduty {

/// What a request says of where it comes from; what it does not say is empty.
struct ApiCaller {
    std::string_view host;            ///< of the `Host` header, port included
    std::string_view sec_fetch_site;  ///< the header
    std::string_view origin;          ///< the header
};

/// The host of a `Host` header, without its port; an IPv6 address in its brackets.
[[nodiscard]] std::string_view host_of(std::string_view host_header) noexcept;

/// True for an IPv4 address, an IPv6 address in brackets, and `localhost`: what no name server can
/// lead elsewhere.
[[nodiscard]] bool is_own_address(std::string_view host) noexcept;

/// Whether `host` is meant by a `server_name` of nginx that is no regular expression.
[[nodiscard]] bool is_named(std::string_view host, std::string_view server_name) noexcept;

/// Whether a change may come from there.
[[nodiscard]] bool is_same_origin(const ApiCaller& caller) noexcept;

}  // namespace flashduty
