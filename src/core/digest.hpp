// SHA-256, by libcrypto.
#pragma once

#include <string_view>

#include "arena.hpp"

namespace flashduty {

/// The SHA-256 of `text` in lower-case hex; empty when out of memory.
[[nodiscard]] std::string_view sha256_hex(Arena& arena, std::string_view text) noexcept;

}  // namespace flashduty
