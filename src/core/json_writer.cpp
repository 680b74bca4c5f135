#include "json_writer.hpp"

#include <algorithm>
#include <cstring>

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

/// The bytes at the start of `text` that need no escape, in steps of eight.
std::size_t plain_bytes(std::string_view text) noexcept {
    std::size_t i = 0;
    while (i + EightBytes::kSize <= text.size()) {
        const EightBytes bytes(text.data() + i);
        if (bytes.have_below(0x20) || bytes.have('"') || bytes.have('\\')) {
            break;
        }
        i += EightBytes::kSize;
    }
    return i;
}

}  // namespace

void JsonSink::raw(std::string_view text) noexcept {
    if (to_ != nullptr && !text.empty()) {
        std::memcpy(to_ + size_, text.data(), text.size());
    }
    size_ += text.size();
}

void JsonSink::string(std::string_view text) noexcept {
    raw("\"");
    if (to_ == nullptr) {
        size_ += escaped_size_bytes(text);
    } else {
        write_escaped(text);
    }
    raw("\"");
}

void JsonSink::write_escaped(std::string_view text) noexcept {
    if (is_plain(text)) {
        raw(text);
        return;
    }
    while (!text.empty()) {
        const std::size_t plain = plain_bytes(text);
        raw(text.substr(0, plain));
        text.remove_prefix(plain);
        const std::size_t some = std::min(text.size(), EightBytes::kSize);
        for (const char c : text.substr(0, some)) {
            const char letter = escape_letter(c);
            if (letter != 0) {
                to_[size_++] = '\\';
            }
            to_[size_++] = letter != 0 ? letter : c;
        }
        text.remove_prefix(some);
    }
}

void JsonSink::name(std::string_view name) noexcept {
    if (!first_) {
        raw(",");
    }
    first_ = false;
    raw("\"");
    raw(name);
    raw("\":");
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
    while (!text.empty()) {
        text.remove_prefix(plain_bytes(text));
        const std::size_t some = std::min(text.size(), EightBytes::kSize);
        for (const char c : text.substr(0, some)) {
            size += escape_letter(c) != 0;
        }
        text.remove_prefix(some);
    }
    return size;
}

}  // namespace flashduty
