// Content handlers: from the caller's request to the push or the preview.
#pragma once

#include "base/ngx.hpp"

namespace flashduty {

/// `flashduty_push`: read the body, translate it, push the event, answer.
ngx_int_t push_handler(ngx_http_request_t* r);

/// `flashduty_preview`: answer with the event that would be pushed.
ngx_int_t preview_handler(ngx_http_request_t* r);

}  // namespace flashduty
