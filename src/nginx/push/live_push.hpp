// Push of an alert whose caller waits for the result: without a spool, or with one that cannot be
// used.
#pragma once

#include "../request/answer.hpp"
#include "../request/delivery.hpp"

namespace flashduty {

/// Pushes the event and answers the caller with the result. Calls `on_delivered` when Flashduty has
/// taken it.
void push_live(Delivery& delivery, const DeliveredHook& on_delivered = {}) noexcept;

/// Outcome of a push's verdict for a caller without a spool.
[[nodiscard]] Outcome outcome_of(Verdict verdict) noexcept;

}  // namespace flashduty
