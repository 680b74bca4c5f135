// A string as it stands in a JSON text, without its quotes: escapes and all.
#pragma once

#include <cstddef>
#include <string_view>

#include "arena.hpp"

namespace flashduty {

/// The value of the four hex digits at the start of `digits`; false when they are not there.
[[nodiscard]] bool parse_hex4(std::string_view digits, unsigned& value) noexcept;

[[nodiscard]] constexpr bool is_high_surrogate(unsigned unit) noexcept {
    return (unit & 0xFC00) == 0xD800;
}
[[nodiscard]] constexpr bool is_low_surrogate(unsigned unit) noexcept {
    return (unit & 0xFC00) == 0xDC00;
}

/// Writes what a sound string stands for to `to`, which may be where it stands itself, and gives
/// its size in bytes, which is never larger. An escaped surrogate without its other half is
/// U+FFFD; raw bytes stay what they are.
std::size_t unescape(std::string_view raw, char* to) noexcept;

/// What a string stands for, repaired, see repair(): `raw` itself where that is the same. It may
/// end where it has `enough_bytes` and is not blank. Something or other where it is not sound.
[[nodiscard]] std::string_view read_string(
    Arena& arena, std::string_view raw, std::size_t enough_bytes = std::string_view::npos) noexcept;

}  // namespace flashduty
