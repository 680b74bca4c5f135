// Push: a background subrequest with a body and headers of its own.
#pragma once

#include "../request/delivery.hpp"

namespace flashduty {

/// Evaluates `flashduty_push` for the alert. False, and settled, when the uri leads nowhere.
[[nodiscard]] bool find_push_uri(Delivery& delivery) noexcept;

/// Makes the caller's request wait, whatever wakes it and whether or not its caller stays.
void hold_caller(ngx_http_request_t* r) noexcept;

/// Starts pushing `delivery.event_json` to `delivery.push.uri`. True when the push is under way: at
/// its end it calls `delivery.push.on_judged`, and then, unless nginx has ended the main request,
/// that one's `delivery.push.on_over`. False when out of memory.
[[nodiscard]] bool start_push(Delivery& delivery) noexcept;

/// Stands for where a push has ended: the request line upstream as nginx has sent it, key
/// included, else as far as it is known.
[[nodiscard]] std::uint64_t where_pushed(const Delivery& delivery) noexcept;

/// 64 bits of a digest; 0 when there is none.
[[nodiscard]] std::uint64_t digest_of(std::string_view bytes) noexcept;

}  // namespace flashduty
