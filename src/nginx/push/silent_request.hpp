// A request without a caller, for subrequests that nobody has asked for.
#pragma once

#include "../base/ngx.hpp"

namespace flashduty {

/// A main request in a server block, on a connection of its own over which nothing ever comes or
/// goes; nullptr, and logged, when there is none to be had. Ended by end_silent_request(), which
/// frees everything.
[[nodiscard]] ngx_http_request_t* make_silent_request(ngx_http_conf_ctx_t* server) noexcept;

/// Lets what was started for it run.
void run_silent_request(ngx_http_request_t* r) noexcept;

/// An event handler of the request.
void end_silent_request(ngx_http_request_t* r);

}  // namespace flashduty
