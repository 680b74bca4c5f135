#include "json_string.hpp"

#include <algorithm>
#include <cstdint>

#include "text.hpp"

namespace flashduty {

namespace {

constexpr unsigned kReplacementCharacter = 0xFFFD;
constexpr std::size_t kLongestCharacter = 4;

/// What an escape of one letter stands for, and the values of hex digits.
struct Letters {
    char character[256];
    std::uint8_t hex_digit[256];

    constexpr Letters() noexcept : character(), hex_digit() {
        for (int c = 0; c < 256; c++) {
            const int lower = c | 0x20;
            character[c] = c == 'b'   ? '\b'
                           : c == 'f' ? '\f'
                           : c == 'n' ? '\n'
                           : c == 'r' ? '\r'
                           : c == 't' ? '\t'
                                      : static_cast<char>(c);
            hex_digit[c] = static_cast<std::uint8_t>(lower >= 'a' ? lower - 'a' + 10 : c - '0');
        }
    }
};
constexpr Letters kLetters;

constexpr bool is_high_surrogate(unsigned unit) noexcept { return (unit & 0xFC00) == 0xD800; }
constexpr bool is_low_surrogate(unsigned unit) noexcept { return (unit & 0xFC00) == 0xDC00; }

/// The code unit of the `\uXXXX` at `at`.
inline unsigned unit_at(const char* at) noexcept {
    const auto digit = [at](std::size_t i) -> unsigned {
        return kLetters.hex_digit[static_cast<unsigned char>(at[i])];
    };
    return digit(2) << 12 | digit(3) << 8 | digit(4) << 4 | digit(5);
}

/// Takes the escape that the sound string `raw` begins with off it: the character that it stands
/// for.
inline unsigned take_escape(std::string_view& raw) noexcept {
    constexpr std::size_t kUnitBytes = std::string_view("\\u1234").size();
    if (raw[1] != 'u') {
        const char c = kLetters.character[static_cast<unsigned char>(raw[1])];
        raw.remove_prefix(2);
        return static_cast<unsigned char>(c);
    }
    const unsigned unit = unit_at(raw.data());
    raw.remove_prefix(kUnitBytes);
    if (is_high_surrogate(unit) && raw.size() >= kUnitBytes && raw[0] == '\\' && raw[1] == 'u') {
        const unsigned low = unit_at(raw.data());
        if (is_low_surrogate(low)) {
            raw.remove_prefix(kUnitBytes);
            return 0x10000 + ((unit & 0x3FF) << 10) + (low & 0x3FF);
        }
    }
    return is_high_surrogate(unit) || is_low_surrogate(unit) ? kReplacementCharacter : unit;
}

inline std::size_t write_utf8(unsigned code_point, char* to) noexcept {
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
        if (raw[0] == '\\') {
            char utf8[kLongestCharacter];
            put(std::string_view(utf8, write_utf8(take_escape(raw), utf8)));
            continue;
        }
        const std::size_t plain = std::min(raw.find('\\'), raw.size());
        put(raw.substr(0, plain));
        raw.remove_prefix(plain);
    }
}

/// Reads a string whose raw bytes repair() leaves as they are, until there is enough of it.
std::size_t read_sound(std::string_view raw, std::size_t enough_bytes, char* to) noexcept {
    std::size_t size = 0;
    while (!raw.empty() && size < enough_bytes) {
        if (raw[0] == '\\') {
            const unsigned c = take_escape(raw);
            const bool is_dropped = c < 0x20 && c != '\n' && c != '\t';
            size += is_dropped ? 0 : write_utf8(c, to + size);
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

std::size_t unescape(std::string_view raw, char* to) noexcept {
    char* end = to;
    for_each_part(raw, [&end](std::string_view part) {
        std::memmove(end, part.data(), part.size());
        end += part.size();
    });
    return static_cast<std::size_t>(end - to);
}

ReadString read_string_apart(Arena& arena, std::string_view raw,
                             std::size_t enough_bytes) noexcept {
    const std::size_t sound = sound_prefix(raw);
    const bool has_escapes = raw.find('\\') != std::string_view::npos;
    if (!has_escapes) {
        if (sound == raw.size()) {
            return {raw, nullptr, 0};
        }
        const std::string_view text = repair(arena, raw);
        return {text, const_cast<char*>(text.data()), text.size()};
    }
    // Only what is no UTF-8 becomes longer than it stands there.
    if (sound == raw.size()) {
        const std::size_t room_bytes =
            enough_bytes < raw.size() ? enough_bytes + kLongestCharacter : raw.size();
        char* to = static_cast<char*>(arena.allocate(room_bytes));
        const std::size_t size = to == nullptr ? 0 : read_sound(raw, enough_bytes, to);
        const std::string_view text(to, size);
        if (size >= enough_bytes && is_blank(text)) {
            arena.release(to, room_bytes);
            return read_string_apart(arena, raw, std::string_view::npos);
        }
        return {text, to, room_bytes};
    }
    std::size_t size = 0;
    for_each_part(raw, [&size](std::string_view part) { size += repair_into(part, nullptr); });
    char* to = size == 0 ? nullptr : static_cast<char*>(arena.allocate(size));
    if (to == nullptr) {
        return {};
    }
    char* end = to;
    for_each_part(raw, [&end](std::string_view part) { end += repair_into(part, end); });
    return {{to, size}, to, size};
}

std::string_view read_string(Arena& arena, std::string_view raw,
                             std::size_t enough_bytes) noexcept {
    return read_string_apart(arena, raw, enough_bytes).text;
}

}  // namespace flashduty
