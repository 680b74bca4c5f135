#include "api.hpp"

#include <algorithm>

#include "../api/api_caller.hpp"
#include "../api/api_request.hpp"
#include "../core/text.hpp"
#include "api_call.hpp"
#include "base/headers.hpp"
#include "request/answer.hpp"
#include "request/conf.hpp"
#include "request/recorder.hpp"

namespace flashduty {

namespace {

std::string_view header_of(ngx_http_request_t* r, std::string_view name) noexcept {
    return find_header(r->headers_in.headers, name, [](std::string_view) { return true; });
}

/// Refuses a request at once, without work by anybody.
ngx_int_t refuse(ngx_http_request_t* r, unsigned status, std::string_view reason) noexcept {
    const std::string body = write_api_reason(reason);
    ngx_str_t text = to_ngx(body);
    text.data = ngx_pstrdup(r->pool, &text);
    return text.data == nullptr || !add_api_headers(r) ? NGX_HTTP_INTERNAL_SERVER_ERROR
                                                       : send_json(r, status, to_view(text));
}

// ---------------------------------------------------------------- who may

bool is_name(ngx_http_request_t* r, std::string_view host,
             const ngx_http_server_name_t& name) noexcept {
#if (NGX_PCRE)
    if (name.regex != nullptr) {
        ngx_str_t text = to_ngx(host);
        return !host.empty() && ngx_http_regex_exec(r, name.regex, &text) == NGX_OK;
    }
#else
    (void)r;
#endif
    return is_named(host, to_view(name.name));
}

bool is_name_of_server(ngx_http_request_t* r, std::string_view host) noexcept {
    const auto* server = static_cast<ngx_http_core_srv_conf_t*>(
        ngx_http_get_module_srv_conf(r, ngx_http_core_module));
    const ngx_array_t& apis = *main_conf(r).apis;
    const auto* places = static_cast<ApiPlace*>(apis.elts);
    const auto* place = std::find_if(places, places + apis.nelts, [server](const ApiPlace& one) {
        return one.server == server;
    });
    if (place == places + apis.nelts) {
        return false;
    }
    const auto* names = static_cast<ngx_http_server_name_t*>(place->server_names.elts);
    return std::any_of(
        names, names + place->server_names.nelts,
        [r, host](const ngx_http_server_name_t& name) { return is_name(r, host, name); });
}

/// True when the Host is one of the gateway's own: a page of another site whose name leads here
/// comes with that name.
bool uses_own_name(ngx_http_request_t* r) noexcept {
    const std::string_view host = to_view(r->headers_in.server);
    return is_own_address(host) || is_name_of_server(r, host);
}

ApiCaller caller_of(ngx_http_request_t* r) noexcept {
    const ngx_table_elt_t* host = r->headers_in.host;
    return {host == nullptr ? to_view(r->headers_in.server) : to_view(host->value),
            header_of(r, "Sec-Fetch-Site"), header_of(r, "Origin")};
}

// ---------------------------------------------------------------- what is asked

ApiMethod method_of(ngx_http_request_t* r) noexcept {
    switch (r->method) {
        case NGX_HTTP_GET:
        case NGX_HTTP_HEAD:
            return ApiMethod::kGet;
        case NGX_HTTP_POST:
            return ApiMethod::kPost;
        case NGX_HTTP_DELETE:
            return ApiMethod::kDelete;
        default:
            return ApiMethod::kOther;
    }
}

/// Path behind the location. For a name of which the location's is only the beginning: a path that
/// no route has.
std::string_view path_of(ngx_http_request_t* r) noexcept {
    const auto* core = static_cast<ngx_http_core_loc_conf_t*>(
        ngx_http_get_module_loc_conf(r, ngx_http_core_module));
    const std::string_view name = to_view(core->name);
    std::string_view path = to_view(r->uri);
    if (path.substr(0, name.size()) != name) {
        return "/";
    }
    path.remove_prefix(name.size());
    if (!name.empty() && name.back() == '/') {
        return path;
    }
    return path.empty() || path.front() != '/' ? "/" : path.substr(1);
}

void serve(const ApiCallPtr& call) noexcept {
    switch (call->asked.action) {
        case ApiAction::kTargets:
            list_targets_for(call);
            return;
        case ApiAction::kList:
            list_events_for(call);
            return;
        case ApiAction::kShow:
            show_event_for(call);
            return;
        case ApiAction::kExport:
            export_events_for(call);
            return;
        case ApiAction::kSupport:
            support_for(call);
            return;
        case ApiAction::kTest:
            test_for(call);
            return;
        default:
            change_for(call);
            return;
    }
}

bool needs_spool(ApiAction action) noexcept {
    return action != ApiAction::kTest && action != ApiAction::kSupport;
}

}  // namespace

ngx_int_t api_handler(ngx_http_request_t* r) {
    if (r != r->main) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0, "\"flashduty_api\" takes no subrequests");
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    const ngx_int_t rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }
    if (!uses_own_name(r)) {
        return refuse(r, NGX_HTTP_FORBIDDEN,
                      "the host is no name of this server block: use an IP address, localhost or "
                      "its server_name");
    }
    ApiParse parse = parse_api_request(method_of(r), path_of(r), to_view(r->args));
    if (!parse.allow.empty() && !add_header(&r->headers_out.headers, "Allow", parse.allow)) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    if (parse.status != NGX_HTTP_OK) {
        return refuse(r, parse.status, parse.reason);
    }
    if (is_change(parse.request.action) && !location_conf(r).may_change) {
        return refuse(r, NGX_HTTP_FORBIDDEN,
                      "this location only reads: \"flashduty_api write=on;\" lets it change "
                      "something");
    }
    if (is_change(parse.request.action) && !is_same_origin(caller_of(r))) {
        return refuse(r, NGX_HTTP_FORBIDDEN, "a page of another origin changes nothing here");
    }
    if (needs_spool(parse.request.action) && main_conf(r).spool == nullptr) {
        return refuse(r, NGX_HTTP_NOT_FOUND,
                      "there is no spool, and nothing here but the test: \"flashduty_spool\" makes "
                      "one");
    }
    const ApiCallPtr call = hold_api_call(r, std::move(parse.request));
    if (call == nullptr) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    serve(call);
    return NGX_DONE;
}

