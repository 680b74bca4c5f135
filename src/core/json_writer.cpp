#include "json_writer.hpp"

#include "bytes.hpp"

namespace flashduty {

namespace {

/// The letter of the two-byte escape that `c` needs, 0 when it needs none.
constexpr char escape_letter(char c) noexcept {
    switch (c) {
        case '"':
        case '\\':
            return c;
        case '\n':
            return 'n';
        case '\t':
            return 't';
        default:
            return 0;
    }
}

/// Not less than escaped_size_bytes(), and of a short text found without looking at it.
std::size_t most_escaped_bytes(std::string_view text) noexcept {
    constexpr std::size_t kShortBytes = 512;
    return text.size() <= kShortBytes ? 2 * text.size() : escaped_size_bytes(text);
}

char* write_escaped(std::string_view text, char* to) noexcept {
    bool is_ascii = true;
    const char* const end = text.data() + text.size();
    for (const char* at = text.data(); at != end;) {
        const char* const behind = skip_plain(at, end, is_ascii);
        to = copy_short({at, static_cast<std::size_t>(behind - at)}, to);
        at = behind;
        for (; at != end && needs_escape(*at); at++) {
            const char letter = escape_letter(*at);
            if (letter != 0) {
                *to++ = '\\';
            }
            *to++ = letter != 0 ? letter : *at;
        }
    }
    return to;
}

/// Gives what is behind what it wrote.
char* write_quoted(std::string_view text, char* to) noexcept {
    *to++ = '"';
    to = is_plain(text) ? copy_short(text, to) : write_escaped(text, to);
    *to++ = '"';
    return to;
}

}  // namespace

void JsonSink::raw(std::string_view text) noexcept {
    if (to_ != nullptr) {
        copy_short(text, to_ + size_);
    }
    size_ += text.size();
}

void JsonSink::string(std::string_view text) noexcept {
    if (to_ == nullptr) {
        size_ += 2 + most_escaped_bytes(text);
    } else {
        size_ = static_cast<std::size_t>(write_quoted(text, to_ + size_) - to_);
    }
}

void JsonSink::name(std::string_view name) noexcept {
    const std::size_t comma = first_ ? 0 : 1;
    first_ = false;
    if (to_ == nullptr) {
        size_ += comma + name.size() + std::string_view("\"\":").size();
        return;
    }
    char* to = to_ + size_;
    *to = ',';
    to += comma;
    *to++ = '"';
    to = copy_short(name, to);
    *to++ = '"';
    *to++ = ':';
    size_ = static_cast<std::size_t>(to - to_);
}

void JsonSink::member(std::string_view name, std::string_view value) noexcept {
    this->name(name);
    string(value);
}

void JsonSink::open_object() noexcept {
    raw("{");
    first_ = true;
}

void JsonSink::close_object() noexcept {
    raw("}");
    first_ = false;
}

std::size_t escaped_size_bytes(std::string_view text) noexcept {
    std::size_t size = text.size();
    if (is_plain(text)) {
        return size;
    }
    bool is_ascii = true;
    const char* const end = text.data() + text.size();
    for (const char* at = skip_plain(text.data(), end, is_ascii); at != end;
         at = skip_plain(at + 1, end, is_ascii)) {
        size += escape_letter(*at) != 0 ? 1 : 0;
    }
    return size;
}

}  // namespace flashduty
