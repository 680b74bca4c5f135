// Metrics in Prometheus' text format 0.0.4.
// https://prometheus.io/docs/instrumenting/exposition_formats/
#pragma once

#include "status_view.hpp"

namespace flashduty {

inline constexpr std::string_view kPrometheusType = "text/plain; version=0.0.4";

/// Empty when out of memory.
[[nodiscard]] std::string_view write_prometheus(Arena& arena, const StatusView& view) noexcept;

}  // namespace flashduty
