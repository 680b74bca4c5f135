// What nginx itself logs of a request, without the secrets in its URLs.
#pragma once

#include "../base/ngx.hpp"

namespace flashduty {

/// From now on nginx's log lines about `r`, a main request, name upstream URLs without their
/// arguments, where the integration key rides, and a request line that holds one likewise.
void hide_arguments_in_log(ngx_http_request_t* r) noexcept;

/// Writes the context of a line of `log` into `buf`, of `size` bytes, as nginx does for a caller's
/// connection, but without a caller. Returns the end of what was written.
u_char* log_context_of_request(ngx_log_t* log, u_char* buf, std::size_t size) noexcept;

}  // namespace flashduty
