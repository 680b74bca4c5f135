// Status location: metrics in the format that is asked for.
#pragma once

#include "base/ngx.hpp"

namespace flashduty {

ngx_int_t status_handler(ngx_http_request_t* r);

}  // namespace flashduty
