#include "push_phases.hpp"

#include <algorithm>
#include <functional>

#include "../../core/secret.hpp"
#include "../request/conf.hpp"
#include "../request/delivery.hpp"

namespace flashduty {

namespace {

/// Skips the server block's own rewrite rules for a push. They are for callers: they may turn away
/// a request without TLS, without User-Agent or from another address, which a push is. Runs in the
/// server-rewrite phase, where `error_page` and `try_files` come back to.
ngx_int_t skip_server_rules(ngx_http_request_t* r) {
    if (find_push(r) == nullptr) {
        return NGX_DECLINED;
    }
    const auto* core = static_cast<ngx_http_core_main_conf_t*>(
        ngx_http_get_module_main_conf(r, ngx_http_core_module));
    ngx_uint_t next = static_cast<ngx_uint_t>(r->phase_handler) + 1;
    while (core->phase_engine.handlers[next].checker != ngx_http_core_find_config_phase) {
        next++;
    }
    r->phase_handler = static_cast<ngx_int_t>(next) - 1;  // nginx adds one
    return NGX_DECLINED;
}

// ---------------------------------------------------------------- without a key

/// True, and noted, for a push from the spool whose request line has an empty integration key.
bool lacks_key(ngx_http_request_t* r) noexcept {
    Delivery* delivery = find_push(r);
    if (delivery == nullptr || !delivery->push.is_from_spool || r->upstream == nullptr ||
        !has_empty_integration_key(to_view(r->upstream->uri))) {
        return false;
    }
    delivery->push.has_no_key = true;
    return true;
}

/// Replaces the content handler. nginx makes the request line only when it is about to connect: a
/// push without a key that has not been sent by then is taken back.
ngx_int_t hold_keyless_push(ngx_http_request_t* r) {
    const ngx_int_t rc = find_push(r)->push.handler(r);
    const ngx_http_upstream_t* upstream = r->upstream;
    if (rc != NGX_DONE || upstream == nullptr || upstream->cleanup == nullptr ||
        upstream->request_sent || !lacks_key(r)) {
        return rc;
    }
    (*upstream->cleanup)(r);
    return NGX_HTTP_INTERNAL_SERVER_ERROR;
}

// ---------------------------------------------------------------- too late

bool may_leave(Delivery& delivery) noexcept {
    return delivery.push.may_leave == nullptr || delivery.push.may_leave(delivery);
}

/// Replaces what sends a push. A process may have been stopped since the push began, and another
/// one delivers.
ngx_int_t send_if_not_late(void* data, ngx_chain_t* in) {
    auto& r = *static_cast<ngx_http_request_t*>(data);
    Delivery* delivery = find_push(&r);
    if (delivery == nullptr || !may_leave(*delivery)) {
        return NGX_ERROR;
    }
    return delivery->push.send(delivery->push.send_data, in);
}

/// Makes the last check stand directly before the bytes leave.
void check_before_sending(ngx_http_request_t* r) noexcept {
    Delivery* delivery = find_push(r);
    if (delivery == nullptr || delivery->push.may_leave == nullptr || r->upstream == nullptr ||
        r->upstream->output.output_filter == nullptr ||
        r->upstream->output.output_filter == send_if_not_late) {
        return;
    }
    ngx_output_chain_ctx_t& output = r->upstream->output;
    delivery->push.send = output.output_filter;
    delivery->push.send_data = output.filter_ctx;
    output.output_filter = send_if_not_late;
    output.filter_ctx = r;
}

/// Replaces the content handler.
ngx_int_t hold_push(ngx_http_request_t* r) {
    if (!may_leave(*find_push(r))) {
        return NGX_HTTP_SERVICE_UNAVAILABLE;
    }
    const ngx_int_t rc = hold_keyless_push(r);
    if (rc == NGX_DONE) {
        check_before_sending(r);
    }
    return rc;
}

// ---------------------------------------------------------------- kept connections

struct PeerInit {
    const ngx_http_upstream_srv_conf_t* upstream;
    ngx_http_upstream_init_peer_pt init;
};

bool is_before(const PeerInit& a, const PeerInit& b) noexcept {
    return std::less<>()(a.upstream, b.upstream);
}

/// Checks before a kept connection is used: the push would be sent before hold_keyless_push() sees
/// it.
ngx_int_t init_peer(ngx_http_request_t* r, ngx_http_upstream_srv_conf_t* upstream) {
    if (lacks_key(r)) {
        return NGX_ERROR;
    }
    check_before_sending(r);
    const ngx_array_t& inits = *main_conf(r).peer_inits;
    const auto* first = static_cast<PeerInit*>(inits.elts);
    return std::lower_bound(first, first + inits.nelts, PeerInit{upstream, nullptr}, is_before)
        ->init(r, upstream);
}

bool watch_upstreams(ngx_conf_t* cf) noexcept {
    const auto& upstreams = static_cast<ngx_http_upstream_main_conf_t*>(
                                ngx_http_conf_get_module_main_conf(cf, ngx_http_upstream_module))
                                ->upstreams;
    ngx_array_t* inits = ngx_array_create(cf->pool, upstreams.nelts + 1, sizeof(PeerInit));
    if (inits == nullptr) {
        return false;
    }
    auto** confs = static_cast<ngx_http_upstream_srv_conf_t**>(upstreams.elts);
    auto* first = static_cast<PeerInit*>(inits->elts);
    for (ngx_uint_t i = 0; i < upstreams.nelts; i++) {
        if (confs[i]->peer.init != nullptr) {
            first[inits->nelts++] = {confs[i], confs[i]->peer.init};
            confs[i]->peer.init = init_peer;
        }
    }
    std::sort(first, first + inits->nelts, is_before);
    main_conf(cf).peer_inits = inits;
    return true;
}

// ---------------------------------------------------------------- the push location

/// Keeps `error_page` and `X-Accel-Redirect` from replacing Flashduty's answer.
ngx_int_t keep_answer(ngx_http_request_t* r) noexcept {
    const auto* core = static_cast<ngx_http_core_loc_conf_t*>(
        ngx_http_get_module_loc_conf(r, ngx_http_core_module));
    if (core->error_pages == nullptr) {
        return NGX_DECLINED;
    }
    // With proxy_intercept_errors nginx would throw Flashduty's answer away for the page.
    auto** confs = static_cast<void**>(ngx_palloc(r->pool, sizeof(void*) * ngx_http_max_module));
    auto* without_pages = static_cast<ngx_http_core_loc_conf_t*>(
        ngx_palloc(r->pool, sizeof(ngx_http_core_loc_conf_t)));
    if (confs == nullptr || without_pages == nullptr) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    std::copy(r->loc_conf, r->loc_conf + ngx_http_max_module, confs);
    *without_pages = *core;
    without_pages->error_pages = nullptr;
    confs[ngx_http_core_module.ctx_index] = without_pages;
    r->loc_conf = confs;
    return NGX_DECLINED;
}

/// Handler of the precontent phase.
ngx_int_t prepare_content(ngx_http_request_t* r) {
    Delivery* delivery = find_push(r);
    if (delivery == nullptr) {
        return NGX_DECLINED;
    }
    const auto* server = static_cast<ngx_http_core_srv_conf_t*>(
        ngx_http_get_module_srv_conf(r, ngx_http_core_module));
    if (r->loc_conf == server->ctx->loc_conf) {
        delivery->push.has_no_location = true;
        return NGX_HTTP_NOT_FOUND;  // not a file that may be there
    }
    if (r->upstream != nullptr) {  // an X-Accel-Redirect leads away from Flashduty's answer
        return NGX_HTTP_BAD_GATEWAY;
    }
    if (delivery->push.is_from_spool && r->content_handler != nullptr) {
        delivery->push.handler = r->content_handler;
        r->content_handler = delivery->push.may_leave == nullptr ? hold_keyless_push : hold_push;
    }
    return keep_answer(r);
}

bool add_handler(ngx_http_core_main_conf_t& core, ngx_http_phases phase,
                 ngx_http_handler_pt handler) noexcept {
    auto* place = static_cast<ngx_http_handler_pt*>(ngx_array_push(&core.phases[phase].handlers));
    if (place != nullptr) {
        *place = handler;
    }
    return place != nullptr;
}

}  // namespace

bool install_push_phases(ngx_conf_t* cf) noexcept {
    auto& core = *static_cast<ngx_http_core_main_conf_t*>(
        ngx_http_conf_get_module_main_conf(cf, ngx_http_core_module));
    // Registered last to run first: before nginx's own rewrite module.
    return add_handler(core, NGX_HTTP_SERVER_REWRITE_PHASE, skip_server_rules) &&
           add_handler(core, NGX_HTTP_PRECONTENT_PHASE, prepare_content) &&
           (main_conf(cf).spool == nullptr || watch_upstreams(cf));
}

}  // namespace flashduty
