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

/// Hears what is read, in the order of the text. Strings and keys are unescaped but not yet
/// repaired (see repair()), numbers are as written; all of them are gone after the call unless
/// JsonReader::is_lasting() says otherwise. A call that returns false ends the reading.
class JsonHandler {
  public:
    virtual bool on_start_object() noexcept = 0;
    virtual bool on_key(std::string_view key) noexcept = 0;
    virtual bool on_end_object() noexcept = 0;
    virtual bool on_start_array() noexcept = 0;
    virtual bool on_end_array() noexcept = 0;
    virtual bool on_string(std::string_view text) noexcept = 0;
    virtual bool on_number(std::string_view text) noexcept = 0;
    virtual bool on_boolean(bool value) noexcept = 0;
    virtual bool on_null() noexcept = 0;
    /// A name or a string from JsonReader::feed_long_string(), as it stands there: sound, and not
    /// unescaped.
    virtual bool on_long_key(std::string_view) noexcept { return true; }
    virtual bool on_long_string(JsonChunk) noexcept { return true; }

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

/// Reads one JSON text, fed in pieces cut anywhere. Not copyable: yajl holds its address.
class JsonReader {
  public:
    /// Takes all its memory from `arena`; both must outlive it.
    JsonReader(Arena& arena, JsonHandler& handler, JsonConstants constants) noexcept;
    ~JsonReader();
    JsonReader(const JsonReader&) = delete;
    JsonReader& operator=(const JsonReader&) = delete;

    /// Reads on. Anything but kOk is final.
    JsonStatus feed(JsonChunk chunk) noexcept;

    /// Reads a string that is too long for yajl, which would copy it, its quotes included: between
    /// two calls of feed(), neither of which ends or begins within a token.
    JsonStatus feed_long_string(JsonChunk quoted) noexcept;

    /// Says that the text ends here: kOk when it was one whole JSON text.
    JsonStatus finish() noexcept;

    /// The byte at which reading stopped, counted from the start of the text.
    [[nodiscard]] std::size_t offset_bytes() const noexcept { return offset_; }

    /// After kInvalid with constants refused: the offending byte may begin one of them.
    [[nodiscard]] bool stopped_at_constant() const noexcept { return stopped_at_constant_; }

    /// Within a handler's call: true when `text` stays where it is (see JsonChunk::lasting).
    [[nodiscard]] bool is_lasting(std::string_view text) const noexcept;

    /// From a handler's on_start_object or on_start_array: nothing of what is in it will be
    /// heard, its end included.
    void skip_this() noexcept { skip_from_ = depth_; }

  private:
    struct Callbacks;
    struct Escape;

    static void* yajl_allocate(void* reader, std::size_t size_bytes) noexcept;
    static void* yajl_reallocate(void* reader, void* memory, std::size_t size_bytes) noexcept;
    static void yajl_release(void* reader, void* memory) noexcept;

    const char* next_special(const char* from, const char* end) noexcept;
    void filter(std::string_view text) noexcept;
    void finish_carry(std::string_view& text, bool at_end) noexcept;
    Escape look_at(std::string_view special, bool at_end) const noexcept;
    Escape look_at_constant(std::string_view special, bool at_end) const noexcept;
    void pass(const Escape& escape) noexcept;
    const char* push_mended(const char* from, const char* end) noexcept;
    bool reserve_scratch(std::size_t size_bytes) noexcept;
    void push(std::string_view text) noexcept;
    void parse(const unsigned char* text, std::size_t size_bytes) noexcept;
    void fail(JsonStatus status) noexcept;

    Arena& arena_;
    JsonHandler& handler_;
    yajl_handle yajl_ = nullptr;
    yajl_alloc_funcs memory_;
    std::jmp_buf out_of_memory_;
    JsonStatus status_ = JsonStatus::kOk;
    JsonConstants constants_;
    bool stopped_at_constant_ = false;
    bool in_string_ = false;  ///< kept only where constants are read
    std::size_t offset_ = 0;
    std::size_t mark_bytes_ = 0;  ///< of a byte order mark, passed over
    std::size_t depth_ = 0;
    std::size_t skip_from_ = 0;  ///< the depth of the container that is skipped; 0: none
    std::string_view lasting_;
    JsonChunk long_string_;        ///< what the string that is heard next really is
    std::string_view constant_;    ///< what the number that is heard next really is
    char before_[2] = {' ', ' '};  ///< the last bytes that went to yajl
    char carry_[12];               ///< an escape or constant that a piece ended in
    std::size_t carry_size_ = 0;
    char* scratch_ = nullptr;  ///< for the rest of a string with a lone surrogate in it
    std::size_t scratch_bytes_ = 0;
};

}  // namespace flashduty
