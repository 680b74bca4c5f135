// Keeping the integration key to ourselves.
#pragma once

#include <string_view>

#include "arena.hpp"

namespace flashduty {

/// The value of `integration_key` in the arguments of `url`, as it stands there; else empty.
[[nodiscard]] std::string_view integration_key_in(std::string_view url) noexcept;

/// `text` with `***` for each `key`, be it as it stands, unescaped or URL-escaped.
[[nodiscard]] std::string_view without_key(Arena& arena, std::string_view text,
                                           std::string_view key) noexcept;

}  // namespace flashduty
