// JSON as a stream: RFC 8259 by yajl, plus what BlueKing sends and minus what yajl lets through.
#pragma once

#include <csetjmp>
#include <cstddef>
#include <string_view>

#include "arena.hpp"
#include "json_outline.hpp"

namespace flashduty {

/// Arrays and objects within each other at most; one more is refused.
inline constexpr std::size_t kMaxJsonDepth = 64;

/// Passed over where it begins a text.
inline constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

/// A piece of a JSON text.
struct JsonChunk {
    std::string_view text;
    bool lasting = false;  ///< stays where it is for as long as what is read from it is used
};

/// Hears what is read, in the order of the text. Strings and names are told as they stand there,
/// escapes and all, see json_string.hpp, and so are numbers; they are gone after the call unless
/// JsonReader::is_lasting(). A call that returns false ends the reading.
class JsonHandler {
  public:
    virtual bool on_start_object() noexcept = 0;
    virtual bool on_key(std::string_view raw) noexcept = 0;
    virtual bool on_end_object() noexcept = 0;
    virtual bool on_start_array() noexcept = 0;
    virtual bool on_end_array() noexcept = 0;
    virtual bool on_string(std::string_view raw) noexcept = 0;
    virtual bool on_number(std::string_view text) noexcept = 0;
    virtual bool on_boolean(bool value) noexcept = 0;
    virtual bool on_null() noexcept = 0;

  protected:
    ~JsonHandler() = default;
};

enum class JsonStatus {
    kOk,
    kInvalid,
    kTooDeep,
    kStopped,  ///< by the handler
    kOutOfMemory,
};

/// Reads one JSON text, fed in pieces. Not copyable: yajl holds its address.
///
/// yajl decides what is JSON, from the outline of the text: looking at every byte of a string, and
/// unescaping it, costs it more than all else.
class JsonReader {
  public:
    /// Takes all its memory from `arena`; both must outlive it.
    JsonReader(Arena& arena, JsonHandler& handler, JsonConstants constants) noexcept;
    ~JsonReader();
    JsonReader(const JsonReader&) = delete;
    JsonReader& operator=(const JsonReader&) = delete;

    /// Reads on. A piece begins and ends between two tokens, see whole_tokens_bytes(). Anything
    /// but kOk is final.
    JsonStatus feed(JsonChunk piece) noexcept;

    /// Says that the text ends here: kOk when it was one whole JSON text.
    JsonStatus finish() noexcept;

    /// The byte at which reading stopped, counted from the start of the text.
    [[nodiscard]] std::size_t offset_bytes() const noexcept { return offset_; }

    // To be called from a handler.

    /// True when what is told stays where it is (see JsonChunk::lasting).
    [[nodiscard]] bool is_lasting() const noexcept { return is_lasting_; }

    /// Within on_key() and on_string(): true when the string stands for itself, all of it ASCII.
    [[nodiscard]] bool is_plain() const noexcept { return is_plain_; }

    /// Whether strings, numbers, booleans and null are heard from here on; at first they are.
    void hear_scalars(bool are_heard) noexcept { scalars_heard_ = are_heard; }

    /// From on_start_object() or on_start_array(): nothing of what is in it will be heard, its end
    /// included.
    void skip_this() noexcept;

  private:
    struct Yajl;  ///< what is yajl's: json_reader.cpp alone names it
    struct Callbacks;

    void read_outline(std::string_view text) noexcept;
    void read_unsound(std::string_view text) noexcept;
    bool parse(std::string_view text) noexcept;
    std::size_t stop_bytes(std::string_view text) noexcept;
    bool stopped_before_token() noexcept;
    void fail(JsonStatus status) noexcept;

    Arena& arena_;
    JsonHandler& handler_;
    Yajl* parser_;
    std::jmp_buf out_of_memory_;
    JsonStatus status_ = JsonStatus::kOk;
    bool scalars_heard_ = true;
    bool is_lasting_ = false;
    bool is_plain_ = false;
    std::size_t offset_ = 0;
    std::size_t depth_ = 0;
    std::size_t skip_from_ = 0;  ///< the depth of the container that is skipped; 0: none
    JsonOutline outline_;
};

/// How much of a body is in memory at a time, unless one token is longer.
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
inline std::size_t kPieceBytes = 64 * 1024;  // theirs to choose: few of their bodies fill a piece
#else
inline constexpr std::size_t kPieceBytes = 64 * 1024;
#endif

}  // namespace flashduty
