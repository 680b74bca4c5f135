// Excerpt of a body that no alert could be made of, for the log.
#pragma once

#include <string_view>

#include "arena.hpp"

namespace flashduty {

/// Characters of a body that are shown, and bytes that are enough for them.
inline constexpr std::size_t kExcerptCharacters = 100;
inline constexpr std::size_t kExcerptBytes = 4 * kExcerptCharacters;

/// First 100 characters of a text of which `start` is at least the first 400 bytes, or all: one
/// line of valid UTF-8 that ends at the first word behind which a secret may stand. Empty when out
/// of memory.
[[nodiscard]] std::string_view make_excerpt(Arena& arena, std::string_view start) noexcept;

}  // namespace flashduty
