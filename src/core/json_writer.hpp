// JSON out: measured first, then written once into a buffer of exactly that size.
#pragma once

#include <cstddef>
#include <string_view>

namespace flashduty {

/// Writes JSON to a buffer that the caller made large enough, or only counts when it has none.
class JsonSink {
  public:
    /// `to` is borrowed; null to count.
    explicit JsonSink(char* to) noexcept : to_(to) {}

    /// As it is: punctuation, numbers.
    void raw(std::string_view text) noexcept;

    /// A string in its quotes: `"` and `\` escaped, newline and tab as `\n` and `\t`, every other
    /// character as itself. `text` is valid UTF-8 without other control characters.
    void string(std::string_view text) noexcept;

    /// `"name":"value"`, after a comma unless it is the first member of its object.
    void member(std::string_view name, std::string_view value) noexcept;

    /// `"name":`, after a comma unless it is the first member of its object.
    void name(std::string_view name) noexcept;

    void open_object() noexcept;
    void close_object() noexcept;

    /// Where the next byte goes; null when counting.
    [[nodiscard]] char* position() const noexcept { return to_ == nullptr ? nullptr : to_ + size_; }
    void advance(std::size_t size_bytes) noexcept { size_ += size_bytes; }
    [[nodiscard]] std::size_t size_bytes() const noexcept { return size_; }

  private:
    char* to_;
    std::size_t size_ = 0;
    bool first_ = true;
};

/// The bytes that JsonSink::string() makes of `text`, its quotes not counted.
[[nodiscard]] std::size_t escaped_size_bytes(std::string_view text) noexcept;

}  // namespace flashduty
