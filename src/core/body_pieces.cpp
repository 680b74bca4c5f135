#include "body_pieces.hpp"

#include <algorithm>

#include "text.hpp"

namespace flashduty {

namespace {

/// The size of the string that `text` begins with, its quotes included; npos when it is cut off.
std::size_t string_bytes(std::string_view text) noexcept {
    for (std::size_t i = 1; i < text.size(); i++) {
        if (text[i] == '"') {
            return i + 1;
        }
        i += text[i] == '\\';
    }
    return std::string_view::npos;
}

/// True for what numbers, `true`, `false` and `null` are made of, and `NaN` and `Infinity`.
constexpr bool is_word_character(char c) noexcept {
    return is_digit(c) || (to_lower(c) >= 'a' && to_lower(c) <= 'z') || c == '.' || c == '+' ||
           c == '-';
}

/// The size of the part of `text` that ends between two tokens, as `text` begins.
std::size_t whole_tokens_bytes(std::string_view text) noexcept {
    std::size_t from = 0;
    for (;;) {
        const std::size_t quote = text.find('"', from);
        if (quote == std::string_view::npos) {
            break;
        }
        const std::size_t size = string_bytes(text.substr(quote));
        if (size == std::string_view::npos) {
            return quote;
        }
        from = quote + size;
    }
    std::size_t end = text.size();
    while (end > from && is_word_character(text[end - 1])) {
        end--;
    }
    return end;
}

/// The first string in `text` that is longer than kPieceBytes; empty, at its end, when there is
/// none.
std::string_view find_long_string(std::string_view text) noexcept {
    std::size_t from = text.size() > kPieceBytes ? 0 : text.size();
    while (from < text.size()) {
        const std::size_t quote = std::min(text.find('"', from), text.size());
        const std::size_t size = string_bytes(text.substr(quote));
        if (size == std::string_view::npos) {
            break;
        }
        if (size > kPieceBytes) {
            return text.substr(quote, size);
        }
        from = quote + size;
    }
    return text.substr(text.size());
}

}  // namespace

bool BodyPieces::next(JsonChunk& piece) noexcept {
    if (!whole_.text.empty()) {
        piece = is_whole_given_ ? JsonChunk{} : whole_;
        is_whole_given_ = true;
        return true;
    }
    drop_given();
    do {
        if (!fill()) {
            return false;
        }
        const std::string_view held(buffer_, held_bytes_);
        given_bytes_ = source_.left_bytes() == 0 ? held.size() : whole_tokens_bytes(held);
        piece = {held.substr(0, given_bytes_), false};
    } while (given_bytes_ == 0 && source_.left_bytes() != 0);
    return true;
}

/// Reads until the buffer is full or nothing is left.
bool BodyPieces::fill() noexcept {
    if (held_bytes_ == buffer_bytes_ && source_.left_bytes() != 0 && !grow()) {
        return false;
    }
    while (held_bytes_ < buffer_bytes_ && source_.left_bytes() != 0) {
        const std::size_t read_bytes =
            source_.read(buffer_ + held_bytes_, buffer_bytes_ - held_bytes_);
        if (read_bytes == 0) {
            return false;
        }
        held_bytes_ += read_bytes;
    }
    return true;
}

/// Reads again what was held, instead of holding it twice.
bool BodyPieces::grow() noexcept {
    const std::size_t more_bytes = std::max(buffer_bytes_, kPieceBytes);
    const std::size_t size_bytes = held_bytes_ + std::min(more_bytes, source_.left_bytes());
    arena_.release(buffer_, buffer_bytes_);
    buffer_ = static_cast<char*>(arena_.allocate(size_bytes));
    buffer_bytes_ = buffer_ == nullptr ? 0 : size_bytes;
    held_bytes_ = 0;
    source_.seek(offset_bytes_);
    return buffer_ != nullptr;
}

void BodyPieces::drop_given() noexcept {
    if (given_bytes_ != 0) {
        std::copy(buffer_ + given_bytes_, buffer_ + held_bytes_, buffer_);
        held_bytes_ -= given_bytes_;
        offset_bytes_ += given_bytes_;
        given_bytes_ = 0;
    }
}

JsonStatus feed(JsonReader& reader, JsonChunk piece) noexcept {
    JsonStatus status = JsonStatus::kOk;
    while (status == JsonStatus::kOk && !piece.text.empty()) {
        const std::string_view long_string = find_long_string(piece.text);
        const auto before_bytes = static_cast<std::size_t>(long_string.data() - piece.text.data());
        status = reader.feed({piece.text.substr(0, before_bytes), piece.lasting});
        if (status == JsonStatus::kOk && !long_string.empty()) {
            status = reader.feed_long_string({long_string, piece.lasting});
        }
        piece.text.remove_prefix(before_bytes + long_string.size());
    }
    return status;
}

}  // namespace flashduty
