// JSON as a stream: RFC 8259 by yajl, plus what BlueKing sends and minus what yajl lets through.
#pragma once

#include <yajl/yajl_parse.h>

#include <csetjmp>
#include <cstddef>
#include <string_view>

#include "arena.hpp"

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

/// Whether `NaN`, `Infinity` and `-Infinity` are read. They are rare and looking for them costs,
/// so a text is first read without; JsonReader::stopped_at_constant() then asks for another go.
enum class JsonConstants { kRefused, kRead };

/// Reads one JSON text, fed in pieces. Not copyable: yajl holds its address.
///
/// yajl finds the tokens and says whether they are JSON. It is kept from unescaping strings, which
/// costs it more than all else: it does that only for what has a callback, and looks for that at
/// every token.
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

    /// After kInvalid with constants refused: the offending byte may begin one of them.
    [[nodiscard]] bool stopped_at_constant() const noexcept { return stopped_at_constant_; }

    /// Within a handler's call: true when what is told stays where it is (see JsonChunk::lasting).
    [[nodiscard]] bool is_lasting() const noexcept { return piece_.lasting; }

    // To be called from a handler.

    /// Within on_key(): the name's value when it is a string, which then is not told again unless
    /// scalars are heard. False when it is none. It may turn out to be no sound one.
    [[nodiscard]] bool peek_string(std::string_view& raw) const noexcept;

    /// Whether strings, numbers, booleans and null are heard from here on; at first they are.
    void hear_scalars(bool is_heard) noexcept;

    /// From on_start_object() or on_start_array(): nothing of what is in it will be heard, its end
    /// included.
    void skip_this() noexcept;

  private:
    struct Callbacks;

    static void* yajl_allocate(void* reader, std::size_t size_bytes) noexcept;
    static void* yajl_reallocate(void* reader, void* memory, std::size_t size_bytes) noexcept;
    static void yajl_release(void* reader, void* memory) noexcept;

    void feed_tokens(std::string_view text) noexcept;
    void feed_long_string(std::string_view quoted) noexcept;
    void feed_with_constants(std::string_view text) noexcept;
    bool reserve_copy(std::size_t size_bytes) noexcept;
    void parse(std::string_view text, const char* stands_at) noexcept;
    std::string_view raw_number(const char* text, std::size_t size_bytes) const noexcept;
    std::string_view raw_string(const unsigned char* text, std::size_t size_bytes) const noexcept;
    void fail(JsonStatus status) noexcept;

    Arena& arena_;
    JsonHandler& handler_;
    yajl_handle yajl_ = nullptr;
    yajl_alloc_funcs memory_;
    yajl_callbacks callbacks_;
    std::jmp_buf out_of_memory_;
    JsonStatus status_ = JsonStatus::kOk;
    JsonConstants constants_;
    bool stopped_at_constant_ = false;
    bool scalars_heard_ = true;
    std::size_t offset_ = 0;
    std::size_t depth_ = 0;
    std::size_t skip_from_ = 0;  ///< the depth of the container that is skipped; 0: none
    JsonChunk piece_;
    std::string_view parsed_;          ///< what yajl has, and where that stands in the piece: the
    const char* stands_at_ = nullptr;  ///< same place, unless constants had to be replaced
    std::string_view long_string_;     ///< what the string that is heard next really is
    char* copy_ = nullptr;
    std::size_t copy_bytes_ = 0;
};

/// How much of a body is in memory at a time, unless one token is longer. Longer strings are kept
/// from yajl.
#ifdef FUZZING_BUILD_MODE_UNSAFE_FOR_PRODUCTION
inline std::size_t kPieceBytes = 64 * 1024;  // theirs to choose: few of their bodies fill a piece
#else
inline constexpr std::size_t kPieceBytes = 64 * 1024;
#endif

/// The size of the part of `text` that ends between two tokens; `text` begins between two.
[[nodiscard]] std::size_t whole_tokens_bytes(std::string_view text) noexcept;

}  // namespace flashduty
