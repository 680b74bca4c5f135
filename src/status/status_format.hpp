// Choice of the status format.
#pragma once

#include <string_view>

namespace flashduty {

/// kFleetHealth: an edge that works without its fleet counts as failing.
enum class StatusFormat { kNone, kByAccept, kPrometheus, kJson, kHtml, kHealth, kFleetHealth };

/// Format that `Accept` prefers: the page, JSON or, for all else, Prometheus text.
[[nodiscard]] StatusFormat format_for(std::string_view accept) noexcept;

}  // namespace flashduty
