// Shared memory of the workers' counters, kept from one configuration to the next.
#pragma once

#include "../../status/stats.hpp"
#include "../base/ngx.hpp"

namespace flashduty {

/// Adds the zone; false when out of memory.
[[nodiscard]] bool add_stats_zone(ngx_conf_t* cf) noexcept;

/// Called as a worker starts.
void start_stats(ngx_cycle_t* cycle) noexcept;

/// Shared counters; where there is no zone, this process's own.
[[nodiscard]] Stats& stats() noexcept;

/// Time of day, as nginx caches it.
[[nodiscard]] StatusMs status_now_ms() noexcept;

}  // namespace flashduty
