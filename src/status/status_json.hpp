// Metrics as JSON, with what only the page shows: targets, the last hour and the last alerts.
#pragma once

#include "status_view.hpp"

namespace flashduty {

/// Empty when out of memory.
[[nodiscard]] std::string_view write_status_json(Arena& arena, const StatusView& view) noexcept;

}  // namespace flashduty
