#include "access.hpp"

#include "../core/bearer.hpp"
#include "api.hpp"
#include "base/headers.hpp"
#include "request/answer.hpp"
#include "request/conf.hpp"
#include "request/delivery.hpp"
#include "request/log.hpp"
#include "request/recorder.hpp"
#include "request/stats_zone.hpp"

namespace flashduty {

namespace {

bool shows_token(ngx_http_request_t* r, const BearerTokens& tokens) noexcept {
    const ngx_table_elt_t* header = r->headers_in.authorization;
    const std::string_view token =
        header == nullptr ? std::string_view{} : bearer_token(to_view(header->value));
    TokenDigest digest;
    return digest_token(token, digest) && is_one_of(digest, tokens.digests, tokens.count);
}

ngx_int_t turn_away(ngx_http_request_t* r) noexcept {
    Delivery* delivery = create_delivery(r);
    if (delivery == nullptr || !add_header(&r->headers_out.headers, "WWW-Authenticate", "Bearer")) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    hide_arguments_in_log(r);
    if (location_conf(r).push_uri != nullptr) {
        count_received(stats());
    }
    return answer_unread(*delivery, Outcome::kNoToken,
                         "no valid token: choose Bearer in the action plan's authentication, with "
                         "a token that the gateway knows");
}

ngx_int_t check_bearer(ngx_http_request_t* r) {
    const LocationConf& conf = location_conf(r);
    const bool is_ours = conf.is_preview || conf.push_uri != nullptr || conf.is_api;
    if (!is_ours || conf.bearers == nullptr || conf.bearers->count == 0) {
        return NGX_DECLINED;
    }
    if (shows_token(r, *conf.bearers)) {
        return NGX_OK;
    }
    // Final answer, even with "satisfy any", since no other module is asked after this one. Sent
    // from here: for a returned 401 nginx would send a page of its own.
    ngx_http_finalize_request(r, conf.is_api ? turn_away_from_api(r) : turn_away(r));
    return NGX_DONE;
}

}  // namespace

ngx_int_t install_access(ngx_http_core_main_conf_t& core) noexcept {
    ngx_array_t& handlers = core.phases[NGX_HTTP_ACCESS_PHASE].handlers;
    if (ngx_array_push(&handlers) == nullptr) {
        return NGX_ERROR;
    }
    // First in the list: nginx asks the handlers from the last to the first.
    auto* list = static_cast<ngx_http_handler_pt*>(handlers.elts);
    ngx_memmove(list + 1, list, (handlers.nelts - 1) * sizeof(*list));
    list[0] = check_bearer;
    return NGX_OK;
}

}  // namespace flashduty
