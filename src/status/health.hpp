// Health: would an alert that is sent now be taken? README, "Metrics and health".
#pragma once

#include "status_view.hpp"

namespace flashduty {

enum class State { kDelivering, kSpooling, kFailing, kCount };
inline constexpr std::string_view kStateNames[] = {"delivering", "spooling", "failing"};
static_assert(std::size(kStateNames) == kCountOf<State>);

struct Health {
    State state = State::kDelivering;
    std::string_view reason;  ///< one sentence; empty: nothing to say
    StatusMs since_ms = 0;    ///< when the state began
};

/// Only State::kFailing would lose an alert. The reason lives in the arena.
[[nodiscard]] Health health_of(Arena& arena, const StatusView& view) noexcept;

/// False while this edge works without its fleet: a balancer may prefer another one.
[[nodiscard]] bool is_with_fleet(const StatusView& view) noexcept;

/// `{"state":…,"reason":…,"since":…}`; empty when out of memory.
[[nodiscard]] std::string_view write_health(Arena& arena, const Health& health) noexcept;

}  // namespace flashduty