ngx_int_t turn_away_from_api(ngx_http_request_t* r) noexcept {
    const ngx_int_t rc = ngx_http_discard_request_body(r);
    if (rc != NGX_OK) {
        return rc;
    }
    return add_header(&r->headers_out.headers, "WWW-Authenticate", "Bearer")
               ? refuse(r, NGX_HTTP_UNAUTHORIZED,
                        "no valid token: send one of those in \"flashduty_bearer_file\"")
               : NGX_HTTP_INTERNAL_SERVER_ERROR;
}

// ---------------------------------------------------------------- a call that is held

static void release_call(void* data) {
    auto& held = *static_cast<ApiCallPtr*>(data);
    held->request = nullptr;
    held.~ApiCallPtr();
}

ApiCallPtr hold_api_call(ngx_http_request_t* r, ApiRequest&& asked) noexcept {
    ngx_http_cleanup_t* cleanup = ngx_http_cleanup_add(r, sizeof(ApiCallPtr));
    if (cleanup == nullptr) {
        return nullptr;
    }
    auto call = std::make_shared<ApiCall>();
    call->request = r;
    call->asked = std::move(asked);
    new (cleanup->data) ApiCallPtr(call);
    cleanup->handler = release_call;
    r->main->count++;
    if (!r->discard_body) {
        r->read_event_handler = ngx_http_test_reading;
    }
    return call;
}

const ApiCallPtr& find_api_call(ngx_http_request_t* r) noexcept {
    const ngx_http_cleanup_t* cleanup = r->cleanup;
    while (cleanup->handler != release_call) {
        cleanup = cleanup->next;
    }
    return *static_cast<ApiCallPtr*>(cleanup->data);
}

void answer_api(ApiCall& call, unsigned status, std::string body) noexcept {
    ngx_http_request_t* r = call.request;
    if (r == nullptr) {
        return;
    }
    ngx_connection_t* c = r->connection;
    call.body = std::move(body);
    r->read_event_handler = ngx_http_block_reading;
    ngx_http_finalize_request(
        r, add_api_headers(r) ? send_json(r, status, call.body) : NGX_HTTP_INTERNAL_SERVER_ERROR);
    ngx_http_run_posted_requests(c);
}

void answer_api_later(ApiCall& call, std::string_view reason) noexcept {
    if (call.request == nullptr) {
        return;
    }
    if (!add_header(&call.request->headers_out.headers, "Retry-After", "1")) {
        answer_api(call, NGX_HTTP_INTERNAL_SERVER_ERROR, write_api_reason("out of memory"));
        return;
    }
    answer_api(call, NGX_HTTP_SERVICE_UNAVAILABLE, write_api_reason(reason));
}

bool add_api_headers(ngx_http_request_t* r) noexcept {
    ngx_list_t* headers = &r->headers_out.headers;
    return add_header(headers, "Cache-Control", "no-store") &&
           add_header(headers, "X-Content-Type-Options", "nosniff") &&
           add_header(headers, "Cross-Origin-Resource-Policy", "same-origin");
}

void ApiReading::on_read(StoreStatus status, const std::string& error) noexcept {
    if (status == StoreStatus::kOk) {
        finish();
    } else {
        answer_api_later(*call_, say_store_failed(error));
    }
}

void ApiReading::finish() noexcept { answer_api(*call_, status_, std::move(body_)); }

}  // namespace flashduty
