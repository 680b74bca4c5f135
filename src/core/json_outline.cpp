#include "json_outline.hpp"

#include <cstdint>
#include <cstring>

#include "bytes.hpp"
#include "text.hpp"

namespace flashduty {

namespace {

/// What a token may begin with, by its first byte.
enum class Begins : std::uint8_t { kNothing, kSpace, kMark, kString, kWord };

/// What every byte may be: the first of a token, part of a word, which is what numbers, `true`,
/// `false`, `null` and the constants are made of, or of an escape.
struct Characters {
    Begins begins[256];
    bool in_word[256];
    bool is_hex_digit[256];
    bool is_escaped[256];  ///< behind a backslash, `u` apart

    constexpr Characters() noexcept : begins(), in_word(), is_hex_digit(), is_escaped() {
        for (int c = 0; c < 256; c++) {
            const int lower = c | 0x20;
            const bool is_digit = c >= '0' && c <= '9';
            is_hex_digit[c] = is_digit || (lower >= 'a' && lower <= 'f');
            in_word[c] = is_digit || (lower >= 'a' && lower <= 'z') || has(".+-", c);
            is_escaped[c] = has("\"\\/bfnrt", c);
            begins[c] = in_word[c]          ? Begins::kWord
                        : has("{}[]:,", c)  ? Begins::kMark
                        : has(" \n\t\r", c) ? Begins::kSpace
                        : c == '"'          ? Begins::kString
                                            : Begins::kNothing;
        }
    }

    static constexpr bool has(std::string_view set, int c) noexcept {
        return c != 0 && c < 0x80 && set.find(static_cast<char>(c)) != std::string_view::npos;
    }
};
constexpr Characters kCharacters;

constexpr unsigned char byte(char c) noexcept { return static_cast<unsigned char>(c); }

/// The size of the escape at `at`; 0 when there is none.
inline std::size_t escape_bytes(const char* at, const char* end) noexcept {
    const auto left = static_cast<std::size_t>(end - at);
    if (left < 2) {
        return 0;
    }
    if (at[1] != 'u') {
        return kCharacters.is_escaped[byte(at[1])] ? 2 : 0;
    }
    constexpr std::size_t kSize = 6;
    const bool* const is_hex = kCharacters.is_hex_digit;
    return left >= kSize && is_hex[byte(at[2])] && is_hex[byte(at[3])] && is_hex[byte(at[4])] &&
                   is_hex[byte(at[5])]
               ? kSize
               : 0;
}

/// Where a string ends: at its closing quote, at what may not stand in it, or at `end`.
struct StringEnd {
    const char* at;
    bool is_plain;
};

inline StringEnd find_string_end(const char* at, const char* end) noexcept {
    bool is_plain = true;
    for (;;) {
        at = skip_plain(at, end, is_plain);
        if (at == end || *at != '\\') {
            return {at, is_plain};
        }
        is_plain = false;
        do {
            const std::size_t escape = escape_bytes(at, end);
            if (escape == 0) {
                return {at, false};
            }
            at += escape;
        } while (at != end && *at == '\\');
    }
}

const char* skip_digits(const char* at, const char* end) noexcept {
    while (at != end && is_digit(*at)) {
        at++;
    }
    return at;
}

/// At least one; nullptr when there is none.
const char* skip_some_digits(const char* at, const char* end) noexcept {
    const char* behind = skip_digits(at, end);
    return behind == at ? nullptr : behind;
}

bool is_constant(std::string_view word) noexcept {
    return word == "NaN" || word == "Infinity" || word == "-Infinity";
}

bool is_number(std::string_view word) noexcept {
    const char* at = word.data();
    const char* const end = at + word.size();
    at += *at == '-';
    at = at != end && *at == '0' ? at + 1 : skip_some_digits(at, end);
    if (at != nullptr && at != end && *at == '.') {
        at = skip_some_digits(at + 1, end);
    }
    if (at != nullptr && at != end && (*at == 'e' || *at == 'E')) {
        at++;
        at += at != end && (*at == '+' || *at == '-');
        at = skip_some_digits(at, end);
    }
    return at == end;
}

bool is_literal(std::string_view word) noexcept {
    return word == "null" || word == "true" || word == "false";
}

}  // namespace

std::string_view JsonOutline::draw(std::string_view text, std::size_t most_bytes) noexcept {
    const char* at = text.data();
    const char* const end = at + text.size();
    kept_[0] = kept_[size_bytes_];
    char* to = kept_ + 1;
    const char* const full = to + most_bytes;
    while (at != end && to < full) {
        const Begins begins = kCharacters.begins[byte(*at)];
        if (begins == Begins::kMark) {
            *to++ = *at++;
        } else if (begins == Begins::kSpace) {
            at++;
        } else if (begins == Begins::kString) {
            const StringEnd string = find_string_end(at + 1, end);
            if (string.at == end || *string.at != '"') {
                break;
            }
            scalars_[(to - kept_) / 2] = {at + 1, static_cast<std::size_t>(string.at - at - 1),
                                          string.is_plain};
            *to++ = '"';
            *to++ = '"';
            at = string.at + 1;
        } else if (begins == Begins::kWord) {
            const char* behind = at + 1;
            while (behind != end && kCharacters.in_word[byte(*behind)]) {
                behind++;
            }
            const std::string_view word(at, static_cast<std::size_t>(behind - at));
            if (is_number(word) || (constants_ == JsonConstants::kRead && is_constant(word))) {
                scalars_[(to - kept_) / 2] = {word.data(), word.size(), false};
                *to++ = '0';
            } else if (is_literal(word)) {
                to += word.copy(to, word.size());
            } else {
                break;
            }
            at = behind;
        } else {
            break;
        }
    }
    if (to[-1] == '0') {
        *to++ = ' ';  // only what follows a number ends it
    }
    size_bytes_ = static_cast<std::size_t>(to - kept_) - 1;
    return {at, static_cast<std::size_t>(end - at)};
}

const JsonScalar* JsonOutline::misplaced_string(std::size_t end_bytes) const noexcept {
    const char* const behind = kept_ + 1 + end_bytes;
    const bool is_string = end_bytes >= 2 && behind[-1] == '"';
    return is_string && behind[-3] != ':' ? &scalar(behind - 2) : nullptr;
}

std::size_t sound_string_bytes(std::string_view text) noexcept {
    const char* end = find_string_end(text.data(), text.data() + text.size()).at;
    return static_cast<std::size_t>(end - text.data());
}

std::size_t whole_tokens_bytes(std::string_view text) noexcept {
    constexpr std::size_t kLongestEscape = 6;
    std::size_t from = 0;
    for (;;) {
        const std::size_t quote = text.find('"', from);
        if (quote == std::string_view::npos) {
            break;
        }
        const std::size_t stop = quote + 1 + sound_string_bytes(text.substr(quote + 1));
        if (stop == text.size() || (text[stop] == '\\' && text.size() - stop < kLongestEscape)) {
            return quote;
        }
        if (text[stop] != '"') {
            return text.size();  // reading ends here anyway
        }
        from = stop + 1;
    }
    std::size_t end = text.size();
    while (end > from && kCharacters.in_word[byte(text[end - 1])]) {
        end--;
    }
    return end;
}

}  // namespace flashduty
