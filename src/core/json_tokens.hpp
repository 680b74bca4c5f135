// The tokens of a JSON text.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

#include "bytes.hpp"

namespace flashduty {

/// Whether `NaN`, `Infinity` and `-Infinity` are numbers.
enum class JsonConstants { kRefused, kRead };

/// Form of a string, as it stands in the text.
struct JsonForm {
    bool is_ascii = true;
    bool has_escapes = false;

    /// It stands for itself.
    [[nodiscard]] bool is_plain() const noexcept { return is_ascii && !has_escapes; }
};

/// Class of each byte: part of a word, of which numbers, `true`, `false`, `null` and the constants
/// are made, or of an escape.
struct JsonCharacters {
    bool in_word[256];
    bool is_escaped[256];        ///< behind a backslash, `u` apart
    std::int8_t hex_digit[256];  ///< its value; -1: it is none

    constexpr JsonCharacters() noexcept : in_word(), is_escaped(), hex_digit() {
        for (int c = 0; c < 256; c++) {
            const int lower = c | 0x20;
            const bool is_digit = c >= '0' && c <= '9';
            const bool is_hex_letter = lower >= 'a' && lower <= 'f';
            hex_digit[c] = static_cast<std::int8_t>(is_digit        ? c - '0'
                                                    : is_hex_letter ? lower - 'a' + 10
                                                                    : -1);
            in_word[c] = is_digit || (lower >= 'a' && lower <= 'z') || has(".+-", c);
            is_escaped[c] = has("\"\\/bfnrt", c);
        }
    }

    static constexpr bool has(std::string_view set, int c) noexcept {
        return c != 0 && c < 0x80 && set.find(static_cast<char>(c)) != std::string_view::npos;
    }
};
inline constexpr JsonCharacters kJsonCharacters;

[[nodiscard]] constexpr bool is_json_space(char c) noexcept {
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

[[nodiscard]] inline const char* skip_json_space(const char* at, const char* end) noexcept {
    if (at != end && *at == ' ') {  // the only one, as nearly every writer puts it
        at++;
    }
    while (at != end && *at <= ' ' && is_json_space(*at)) {
        at++;
    }
    return at;
}

/// Whether the next token is the mark `c`, which `at` is then left at.
[[nodiscard]] inline bool is_next(const char*& at, const char* end, char c) noexcept {
    if (at != end && *at == c) {
        return true;
    }
    at = skip_json_space(at, end);
    return at != end && *at == c;
}

/// The value of the four hex digits at `at`.
[[nodiscard]] inline unsigned json_hex_unit(const char* at) noexcept {
    const auto digit = [at](std::size_t i) -> unsigned {
        return static_cast<std::uint8_t>(
            kJsonCharacters.hex_digit[static_cast<unsigned char>(at[i])]);
    };
    return digit(0) << 12 | digit(1) << 8 | digit(2) << 4 | digit(3);
}

/// Whether there are four.
[[nodiscard]] inline bool are_json_hex_digits(const char* at) noexcept {
    const auto digit = [at](std::size_t i) -> int {
        return kJsonCharacters.hex_digit[static_cast<unsigned char>(at[i])];
    };
    return (digit(0) | digit(1) | digit(2) | digit(3)) >= 0;
}

/// Where a string ends: at its closing quote, at what may not stand in it, or at the text's end.
struct StringEnd {
    const char* at;
    JsonForm form;
};

/// The end of a string that has a backslash at `at`, and the form `form` before that.
[[nodiscard]] StringEnd find_escaped_end(const char* at, const char* end, JsonForm form) noexcept;

/// The end of any string, from behind its opening quote.
[[nodiscard]] inline StringEnd find_string_end(const char* at, const char* end) noexcept {
    JsonForm form;
    at = skip_plain(at, end, form.is_ascii);
    return at != end && *at == '\\' ? find_escaped_end(at, end, form) : StringEnd{at, form};
}

/// The closing quote of a string, from behind its opening quote; nullptr when the text ends before
/// it, or what may not stand in a string does.
struct ClosingQuote {
    const char* at;
    JsonForm form;
};
[[nodiscard]] inline ClosingQuote find_closing_quote(const char* at, const char* end) noexcept {
    JsonForm form;
    at = skip_plain(at, end, form.is_ascii);
    if (at == end) {
        return {nullptr, form};
    }
    if (*at == '\\') {
        const StringEnd found = find_escaped_end(at, end, form);
        return {found.at == end || *found.at != '"' ? nullptr : found.at, found.form};
    }
    return {*at == '"' ? at : nullptr, form};
}

/// Where the word ends that begins at `at`.
[[nodiscard]] inline const char* find_word_end(const char* at, const char* end) noexcept {
    while (at != end && kJsonCharacters.in_word[static_cast<unsigned char>(*at)]) {
        at++;
    }
    return at;
}

/// Where a plain integer ends that stands at `at`; `at` itself where another word does, or none.
[[nodiscard]] inline const char* find_integer_end(const char* at, const char* end) noexcept {
    const char* behind = at;
    while (behind != end && *behind >= '0' && *behind <= '9') {
        behind++;
    }
    const bool is_whole =
        behind == end || !kJsonCharacters.in_word[static_cast<unsigned char>(*behind)];
    return is_whole && (*at != '0' || behind == at + 1) ? behind : at;
}

/// Kind of a word.
enum class JsonWord : std::uint8_t { kNone, kNumber, kTrue, kFalse, kNull };
[[nodiscard]] JsonWord json_word(std::string_view word, JsonConstants constants) noexcept;

/// The bytes of the string that `text`, behind its opening quote, begins with: up to its closing
/// quote, to the first byte or escape that may not stand in it, or to the end.
[[nodiscard]] std::size_t sound_string_bytes(std::string_view text) noexcept;

/// The size of the part of `text` that ends between two tokens; `text` begins between two.
[[nodiscard]] std::size_t whole_tokens_bytes(std::string_view text) noexcept;

}  // namespace flashduty
