// The answer to a push: read as it comes, and told to the caller.
#pragma once

#include "../base/ngx.hpp"

namespace flashduty {

/// The post-subrequest handler of a push; `data` is its Delivery. Judges it and wakes its main
/// request. Returns NGX_OK whatever `rc` is: another result would let nginx answer the
/// caller, or an error_page send the push on; `rc` for one that is meant to. NGX_ERROR when there is
/// no memory to wake anyone.
ngx_int_t on_push_end(ngx_http_request_t* sr, void* data, ngx_int_t rc);

/// Puts the filters in place that read the answers to pushes.
void install_push_filters() noexcept;

}  // namespace flashduty
