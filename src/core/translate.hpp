// Translation of BlueKing's alert to Flashduty's event: the table of docs/translation.md in code.
#pragma once

#include "arena.hpp"
#include "blueking_alert.hpp"
#include "flashduty_event.hpp"

namespace flashduty {

/// Event for `alert`: the same alert always gives the same event.
///
/// `overrides` are those that apply() will be given; only the names of their labels are looked at
/// here. The event has room for that many labels more than Flashduty takes, because each of them
/// may take one away; labels that find no room even so are counted in dropped_labels. Incomplete
/// when the arena has failed().
[[nodiscard]] FlashdutyEvent translate(Arena& arena, const BlueKingAlert& alert,
                                       const Overrides& overrides) noexcept;

}  // namespace flashduty
