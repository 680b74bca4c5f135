// The outline of a JSON text: what is enough to say whether it is JSON.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace flashduty {

/// A string without its quotes, a number or a literal, as it stands in the text.
struct JsonScalar {
    enum Kind : std::uint8_t { kString, kNumber, kTrue, kFalse, kNull };

    const char* begin;
    std::size_t size_bytes;
    Kind kind;
    bool is_plain;  ///< a string without escapes, all of it ASCII

    [[nodiscard]] std::string_view text() const noexcept { return {begin, size_bytes}; }
};

/// Scalars that stand in the outline as one.
struct JsonScalars {
    const JsonScalar* begin;
    const JsonScalar* end;
};

/// Whether `NaN`, `Infinity` and `-Infinity` are numbers.
enum class JsonConstants { kRefused, kRead };

/// Draws the outline of a text, part by part. In it every token is as short as one of its kind can
/// be, and of members or elements in a row that are scalars there is only the first, for where
/// one may stand so may more: `{"a": "x", "b": 1.5, "c": [true, "y\n", {}]}` becomes
/// `{"":0,"":[0,{}]}`.
class JsonOutline {
    static constexpr std::size_t kMostBytes = 256;
    static constexpr std::size_t kMostScalars = 128;

  public:
    explicit JsonOutline(JsonConstants constants) noexcept : constants_(constants) {
        drawn_[0] = ' ';
    }

    /// Draws what `text` begins with until the outline is full, and gives what is left of it,
    /// which begins with no sound token unless it is.
    std::string_view draw(std::string_view text) noexcept;

    [[nodiscard]] std::string_view outline() const noexcept { return {drawn_ + 1, size_bytes_}; }
    [[nodiscard]] bool is_full() const noexcept { return !has_room(); }

    /// What the token that begins at `at` in the outline stands for: of a name, the names and
    /// values of its members; else elements, or nothing where that was told with a name. yajl
    /// has the first token of an outline elsewhere.
    [[nodiscard]] JsonScalars scalars(const char* at) const noexcept {
        const std::size_t place =
            reinterpret_cast<std::uintptr_t>(at) - reinterpret_cast<std::uintptr_t>(drawn_);
        const std::uint8_t* bounds = bounds_ + (place < kMostBytes ? place : 1);
        return {scalars_ + bounds[0], scalars_ + bounds[1]};
    }

    /// Where in the text the token ends that ends in the outline behind its first `size_bytes`.
    [[nodiscard]] const char* behind(std::size_t size_bytes) const noexcept {
        return behind_[size_bytes];
    }

    /// The string that ends there, unless it is a member's value; else nullptr.
    [[nodiscard]] const JsonScalar* lone_string(std::size_t size_bytes) const noexcept;

  private:
    const char* draw_scalar(const char* at) noexcept;
    const char* draw_members(const char* at) noexcept;
    const char* draw_elements(const char* at) noexcept;
    const char* read_member(const char* at) noexcept;
    const char* read_scalar(const char* at, std::size_t place) noexcept;
    const char* read_word(const char* at, JsonScalar& scalar) const noexcept;

    /// Draws the last byte of a token.
    void put(char c, const char* behind) noexcept {
        drawn_[++size_bytes_] = c;
        behind_[size_bytes_] = behind;
    }

    [[nodiscard]] bool has_room() const noexcept {
        return size_bytes_ < kMostBytes - 8 && count_ <= kMostScalars - 2;
    }

    JsonConstants constants_;
    const char* end_ = nullptr;  ///< of the text
    std::size_t size_bytes_ = 0;
    std::size_t count_ = 0;  ///< of scalars
    // By place in the outline. The first place has the last byte of the outline before it.
    char drawn_[kMostBytes];
    std::uint8_t bounds_[kMostBytes];  ///< of a token's scalars, at its place and the next one
    const char* behind_[kMostBytes];
    JsonScalar scalars_[kMostScalars];
};

[[nodiscard]] constexpr bool is_json_space(char c) noexcept {
    return c == ' ' || c == '\n' || c == '\t' || c == '\r';
}

/// The bytes of the string that `text`, behind its opening quote, begins with: up to its closing
/// quote, to the first byte or escape that may not stand in it, or to the end.
[[nodiscard]] std::size_t sound_string_bytes(std::string_view text) noexcept;

/// The size of the part of `text` that ends between two tokens; `text` begins between two.
[[nodiscard]] std::size_t whole_tokens_bytes(std::string_view text) noexcept;

}  // namespace flashduty
