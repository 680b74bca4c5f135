// Text for Flashduty: valid UTF-8 without control characters, cut by characters.
// A character is a Unicode code point. Every result lives in the arena or is a part of the input.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "arena.hpp"

namespace flashduty {

/// Replaces bytes that are no UTF-8 (U+FFFD).
inline constexpr std::string_view kReplacement = "\xEF\xBF\xBD";
/// Ends a text that was cut (U+2026).
inline constexpr std::string_view kEllipsis = "\xE2\x80\xA6";

[[nodiscard]] constexpr bool is_space(char c) noexcept {
    return c == ' ' || (c >= '\t' && c <= '\r');
}
[[nodiscard]] constexpr bool is_digit(char c) noexcept { return c >= '0' && c <= '9'; }
[[nodiscard]] constexpr char to_lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

/// True for a text of nothing but ASCII white space, the empty one included.
[[nodiscard]] inline bool is_blank(std::string_view text) noexcept {
    for (const char c : text) {
        if (!is_space(c)) {
            return false;
        }
    }
    return true;
}

/// Removes ASCII white space at the ends of `text`.
[[nodiscard]] std::string_view trim(std::string_view text) noexcept;

/// Compares with ASCII letters in any case.
[[nodiscard]] bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept;

/// Step of the WHATWG UTF-8 decoder at the start of a non-empty `text`.
struct Utf8Step {
    std::size_t size_bytes;  ///< bytes of the character, or of the maximal part that is none
    bool valid;
};
[[nodiscard]] Utf8Step utf8_step(std::string_view text) noexcept;

/// Replaces each maximal part that is no UTF-8 by U+FFFD, and removes the C0 control characters
/// other than newline and tab. `text` itself when there is nothing to repair.
[[nodiscard]] std::string_view repair(Arena& arena, std::string_view text) noexcept;

/// Number of bytes at the start of `text` that repair() leaves as they are.
[[nodiscard]] std::size_t sound_prefix(std::string_view text) noexcept;

/// Writes what repair() makes of `text` to `to`, which has room for it, and returns its size in
/// bytes; only counts where `to` is nullptr.
std::size_t repair_into(std::string_view text, char* to) noexcept;

/// Replaces each control character (C0, U+007F, C1) by a space, as variables need it, so that no
/// header or log line can be forged. `text` itself when it has none.
[[nodiscard]] std::string_view without_controls(Arena& arena, std::string_view text) noexcept;

/// Number of characters in valid UTF-8.
[[nodiscard]] std::size_t count_characters(std::string_view text) noexcept;

/// Cuts valid UTF-8 to at most `max_characters`, the last of them `…` when something was cut.
[[nodiscard]] std::string_view cut_long(Arena& arena, std::string_view text,
                                        std::size_t max_characters) noexcept;
[[nodiscard]] inline std::string_view cut(Arena& arena, std::string_view text,
                                          std::size_t max_characters) noexcept {
    return text.size() <= max_characters ? text : cut_long(arena, text, max_characters);
}

/// First `characters` characters of valid UTF-8, all of it when it has fewer.
[[nodiscard]] std::string_view first_characters(std::string_view text,
                                                std::size_t characters) noexcept;

/// Makes every run of ASCII white space one space, and none at the ends; at least the first
/// `characters` characters of the result, as nobody looks at more.
[[nodiscard]] std::string_view collapse_spaces(Arena& arena, std::string_view text,
                                               std::size_t characters) noexcept;

/// True for `[a-zA-Z_][a-zA-Z0-9_]*` of at most 128 characters: Flashduty's rule for names.
[[nodiscard]] bool is_label_name(std::string_view name) noexcept;

/// Label name from `key`: a leading `tags.` dropped, every other character `_`, cut to 128. Empty
/// when nothing is left of it.
[[nodiscard]] std::string_view label_name(Arena& arena, std::string_view key) noexcept;

/// Removes one leading `tags.`, which BlueKing puts before some dimensions.
[[nodiscard]] std::string_view without_tags(std::string_view key) noexcept;

/// Puts the parts one after the other.
template <class... Parts>
[[nodiscard]] std::string_view concat(Arena& arena, Parts... parts) noexcept {
    const std::string_view list[] = {parts...};
    std::size_t size = 0;
    for (std::string_view part : list) {
        size += part.size();
    }
    char* to = size == 0 ? nullptr : static_cast<char*>(arena.allocate(size));
    if (to == nullptr) {
        return {};
    }
    char* end = to;
    for (std::string_view part : list) {
        if (!part.empty()) {
            std::memcpy(end, part.data(), part.size());
            end += part.size();
        }
    }
    return {to, size};
}

/// Puts the parts one after the other, `separator` between them.
[[nodiscard]] std::string_view join(Arena& arena, const std::string_view* parts, std::size_t count,
                                    std::string_view separator) noexcept;

/// Decimal digits of `number`.
[[nodiscard]] std::string_view decimal(Arena& arena, std::uint64_t number) noexcept;

}  // namespace flashduty
