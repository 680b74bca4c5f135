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

}  // namespace

void JsonSink::raw(std::string_view text) noexcept {
    if (to_ != nullptr) {
        copy_short(text, to_ + size_);
    }
    size_ += text.size();
}

void JsonSink::string(std::string_view text) noexcept {
    if (to_ == nullptr) {
        size_ += 2 + escaped_size_bytes(text);
        return;
    }
    to_[size_++] = '"';
    if (is_plain(text)) {
        raw(text);
    } else {
        write_escaped(text);
    }
    to_[size_++] = '"';
}

void JsonSink::write_escaped(std::string_view text) noexcept {
    bool is_ascii = true;
    const char* const end = text.data() + text.size();
    for (const char* at = text.data(); at != end;) {
        const char* const behind = skip_plain(at, end, is_ascii);
        raw({at, static_cast<std::size_t>(behind - at)});
        at = behind;
        for (; at != end && needs_escape(*at); at++) {
            const char letter = escape_letter(*at);
            if (letter != 0) {
                to_[size_++] = '\\';
            }
            to_[size_++] = letter != 0 ? letter : *at;
        }
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
