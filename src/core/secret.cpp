#include "secret.hpp"

#include <algorithm>

#include "text.hpp"

namespace flashduty {

namespace {

constexpr std::string_view kName = "integration_key";
constexpr std::string_view kMask = "***";

constexpr int hex_digit(char c) noexcept {
    const char lower = to_lower(c);
    return is_digit(c) ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

constexpr bool is_unreserved(char c) noexcept {  // RFC 3986, 2.3
    const char lower = to_lower(c);
    return is_digit(c) || (lower >= 'a' && lower <= 'z') || c == '-' || c == '.' || c == '_' ||
           c == '~';
}

/// The place of the first character that `is_it`; the size of `text` when there is none.
template <class IsIt>
std::size_t find_if(std::string_view text, IsIt is_it) noexcept {
    return static_cast<std::size_t>(std::find_if(text.begin(), text.end(), is_it) - text.begin());
}

/// One character of a URL, unescaped; `url` is cut to what follows it.
char take_character(std::string_view& url) noexcept {
    const bool is_escape =
        url[0] == '%' && url.size() > 2 && hex_digit(url[1]) >= 0 && hex_digit(url[2]) >= 0;
    const char c =
        is_escape ? static_cast<char>(hex_digit(url[1]) * 16 + hex_digit(url[2])) : url[0];
    url.remove_prefix(is_escape ? 3 : 1);
    return c;
}

std::string_view unescape(Arena& arena, std::string_view text) noexcept {
    char* to = static_cast<char*>(arena.allocate(text.size()));
    if (to == nullptr) {
        return {};
    }
    std::size_t size = 0;
    while (!text.empty()) {
        to[size++] = take_character(text);
    }
    return {to, size};
}

bool is_key_name(std::string_view name) noexcept {
    std::size_t i = 0;
    while (!name.empty() && i < kName.size() && to_lower(take_character(name)) == kName[i]) {
        i++;
    }
    return name.empty() && i == kName.size();
}

std::string_view escape(Arena& arena, std::string_view text, std::string_view digits) noexcept {
    char* to = static_cast<char*>(arena.allocate(text.size() * 3));
    if (to == nullptr) {
        return {};
    }
    std::size_t size = 0;
    for (char c : text) {
        if (is_unreserved(c)) {
            to[size++] = c;
        } else {
            const unsigned char byte = static_cast<unsigned char>(c);
            to[size++] = '%';
            to[size++] = digits[byte >> 4];
            to[size++] = digits[byte & 0xF];
        }
    }
    return {to, size};
}

std::string_view mask(Arena& arena, std::string_view text, std::string_view secret) noexcept {
    if (secret.empty() || text.find(secret) == std::string_view::npos) {
        return text;
    }
    char* to = static_cast<char*>(arena.allocate(text.size() * kMask.size()));
    if (to == nullptr) {
        return {};
    }
    char* end = to;
    while (!text.empty()) {
        if (text.substr(0, secret.size()) == secret) {
            end = std::copy(kMask.begin(), kMask.end(), end);
            text.remove_prefix(secret.size());
        } else {
            *end++ = text[0];
            text.remove_prefix(1);
        }
    }
    return {to, static_cast<std::size_t>(end - to)};
}

}  // namespace

std::string_view take_integration_key(std::string_view& url) noexcept {
    const auto begins_argument = [](char c) { return c == '?' || c == '&'; };
    const auto ends_argument = [](char c) { return c == '&' || c == '?' || c == '#' || c == ' '; };
    std::size_t from = find_if(url, begins_argument);
    while (from != url.size()) {
        url.remove_prefix(from + 1);
        const std::string_view argument = url.substr(0, find_if(url, ends_argument));
        const std::size_t equals = argument.find('=');
        url.remove_prefix(argument.size());
        if (equals != std::string_view::npos && equals + 1 < argument.size() &&
            is_key_name(argument.substr(0, equals))) {
            return argument.substr(equals + 1);
        }
        from = find_if(url, begins_argument);
    }
    url = {};
    return {};
}

std::string_view without_keys(Arena& arena, std::string_view text, std::string_view url) noexcept {
    for (std::string_view key = take_integration_key(url); !key.empty() && !text.empty();
         key = take_integration_key(url)) {
        const std::string_view plain = unescape(arena, key);
        const std::string_view forms[] = {key, escape(arena, plain, "0123456789ABCDEF"),
                                          escape(arena, plain, "0123456789abcdef"), plain};
        for (const std::string_view& form : forms) {
            if (std::find(std::begin(forms), &form, form) == &form) {
                text = mask(arena, text, form);
            }
        }
    }
    return arena.failed() ? std::string_view{} : text;
}

}  // namespace flashduty
