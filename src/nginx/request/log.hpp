// Keeps secrets in URLs out of what nginx itself logs about a request.
#pragma once

#include "../base/ngx.hpp"

namespace flashduty {

/// Hides arguments, which may hold the integration key, in nginx's log lines about `r`, a main
/// request: in upstream URLs always, in the request line if it has a key.
void hide_arguments_in_log(ngx_http_request_t* r) noexcept;

/// Writes the context of a line of `log` into `buf`, of `size` bytes, as nginx does for a caller's
/// connection, but without a caller. Returns the end of the text.
u_char* log_context_of_request(ngx_log_t* log, u_char* buf, std::size_t size) noexcept;

}  // namespace flashduty
