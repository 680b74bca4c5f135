// The outline of a JSON text: the same tokens, each as short as one of its kind can be.
#pragma once

#include <cstddef>
#include <string_view>

namespace flashduty {

/// A string without its quotes, or a number, as it stands in the text.
struct JsonScalar {
    const char* begin;
    std::size_t size_bytes : 63;
    std::size_t is_plain : 1;  ///< a string without escapes, all of it ASCII

    [[nodiscard]] std::string_view text() const noexcept { return {begin, size_bytes}; }
};

/// Whether `NaN`, `Infinity` and `-Infinity` are numbers.
enum class JsonConstants { kRefused, kRead };

/// Draws the outline of a text, part by part, and keeps what its strings and numbers really are:
/// `{"a": [1.50, "x\n"]}` becomes `{"":[0,""]}`.
class JsonOutline {
    static constexpr std::size_t kMostBytes = 512;

  public:
    explicit JsonOutline(JsonConstants constants) noexcept : constants_(constants) {
        kept_[0] = ' ';
    }

    /// At so many bytes there may be no room for one more token.
    static constexpr std::size_t kFullBytes = kMostBytes - 8;

    /// Draws what `text` begins with until there are `most_bytes` of outline, and gives what is
    /// left of it, which begins with no sound token unless the outline is full.
    std::string_view draw(std::string_view text, std::size_t most_bytes = kFullBytes) noexcept;

    [[nodiscard]] std::string_view outline() const noexcept { return {kept_ + 1, size_bytes_}; }
    [[nodiscard]] bool is_full() const noexcept { return size_bytes_ >= kFullBytes; }

    /// What stands in the text for the string or number that begins at `at` in the outline. yajl
    /// has the first token of an outline elsewhere.
    [[nodiscard]] const JsonScalar& scalar(const char* at) const noexcept {
        const auto place = static_cast<std::size_t>(at - kept_);
        return scalars_[place < kMostBytes ? place / 2 : 0];
    }

    /// Of a string that ends in the outline behind its first `end_bytes`, unless it is the value
    /// of a member; else nullptr.
    [[nodiscard]] const JsonScalar* misplaced_string(std::size_t end_bytes) const noexcept;

  private:
    JsonConstants constants_;
    std::size_t size_bytes_ = 0;
    char kept_[kMostBytes];  ///< the last byte of the outline before this one, and this one
    JsonScalar scalars_[kMostBytes / 2];  ///< by their places, which are never side by side
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
