// The push: a background subrequest with a body and headers of its own.
#pragma once

#include "delivery.hpp"

namespace flashduty {

/// Starts pushing `delivery.event_json` to the location that `flashduty_push` names. True when
/// the push is under way: its end will answer the caller. False: it is settled already.
[[nodiscard]] bool start_push(Delivery& delivery) noexcept;

}  // namespace flashduty
