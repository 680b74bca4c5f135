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

/// Writes a text that begins with what needs an escape, and gives what is behind.
char* write_escaped(std::string_view text, char* to) noexcept {
    while (!text.empty()) {
        const char letter = escape_letter(text[0]);
        if (letter != 0) {
            *to++ = '\\';
        }
        *to++ = letter != 0 ? letter : text[0];
        text.remove_prefix(1);
        const std::size_t plain = copy_plain(text, to);
        to += plain;
        text.remove_prefix(plain);
    }
    return to;
}

/// Gives what is behind what it wrote.
inline char* write_quoted(std::string_view text, char* to) noexcept {
    *to++ = '"';
    const std::size_t plain = copy_plain(text, to);
    to += plain;
    if (plain != text.size()) {
        to = write_escaped(text.substr(plain), to);
    }
    *to++ = '"';
    return to;
}

/// `"name":`, after a comma unless it is the first member.
inline char* write_name(std::string_view name, bool is_first, char* to) noexcept {
    *to = ',';
    to += is_first ? 0 : 1;
    *to++ = '"';
    to = copy_short(name, to);
    *to++ = '"';
    *to++ = ':';
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
    if (to_ == nullptr) {
        size_ += name.size() + std::string_view(",\"\":").size();
    } else {
        size_ = static_cast<std::size_t>(write_name(name, first_, to_ + size_) - to_);
    }
    first_ = false;
}

void JsonSink::member(std::string_view name, std::string_view value) noexcept {
    if (to_ == nullptr) {
        this->name(name);
        string(value);
        return;
    }
    char* const to = write_name(name, first_, to_ + size_);
    size_ = static_cast<std::size_t>(write_quoted(value, to) - to_);
    first_ = false;
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
    bool is_ascii = true;
    const char* const end = text.data() + text.size();
    for (const char* at = skip_plain(text.data(), end, is_ascii); at != end;
         at = skip_plain(at + 1, end, is_ascii)) {
        size += escape_letter(*at) != 0 ? 1 : 0;
    }
    return size;
}

}  // namespace flashduty
