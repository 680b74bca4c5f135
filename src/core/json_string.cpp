#include "json_string.hpp"

#include <algorithm>
#include <cstdint>

#include "text.hpp"

namespace flashduty {

namespace {

constexpr unsigned kReplacementCharacter = 0xFFFD;
constexpr std::size_t kLongestCharacter = 4;

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

/// The values of hex digits, -1 for all else.
struct HexDigits {
    std::int8_t value[256];

    constexpr HexDigits() noexcept : value() {
        for (int c = 0; c < 256; c++) {
            const int lower = c | 0x20;
            value[c] = static_cast<std::int8_t>(c >= '0' && c <= '9'           ? c - '0'
                                                : lower >= 'a' && lower <= 'f' ? lower - 'a' + 10
                                                                               : -1);
        }
    }
};
constexpr HexDigits kHexDigits;

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

std::size_t write_utf8(unsigned code_point, char* to) noexcept {
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

/// Reads a string whose raw bytes repair() leaves as they are, until there is enough of it.
std::size_t read_sound(std::string_view raw, std::size_t enough_bytes, char* to) noexcept {
    std::size_t size = 0;
    while (!raw.empty() && size < enough_bytes) {
        if (raw[0] == '\\') {
            const Escape escape = read_escape(raw);
            raw.remove_prefix(std::min(escape.size_bytes, raw.size()));
            const bool is_dropped =
                escape.code_point < 0x20 && escape.code_point != '\n' && escape.code_point != '\t';
            size += is_dropped ? 0 : write_utf8(escape.code_point, to + size);
            continue;
        }
        std::size_t plain = std::min(raw.find('\\'), raw.size());
        if (plain > enough_bytes - size) {
            plain = enough_bytes - size;
            while (plain < raw.size() && (static_cast<unsigned char>(raw[plain]) & 0xC0) == 0x80) {
                plain++;
            }
        }
        raw.copy(to + size, plain);
        size += plain;
        raw.remove_prefix(plain);
    }
    return size;
}

}  // namespace

bool parse_hex4(std::string_view digits, unsigned& value) noexcept {
    if (digits.size() < 4) {
        return false;
    }
    int bits = 0;
    int found = 0;
    for (std::size_t i = 0; i < 4; i++) {
        const int digit = kHexDigits.value[static_cast<unsigned char>(digits[i])];
        bits |= digit;
        found = found * 16 + digit;
    }
    value = static_cast<unsigned>(found);
    return bits >= 0;
}

std::size_t unescape(std::string_view raw, char* to) noexcept {
    char* end = to;
    for_each_part(raw, [&end](std::string_view part) {
        std::memmove(end, part.data(), part.size());
        end += part.size();
    });
    return static_cast<std::size_t>(end - to);
}

std::string_view read_string(Arena& arena, std::string_view raw,
                             std::size_t enough_bytes) noexcept {
    const std::size_t sound = sound_prefix(raw);
    const bool has_escapes = raw.find('\\') != std::string_view::npos;
    if (!has_escapes) {
        return sound == raw.size() ? raw : repair(arena, raw);
    }
    // Only what is no UTF-8 becomes longer than it stands there.
    char* to = nullptr;
    if (sound == raw.size()) {
        const std::size_t room_bytes =
            enough_bytes < raw.size() ? enough_bytes + kLongestCharacter : raw.size();
        to = static_cast<char*>(arena.allocate(room_bytes));
        const std::size_t size = to == nullptr ? 0 : read_sound(raw, enough_bytes, to);
        const std::string_view text(to, size);
        return size >= enough_bytes && is_blank(text) ? read_string(arena, raw) : text;
    }
    std::size_t size = 0;
    for_each_part(raw, [&size](std::string_view part) { size += repair_into(part, nullptr); });
    to = size == 0 ? nullptr : static_cast<char*>(arena.allocate(size));
    if (to == nullptr) {
        return {};
    }
    char* end = to;
    for_each_part(raw, [&end](std::string_view part) { end += repair_into(part, end); });
    return {to, size};
}

}  // namespace flashduty
