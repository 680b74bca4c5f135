#include "secret.hpp"

#include <algorithm>

#include "bytes.hpp"
#include "text.hpp"

namespace flashduty {

namespace {

constexpr std::string_view kName = "integration_key";
constexpr std::string_view kMask = "***";

constexpr int hex_digit(char c) noexcept {
    const char lower = to_lower(c);
    return is_digit(c) ? c - '0' : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

/// Most escapes of escapes that are looked into; nobody escapes a URL that often.
constexpr unsigned kDeepestEscape = 6;

/// Place of the first `a` or `b`; the size of `text` when there is none.
std::size_t find_either(std::string_view text, char a, char b) noexcept {
    std::size_t i = 0;
    for (; i + EightBytes::kSize <= text.size(); i += EightBytes::kSize) {
        const EightBytes bytes(text.data() + i);
        if (bytes.have(a) || bytes.have(b)) {
            break;
        }
    }
    while (i < text.size() && text[i] != a && text[i] != b) {
        i++;
    }
    return i;
}

/// Takes one character of a URL, unescaped; `url` is cut to what follows it.
char take_character(std::string_view& url) noexcept {
    const bool is_escape =
        url[0] == '%' && url.size() > 2 && hex_digit(url[1]) >= 0 && hex_digit(url[2]) >= 0;
    const char c =
        is_escape ? static_cast<char>(hex_digit(url[1]) * 16 + hex_digit(url[2])) : url[0];
    url.remove_prefix(is_escape ? 3 : 1);
    return c;
}

/// Unescapes until nothing is left to unescape.
std::string_view unescape(Arena& arena, std::string_view text) noexcept {
    if (text.find('%') == std::string_view::npos) {
        return text;
    }
    char* const to = static_cast<char*>(arena.allocate(text.size()));
    if (to == nullptr) {
        return {};
    }
    std::size_t size = text.copy(to, text.size());
    for (std::size_t before = size + 1; size < before;) {
        before = size;
        size = 0;
        for (std::string_view rest(to, before); !rest.empty();) {
            const char c = take_character(rest);  // writes never overtake reads
            to[size++] = c;
        }
    }
    return {to, size};
}

bool is_key_name(std::string_view name) noexcept {
    if (is_same(name, kName)) {
        return true;
    }
    std::size_t i = 0;
    while (!name.empty() && i < kName.size() && to_lower(take_character(name)) == kName[i]) {
        i++;
    }
    return name.empty() && i == kName.size();
}

enum class Match { kNone, kWhole, kEndOfText };

/// Takes `c` from the start of `text`, plain or URL-escaped, each character of an escape again in
/// either way.
Match take(std::string_view& text, char c, unsigned depth = 0) noexcept;

/// Takes two hexadecimal digits, in letters of any case.
Match take_digits(std::string_view& text, unsigned char byte, unsigned depth) noexcept {
    for (const unsigned digit : {byte >> 4, byte & 0xF}) {
        std::string_view rest = text;
        Match match = take(rest, "0123456789abcdef"[digit], depth);
        if (match == Match::kNone && digit > 9) {
            rest = text;
            match = take(rest, "0123456789ABCDEF"[digit], depth);
        }
        if (match != Match::kWhole) {
            return match;
        }
        text = rest;
    }
    return Match::kWhole;
}

Match take(std::string_view& text, char c, unsigned depth) noexcept {
    if (text.empty()) {
        return Match::kEndOfText;
    }
    const char first = text[0];
    std::string_view rest = text.substr(1);
    if (first != '%' || depth == kDeepestEscape) {
        text = rest;
        return first == c ? Match::kWhole : Match::kNone;
    }
    Match found = Match::kNone;
    if (c == '%') {
        found = Match::kWhole;
        text = rest;
    }
    for (;;) {
        std::string_view digits = rest;
        const Match byte = take_digits(digits, static_cast<unsigned char>(c), depth + 1);
        if (byte == Match::kWhole) {
            found = byte;
            text = digits;
        }
        // A "%25" may be the percent sign that begins another escape.
        const bool is_done = byte == Match::kWhole && c != '%';
        const Match percent = is_done ? Match::kNone : take_digits(rest, '%', depth + 1);
        if (percent != Match::kWhole) {
            const bool is_open = byte == Match::kEndOfText || percent == Match::kEndOfText;
            return found == Match::kNone && is_open ? Match::kEndOfText : found;
        }
    }
}

/// Takes `secret` from the start of `text`.
Match take_secret(std::string_view& text, std::string_view secret) noexcept {
    Match match = Match::kWhole;
    for (std::size_t i = 0; i < secret.size() && match == Match::kWhole; i++) {
        match = take(text, secret[i]);
    }
    return match;
}

std::string_view mask(Arena& arena, std::string_view text, std::string_view secret,
                      bool is_cut) noexcept {
    char* to = nullptr;
    char* end = nullptr;
    std::string_view shown = text;
    while (!text.empty()) {
        const std::size_t before_any = find_either(text, secret[0], '%');
        if (before_any != 0) {
            end = to == nullptr ? end : std::copy(text.begin(), text.begin() + before_any, end);
            text.remove_prefix(before_any);
            continue;
        }
        std::string_view rest = text;
        const Match match = take_secret(rest, secret);
        const bool is_secret = match == Match::kWhole || (is_cut && match == Match::kEndOfText);
        if (is_secret && to == nullptr) {
            const std::size_t before = shown.size() - text.size();
            to = static_cast<char*>(arena.allocate(before + text.size() * kMask.size()));
            if (to == nullptr) {
                return {};
            }
            end = std::copy(shown.begin(), shown.begin() + before, to);
        }
        if (is_secret) {
            end = std::copy(kMask.begin(), kMask.end(), end);
            text = match == Match::kWhole ? rest : std::string_view{};
            continue;
        }
        if (to != nullptr) {
            *end++ = text[0];
        }
        text.remove_prefix(1);
    }
    return to == nullptr ? shown : std::string_view(to, static_cast<std::size_t>(end - to));
}

/// Takes the next argument with that name; `url` is cut to what follows it. False when there is
/// none.
bool take_key_argument(std::string_view& url, std::string_view& value) noexcept {
    std::size_t from = find_either(url, '?', '&');
    while (from != url.size()) {
        url.remove_prefix(from + 1);
        std::string_view argument = url.substr(0, find_either(url, '&', '?'));
        argument = argument.substr(0, find_either(argument, '#', ' '));
        const std::size_t equals = argument.find('=');
        url.remove_prefix(argument.size());
        if (equals != std::string_view::npos && is_key_name(argument.substr(0, equals))) {
            value = argument.substr(equals + 1);
            return true;
        }
        from = find_either(url, '?', '&');
    }
    url = {};
    return false;
}

}  // namespace

std::string_view take_integration_key(std::string_view& url) noexcept {
    for (std::string_view value; take_key_argument(url, value);) {
        if (!value.empty()) {
            return value;
        }
    }
    return {};
}

bool has_empty_integration_key(std::string_view url) noexcept {
    std::string_view rest = url, value;
    return take_key_argument(rest, value) && take_integration_key(url).empty();
}

std::string_view without_keys(Arena& arena, std::string_view text, std::string_view url,
                              bool is_cut) noexcept {
    for (std::string_view key = take_integration_key(url); !key.empty() && !text.empty();
         key = take_integration_key(url)) {
        const std::string_view secret = unescape(arena, key);
        text = secret.empty() ? secret : mask(arena, text, secret, is_cut);
    }
    return arena.failed() ? std::string_view{} : text;
}

}  // namespace flashduty
