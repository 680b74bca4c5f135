// A string as it stands in a JSON text, without its quotes: escapes and all. It is a sound one, as
// JsonReader tells them.
#pragma once

#include <cstddef>
#include <string_view>

#include "arena.hpp"
#include "json_tokens.hpp"

namespace flashduty {

/// Writes what a sound string stands for to `to`, which may be where it stands itself, and gives
/// its size in bytes, which is never larger. An escaped surrogate without its other half is
/// U+FFFD; raw bytes stay what they are.
std::size_t unescape(std::string_view raw, char* to) noexcept;

/// A string that was read, and the memory that was taken for it where it is not the raw one.
struct ReadString {
    std::string_view text;
    void* memory = nullptr;
    std::size_t memory_bytes = 0;
};

/// Text that a string of that form stands for, repaired, see repair(): `raw` itself where the two
/// are alike. It may end where it has `enough_bytes` and is not blank.
[[nodiscard]] ReadString read_string_apart(
    Arena& arena, std::string_view raw, JsonForm form,
    std::size_t enough_bytes = std::string_view::npos) noexcept;

/// Text of a string whose form is not known.
[[nodiscard]] std::string_view read_string(
    Arena& arena, std::string_view raw, std::size_t enough_bytes = std::string_view::npos) noexcept;

}  // namespace flashduty
