// In which format the status is asked for.
#pragma once

#include <string_view>

namespace flashduty {

enum class StatusFormat { kNone, kByAccept, kPrometheus, kJson, kHtml, kHealth };

/// The one that an `Accept` likes best of the page, JSON and, for all else, Prometheus text.
[[nodiscard]] StatusFormat format_for(std::string_view accept) noexcept;

}  // namespace flashduty
