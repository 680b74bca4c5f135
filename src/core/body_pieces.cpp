#include "body_pieces.hpp"

#include <algorithm>

namespace flashduty {

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

/// Reads the held bytes again rather than holding them twice.
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

}  // namespace flashduty
