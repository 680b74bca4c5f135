// What nginx itself logs of a request, without the secrets in its URLs.
#pragma once

#include "../base/ngx.hpp"

namespace flashduty {

/// From now on nginx's log lines about `r`, a main request, name upstream URLs without their
/// arguments, where the integration key rides, and a request line that holds one likewise.
void hide_arguments_in_log(ngx_http_request_t* r) noexcept;

}  // namespace flashduty
