#include "json_string.hpp"

#include <algorithm>

#include "text.hpp"

namespace flashduty {

namespace {

constexpr unsigned kReplacementCharacter = 0xFFFD;

/// One escape of a sound string.
struct Escape {
    std::size_t size_bytes;
    unsigned code_point;
};

struct ShortEscape {
    char letter;
    char character;
};

constexpr ShortEscape kShortEscapes[] = {
    {'"', '"'},  {'\\', '\\'}, {'/', '/'},  {'b', '\b'},
    {'f', '\f'}, {'n', '\n'},  {'r', '\r'}, {'t', '\t'},
};

const ShortEscape* find_short_escape(char letter) noexcept {
    for (const ShortEscape& escape : kShortEscapes) {
        if (escape.letter == letter) {
            return &escape;
        }
    }
    return nullptr;
}

/// The code unit of the `\uXXXX` at the start of `text`; false when there is none.
bool parse_unit(std::string_view text, unsigned& unit) noexcept {
    return text.substr(0, 2) == "\\u" && parse_hex4(text.substr(2), unit);
}

Escape read_escape(std::string_view text) noexcept {
    unsigned unit = 0;
    if (!parse_unit(text, unit)) {
        const ShortEscape* escape = find_short_escape(text[1]);
        return {2, static_cast<unsigned char>(escape == nullptr ? text[1] : escape->character)};
    }
    unsigned low = 0;
    if (is_high_surrogate(unit) && parse_unit(text.substr(6), low) && is_low_surrogate(low)) {
        return {12, 0x10000 + ((unit & 0x3FF) << 10) + (low & 0x3FF)};
    }
    const bool is_lone = is_high_surrogate(unit) || is_low_surrogate(unit);
    return {6, is_lone ? kReplacementCharacter : unit};
}

std::size_t write_utf8(unsigned code_point, char (&to)[4]) noexcept {
    const auto tail = [code_point](unsigned shift) {
        return static_cast<char>(0x80 | ((code_point >> shift) & 0x3F));
    };
    if (code_point < 0x80) {
        to[0] = static_cast<char>(code_point);
        return 1;
    }
    if (code_point < 0x800) {
        to[0] = static_cast<char>(0xC0 | (code_point >> 6));
        to[1] = tail(0);
        return 2;
    }
    if (code_point < 0x10000) {
        to[0] = static_cast<char>(0xE0 | (code_point >> 12));
        to[1] = tail(6);
        to[2] = tail(0);
        return 3;
    }
    to[0] = static_cast<char>(0xF0 | (code_point >> 18));
    to[1] = tail(12);
    to[2] = tail(6);
    to[3] = tail(0);
    return 4;
}

/// Calls `put` with the parts of what `raw` stands for: what needs no unescaping as it lies. No
/// character spans two parts, and none that is no UTF-8 does.
template <class Put>
void for_each_part(std::string_view raw, Put put) noexcept {
    while (!raw.empty()) {
        const std::size_t plain = std::min(raw.find('\\'), raw.size());
        if (plain != 0) {
            put(raw.substr(0, plain));
            raw.remove_prefix(plain);
            continue;
        }
        const Escape escape = read_escape(raw);
        raw.remove_prefix(std::min(escape.size_bytes, raw.size()));
        char utf8[4];
        put(std::string_view(utf8, write_utf8(escape.code_point, utf8)));
    }
}

}  // namespace

bool parse_hex4(std::string_view digits, unsigned& value) noexcept {
    value = 0;
    for (std::size_t i = 0; i < 4; i++) {
        const char c = i < digits.size() ? to_lower(digits[i]) : 'x';
        if (!is_digit(c) && !(c >= 'a' && c <= 'f')) {
            return false;
        }
        value = value * 16 + static_cast<unsigned>(is_digit(c) ? c - '0' : c - 'a' + 10);
    }
    return true;
}

std::size_t sound_string_bytes(std::string_view raw) noexcept {
    for (std::size_t i = 0; i < raw.size(); i++) {
        if (static_cast<unsigned char>(raw[i]) < 0x20 || raw[i] == '"') {
            return i;
        }
        if (raw[i] != '\\') {
            continue;
        }
        unsigned unit = 0;
        const std::string_view escape = raw.substr(i);
        if (parse_unit(escape, unit)) {
            i += 5;
        } else if (escape.size() > 1 && find_short_escape(escape[1]) != nullptr) {
            i += 1;
        } else {
            return i;
        }
    }
    return raw.size();
}

std::size_t unescape(std::string_view raw, char* to) noexcept {
    char* end = to;
    for_each_part(raw, [&end](std::string_view part) {
        std::memmove(end, part.data(), part.size());
        end += part.size();
    });
    return static_cast<std::size_t>(end - to);
}

std::string_view read_string(Arena& arena, std::string_view raw) noexcept {
    if (raw.find('\\') == std::string_view::npos) {
        return repair(arena, raw);
    }
    std::size_t size = 0;
    for_each_part(raw, [&size](std::string_view part) { size += repair_into(part, nullptr); });
    char* to = size == 0 ? nullptr : static_cast<char*>(arena.allocate(size));
    if (to == nullptr) {
        return {};
    }
    char* end = to;
    for_each_part(raw, [&end](std::string_view part) { end += repair_into(part, end); });
    return {to, size};
}

}  // namespace flashduty
