#include "push.hpp"

#include <algorithm>

#include "../core/secret.hpp"
#include "../core/text.hpp"
#include "answer.hpp"
#include "conf.hpp"

namespace flashduty {

namespace {

ngx_http_output_header_filter_pt next_header_filter = nullptr;
ngx_http_output_body_filter_pt next_body_filter = nullptr;

// ---------------------------------------------------------------- where to

bool needs_escape(char c) noexcept {
    const auto byte = static_cast<unsigned char>(c);
    return byte <= 0x20 || byte == 0x7F;
}

/// Arguments as they may stand in a request line; empty when out of memory or empty.
std::string_view escape_arguments(Arena& arena, std::string_view arguments) noexcept {
    constexpr char kDigits[] = "0123456789ABCDEF";
    const auto escaped = std::count_if(arguments.begin(), arguments.end(), needs_escape);
    if (escaped == 0) {
        return arguments;
    }
    const std::size_t size = arguments.size() + static_cast<std::size_t>(escaped) * 2;
    char* to = static_cast<char*>(arena.allocate(size));
    if (to == nullptr) {
        return {};
    }
    char* end = to;
    for (char c : arguments) {
        if (needs_escape(c)) {
            const auto byte = static_cast<unsigned char>(c);
            *end++ = '%';
            *end++ = kDigits[byte >> 4];
            *end++ = kDigits[byte & 0xF];
        } else {
            *end++ = c;
        }
    }
    return {to, size};
}

struct Target {
    ngx_str_t uri = ngx_null_string;
    ngx_str_t args = ngx_null_string;
};

/// Evaluates `flashduty_push`; settles and returns false when it leads nowhere.
bool find_target(Delivery& delivery, Target& target) noexcept {
    ngx_http_request_t* r = delivery.request;
    ngx_uint_t flags = 0;  // nginx would log the uri as it is, line breaks and secrets too
    if (ngx_http_complex_value(r, location_conf(r).push_uri, &target.uri) != NGX_OK) {
        settle(delivery, Outcome::kBroken, "out of memory");
        return false;
    }
    const ngx_str_t evaluated = target.uri;
    if (evaluated.len == 0 || evaluated.data[0] != '/' ||
        ngx_http_parse_unsafe_uri(r, &target.uri, &target.args, &flags) != NGX_OK) {
        settle(delivery, Outcome::kBroken,
               evaluated.len == 0
                   ? "the uri of flashduty_push is empty for this alert: give its map a default"
                   : "the uri of flashduty_push is no safe local path for this alert: route by a "
                     "map to fixed values");
        return false;
    }
    target.args = to_ngx(escape_arguments(delivery.arena, to_view(target.args)));
    if (delivery.arena.failed()) {
        settle(delivery, Outcome::kBroken, "out of memory");
        return false;
    }
    return true;
}

// ---------------------------------------------------------------- the end of a push

struct VerdictRow {
    Verdict verdict;
    Outcome outcome;
};

/// What a verdict means for the caller where there is no spool.
constexpr VerdictRow kVerdicts[] = {
    {Verdict::kDelivered, Outcome::kDelivered},    {Verdict::kEventRefused, Outcome::kRefused},
    {Verdict::kAccountAtFault, Outcome::kRefused}, {Verdict::kSlowDown, Outcome::kSlowDown},
    {Verdict::kTimedOut, Outcome::kTimedOut},      {Verdict::kTransient, Outcome::kUnreachable},
};

Outcome outcome_of(Verdict verdict) noexcept {
    const VerdictRow* row = kVerdicts;
    while (row->verdict != verdict) {
        row++;
    }
    return row->outcome;
}

/// A header of the answer; from the upstream's own, which proxy_hide_header does not touch.
std::string_view answer_header(ngx_http_request_t* sr, std::string_view name) noexcept {
    const ngx_list_t& headers =
        sr->upstream != nullptr ? sr->upstream->headers_in.headers : sr->headers_out.headers;
    for (const ngx_list_part_t* part = &headers.part; part != nullptr; part = part->next) {
        const auto* elements = static_cast<ngx_table_elt_t*>(part->elts);
        for (ngx_uint_t i = 0; i < part->nelts; i++) {
            if (elements[i].hash != 0 && equals_ignoring_case(to_view(elements[i].key), name)) {
                return to_view(elements[i].value);
            }
        }
    }
    return {};
}

/// A sentence where Flashduty gave none.
std::string_view reason_for(Delivery& delivery, Verdict verdict, bool was_sent) noexcept {
    const std::string_view status = decimal(delivery.arena, delivery.push_end.http_status);
    if (!delivery.answer.code.empty()) {
        return concat(delivery.arena, std::string_view("Flashduty answered "),
                      delivery.answer.code);
    }
    if (!was_sent && verdict != Verdict::kDelivered) {
        return concat(delivery.arena, std::string_view("nginx itself answered HTTP "), status,
                      std::string_view(": check the location that flashduty_push names"));
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
            return "Flashduty did not answer in time";
        case Verdict::kTransient:
            break;
    }
    if (!delivery.push_end.whole) {
        return "Flashduty could not be reached or did not answer to the end: see nginx's error "
               "log";
    }
    return concat(delivery.arena, std::string_view("the push location answered HTTP "), status,
                  std::string_view(", but not as Flashduty does: check the push URL"));
}

std::string_view clean(Delivery& delivery, std::string_view text, std::string_view url) noexcept {
    return without_keys(delivery.arena, repair(delivery.arena, text), url);
}

/// How long the caller should wait: what the answer says when that makes sense, else a second.
std::string_view retry_after(ngx_http_request_t* sr) noexcept {
    const std::string_view wait = trim(answer_header(sr, "Retry-After"));
    const bool is_seconds =
        !wait.empty() && wait.size() <= 6 && std::all_of(wait.begin(), wait.end(), is_digit);
    const bool is_date = ngx_parse_http_time(to_ngx(wait).data, wait.size()) != NGX_ERROR;
    return is_seconds || is_date ? wait : "1";
}

/// Reads out what the push brought and tells the caller what it means.
void settle_push(Delivery& delivery, ngx_http_request_t* sr) noexcept {
    const Answer& answer = delivery.answer_reader->finish();
    Verdict verdict = judge(delivery.push_end, answer);
    if (delivery.is_push_timed_out && verdict == Verdict::kTransient) {
        verdict = Verdict::kTimedOut;
    }
    const std::string_view url =
        sr->upstream == nullptr ? std::string_view{} : to_view(sr->upstream->uri);
    const std::string_view id =
        answer.request_id.empty() ? answer_header(sr, "Flashcat-Request-Id") : answer.request_id;
    delivery.answer.code = clean(delivery, answer.code, url);
    delivery.answer.request_id = clean(delivery, id, url);
    std::string_view reason = clean(delivery, answer.message, url);
    if (is_blank(reason) || verdict == Verdict::kDelivered) {
        reason = reason_for(delivery, verdict, sr->upstream != nullptr);
    }
    if (verdict == Verdict::kSlowDown) {
        delivery.retry_after = retry_after(sr);
    }
    settle(delivery, outcome_of(verdict), reason);
}

/// The subrequest is over. Returns NGX_OK always: any other result would let nginx answer the
/// caller, or an error_page send the push on.
ngx_int_t on_push_end(ngx_http_request_t* sr, void* data, ngx_int_t rc) {
    Delivery& delivery = *static_cast<Delivery*>(data);
    // With `aio` a part of the answer may still be on its way from a file; nginx calls again.
    const bool is_still_read = sr->buffered != 0 && (rc == NGX_OK || rc == NGX_AGAIN);
    if (delivery.is_settled || is_still_read) {
        return NGX_OK;
    }
    delivery.push_time_ms = ngx_current_msec - delivery.push_started_ms;
    if (delivery.push_end.http_status == 0) {
        const bool is_status = rc >= NGX_HTTP_OK && rc <= 599;
        delivery.push_end.http_status =
            static_cast<unsigned>(is_status ? rc : NGX_HTTP_BAD_GATEWAY);
    }
    settle_push(delivery, sr);
    delivery.request->write_event_handler = [](ngx_http_request_t* r) {
        ngx_http_finalize_request(r, send_answer(*find_delivery(r)));
    };
    if (ngx_http_post_request(delivery.request, nullptr) != NGX_OK) {
        return NGX_ERROR;  // out of memory: nothing will answer the caller, so end it all
    }
    return NGX_OK;
}

/// The caller's request ends before its push: the worker shuts down, or nginx ends it by force.
void on_request_end(void* data) {
    Delivery& delivery = *static_cast<Delivery*>(data);
    if (!delivery.is_settled) {
        delivery.push_time_ms = ngx_current_msec - delivery.push_started_ms;
        settle(delivery, Outcome::kUnreachable, "nginx ended the request before the push was over");
    }
}

// ---------------------------------------------------------------- the start of a push

/// Everything the subrequest needs, made before it: a posted subrequest cannot be taken back.
struct PushParts {
    ngx_http_post_subrequest_t on_end;
    ngx_http_request_body_t body;
    ngx_chain_t link;
    ngx_buf_t buf;
    ngx_http_headers_in_t headers;
};

bool fill_body(Delivery& delivery, PushParts& parts) noexcept {
    // Each try by proxy_next_upstream starts again from `start`.
    parts.buf.start = parts.buf.pos = to_ngx(delivery.event_json).data;
    parts.buf.end = parts.buf.last = parts.buf.pos + delivery.event_json.size();
    parts.buf.memory = 1;
    parts.buf.last_buf = 1;
    parts.buf.last_in_chain = 1;
    parts.link = {&parts.buf, nullptr};
    parts.body.bufs = &parts.link;
    parts.body.buf = &parts.buf;

    const std::string_view length = decimal(delivery.arena, delivery.event_json.size());
    ngx_http_headers_in_t& in = parts.headers;
    in.content_length_n = static_cast<off_t>(delivery.event_json.size());
    in.keep_alive_n = -1;
    in.server = delivery.request->headers_in.server;
    return !length.empty() &&
           ngx_list_init(&in.headers, delivery.request->pool, 2, sizeof(ngx_table_elt_t)) ==
               NGX_OK &&
           add_header(&in.headers, "Content-Type", "application/json; charset=utf-8",
                      &in.content_type) &&
           add_header(&in.headers, "Content-Length", length, &in.content_length);
}

PushParts* make_parts(Delivery& delivery) noexcept {
    ngx_pool_t* pool = delivery.request->pool;
    auto* parts = static_cast<PushParts*>(ngx_pcalloc(pool, sizeof(PushParts)));
    ngx_http_cleanup_t* cleanup = ngx_http_cleanup_add(delivery.request, 0);
    void* reader = ngx_palloc(pool, sizeof(AnswerReader));
    if (parts == nullptr || cleanup == nullptr || reader == nullptr) {
        return nullptr;
    }
    delivery.answer_reader = new (reader) AnswerReader(delivery.arena);
    cleanup->handler = on_request_end;
    cleanup->data = &delivery;
    parts->on_end = {on_push_end, &delivery};
    return fill_body(delivery, *parts) ? parts : nullptr;
}

/// The caller's request while its push is under way: whatever wakes it, it waits on. A push that
/// is delayed before it is sent, as limit_req does it, waits for the caller's connection and is
/// woken here. One that is being sent is not: it must not see that the caller has left.
void wait_for_push(ngx_http_request_t* r) {
    ngx_http_request_t* push = find_delivery(r)->push;
    if (push->upstream == nullptr && !r->connection->write->delayed) {
        push->write_event_handler(push);
    }
}

// ---------------------------------------------------------------- the answer to a push

/// The delivery whose push `r` is; nullptr for every other request.
Delivery* delivery_of_push(ngx_http_request_t* r) noexcept {
    if (r == r->main) {
        return nullptr;
    }
    Delivery* delivery = find_delivery(r);
    return delivery != nullptr && delivery->push == r ? delivery : nullptr;
}

/// Only here it can still be seen why proxy gives up in the middle of an answer.
void on_upstream_end(ngx_http_request_t* r, ngx_int_t rc) {
    Delivery* delivery = delivery_of_push(r);
    if (delivery == nullptr) {
        return;
    }
    delivery->is_push_timed_out = rc == NGX_HTTP_GATEWAY_TIME_OUT;
    delivery->finalize_upstream(r, rc);
}

/// True when an X-Accel-Redirect has led away from Flashduty's answer.
bool is_redirected(ngx_http_request_t* r) noexcept {
    const ngx_http_upstream_t* upstream = r->upstream;
    return upstream != nullptr && upstream->headers_in.x_accel_redirect != nullptr &&
           (upstream->conf->ignore_headers & NGX_HTTP_UPSTREAM_IGN_XA_REDIRECT) == 0;
}

ngx_int_t header_filter(ngx_http_request_t* r) {
    Delivery* delivery = delivery_of_push(r);
    if (delivery == nullptr) {
        return next_header_filter(r);
    }
    delivery->is_redirected = is_redirected(r);
    delivery->push_end.http_status = delivery->is_redirected
                                         ? NGX_HTTP_BAD_GATEWAY
                                         : static_cast<unsigned>(r->headers_out.status);
    r->header_sent = 1;
    r->filter_need_in_memory = 1;
    if (r->upstream != nullptr && r->upstream->finalize_request != on_upstream_end) {
        // nginx's buffering writes early only for the request that its connection is busy with,
        // which is the caller's: a push would fill its buffers and wait for ever.
        r->upstream->buffering = 0;
        delivery->finalize_upstream = r->upstream->finalize_request;
        r->upstream->finalize_request = on_upstream_end;
    }
    return NGX_OK;
}

ngx_int_t body_filter(ngx_http_request_t* r, ngx_chain_t* in) {
    Delivery* delivery = delivery_of_push(r);
    if (delivery == nullptr) {
        return next_body_filter(r, in);
    }
    for (; in != nullptr; in = in->next) {
        ngx_buf_t& buf = *in->buf;
        if (ngx_buf_in_memory(&buf) && !delivery->is_redirected) {
            delivery->answer_reader->feed({reinterpret_cast<const char*>(buf.pos),
                                           static_cast<std::size_t>(buf.last - buf.pos)});
        }
        delivery->push_end.whole = delivery->push_end.whole || buf.last_buf || buf.last_in_chain;
        buf.pos = buf.last;
        buf.file_pos = buf.file_last;
    }
    return NGX_OK;
}

}  // namespace

bool start_push(Delivery& delivery) noexcept {
    ngx_http_request_t* r = delivery.request;
    Target target;
    if (!find_target(delivery, target)) {
        return false;
    }
    static const ngx_str_t post = ngx_string("POST");
    PushParts* parts = make_parts(delivery);
    ngx_http_request_t* sr = nullptr;
    if (parts == nullptr || delivery.arena.failed() ||
        ngx_http_subrequest(r, &target.uri, &target.args, &sr, &parts->on_end,
                            NGX_HTTP_SUBREQUEST_BACKGROUND) != NGX_OK) {
        settle(delivery, Outcome::kBroken, "out of memory");
        return false;
    }
    sr->method = NGX_HTTP_POST;
    sr->method_name = post;
    sr->request_body = &parts->body;
    sr->headers_in = parts->headers;
    // The list's end points into the struct that was copied.
    if (parts->headers.headers.last == &parts->headers.headers.part) {
        sr->headers_in.headers.last = &sr->headers_in.headers.part;
    }
    delivery.push = sr;
    delivery.push_started_ms = ngx_current_msec;
    r->write_event_handler = wait_for_push;
    return true;
}

void install_push_filters() noexcept {
    next_header_filter = ngx_http_top_header_filter;
    ngx_http_top_header_filter = header_filter;
    next_body_filter = ngx_http_top_body_filter;
    ngx_http_top_body_filter = body_filter;
}

ngx_int_t keep_push_answer(ngx_http_request_t* r) {
    auto* core = static_cast<ngx_http_core_loc_conf_t*>(
        ngx_http_get_module_loc_conf(r, ngx_http_core_module));
    if (delivery_of_push(r) == nullptr) {
        return NGX_DECLINED;
    }
    if (r->upstream != nullptr) {  // an X-Accel-Redirect leads away from Flashduty's answer
        return NGX_HTTP_BAD_GATEWAY;
    }
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

}  // namespace flashduty
