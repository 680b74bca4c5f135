// What variables can ask for of an alert, as JSON, so that it can be kept with the event.
#pragma once

#include <string_view>

#include "arena.hpp"
#include "blueking_alert.hpp"

namespace flashduty {

/// What of `alert` variables can ask for; empty when out of memory.
[[nodiscard]] std::string_view write_alert_variables(Arena& arena,
                                                     const BlueKingAlert& alert) noexcept;

/// The alert of which write_alert_variables() has made `record`, as far as variables can ask for
/// it. It points into `record`. Members that are not known are passed over, for a newer version may
/// have written them.
[[nodiscard]] BlueKingAlert read_alert_variables(Arena& arena, std::string_view record) noexcept;

}  // namespace flashduty
