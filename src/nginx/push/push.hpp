// The push: a background subrequest with a body and headers of its own.
#pragma once

#include "../request/delivery.hpp"

namespace flashduty {

/// Evaluates `flashduty_push` for the alert: where to push. Settles and gives false when it leads
/// nowhere.
[[nodiscard]] bool find_push_uri(Delivery& delivery) noexcept;

/// From now on the caller may come and go, and whatever wakes its request, it waits.
void hold_caller(ngx_http_request_t* r) noexcept;

/// Starts pushing `delivery.event_json` to `delivery.push.uri`. True when the push is under way:
/// its end will be told to `delivery.push.on_judged`, and then, unless nginx has ended the main
/// request, that goes on with `delivery.push.on_over`. False when there is no memory for it.
[[nodiscard]] bool start_push(Delivery& delivery) noexcept;

}  // namespace flashduty
