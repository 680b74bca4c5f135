#include "text.hpp"

#include <algorithm>
#include <charconv>

#include "bytes.hpp"

namespace flashduty {

namespace {

constexpr std::size_t kMaxLabelName = 128;

constexpr bool is_continuation(char c) noexcept {
    return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
}

constexpr bool is_dropped(char c) noexcept {
    return static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t';
}

/// Characters of a label's name.
struct LabelCharacters {
    bool are[256];

    constexpr LabelCharacters() noexcept : are() {
        for (int i = 0; i < 256; i++) {
            const auto c = static_cast<char>(i);
            are[i] = is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'z') || c == '_';
        }
    }
};
constexpr LabelCharacters kLabelCharacters;

constexpr bool is_label_character(char c) noexcept {
    return kLabelCharacters.are[static_cast<unsigned char>(c)];
}

/// Bounds of the second byte, and the length that a lead byte promises; length 0: no lead byte.
struct Lead {
    unsigned char length, low, high;
};

constexpr Lead lead_of(unsigned char c) noexcept {
    if (c >= 0xC2 && c <= 0xDF) {
        return {2, 0x80, 0xBF};
    }
    if (c >= 0xE0 && c <= 0xEF) {
        return {3, static_cast<unsigned char>(c == 0xE0 ? 0xA0 : 0x80),
                static_cast<unsigned char>(c == 0xED ? 0x9F : 0xBF)};
    }
    if (c >= 0xF0 && c <= 0xF4) {
        return {4, static_cast<unsigned char>(c == 0xF0 ? 0x90 : 0x80),
                static_cast<unsigned char>(c == 0xF4 ? 0x8F : 0xBF)};
    }
    return {0, 0, 0};
}

constexpr std::size_t kLongestCharacter = 4;

/// True for a character of three bytes whose lead byte has no bounds of its own: nearly all Chinese
/// ones.
inline bool is_plain_three(const char* at) noexcept {
    const auto lead = static_cast<unsigned char>(at[0]);
    return (lead & 0xF0) == 0xE0 && lead != 0xE0 && lead != 0xED && is_continuation(at[1]) &&
           is_continuation(at[2]);
}

/// Size of the control character at the start of `text`; 0 when there is none.
std::size_t control_size(std::string_view text) noexcept {
    const unsigned char c = static_cast<unsigned char>(text[0]);
    if (c < 0x20 || c == 0x7F) {
        return 1;
    }
    const bool is_c1 = c == 0xC2 && text.size() > 1 && static_cast<unsigned char>(text[1]) < 0xA0;
    return is_c1 ? 2 : 0;
}

}  // namespace

std::string_view trim(std::string_view text) noexcept {
    while (!text.empty() && is_space(text.front())) {
        text.remove_prefix(1);
    }
    while (!text.empty() && is_space(text.back())) {
        text.remove_suffix(1);
    }
    return text;
}

bool equals_ignoring_case(std::string_view a, std::string_view b) noexcept {
    return a.size() == b.size() && std::equal(a.begin(), a.end(), b.begin(), [](char x, char y) {
               return to_lower(x) == to_lower(y);
           });
}

// https://encoding.spec.whatwg.org/#utf-8-decoder
Utf8Step utf8_step(std::string_view text) noexcept {
    const unsigned char first = static_cast<unsigned char>(text[0]);
    if (first < 0x80) {
        return {1, true};
    }
    const Lead lead = lead_of(first);
    if (lead.length == 0) {
        return {1, false};
    }
    std::size_t size = 1;
    unsigned char low = lead.low, high = lead.high;
    while (size < lead.length) {
        if (size == text.size()) {
            return {size, false};
        }
        const unsigned char next = static_cast<unsigned char>(text[size]);
        if (next < low || next > high) {
            return {size, false};
        }
        low = 0x80;
        high = 0xBF;
        size++;
    }
    return {size, true};
}

std::size_t sound_prefix(std::string_view text) noexcept {
    const char* const end = text.data() + text.size();
    const char* at = skip_printable(text.data(), end);
    while (at != end) {
        const char* const from = at;
        // Chinese characters stand in rows.
        while (end - at >= 3 && is_plain_three(at)) {
            at += 3;
        }
        if (at == from) {
            const Utf8Step step = utf8_step({at, static_cast<std::size_t>(end - at)});
            if (!step.valid || is_dropped(*at)) {
                break;
            }
            at += step.size_bytes;
        }
        at = skip_printable(at, end);
    }
    return static_cast<std::size_t>(at - text.data());
}

std::string_view repair(Arena& arena, std::string_view text) noexcept {
    const std::size_t sound = sound_prefix(text);
    if (sound == text.size()) {
        return text;
    }
    const std::string_view rest = text.substr(sound);
    const std::size_t size = sound + repair_into(rest, nullptr);
    char* to = static_cast<char*>(arena.allocate(size));
    if (to == nullptr) {
        return {};
    }
    repair_into(rest, std::copy(text.begin(), text.begin() + sound, to));
    return {to, size};
}

