// What a caller is told of the place that its alert goes to, beside what came of it.
#pragma once

#include <string_view>

#include "../core/arena.hpp"
#include "stats.hpp"

namespace flashduty {

/// Why an event for that target waits: the target is away, the spool has trouble, or both; empty
/// where nothing is known to be wrong.
[[nodiscard]] std::string_view why_it_waits(Arena& arena, const Stats& stats,
                                            std::uint64_t target_key) noexcept;

/// `reason`, after what is wrong with the spool where it has trouble.
[[nodiscard]] std::string_view with_trouble(Arena& arena, const Stats& stats,
                                            std::string_view reason) noexcept;

}  // namespace flashduty
