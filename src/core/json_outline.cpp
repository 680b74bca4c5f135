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

/// Where a string ends that has a backslash at `at`: at its closing quote, at what may not stand in
/// it, or at `end`.
const char* find_escaped_end(const char* at, const char* end) noexcept {
    bool is_ascii = true;
    while (at != end && *at == '\\') {
        const std::size_t escape = escape_bytes(at, end);
        if (escape == 0) {
            break;
        }
        at += escape;
        if (at != end && *at != '\\') {
            at = skip_plain(at, end, is_ascii);
        }
    }
    return at;
}

/// The same of any string, from behind its opening quote.
inline const char* find_string_end(const char* at, const char* end, bool& is_plain) noexcept {
    at = skip_plain(at, end, is_plain);
    if (at == end || *at != '\\') {
        return at;
    }
    is_plain = false;
    return find_escaped_end(at, end);
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

/// Whether `word` is a number or a literal, and which.
bool is_sound(std::string_view word, JsonConstants constants, JsonScalar::Kind& kind) noexcept {
    if (is_number(word) || (constants == JsonConstants::kRead && is_constant(word))) {
        kind = JsonScalar::kNumber;
        return true;
    }
    kind = word == "true"    ? JsonScalar::kTrue
           : word == "false" ? JsonScalar::kFalse
                             : JsonScalar::kNull;
    return kind != JsonScalar::kNull || word == "null";
}

inline const char* skip_space(const char* at, const char* end) noexcept {
    while (at != end && *at <= ' ' && is_json_space(*at)) {
        at++;
    }
    return at;
}

inline bool is_at(const char* at, const char* end, char c) noexcept {
    return at != end && *at == c;
}

}  // namespace

std::string_view JsonOutline::draw(std::string_view text) noexcept {
    const char* at = text.data();
    end_ = at + text.size();
    drawn_[0] = drawn_[size_bytes_];
    behind_[0] = at;
    size_bytes_ = 0;
    count_ = 0;
    while (at != end_ && has_room()) {
        const Begins begins = kCharacters.begins[byte(*at)];
        if (begins == Begins::kSpace) {
            at++;
        } else if (begins == Begins::kMark) {
            put(*at, at + 1);
            at++;
        } else {
            const char* behind = begins == Begins::kNothing ? nullptr : draw_scalar(at);
            if (behind == nullptr) {
                break;
            }
            at = behind;
        }
    }
    if (drawn_[size_bytes_] == '0') {
        put(' ', at);  // only what follows a number ends it
    }
    return {at, static_cast<std::size_t>(end_ - at)};
}

/// Reads the scalar at `at` as the `place`-th: gives what is behind it, nullptr when there is no
/// sound one or no room for it.
const char* JsonOutline::read_scalar(const char* at, std::size_t place) noexcept {
    if (at == end_ || place == kMostScalars) {
        return nullptr;
    }
    if (*at != '"') {
        return read_word(at, scalars_[place]);
    }
    JsonScalar& scalar = scalars_[place];
    scalar.begin = at + 1;
    scalar.kind = JsonScalar::kString;
    bool is_plain = true;
    const char* const quote = find_string_end(at + 1, end_, is_plain);
    scalar.is_plain = is_plain;
    scalar.size_bytes = static_cast<std::size_t>(quote - at - 1);
    return is_at(quote, end_, '"') ? quote + 1 : nullptr;
}

const char* JsonOutline::read_word(const char* at, JsonScalar& scalar) const noexcept {
    const char* behind = at;
    while (behind != end_ && kCharacters.in_word[byte(*behind)]) {
        behind++;
    }
    const std::string_view word(at, static_cast<std::size_t>(behind - at));
    scalar = {at, word.size(), JsonScalar::kNull, false};
    return !word.empty() && is_sound(word, constants_, scalar.kind) ? behind : nullptr;
}

/// Draws the scalar at `at`, and what stands in the outline with it. Gives what is behind, nullptr
/// when there is no sound scalar.
const char* JsonOutline::draw_scalar(const char* at) noexcept {
    const char* behind = read_scalar(at, count_);
    if (behind == nullptr) {
        return nullptr;
    }
    const bool is_string = *at == '"';
    const bool is_first_element = drawn_[size_bytes_] == '[';
    std::uint8_t* const bounds = bounds_ + size_bytes_ + 1;
    bounds[0] = static_cast<std::uint8_t>(count_++);
    if (is_string) {
        drawn_[++size_bytes_] = '"';
    }
    put(is_string ? '"' : '0', behind);
    const char* const colon = skip_space(behind, end_);
    if (is_string && is_at(colon, end_, ':')) {
        put(':', colon + 1);
        behind = draw_members(colon + 1);
    } else if (is_first_element) {
        behind = draw_elements(behind);
    }
    bounds[1] = static_cast<std::uint8_t>(count_);
    return behind;
}

/// Draws the value at `at` when it is a scalar, and takes in the members behind it that have one.
/// Gives what is behind.
const char* JsonOutline::draw_members(const char* at) noexcept {
    const char* behind = read_scalar(skip_space(at, end_), count_);
    if (behind == nullptr) {
        return at;
    }
    std::uint8_t* const bounds = bounds_ + size_bytes_ + 1;
    put('0', behind);
    do {
        count_++;
        at = behind;
        behind = read_member(at);
    } while (behind != nullptr);
    behind_[size_bytes_] = at;
    bounds[0] = bounds[1] = static_cast<std::uint8_t>(count_);  // told with its name
    return at;
}

/// Reads a comma, a name, a colon and a scalar. Gives what is behind them; nullptr when that is not
/// what comes next.
const char* JsonOutline::read_member(const char* at) noexcept {
    const char* const comma = skip_space(at, end_);
    const char* const name = is_at(comma, end_, ',') ? skip_space(comma + 1, end_) : end_;
    const char* colon = is_at(name, end_, '"') ? read_scalar(name, count_) : nullptr;
    colon = colon == nullptr ? end_ : skip_space(colon, end_);
    const char* const behind =
        is_at(colon, end_, ':') ? read_scalar(skip_space(colon + 1, end_), count_ + 1) : nullptr;
    count_ += behind == nullptr ? 0 : 1;
    return behind;
}

/// Takes in the elements behind the first one that are scalars. Gives what is behind.
const char* JsonOutline::draw_elements(const char* at) noexcept {
    for (;;) {
        const char* const comma = skip_space(at, end_);
        const char* const behind =
            is_at(comma, end_, ',') ? read_scalar(skip_space(comma + 1, end_), count_) : nullptr;
        if (behind == nullptr) {
            behind_[size_bytes_] = at;
            return at;
        }
        count_++;
        at = behind;
    }
}

const JsonScalar* JsonOutline::lone_string(std::size_t size_bytes) const noexcept {
    const bool is_string = size_bytes >= 2 && drawn_[size_bytes] == '"';
    return is_string && drawn_[size_bytes - 2] != ':' ? scalars(drawn_ + size_bytes - 1).begin
                                                      : nullptr;
}

std::size_t sound_string_bytes(std::string_view text) noexcept {
    bool is_plain = true;
    const char* end = find_string_end(text.data(), text.data() + text.size(), is_plain);
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
