// Pieces of a body, wherever it lies, for the JSON reader: each ends between two tokens.
#pragma once

#include <cstddef>
#include <string_view>

#include "arena.hpp"
#include "json_reader.hpp"

namespace flashduty {

/// A body that can be read more than once.
class BodySource {
  public:
    /// Whole body if it lies in one piece of memory; else empty.
    [[nodiscard]] virtual JsonChunk whole() const noexcept = 0;
    /// Copies the next bytes to `to`, `size_bytes` at most, and returns their number: 0 only when
    /// they cannot be read. Not called at the end.
    [[nodiscard]] virtual std::size_t read(char* to, std::size_t size_bytes) noexcept = 0;
    /// Number of bytes still to be read.
    [[nodiscard]] virtual std::size_t left_bytes() const noexcept = 0;
    /// Goes back to a byte, at most to the end of what was read.
    virtual void seek(std::size_t offset_bytes) noexcept = 0;

  protected:
    ~BodySource() = default;
};

/// Gathers a source's bytes in one buffer, which grows only where a token does not fit. A body in
/// memory is given without copying.
class BodyPieces {
  public:
    /// `arena` and `source` must outlive it; the buffer comes from `arena`.
    BodyPieces(Arena& arena, BodySource& source) noexcept
        : arena_(arena), source_(source), whole_(source.whole()) {}
    ~BodyPieces() { arena_.release(buffer_, buffer_bytes_); }
    BodyPieces(const BodyPieces&) = delete;
    BodyPieces& operator=(const BodyPieces&) = delete;

    /// Gives the next piece; an empty one at the end. The previous piece is gone unless it was
    /// lasting. A piece that is not lasting may be overwritten. False when the source failed or
    /// memory ran out.
    [[nodiscard]] bool next(JsonChunk& piece) noexcept;

  private:
    bool fill() noexcept;
    bool grow() noexcept;
    void drop_given() noexcept;

    Arena& arena_;
    BodySource& source_;
    JsonChunk whole_;
    bool is_whole_given_ = false;
    char* buffer_ = nullptr;
    std::size_t buffer_bytes_ = 0;
    std::size_t offset_bytes_ = 0;  ///< the buffer's start in the body
    std::size_t held_bytes_ = 0;
    std::size_t given_bytes_ = 0;  ///< part of the held bytes
};

}  // namespace flashduty
