#include "status.hpp"

#include "../status/health.hpp"
#include "../status/prometheus.hpp"
#include "../status/status_format.hpp"
#include "../status/status_json.hpp"
#include "../status/status_page.hpp"
#include "base/headers.hpp"
#include "base/pool_arena.hpp"
#include "base/version.hpp"
#include "request/answer.hpp"
#include "request/conf.hpp"
#include "request/push_places.hpp"
#include "request/stats_zone.hpp"

namespace flashduty {

namespace {

/// Response of the status location.
struct Shown {
    ngx_uint_t status = NGX_HTTP_OK;
    std::string_view type;
    std::string_view body;
    std::string_view policy;  ///< Content-Security-Policy; empty: none
};

std::string_view accept_of(ngx_http_request_t* r) noexcept {
    return find_header(r->headers_in.headers, "Accept", [](std::string_view) { return true; });
}

StatusFormat format_of(ngx_http_request_t* r) noexcept {
    const StatusFormat wanted = location_conf(r).status;
    const bool asks =
        wanted == StatusFormat::kByAccept ||
        (wanted == StatusFormat::kHtml && format_for(accept_of(r)) == StatusFormat::kJson);
    return asks ? format_for(accept_of(r)) : wanted;
}

/// Response in the format asked for; its body is empty when out of memory.
Shown show(ngx_http_request_t* r, Arena& arena) noexcept {
    const StatusFormat format = format_of(r);
    if (format == StatusFormat::kHtml) {
        const std::string_view page = status_page(arena, to_view(location_conf(r).status_api));
        return {NGX_HTTP_OK, "text/html", page, page_policy(arena, page)};
    }
    const StatusView view = view_status(r, arena);
    if (arena.failed()) {
        return {};
    }
    if (format == StatusFormat::kJson) {
        return {NGX_HTTP_OK, "application/json", write_status_json(arena, view), {}};
    }
    if (format == StatusFormat::kHealth || format == StatusFormat::kFleetHealth) {
        const Health health = health_of(arena, view);
        const bool is_well = health.state != State::kFailing &&
                             (format == StatusFormat::kHealth || is_with_fleet(view));
        const ngx_uint_t status = is_well ? NGX_HTTP_OK : NGX_HTTP_SERVICE_UNAVAILABLE;
        return {status, "application/json", write_health(arena, health), {}};
    }
    return {NGX_HTTP_OK, kPrometheusType, write_prometheus(arena, view), {}};
}

bool add_headers(ngx_http_request_t* r, const Shown& shown) noexcept {
    ngx_list_t* headers = &r->headers_out.headers;
    return add_header(headers, "Cache-Control", "no-store") &&
           add_header(headers, "X-Content-Type-Options", "nosniff") &&
           (shown.policy.empty() || (add_header(headers, "Content-Security-Policy", shown.policy) &&
                                     add_header(headers, "Referrer-Policy", "no-referrer")));
}

}  // namespace

StatusView view_status(ngx_http_request_t* r, Arena& arena) noexcept {
    const MainConf& conf = main_conf(r);
    const auto is_target_removed = [](const void* data, std::string_view name, bool is_nowhere) {
        // A name that ends before an integration key cannot be looked up.
        const bool is_cut = !name.empty() && name.back() == '/';
        return !is_cut && is_removed(*static_cast<const MainConf*>(data), name, is_nowhere);
    };
    return view_status(arena, stats(),
                       {conf.spool != nullptr, kVersion, NGINX_VERSION, status_now_ms(),
                        is_target_removed, &conf, conf.fleet != nullptr});
}

ngx_int_t status_handler(ngx_http_request_t* r) {
    const ngx_int_t rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }
    if ((r->method & (NGX_HTTP_GET | NGX_HTTP_HEAD)) == 0) {
        return add_header(&r->headers_out.headers, "Allow", "GET, HEAD")
                   ? NGX_HTTP_NOT_ALLOWED
                   : NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    PoolArena arena(r->pool);
    const Shown shown = show(r, arena);
    if (shown.body.empty() || arena.failed() || !add_headers(r, shown)) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    return send_body(r, shown.status, shown.type, shown.body);
}

}  // namespace flashduty
