// Masking of integration keys.
#pragma once

#include <string_view>

#include "arena.hpp"

namespace flashduty {

/// Takes the value of the first `integration_key` in the arguments of `url`, unchanged, and cuts
/// `url` to what follows it; empty when there is none. The name may be escaped.
[[nodiscard]] std::string_view take_integration_key(std::string_view& url) noexcept;

/// True when the arguments of `url` have an `integration_key`, and every one of them is empty.
[[nodiscard]] bool has_empty_integration_key(std::string_view url) noexcept;

/// `text` with `***` for every integration key in `url`, however it is URL-escaped here or there,
/// more than once too. If `text` `is_cut`, an end that may be the start of a key is masked as well.
/// Empty when out of memory.
[[nodiscard]] std::string_view without_keys(Arena& arena, std::string_view text,
                                            std::string_view url, bool is_cut = false) noexcept;

}  // namespace flashduty