std::size_t repair_into(std::string_view text, char* to) noexcept {
    std::size_t size = 0;
    const auto put = [&](std::string_view part) {
        if (to != nullptr) {
            part.copy(to + size, part.size());
        }
        size += part.size();
    };
    while (!text.empty()) {
        const std::size_t sound = sound_prefix(text);
        put(text.substr(0, sound));
        text.remove_prefix(sound);
        if (!text.empty()) {
            const Utf8Step step = utf8_step(text);
            put(step.valid ? std::string_view{} : kReplacement);
            text.remove_prefix(step.size_bytes);
        }
    }
    return size;
}

std::string_view without_controls(Arena& arena, std::string_view text) noexcept {
    std::size_t i = 0;
    while (i < text.size() && control_size(text.substr(i)) == 0) {
        i++;
    }
    if (i == text.size()) {
        return text;
    }
    char* to = static_cast<char*>(arena.allocate(text.size()));
    if (to == nullptr) {
        return {};
    }
    char* end = std::copy(text.begin(), text.begin() + i, to);
    while (i < text.size()) {
        const std::size_t control = control_size(text.substr(i));
        *end++ = control == 0 ? text[i] : ' ';
        i += control == 0 ? 1 : control;
    }
    return {to, static_cast<std::size_t>(end - to)};
}

std::size_t count_characters(std::string_view text) noexcept {
    return text.size() -
           static_cast<std::size_t>(std::count_if(text.begin(), text.end(), is_continuation));
}

std::string_view cut_long(Arena& arena, std::string_view text,
                          std::size_t max_characters) noexcept {
    std::size_t characters = 0, keep = 0;
    for (std::size_t i = 0; i < text.size(); i++) {
        if (is_continuation(text[i])) {
            continue;
        }
        characters++;
        if (characters == max_characters) {
            keep = i;
        } else if (characters > max_characters) {
            return concat(arena, text.substr(0, keep), kEllipsis);
        }
    }
    return text;
}

std::string_view first_characters(std::string_view text, std::size_t characters) noexcept {
    if (text.size() <= characters) {
        return text;
    }
    std::size_t end = 0;
    for (std::size_t count = 0; end < text.size(); end++) {
        if (!is_continuation(text[end]) && count++ == characters) {
            break;
        }
    }
    return text.substr(0, end);
}

std::string_view collapse_spaces(Arena& arena, std::string_view text,
                                 std::size_t characters) noexcept {
    text = trim(text);
    const auto is_alone = [text](std::size_t i) {
        return !is_space(text[i]) || (text[i] == ' ' && !is_space(text[i + 1]));
    };
    std::size_t i = 0;
    while (i < text.size() && (static_cast<unsigned char>(text[i]) > ' ' || is_alone(i))) {
        i++;
    }
    if (i == text.size()) {
        return first_characters(text, characters);
    }
    const std::size_t room = std::min(text.size(), characters * kLongestCharacter);
    char* to = static_cast<char*>(arena.allocate(room));
    if (to == nullptr) {
        return {};
    }
    std::size_t size = 0;
    for (i = 0; i < text.size() && size < room; i++) {
        if (!is_space(text[i])) {
            to[size++] = text[i];
        } else if (!is_space(text[i + 1])) {  // trimmed: the last character is no space
            to[size++] = ' ';
        }
    }
    return first_characters({to, size}, characters);
}

bool is_label_name(std::string_view name) noexcept {
    return !name.empty() && name.size() <= kMaxLabelName && !is_digit(name[0]) &&
           std::all_of(name.begin(), name.end(), is_label_character);
}

std::string_view without_tags(std::string_view key) noexcept {
    constexpr std::string_view kTags = "tags.";
    return key.substr(0, kTags.size()) == kTags ? key.substr(kTags.size()) : key;
}

std::string_view label_name(Arena& arena, std::string_view key) noexcept {
    key = without_tags(key);
    if (is_label_name(key) || key.empty()) {
        return key;
    }
    char* to = static_cast<char*>(arena.allocate(kMaxLabelName));
    if (to == nullptr) {
        return {};
    }
    std::size_t size = 0;
    if (is_digit(key[0])) {
        to[size++] = '_';
    }
    for (std::size_t i = 0; i < key.size() && size < kMaxLabelName; i++) {
        if (!is_continuation(key[i])) {
            to[size++] = is_label_character(key[i]) ? key[i] : '_';
        }
    }
    return {to, size};
}

std::string_view join(Arena& arena, const std::string_view* parts, std::size_t count,
                      std::string_view separator) noexcept {
    if (count == 0) {
        return {};
    }
    std::size_t size = (count - 1) * separator.size();
    for (std::size_t i = 0; i < count; i++) {
        size += parts[i].size();
    }
    char* to = size == 0 ? nullptr : static_cast<char*>(arena.allocate(size));
    if (to == nullptr) {
        return {};
    }
    char* end = to;
    for (std::size_t i = 0; i < count; i++) {
        const std::string_view between = i == 0 ? std::string_view{} : separator;
        end = std::copy(between.begin(), between.end(), end);
        end = std::copy(parts[i].begin(), parts[i].end(), end);
    }
    return {to, size};
}

std::string_view decimal(Arena& arena, std::uint64_t number) noexcept {
    char digits[20];
    const auto result = std::to_chars(digits, digits + sizeof(digits), number);
    return arena.copy({digits, static_cast<std::size_t>(result.ptr - digits)});
}

}  // namespace flashduty
