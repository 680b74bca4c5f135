// Request without a caller, for subrequests that no caller has asked for.
#pragma once

#include "../base/ngx.hpp"

namespace flashduty {

/// Makes a main request in a server block, on a connection of its own over which nothing ever comes
/// or goes; nullptr, and logged, when that fails. End it by end_silent_request(), which frees
/// everything.
[[nodiscard]] ngx_http_request_t* make_silent_request(ngx_http_conf_ctx_t* server) noexcept;

/// Runs what was started for it.
void run_silent_request(ngx_http_request_t* r) noexcept;

/// Event handler of the request that ends it.
void end_silent_request(ngx_http_request_t* r);

/// Ends the request and its subrequests at once. Not to be called by one of them.
void drop_silent_request(ngx_http_request_t* r) noexcept;

}  // namespace flashduty
