#include "push_answer.hpp"

#include <algorithm>

#include "../../core/secret.hpp"
#include "../../core/text.hpp"
#include "../base/headers.hpp"
#include "../base/location.hpp"
#include "../request/conf.hpp"
#include "../request/delivery.hpp"
#include "../request/recorder.hpp"
#include "push_log.hpp"

namespace flashduty {

namespace {

ngx_http_output_header_filter_pt next_header_filter = nullptr;
ngx_http_output_body_filter_pt next_body_filter = nullptr;

// ---------------------------------------------------------------- what it means

/// Header of the answer; with an upstream from its own list, which proxy_hide_header does not
/// touch.
std::string_view answer_header(ngx_http_request_t* sr, std::string_view name) noexcept {
    const ngx_list_t& headers =
        sr->upstream != nullptr ? sr->upstream->headers_in.headers : sr->headers_out.headers;
    return find_header(headers, name, [](std::string_view) { return true; });
}

std::string_view clean(Delivery& delivery, std::string_view text, std::string_view url,
                       bool is_cut) noexcept {
    if (text.empty()) {
        return text;
    }
    const std::string_view sound = repair(delivery.arena, text);
    // Removing a key may split a character: it may be a part of one.
    return repair(delivery.arena, without_keys(delivery.arena, sound, url, is_cut));
}

/// Content-Encoding of an answer, which must not have one; empty for `identity`.
std::string_view encoding_of(ngx_http_request_t* sr) noexcept {
    const std::string_view encoding = trim(answer_header(sr, "Content-Encoding"));
    return equals_ignoring_case(encoding, "identity") ? std::string_view{} : encoding;
}

/// Sentence for a push without a whole answer.
std::string_view trouble_of(const Delivery& delivery, const ngx_http_request_t* sr,
                            Verdict verdict) noexcept {
    if (!delivery.push.trouble.empty()) {
        return delivery.push.trouble;
    }
    if (verdict == Verdict::kTimedOut) {
        return "Flashduty did not answer in time";
    }
    return sr->upstream->headers_in.status_n != 0
               ? "Flashduty's answer was cut"
               : "Flashduty could not be reached: see nginx's error log";
}

/// Sentence for a push that has not left nginx.
std::string_view own_reason(Delivery& delivery) noexcept {
    Arena& arena = delivery.arena;
    const std::string_view uri =
        without_controls(arena, before_key(delivery.request, to_view(delivery.push.uri)));
    if (delivery.push.has_no_key) {
        return concat(arena, std::string_view("the integration key came out empty in location \""),
                      uri,
                      std::string_view("\", so nothing was sent: what \"set\" makes in the "
                                       "server block belongs into that location"));
    }
    if (delivery.push.has_no_location) {
        return concat(arena, std::string_view("no location of this server block matches \""), uri,
                      std::string_view("\", which flashduty_push names"));
    }
    return concat(arena, std::string_view("nginx itself answered HTTP "),
                  decimal(arena, delivery.push.end.http_status),
                  std::string_view(": check the location that flashduty_push names"));
}

/// Sentence for an answer without one from Flashduty.
std::string_view reason_for(Delivery& delivery, ngx_http_request_t* sr, Verdict verdict) noexcept {
    const std::string_view status = decimal(delivery.arena, delivery.push.end.http_status);
    if (!delivery.answer.code.empty()) {
        return concat(delivery.arena, std::string_view("Flashduty answered "),
                      delivery.answer.code);
    }
    if (sr->upstream == nullptr || delivery.push.has_no_key) {
        return own_reason(delivery);
    }
    switch (verdict) {
        case Verdict::kDelivered:
            return {};
        case Verdict::kEventRefused:
            return concat(delivery.arena, std::string_view("the event was refused with HTTP "),
                          status);
        case Verdict::kAccountAtFault:
            return concat(delivery.arena, std::string_view("the push location answered HTTP "),
                          status, std::string_view(": check the push URL and its integration key"));
        case Verdict::kSlowDown:
            return "Flashduty asks to slow down";
        case Verdict::kTimedOut:
        case Verdict::kTransient:
        case Verdict::kCount:
            break;
    }
    const bool is_http = sr->upstream->headers_in.status_n != 0;
    if (!delivery.push.end.whole || !is_http) {
        return trouble_of(delivery, sr, verdict);
    }
    if (delivery.push.end.encoded) {
        return concat(delivery.arena, std::string_view("the answer had a Content-Encoding ("),
                      clean(delivery, encoding_of(sr), {}, false),
                      std::string_view("), which the push did not ask for: check what stands "
                                       "between here and Flashduty"));
    }
    if (verdict == Verdict::kTimedOut) {
        return "Flashduty did not answer in time";
    }
    return concat(delivery.arena, std::string_view("the push location answered HTTP "), status,
                  std::string_view(", but not as Flashduty does: check the push URL"));
}

/// Retry-After of the answer, where waiting makes sense: seconds, or a date.
std::string_view retry_after(ngx_http_request_t* sr) noexcept {
    const std::string_view wait = trim(answer_header(sr, "Retry-After"));
    const bool is_seconds =
        !wait.empty() && wait.size() <= 6 && std::all_of(wait.begin(), wait.end(), is_digit);
    const bool is_date = ngx_parse_http_time(to_ngx(wait).data, wait.size()) != NGX_ERROR;
    return is_seconds || is_date ? wait : std::string_view{};
}

/// Reads the answer and derives verdict and reason.
void judge_push(Delivery& delivery, ngx_http_request_t* sr) noexcept {
    const Answer& answer = delivery.push.answer_reader->finish();
    delivery.push.end.encoded = !encoding_of(sr).empty();
    Verdict verdict = judge(delivery.push.end, answer);
    if (delivery.push.is_timed_out && verdict == Verdict::kTransient) {
        verdict = Verdict::kTimedOut;
    }
    if (delivery.push.has_no_key) {
        verdict = Verdict::kAccountAtFault;
    }
    const std::string_view url =
        sr->upstream == nullptr ? std::string_view{} : to_view(sr->upstream->uri);
    const std::string_view id =
        answer.request_id.empty() ? answer_header(sr, "Flashcat-Request-Id") : answer.request_id;
    const auto cleaned = [&](std::string_view text) {
        return clean(delivery, text, url, answer.is_cut);
    };
    delivery.answer.code = cleaned(answer.code);
    delivery.answer.request_id = cleaned(id);
    std::string_view reason;
    if (verdict == Verdict::kDelivered) {
        const PushDoubt doubt = doubt_url(url);
        delivery.push.doubt =
            doubt == PushDoubt::kNone && !answer.has_alert_key ? PushDoubt::kNoAlertKey : doubt;
    } else {
        const bool is_read = !delivery.push.end.encoded || verdict != Verdict::kTransient;
        reason = is_read ? cleaned(answer.message) : std::string_view{};
        if (is_blank(reason)) {
            reason = reason_for(delivery, sr, verdict);
        }
    }
    delivery.push.retry_after = retry_after(sr);
    delivery.push.has_alert_key = answer.has_alert_key;
    delivery.push.verdict = verdict;
    delivery.push.reason = reason;
}

// ---------------------------------------------------------------- how it comes

/// Called by proxy. Only here it can still be seen why it gives up in the middle of an answer.
void on_upstream_end(ngx_http_request_t* r, ngx_int_t rc) {
    Delivery* delivery = find_push(r);
    if (delivery == nullptr) {
        return;
    }
    delivery->push.is_timed_out = rc == NGX_HTTP_GATEWAY_TIME_OUT;
    delivery->push.finalize_upstream(r, rc);
}

/// True when an X-Accel-Redirect has led away from Flashduty's answer.
bool is_redirected(ngx_http_request_t* r) noexcept {
    const ngx_http_upstream_t* upstream = r->upstream;
    return upstream != nullptr && upstream->headers_in.x_accel_redirect != nullptr &&
           (upstream->conf->ignore_headers & NGX_HTTP_UPSTREAM_IGN_XA_REDIRECT) == 0;
}

ngx_int_t header_filter(ngx_http_request_t* r) {
    Delivery* delivery = find_push(r);
    if (delivery == nullptr) {
        return next_header_filter(r);
    }
    delivery->push.is_redirected = is_redirected(r);
    delivery->push.end.http_status = delivery->push.is_redirected
                                         ? NGX_HTTP_BAD_GATEWAY
                                         : static_cast<unsigned>(r->headers_out.status);
    r->header_sent = 1;
    r->filter_need_in_memory = 1;
    if (r->upstream != nullptr && r->upstream->finalize_request != on_upstream_end) {
        // With buffering nginx writes early only for the request that its connection is busy with,
        // which is the caller's: a push would fill its buffers and wait forever.
        r->upstream->buffering = 0;
        delivery->push.finalize_upstream = r->upstream->finalize_request;
        r->upstream->finalize_request = on_upstream_end;
    }
    return NGX_OK;
}

ngx_int_t body_filter(ngx_http_request_t* r, ngx_chain_t* in) {
    Delivery* delivery = find_push(r);
    if (delivery == nullptr) {
        return next_body_filter(r, in);
    }
    for (; in != nullptr; in = in->next) {
        ngx_buf_t& buf = *in->buf;
        if (ngx_buf_in_memory(&buf) && !delivery->push.is_redirected) {
            delivery->push.answer_reader->feed({reinterpret_cast<const char*>(buf.pos),
                                                static_cast<std::size_t>(buf.last - buf.pos)});
        }
        delivery->push.end.whole = delivery->push.end.whole || buf.last_buf || buf.last_in_chain;
        buf.pos = buf.last;
        buf.file_pos = buf.file_last;
    }
    return NGX_OK;
}

/// True when a named location of the server block has a handler, such as proxy_pass.
bool has_handler(ngx_http_request_t* r, std::string_view name) noexcept {
    const auto* server = static_cast<ngx_http_core_srv_conf_t*>(
        ngx_http_get_module_srv_conf(r, ngx_http_core_module));
    Location** location = server->named_locations;
    while (location != nullptr && *location != nullptr && to_view((*location)->name) != name) {
        location++;
    }
    return location != nullptr && *location != nullptr &&
           core_conf_of(**location).handler != nullptr;
}

/// True for `error_page 418 = @name; return 418;` where @name pushes on. Any other error_page would
/// turn a failure into another answer, or make the push lose its method.
bool leads_on(ngx_http_request_t* r, ngx_int_t status) noexcept {
    const auto* core = static_cast<ngx_http_core_loc_conf_t*>(
        ngx_http_get_module_loc_conf(r, ngx_http_core_module));
    if (r->upstream != nullptr || r->error_page || r->uri_changes == 0 ||
        core->error_pages == nullptr) {
        return false;
    }
    const auto* pages = static_cast<ngx_http_err_page_t*>(core->error_pages->elts);
    const auto* end = pages + core->error_pages->nelts;
    const auto* page = std::find_if(
        pages, end, [status](const ngx_http_err_page_t& it) { return it.status == status; });
    return page != end && page->overwrite == 0 && page->value.lengths == nullptr &&
           has_handler(r, to_view(page->value.value));
}

}  // namespace

ngx_int_t on_push_end(ngx_http_request_t* sr, void* data, ngx_int_t rc) {
    Delivery& delivery = *static_cast<Delivery*>(data);
    // With `aio` part of the answer may still be on its way from a file; nginx calls again.
    const bool is_still_read = sr->buffered != 0 && (rc == NGX_OK || rc == NGX_AGAIN);
    if (delivery.push.is_judged || is_still_read) {
        return NGX_OK;
    }
    if (leads_on(sr, rc)) {
        return rc;
    }
    stop_listening(delivery);
    delivery.push.time_ms = ngx_current_msec - delivery.push.started_ms;
    if (delivery.push.end.http_status == 0) {
        const bool is_status = rc >= NGX_HTTP_OK && rc <= 599;
        delivery.push.end.http_status =
            static_cast<unsigned>(is_status ? rc : NGX_HTTP_BAD_GATEWAY);
    }
    judge_push(delivery, sr);
    delivery.push.is_judged = true;
    record_push(delivery, sr);
    ngx_log_debug3(NGX_LOG_DEBUG_HTTP, sr->connection->log, 0,
                   "flashduty push: status %ui, verdict %ui, %M ms",
                   static_cast<ngx_uint_t>(delivery.push.end.http_status),
                   static_cast<ngx_uint_t>(delivery.push.verdict), delivery.push.time_ms);
    delivery.push.on_judged(delivery);
    delivery.request->write_event_handler = delivery.push.on_over;
    if (ngx_http_post_request(delivery.request, nullptr) != NGX_OK) {
        return NGX_ERROR;  // out of memory: nothing would answer the caller, so end it all
    }
    return NGX_OK;
}

void install_push_filters() noexcept {
    next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = header_filter;
    next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = body_filter;
}

}  // namespace flashduty
