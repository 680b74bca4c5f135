// The figures in the memory that workers share, from one configuration to the next.
#pragma once

#include "../../status/stats.hpp"
#include "../base/ngx.hpp"

namespace flashduty {

/// False when out of memory.
[[nodiscard]] bool add_stats_zone(ngx_conf_t* cf) noexcept;

/// As a worker starts.
void start_stats(ngx_cycle_t* cycle) noexcept;

/// Where nobody shares any, this process has some of its own.
[[nodiscard]] Stats& stats() noexcept;

/// nginx's time of day.
[[nodiscard]] StatusMs status_now_ms() noexcept;

}  // namespace flashduty
