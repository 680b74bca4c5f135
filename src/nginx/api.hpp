// `flashduty_api`: what those who run the gateway ask of it, see gateway.md, "The operator's hand".
#pragma once

#include "base/ngx.hpp"

namespace flashduty {

ngx_int_t api_handler(ngx_http_request_t* r);

/// The answer to a caller that shows no token.
[[nodiscard]] ngx_int_t turn_away_from_api(ngx_http_request_t* r) noexcept;

}  // namespace flashduty
