// Reason why a push got no answer, by the line that nginx logs of it.
#pragma once

#include <string_view>

#include "arena.hpp"

namespace flashduty {

/// Sentence for the operator, from a whole line of the error log; empty for a line that is about
/// something else, or says it in other words, as a fork of nginx may. In the arena.
[[nodiscard]] std::string_view trouble_of(Arena& arena, std::string_view line) noexcept;

}  // namespace flashduty
