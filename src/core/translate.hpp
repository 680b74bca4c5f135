// From BlueKing's alert to Flashduty's event: the table of translation.md in code.
#pragma once

#include <cstddef>

#include "arena.hpp"
#include "blueking_alert.hpp"
#include "flashduty_event.hpp"

namespace flashduty {

/// The event that says what `alert` says: the same alert always gives the same event.
///
/// It has up to kMaxLabels + `spare_labels` labels, so that apply() can take that many away and
/// still fill the event; what finds no room there is counted in dropped_labels. Incomplete when
/// the arena has failed().
[[nodiscard]] FlashdutyEvent translate(Arena& arena, const BlueKingAlert& alert,
                                       std::size_t spare_labels) noexcept;

}  // namespace flashduty
