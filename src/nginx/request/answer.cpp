#include "answer.hpp"

#include "../../core/enum_table.hpp"
#include "../../core/excerpt.hpp"
#include "../../core/text.hpp"
#include "../base/body.hpp"
#include "../base/headers.hpp"
#include "recorder.hpp"
#include "stats_zone.hpp"

namespace flashduty {

namespace {

struct OutcomeRow {
    Outcome outcome;
    AnsweredAs answer;
    ngx_uint_t status;
    ngx_uint_t log_level;  ///< 0: not logged
};

constexpr OutcomeRow kOutcomes[] = {
    {Outcome::kDelivered, AnsweredAs::kDelivered, NGX_HTTP_OK, 0},
    {Outcome::kSpooled, AnsweredAs::kSpooled, NGX_HTTP_ACCEPTED, NGX_LOG_INFO},
    {Outcome::kTest, AnsweredAs::kTest, NGX_HTTP_OK, 0},
    {Outcome::kPreview, AnsweredAs::kPreview, NGX_HTTP_OK, 0},
    {Outcome::kRefused, AnsweredAs::kRefused, NGX_HTTP_BAD_GATEWAY, NGX_LOG_ERR},
    {Outcome::kSlowDown, AnsweredAs::kFailed, NGX_HTTP_SERVICE_UNAVAILABLE, NGX_LOG_ERR},
    {Outcome::kTimedOut, AnsweredAs::kFailed, NGX_HTTP_GATEWAY_TIME_OUT, NGX_LOG_ERR},
    {Outcome::kUnreachable, AnsweredAs::kFailed, NGX_HTTP_BAD_GATEWAY, NGX_LOG_ERR},
    {Outcome::kBroken, AnsweredAs::kFailed, NGX_HTTP_INTERNAL_SERVER_ERROR, NGX_LOG_ERR},
    {Outcome::kNoAlert, AnsweredAs::kRejected, NGX_HTTP_BAD_REQUEST, NGX_LOG_INFO},
    {Outcome::kNoToken, AnsweredAs::kRejected, NGX_HTTP_UNAUTHORIZED, NGX_LOG_INFO},
    {Outcome::kBadMethod, AnsweredAs::kRejected, NGX_HTTP_NOT_ALLOWED, NGX_LOG_INFO},
    {Outcome::kEncoded, AnsweredAs::kRejected, NGX_HTTP_UNSUPPORTED_MEDIA_TYPE, NGX_LOG_INFO},
};

std::string_view name_of(const OutcomeRow& row) noexcept {
    return kAnsweredNames[index_of(row.answer)];
}

static_assert(has_each_in_order(kOutcomes, &OutcomeRow::outcome));

const OutcomeRow& row_of(Outcome outcome) noexcept { return kOutcomes[index_of(outcome)]; }

/// Start of a body that was read but is no alert; empty for all other outcomes.
std::string_view excerpt_of(Delivery& delivery, const OutcomeRow& row) noexcept {
    char start[kExcerptBytes];
    std::size_t size = 0;
    RequestBody body(delivery.request);
    while (row.outcome == Outcome::kNoAlert && size < sizeof(start) && body.left_bytes() != 0) {
        const std::size_t read = body.read(start + size, sizeof(start) - size);
        if (read == 0) {
            break;
        }
        size += read;
    }
    return make_excerpt(delivery.arena, delivery.arena.copy({start, size}));
}

/// Logs without nginx's action: what nginx was doing has nothing to do with the outcome.
void log_line(ngx_http_request_t* r, ngx_uint_t level, std::string_view text) noexcept {
    ngx_str_t line = to_ngx(text);
    ngx_log_t* log = r->connection->log;
    char* action = log->action;
    log->action = nullptr;
    ngx_log_error(level, log, 0, "%V", &line);
    log->action = action;
}

/// Warns now and then, where the log leaves out single rejected requests, that there are any: no
/// alert may come through at all. Nothing of the body is in it.
void warn_of_rejected(Delivery& delivery) noexcept {
    ngx_http_request_t* r = delivery.request;
    if (r->connection->log->log_level >= NGX_LOG_WARN &&
        may_warn_of_rejected(stats(), status_now_ms())) {
        Arena& arena = delivery.arena;
        log_line(r, NGX_LOG_WARN,
                 without_controls(
                     arena, concat(arena, std::string_view("requests from "),
                                   to_view(r->connection->addr_text),
                                   std::string_view(" are rejected, nothing in them is pushed: "),
                                   delivery.answer.reason,
                                   std::string_view("; once a minute at most, the level \"info\" "
                                                    "has each of them"))));
    }
}

void log_outcome(Delivery& delivery, const OutcomeRow& row) noexcept {
    if (row.log_level == 0 || row.log_level > delivery.request->connection->log->log_level) {
        return;
    }
    Arena& arena = delivery.arena;
    const GatewayAnswer& answer = delivery.answer;
    const auto quoted = [&arena](std::string_view before, std::string_view text) {
        return text.empty() ? text : concat(arena, before, text, std::string_view("\""));
    };
    log_line(delivery.request, row.log_level,
             without_controls(
                 arena, concat(arena, std::string_view("alert "), quoted("\"", answer.alert_key),
                               std::string_view(answer.alert_key.empty() ? "" : " "), name_of(row),
                               std::string_view(": "), answer.reason,
                               quoted(", request id \"", answer.request_id),
                               quoted(", body: \"", excerpt_of(delivery, row)))));
}

}  // namespace

void settle(Delivery& delivery, Outcome outcome, std::string_view reason) noexcept {
    const OutcomeRow& row = row_of(outcome);
    const bool is_first = !delivery.is_settled;
    delivery.is_settled = true;
    delivery.answer_status = row.status;
    delivery.answer.outcome = name_of(row);
    delivery.answer.reason = reason;
    delivery.answer.alert_key = delivery.event.alert_key;
    if (is_first) {
        record_answer(delivery, row.answer);
    }
    log_outcome(delivery, row);
    if (is_first && row.answer == AnsweredAs::kRejected) {
        warn_of_rejected(delivery);
    }
}

OutcomeText text_of(Outcome outcome) noexcept {
    const OutcomeRow& row = row_of(outcome);
    return {name_of(row), row.status};
}

ngx_int_t send_answer(Delivery& delivery) noexcept {
    ngx_http_request_t* r = delivery.request;
    const bool has_headers =
        delivery.retry_after.empty() ||
        add_header(&r->headers_out.headers, "Retry-After", delivery.retry_after);
    std::string_view body = write_answer(delivery.arena, delivery.answer);
    // The arena may have run out because of the event; the answer is worth another try.
    if (delivery.arena.failed()) {
        PoolArena other(r->pool);
        body = write_answer(other, delivery.answer);
    }
    if (body.empty() || !has_headers) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    return send_json(r, delivery.answer_status, body);
}

void answer_caller(ngx_http_request_t* r) {
    Delivery& delivery = *find_delivery(r);
    r->connection->error = r->connection->error || delivery.has_caller_left;
    ngx_http_finalize_request(r, send_answer(delivery));
}

ngx_int_t answer_unread(Delivery& delivery, Outcome outcome, std::string_view reason) noexcept {
    // No "100 Continue" either, should the caller wait for one: the body is not asked for.
    delivery.request->expect_tested = 1;
    const ngx_int_t rc = ngx_http_discard_request_body(delivery.request);
    if (rc != NGX_OK) {
        return rc;
    }
    settle(delivery, outcome, reason);
    return send_answer(delivery);
}

ngx_int_t send_json(ngx_http_request_t* r, ngx_uint_t status, std::string_view body) noexcept {
    return send_body(r, status, "application/json", body);
}

ngx_int_t send_body(ngx_http_request_t* r, ngx_uint_t status, std::string_view type,
                    std::string_view body) noexcept {
    // A caller's If-Match or If-None-Match must not replace an answer that says what happened.
    r->disable_not_modified = 1;
    // An error_page that led here must not cover the status with its own.
    r->err_status = 0;
    r->headers_out.status = status;
    r->headers_out.content_length_n = static_cast<off_t>(body.size());
    r->headers_out.content_type = to_ngx(type);
    r->headers_out.content_type_len = r->headers_out.content_type.len;
    r->headers_out.content_type_lowcase = nullptr;
    ngx_str_set(&r->headers_out.charset, "utf-8");

    const ngx_int_t rc = ngx_http_send_header(r);
    if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
        return rc;
    }
    auto* buf = static_cast<ngx_buf_t*>(ngx_calloc_buf(r->pool));
    if (buf == nullptr) {
        return NGX_ERROR;
    }
    hold_whole(*buf, body);
    ngx_chain_t out = {buf, nullptr};
    return ngx_http_output_filter(r, &out);
}

}  // namespace flashduty
