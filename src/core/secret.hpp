// Keeping the integration key to ourselves.
#pragma once

#include <string_view>

#include "arena.hpp"

namespace flashduty {

/// The value of the first `integration_key` in the arguments of `url`, as it stands there, and
/// `url` cut to what follows it; empty when there is none. The name may be escaped.
[[nodiscard]] std::string_view take_integration_key(std::string_view& url) noexcept;

/// `text` with `***` for every integration key in `url`, be it as it stands there, unescaped or
/// URL-escaped. Empty when out of memory.
[[nodiscard]] std::string_view without_keys(Arena& arena, std::string_view text,
                                            std::string_view url) noexcept;

}  // namespace flashduty
