// JSON writer: measures first, then writes once into a buffer that is large enough.
#pragma once

#include <cstddef>
#include <string_view>

#include "arena.hpp"

namespace flashduty {

/// The bytes that JsonSink::string() makes of `text`, its quotes not counted.
[[nodiscard]] std::size_t escaped_size_bytes(std::string_view text) noexcept;

/// Not less than that, and of a short text found without looking at it.
[[nodiscard]] inline std::size_t most_escaped_bytes(std::string_view text) noexcept {
    constexpr std::size_t kShortBytes = 512;
    return text.size() <= kShortBytes ? 2 * text.size() : escaped_size_bytes(text);
}

/// Writes JSON to a buffer that the caller made large enough, or only counts what room it may take
/// when it has none.
class JsonSink {
  public:
    /// `to` is borrowed; null to count.
    explicit JsonSink(char* to) noexcept : to_(to) {}

    /// Writes `text` unchanged: punctuation, numbers.
    void raw(std::string_view text) noexcept;

    /// Writes a string in its quotes: `"` and `\` escaped, newline and tab as `\n` and `\t`, every
    /// other character as itself. `text` is valid UTF-8 without other control characters.
    void string(std::string_view text) noexcept;

    /// Writes `"name":"value"`, after a comma unless it is the first member of its object. Nothing
    /// in `name` needs an escape.
    void member(std::string_view name, std::string_view value) noexcept;

    /// Writes `"name":`, as member() does, after a comma unless it is the first member of its
    /// object.
    void name(std::string_view name) noexcept;

    void open_object() noexcept;
    void close_object() noexcept;

    [[nodiscard]] std::size_t size_bytes() const noexcept { return size_; }

  private:
    char* to_;
    std::size_t size_ = 0;
    bool first_ = true;
};

/// Output of `write`, called with a JsonSink: first to measure it, then to write it. Empty when it
/// writes nothing or is out of memory.
template <class Write>
[[nodiscard]] std::string_view write_json(Arena& arena, Write write) noexcept {
    JsonSink measure(nullptr);
    write(measure);
    const std::size_t room_bytes = measure.size_bytes();
    char* to = room_bytes == 0 ? nullptr : static_cast<char*>(arena.allocate(room_bytes));
    if (to == nullptr) {
        return {};
    }
    JsonSink sink(to);
    write(sink);
    return {to, sink.size_bytes()};
}

}  // namespace flashduty
