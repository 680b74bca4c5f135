// Answer to a push: read as it arrives, judged at its end.
#pragma once

#include "../base/ngx.hpp"

namespace flashduty {

/// Post-subrequest handler of a push; `data` is its Delivery. Judges the push and wakes its main
/// request. Returns NGX_OK whatever `rc` is, since any other result would let nginx answer the
/// caller, or an error_page send the push on; returns `rc` for an error_page that is meant to.
/// NGX_ERROR when there is no memory to wake anyone.
ngx_int_t on_push_end(ngx_http_request_t* sr, void* data, ngx_int_t rc);

/// Installs the filters that read the answers to pushes.
void install_push_filters() noexcept;

}  // namespace flashduty
