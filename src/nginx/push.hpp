// The push: a background subrequest with a body and headers of its own.
#pragma once

#include "delivery.hpp"
#include "ngx.hpp"

namespace flashduty {

/// Starts pushing `delivery.event_json` to the location that `flashduty_push` names. True when
/// the push is under way: its end will answer the caller. False: it is settled already.
[[nodiscard]] bool start_push(Delivery& delivery) noexcept;

/// Puts the filters in place that read the answers to pushes.
void install_push_filters() noexcept;

/// A precontent handler: keeps `error_page` and `X-Accel-Redirect` from putting something else in
/// the place of Flashduty's answer.
ngx_int_t keep_push_answer(ngx_http_request_t* r);

}  // namespace flashduty
