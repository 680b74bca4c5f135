// State of the target and the spool, in words for a caller's answer.
#pragma once

#include <string_view>

#include "../core/arena.hpp"
#include "stats.hpp"

namespace flashduty {

/// Reason why an event for this target waits: the target is away, the spool has trouble, or both;
/// empty where nothing is known to be wrong.
[[nodiscard]] std::string_view why_it_waits(Arena& arena, const Stats& stats,
                                            std::uint64_t target_key) noexcept;

/// Puts the spool's trouble, if any, before `reason`.
[[nodiscard]] std::string_view with_trouble(Arena& arena, const Stats& stats,
                                            std::string_view reason) noexcept;

}  // namespace flashduty
