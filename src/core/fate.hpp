// Fate of an event that was pushed: the one word for it in schedule, store, line and metrics.
#pragma once

#include <cstdint>
#include <iterator>

#include "enum_table.hpp"

namespace flashduty {

enum class Fate : std::uint8_t {
    kDelivered,
    kWaits,    ///< passing, or for an operator to fix: it stays where it is
    kRefused,  ///< will never be taken: a dead letter
    kCount,
};

inline constexpr std::size_t kFates = kCountOf<Fate>;

/// Names for debug lines.
inline constexpr const char* kFateNames[] = {"delivered", "waits", "refused"};
static_assert(std::size(kFateNames) == kFates);

}  // namespace flashduty
