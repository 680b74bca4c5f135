#include "json_tokens.hpp"

#include "text.hpp"

namespace flashduty {

namespace {

constexpr std::size_t kUnitEscapeBytes = std::string_view("\\u1234").size();

/// The size of the escape at `at`; 0 when there is none.
inline std::size_t escape_bytes(const char* at, const char* end) noexcept {
    const auto left = static_cast<std::size_t>(end - at);
    if (left >= kUnitEscapeBytes && at[1] == 'u') {
        return are_json_hex_digits(at + 2) ? kUnitEscapeBytes : 0;
    }
    return left >= 2 && kJsonCharacters.is_escaped[static_cast<unsigned char>(at[1])] ? 2 : 0;
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
    if (!is_digit(*at) && *at != '-') {
        return false;
    }
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

}  // namespace

StringEnd find_escaped_end(const char* at, const char* end, JsonForm form) noexcept {
    form.has_escapes = true;
    for (;;) {
        while (end - at >= static_cast<std::ptrdiff_t>(kUnitEscapeBytes) && at[0] == '\\' &&
               at[1] == 'u' && are_json_hex_digits(at + 2)) {
            at += kUnitEscapeBytes;
        }
        if (at == end || *at == '"') {
            return {at, form};
        }
        if (*at != '\\') {
            at = skip_plain(at, end, form.is_ascii);
            if (at == end || *at != '\\') {
                return {at, form};
            }
            continue;
        }
        const std::size_t escape = escape_bytes(at, end);
        if (escape == 0) {
            return {at, form};
        }
        at += escape;
    }
}

JsonWord json_word(std::string_view word, JsonConstants constants) noexcept {
    if (word.empty()) {
        return JsonWord::kNone;
    }
    if (word[0] >= 'a') {
        return is_same(word, "true")    ? JsonWord::kTrue
               : is_same(word, "false") ? JsonWord::kFalse
               : is_same(word, "null")  ? JsonWord::kNull
                                        : JsonWord::kNone;
    }
    if (is_number(word) || (constants == JsonConstants::kRead && is_constant(word))) {
        return JsonWord::kNumber;
    }
    return JsonWord::kNone;
}

std::size_t sound_string_bytes(std::string_view text) noexcept {
    const char* const end = find_string_end(text.data(), text.data() + text.size()).at;
    return static_cast<std::size_t>(end - text.data());
}

std::size_t whole_tokens_bytes(std::string_view text) noexcept {
    std::size_t from = 0;
    for (;;) {
        const std::size_t quote = text.find('"', from);
        if (quote == std::string_view::npos) {
            break;
        }
        const std::size_t stop = quote + 1 + sound_string_bytes(text.substr(quote + 1));
        if (stop == text.size() || (text[stop] == '\\' && text.size() - stop < kUnitEscapeBytes)) {
            return quote;
        }
        if (text[stop] != '"') {
            return text.size();  // reading ends here anyway
        }
        from = stop + 1;
    }
    std::size_t end = text.size();
    while (end > from && kJsonCharacters.in_word[static_cast<unsigned char>(text[end - 1])]) {
        end--;
    }
    return end;
}

}  // namespace flashduty
