// What kept a push from its answer, by the line that nginx logs of it.
#pragma once

#include <string_view>

#include "arena.hpp"

namespace flashduty {

/// A sentence for the operator, from a whole line of the error log; empty for a line that says
/// nothing of that, or says it in other words, as a fork of nginx may. In the arena.
[[nodiscard]] std::string_view trouble_of(Arena& arena, std::string_view line) noexcept;

}  // namespace flashduty
