// `flashduty_api`: requests of operators, see README, "The operator's hand".
#pragma once

#include "base/ngx.hpp"

namespace flashduty {

ngx_int_t api_handler(ngx_http_request_t* r);

/// Answers a caller that shows no token.
[[nodiscard]] ngx_int_t turn_away_from_api(ngx_http_request_t* r) noexcept;

}  // namespace flashduty
