// The push of an alert whose caller waits for what comes of it: where there is no spool, or none
// that can be used.
#pragma once

#include "../request/delivery.hpp"

namespace flashduty {

/// Pushes the event and answers the caller by what comes of it. Tells `on_delivered` when Flashduty
/// has taken it.
void push_live(Delivery& delivery, const DeliveredHook& on_delivered = {}) noexcept;

}  // namespace flashduty
