// A body, wherever it lies, as a reader of JSON takes it: in pieces that end between two tokens.
#pragma once

#include <cstddef>
#include <string_view>

#include "arena.hpp"
#include "json_reader.hpp"

namespace flashduty {

/// A body that can be read more than once.
class BodySource {
  public:
    /// All of it where it lies in one piece of memory; empty when it does not.
    [[nodiscard]] virtual JsonChunk whole() const noexcept = 0;
    /// Copies what comes next to `to`, `size_bytes` at most, and gives how much that was: 0 only
    /// when it cannot be read. Not called at the end.
    [[nodiscard]] virtual std::size_t read(char* to, std::size_t size_bytes) noexcept = 0;
    /// How much is still to be read.
    [[nodiscard]] virtual std::size_t left_bytes() const noexcept = 0;
    /// Goes to that byte, which is none behind what was read.
    virtual void seek(std::size_t offset_bytes) noexcept = 0;

  protected:
    ~BodySource() = default;
};

/// Gathers what a source reads into one buffer, which grows only where a token does not fit. What
/// lies in memory is given as it is.
class BodyPieces {
  public:
    /// Both must outlive it; the buffer comes from `arena`.
    BodyPieces(Arena& arena, BodySource& source) noexcept
        : arena_(arena), source_(source), whole_(source.whole()) {}
    ~BodyPieces() { arena_.release(buffer_, buffer_bytes_); }
    BodyPieces(const BodyPieces&) = delete;
    BodyPieces& operator=(const BodyPieces&) = delete;

    /// The next piece, the one before it is gone unless it was lasting; an empty one at the end.
    /// One that is not lasting may be written over.
    /// False when the source failed or memory ran out.
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
    std::size_t offset_bytes_ = 0;  ///< where in the body the buffer begins
    std::size_t held_bytes_ = 0;
    std::size_t given_bytes_ = 0;  ///< of what is held
};

}  // namespace flashduty
