#include "conninfo.hpp"

#include <algorithm>

namespace flashduty {

namespace {

constexpr std::string_view kSchemes[] = {"postgresql://", "postgres://"};

bool is_space(char c) noexcept { return c == ' ' || (c >= '\t' && c <= '\r'); }

std::string_view skip_spaces(std::string_view text) noexcept {
    while (!text.empty() && is_space(text[0])) {
        text.remove_prefix(1);
    }
    return text;
}

int digit_of(char c) noexcept {
    constexpr std::string_view kDigits = "0123456789abcdef";
    const char lower = c >= 'A' && c <= 'F' ? static_cast<char>(c - 'A' + 'a') : c;
    const std::size_t digit = kDigits.find(lower);
    return digit == std::string_view::npos ? -1 : static_cast<int>(digit);
}

std::string without_escapes(std::string_view text) noexcept {
    std::string plain;
    for (std::size_t i = 0; i < text.size(); i++) {
        const int high = text[i] == '%' && i + 2 < text.size() ? digit_of(text[i + 1]) : -1;
        const int low = high < 0 ? -1 : digit_of(text[i + 2]);
        if (low < 0) {
            plain += text[i];
        } else {
            plain += static_cast<char>(high * 16 + low);
            i += 2;
        }
    }
    return plain;
}

/// Takes the part of `rest` before `end`, and `end` with it.
std::string_view take(std::string_view& rest, char end) noexcept {
    const std::size_t size = std::min(rest.find(end), rest.size());
    const std::string_view part = rest.substr(0, size);
    rest.remove_prefix(std::min(size + 1, rest.size()));
    return part;
}

bool is_loopback(std::string_view host) noexcept {
    return host.empty() || host[0] == '/' || host[0] == '@' || host == "localhost" ||
           host == "::1" || host.substr(0, 4) == "127.";
}

}  // namespace

bool Conninfo::refuse(std::string reason) noexcept {
    reason_ = std::move(reason);
    return false;
}

bool Conninfo::add(std::string_view keyword, std::string value) noexcept {
    pairs_.emplace_back(keyword, std::move(value));
    return true;
}

bool Conninfo::read(std::string_view text) noexcept {
    pairs_.clear();
    for (const std::string_view scheme : kSchemes) {
        if (text.substr(0, scheme.size()) == scheme) {
            return read_uri(text.substr(scheme.size()));
        }
    }
    return read_pairs(text);
}

bool Conninfo::read_pairs(std::string_view text) noexcept {
    for (text = skip_spaces(text); !text.empty(); text = skip_spaces(text)) {
        const auto end =
            std::find_if(text.begin(), text.end(), [](char c) { return c == '=' || is_space(c); });
        const std::string keyword(text.begin(), end);
        text = skip_spaces(text.substr(keyword.size()));
        if (keyword.empty() || text.empty() || text[0] != '=') {
            return refuse("it takes pairs such as host=db1, and something in it is none");
        }
        text = skip_spaces(text.substr(1));
        const bool is_quoted = !text.empty() && text[0] == '\'';
        std::size_t at = is_quoted ? 1 : 0;
        std::string value;
        while (at < text.size() && (is_quoted ? text[at] != '\'' : !is_space(text[at]))) {
            at += text[at] == '\\' && at + 1 < text.size() ? 1 : 0;
            value += text[at++];
        }
        if (is_quoted && at == text.size()) {
            return refuse("the quote of \"" + keyword + "\" has no end");
        }
        text.remove_prefix(at + (is_quoted ? 1 : 0));
        (void)add(keyword, std::move(value));
    }
    return true;
}

/// Hosts of a URI, each with its port.
void Conninfo::read_hosts(std::string_view text) noexcept {
    std::string hosts, ports;
    for (bool is_first = true; is_first || !text.empty(); is_first = false) {
        std::string_view place = take(text, ',');
        std::string_view host;
        if (!place.empty() && place[0] == '[') {
            place.remove_prefix(1);
            host = take(place, ']');
            place = place.substr(std::min(place.find(':') + 1, place.size()));
        } else {
            host = take(place, ':');
        }
        hosts += (is_first ? "" : ",") + without_escapes(host);
        ports += (is_first ? "" : ",") + without_escapes(place);
    }
    (void)add("host", hosts);
    (void)add("port", ports);
}

bool Conninfo::read_uri(std::string_view text) noexcept {
    std::string_view path = take(text, '?');
    std::string_view authority = take(path, '/');
    if (authority.find('@') != std::string_view::npos) {
        std::string_view user = take(authority, '@');
        (void)add("user", without_escapes(take(user, ':')));
        if (!user.empty()) {
            (void)add("password", without_escapes(user));
        }
    }
    read_hosts(authority);
    if (!path.empty()) {
        (void)add("dbname", without_escapes(path));
    }
    while (!text.empty()) {
        std::string_view pair = take(text, '&');
        if (pair.find('=') == std::string_view::npos) {
            return refuse("it takes pairs such as sslmode=verify-full behind its \"?\"");
        }
        const std::string keyword = without_escapes(take(pair, '='));
        (void)add(keyword == "ssl" ? "sslmode" : keyword,
                  keyword == "ssl" ? "require" : without_escapes(pair));
    }
    return true;
}

bool Conninfo::has(std::string_view keyword) const noexcept {
    return std::any_of(pairs_.begin(), pairs_.end(),
                       [keyword](const auto& pair) { return pair.first == keyword; });
}

std::string_view Conninfo::value(std::string_view keyword) const noexcept {
    const auto found = std::find_if(pairs_.rbegin(), pairs_.rend(),
                                    [keyword](const auto& pair) { return pair.first == keyword; });
    return found == pairs_.rend() ? std::string_view{} : found->second;
}

bool Conninfo::is_local() const noexcept {
    for (const std::string_view keyword : {"host", "hostaddr"}) {
        for (std::string_view hosts = value(keyword); !hosts.empty();) {
            if (!is_loopback(take(hosts, ','))) {
                return false;
            }
        }
    }
    return true;
}

}  // namespace flashduty
