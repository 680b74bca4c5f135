#include "json_string.hpp"

#include <algorithm>
#include <cstdint>

#include "text.hpp"

namespace flashduty {

namespace {

constexpr unsigned kReplacementCharacter = 0xFFFD;
constexpr std::size_t kLongestCharacter = 4;

/// Characters that escapes of one letter stand for.
struct Letters {
    char character[256];

    constexpr Letters() noexcept : character() {
        for (int c = 0; c < 256; c++) {
            character[c] = c == 'b'   ? '\b'
                           : c == 'f' ? '\f'
                           : c == 'n' ? '\n'
                           : c == 'r' ? '\r'
                           : c == 't' ? '\t'
                                      : static_cast<char>(c);
        }
    }
};
constexpr Letters kLetters;

constexpr bool is_surrogate(unsigned unit) noexcept { return (unit & 0xF800) == 0xD800; }
constexpr bool is_high_surrogate(unsigned unit) noexcept { return (unit & 0xFC00) == 0xD800; }
constexpr bool is_low_surrogate(unsigned unit) noexcept { return (unit & 0xFC00) == 0xDC00; }

constexpr std::size_t kUnitBytes = std::string_view("\\u1234").size();

/// The character that the surrogate `unit` before `at` stands for, and its other half off `at`.
unsigned join_surrogates(unsigned unit, const char*& at, const char* end) noexcept {
    const bool has_other = is_high_surrogate(unit) &&
                           static_cast<std::size_t>(end - at) >= kUnitBytes && at[0] == '\\' &&
                           at[1] == 'u';
    const unsigned low = has_other ? json_hex_unit(at + 2) : 0;
    if (!is_low_surrogate(low)) {
        return kReplacementCharacter;
    }
    at += kUnitBytes;
    return 0x10000 + ((unit & 0x3FF) << 10) + (low & 0x3FF);
}

/// Takes the escape at `at`, which is a sound one, off it: the character that it stands for.
inline unsigned take_escape(const char*& at, const char* end) noexcept {
    if (at[1] != 'u') {
        const char c = kLetters.character[static_cast<unsigned char>(at[1])];
        at += 2;
        return static_cast<unsigned char>(c);
    }
    const auto unit = json_hex_unit(at + 2);
    at += kUnitBytes;
    return is_surrogate(unit) ? join_surrogates(unit, at, end) : unit;
}

inline std::size_t write_utf8(unsigned code_point, char* to) noexcept {
    const auto tail = [code_point](unsigned shift) {
        return static_cast<char>(0x80 | ((code_point >> shift) & 0x3F));
    };
    if (code_point >= 0x800 && code_point < 0x10000) {  // nearly all Chinese ones
        to[0] = static_cast<char>(0xE0 | (code_point >> 12));
        to[1] = tail(6);
        to[2] = tail(0);
        return 3;
    }
    if (code_point < 0x80) {
        to[0] = static_cast<char>(code_point);
        return 1;
    }
    if (code_point < 0x800) {
        to[0] = static_cast<char>(0xC0 | (code_point >> 6));
        to[1] = tail(0);
        return 2;
    }
    to[0] = static_cast<char>(0xF0 | (code_point >> 18));
    to[1] = tail(12);
    to[2] = tail(6);
    to[3] = tail(0);
    return 4;
}

/// Where the next backslash of a sound string is; else `end`.
inline const char* find_escape(const char* at, const char* end) noexcept {
    bool is_ascii = true;
    return skip_plain(at, end, is_ascii);
}

/// Calls `put` with the parts of what `raw` stands for: what needs no unescaping as it lies. No
/// character spans two parts, and none that is no UTF-8 does.
template <class Put>
void for_each_part(std::string_view raw, Put put) noexcept {
    const char* at = raw.data();
    const char* const end = at + raw.size();
    while (at != end) {
        if (*at == '\\') {
            char utf8[kLongestCharacter];
            put(std::string_view(utf8, write_utf8(take_escape(at, end), utf8)));
            continue;
        }
        const char* const from = at;
        at = find_escape(at, end);
        put(std::string_view(from, static_cast<std::size_t>(at - from)));
    }
}

/// Reads the escapes at `at` that stand for characters of three bytes, as nearly all Chinese ones
/// do, up to `enough`; gives what is behind.
inline const char* read_three_byte_escapes(const char* at, const char* end, const char* enough,
                                           char*& to) noexcept {
    while (end - at >= static_cast<std::ptrdiff_t>(kUnitBytes) && at[0] == '\\' && at[1] == 'u' &&
           to < enough) {
        const unsigned unit = json_hex_unit(at + 2);
        if (unit < 0x800 || is_surrogate(unit)) {
            break;
        }
        to[0] = static_cast<char>(0xE0 | unit >> 12);
        to[1] = static_cast<char>(0x80 | (unit >> 6 & 0x3F));
        to[2] = static_cast<char>(0x80 | (unit & 0x3F));
        to += 3;
        at += kUnitBytes;
    }
    return at;
}

/// Reads a string whose raw bytes repair() leaves as they are to memory of its own size.
std::size_t read_whole(std::string_view raw, char* to) noexcept {
    const char* at = raw.data();
    const char* const end = at + raw.size();
    char* const begin = to;
    const char* const all = to + raw.size();
    for (;;) {
        const std::size_t plain = copy_plain({at, static_cast<std::size_t>(end - at)}, to);
        to += plain;
        at = read_three_byte_escapes(at + plain, end, all, to);
        if (at == end) {
            return static_cast<std::size_t>(to - begin);
        }
        if (*at == '\\') {
            const unsigned c = take_escape(at, end);
            if (c >= 0x20 || c == '\n' || c == '\t') {
                to += write_utf8(c, to);
            }
        }
    }
}

/// Reads on until there is enough of it, to memory of that size and a character.
std::size_t read_sound(std::string_view raw, std::size_t enough_bytes, char* to) noexcept {
    const char* at = raw.data();
    const char* const end = at + raw.size();
    char* const begin = to;
    const char* const enough = to + std::min(enough_bytes, raw.size());
    while (at != end && to < enough) {
        if (*at == '\\') {
            at = read_three_byte_escapes(at, end, enough, to);
            if (at == end || *at != '\\' || to >= enough) {
                continue;
            }
            const unsigned c = take_escape(at, end);
            if (c >= 0x20 || c == '\n' || c == '\t') {
                to += write_utf8(c, to);
            }
            continue;
        }
        const char* behind = find_escape(at, end);
        if (behind - at > enough - to) {
            const char* const last = behind;
            behind = at + (enough - to);
            while (behind != last && (static_cast<unsigned char>(*behind) & 0xC0) == 0x80) {
                behind++;
            }
        }
        to = copy_short({at, static_cast<std::size_t>(behind - at)}, to);
        at = behind;
    }
    return static_cast<std::size_t>(to - begin);
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

ReadString read_string_apart(Arena& arena, std::string_view raw, JsonForm form,
                             std::size_t enough_bytes) noexcept {
    // No sound string has a control character as it is.
    const bool is_sound = form.is_ascii || sound_prefix(raw) == raw.size();
    if (!form.has_escapes) {
        if (is_sound) {
            return {raw, nullptr, 0};
        }
        const std::string_view text = repair(arena, raw);
        return {text, const_cast<char*>(text.data()), text.size()};
    }
    // Only what is no UTF-8 becomes longer than it stands there.
    if (is_sound) {
        const std::size_t room_bytes =
            enough_bytes < raw.size() ? enough_bytes + kLongestCharacter : raw.size();
        char* to = static_cast<char*>(arena.allocate(room_bytes));
        const std::size_t size = to == nullptr                ? 0
                                 : enough_bytes >= raw.size() ? read_whole(raw, to)
                                                              : read_sound(raw, enough_bytes, to);
        const std::string_view text(to, size);
        if (size >= enough_bytes && is_blank(text)) {
            arena.release(to, room_bytes);
            return read_string_apart(arena, raw, form);
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
    const JsonForm form = {false, raw.find('\\') != std::string_view::npos};
    return read_string_apart(arena, raw, form, enough_bytes).text;
}

}  // namespace flashduty
