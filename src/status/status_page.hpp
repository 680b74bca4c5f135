// The page for a person on call: everything it needs is in it, and it asks for JSON where it came
// from.
#pragma once

#include <string_view>

#include "../core/arena.hpp"

namespace flashduty {

[[nodiscard]] std::string_view status_page() noexcept;

/// A Content-Security-Policy that lets run what stands in `page` between `<script>` and `</script>`
/// and between `<style>` and `</style>`, has no images but those it makes itself (its icon), and
/// lets it ask nobody but its own server. Empty when out of memory.
[[nodiscard]] std::string_view page_policy(Arena& arena, std::string_view page) noexcept;

}  // namespace flashduty
