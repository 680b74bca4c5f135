// Includes nginx: the only place that does.
#pragma once

extern "C" {
#include <ngx_config.h>
#include <ngx_core.h>
#include <ngx_http.h>
}

#include <string_view>

namespace flashduty {

[[nodiscard]] inline std::string_view to_view(const ngx_str_t& text) noexcept {
    return {reinterpret_cast<const char*>(text.data), text.len};
}

/// Drops const: nginx's strings are not const, but nobody writes to them.
[[nodiscard]] inline ngx_str_t to_ngx(std::string_view text) noexcept {
    return {text.size(), reinterpret_cast<u_char*>(const_cast<char*>(text.data()))};
}

/// Makes the zeroed `buf` hold the whole body. Sets `start` too: proxy_next_upstream begins each
/// further try there.
inline void hold_whole(ngx_buf_t& buf, std::string_view text) noexcept {
    buf.start = buf.pos = to_ngx(text).data;
    buf.end = buf.last = buf.pos + text.size();
    buf.memory = 1;
    buf.last_buf = 1;
    buf.last_in_chain = 1;
}

}  // namespace flashduty
