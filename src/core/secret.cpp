#include "secret.hpp"

#include <algorithm>

#include "text.hpp"

namespace flashduty {

namespace {

constexpr std::string_view kArgument = "integration_key=";
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

std::string_view unescape(Arena& arena, std::string_view text) noexcept {
    char* to = static_cast<char*>(arena.allocate(text.size()));
    if (to == nullptr) {
        return {};
    }
    std::size_t size = 0;
    for (std::size_t i = 0; i < text.size(); i++) {
        const bool is_escape = text[i] == '%' && i + 2 < text.size() &&
                               hex_digit(text[i + 1]) >= 0 && hex_digit(text[i + 2]) >= 0;
        to[size++] = is_escape
                         ? static_cast<char>(hex_digit(text[i + 1]) * 16 + hex_digit(text[i + 2]))
                         : text[i];
        i += is_escape ? 2 : 0;
    }
    return {to, size};
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

std::string_view integration_key_in(std::string_view url) noexcept {
    std::size_t from = url.find('?');
    while (from != std::string_view::npos) {
        const std::string_view argument = url.substr(from + 1);
        if (equals_ignoring_case(argument.substr(0, kArgument.size()), kArgument)) {
            const std::string_view value = argument.substr(kArgument.size());
            return value.substr(0, value.find_first_of("&# "));
        }
        from = url.find('&', from + 1);
    }
    return {};
}

std::string_view without_key(Arena& arena, std::string_view text, std::string_view key) noexcept {
    if (key.empty() || text.empty()) {
        return text;
    }
    const std::string_view plain = unescape(arena, key);
    const std::string_view forms[] = {key, escape(arena, plain, "0123456789ABCDEF"),
                                      escape(arena, plain, "0123456789abcdef"), plain};
    for (const std::string_view& form : forms) {
        if (std::find(std::begin(forms), &form, form) == &form) {
            text = mask(arena, text, form);
        }
    }
    return arena.failed() ? std::string_view{} : text;
}

}  // namespace flashduty
