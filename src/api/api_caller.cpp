#include "api_caller.hpp"

#include <algorithm>

#include "../core/text.hpp"

namespace flashduty {

namespace {

struct HostPort {
    std::string_view host;
    std::string_view port;  ///< empty: not said
};

HostPort split(std::string_view text) noexcept {
    const std::size_t bracket = text.rfind(']');
    const std::size_t colon = text.rfind(':');
    if (colon == std::string_view::npos || (bracket != std::string_view::npos && colon < bracket)) {
        return {text, {}};
    }
    return {text.substr(0, colon), text.substr(colon + 1)};
}

/// Four numbers from 0 to 255.
bool is_ipv4(std::string_view host) noexcept {
    int parts = 1, digits = 0, number = 0;
    for (const char c : host) {
        if (c == '.') {
            if (digits == 0 || ++parts > 4) {
                return false;
            }
            digits = number = 0;
            continue;
        }
        number = number * 10 + (c - '0');
        if (!is_digit(c) || ++digits > 3 || number > 255) {
            return false;
        }
    }
    return parts == 4 && digits > 0;
}

bool is_ipv6(std::string_view host) noexcept {
    if (host.size() < 4 || host.front() != '[' || host.back() != ']') {
        return false;
    }
    const std::string_view address = host.substr(1, host.size() - 2);
    const auto is_of_one = [](char c) {
        const char lower = to_lower(c);
        return is_digit(c) || (lower >= 'a' && lower <= 'f') || c == ':' || c == '.';
    };
    return std::count(address.begin(), address.end(), ':') >= 2 &&
           std::all_of(address.begin(), address.end(), is_of_one);
}

bool ends_with(std::string_view text, std::string_view end) noexcept {
    return text.size() >= end.size() &&
           equals_ignoring_case(text.substr(text.size() - end.size()), end);
}

/// Port of a scheme, for hosts that leave it out.
std::string_view usual_port(std::string_view scheme) noexcept {
    return equals_ignoring_case(scheme, "https") ? "443" : "80";
}

}  // namespace

std::string_view host_of(std::string_view host_header) noexcept { return split(host_header).host; }

bool is_own_address(std::string_view host) noexcept {
    return is_ipv4(host) || is_ipv6(host) || equals_ignoring_case(host, "localhost");
}

bool is_named(std::string_view host, std::string_view server_name) noexcept {
    if (host.empty() || server_name.empty()) {
        return false;
    }
    if (server_name.front() == '.') {
        return equals_ignoring_case(host, server_name.substr(1)) ||
               (host.size() > server_name.size() && ends_with(host, server_name));
    }
    if (server_name.front() == '*') {
        const std::string_view end = server_name.substr(1);
        return host.size() > end.size() && ends_with(host, end);
    }
    if (server_name.back() == '*') {
        const std::string_view begin = server_name.substr(0, server_name.size() - 1);
        return host.size() > begin.size() &&
               equals_ignoring_case(host.substr(0, begin.size()), begin);
    }
    return equals_ignoring_case(host, server_name);
}

bool is_same_origin(const ApiCaller& caller) noexcept {
    if (!caller.sec_fetch_site.empty()) {
        return equals_ignoring_case(caller.sec_fetch_site, "same-origin") ||
               equals_ignoring_case(caller.sec_fetch_site, "none");
    }
    if (caller.origin.empty()) {
        return true;
    }
    constexpr std::string_view kSlashes = "://";
    const std::size_t at = caller.origin.find(kSlashes);
    if (at == std::string_view::npos) {
        return false;  // "null" of a page without an origin
    }
    const std::string_view usual = usual_port(caller.origin.substr(0, at));
    const HostPort from = split(caller.origin.substr(at + kSlashes.size()));
    const HostPort to = split(caller.host);
    return equals_ignoring_case(from.host, to.host) &&
           (from.port.empty() ? usual : from.port) == (to.port.empty() ? usual : to.port);
}

}  // namespace flashduty
