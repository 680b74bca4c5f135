// Texts of an alert for the variables, as JSON, to be kept with the event.
#pragma once

#include <string_view>

#include "arena.hpp"
#include "blueking_alert.hpp"

namespace flashduty {

/// Record of the texts of `alert` that variables may ask for; empty when out of memory.
[[nodiscard]] std::string_view write_alert_variables(Arena& arena,
                                                     const BlueKingAlert& alert) noexcept;

/// Alert from a `record` of write_alert_variables(), as far as variables may ask for it. It points
/// into `record`. Unknown members are skipped: a newer version may have written them.
[[nodiscard]] BlueKingAlert read_alert_variables(Arena& arena, std::string_view record) noexcept;

}  // namespace flashduty
