#include "json_writer.hpp"

#include <cstring>

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
        for (char c : text) {
            const char letter = escape_letter(c);
            if (letter != 0) {
                to_[size_++] = '\\';
            }
            to_[size_++] = letter != 0 ? letter : c;
        }
    }
    raw("\"");
}

void JsonSink::name(std::string_view name) noexcept {
    if (!first_) {
        raw(",");
    }
    first_ = false;
    string(name);
    raw(":");
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
    for (char c : text) {
        size += escape_letter(c) != 0;
    }
    return size;
}

}  // namespace flashduty
