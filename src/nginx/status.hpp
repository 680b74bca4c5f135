// Status location: metrics in the format that is asked for.
#pragma once

#include "../status/status_view.hpp"
#include "base/ngx.hpp"

namespace flashduty {

/// Metrics of now, without targets that the configuration of `r` has no more.
[[nodiscard]] StatusView view_status(ngx_http_request_t* r, Arena& arena) noexcept;

ngx_int_t status_handler(ngx_http_request_t* r);

}  // namespace flashduty
