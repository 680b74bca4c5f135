#include "handler.hpp"

#include "../core/blueking_body.hpp"
#include "../core/text.hpp"
#include "../core/translate.hpp"
#include "base/body.hpp"
#include "base/headers.hpp"
#include "push/live_push.hpp"
#include "push/push.hpp"
#include "request/answer.hpp"
#include "request/conf.hpp"
#include "request/delivery.hpp"
#include "request/log.hpp"
#include "request/recorder.hpp"
#include "request/stats_zone.hpp"
#include "spool/worker.hpp"

namespace flashduty {

namespace {

// ---------------------------------------------------------------- what is turned away unread

/// POST and PUT, and GET with a body: BlueKing's form starts with GET.
bool has_accepted_method(ngx_http_request_t* r) noexcept {
    const bool has_body = r->headers_in.content_length_n > 0 || r->headers_in.chunked;
    return r->method == NGX_HTTP_POST || r->method == NGX_HTTP_PUT ||
           (r->method == NGX_HTTP_GET && has_body);
}

bool is_encoded(ngx_http_request_t* r) noexcept {
    const auto changes_body = [](std::string_view coding) {
        coding = trim(coding);
        return !coding.empty() && !equals_ignoring_case(coding, "identity");
    };
    return !find_header(r->headers_in.headers, "Content-Encoding", changes_body).empty();
}

// ---------------------------------------------------------------- from body to event

std::string_view bad_json_reason(Arena& arena, std::size_t offset_bytes) noexcept {
    return concat(arena, std::string_view("the body is not JSON: reading stopped at byte "),
                  decimal(arena, offset_bytes),
                  std::string_view("; set the action plan's body to JSON "
                                   "{{alarm.callback_message}}"));
}

/// True when there is a message; else settles the reason why there is none.
bool has_message(Delivery& delivery, const BodyReading& reading) noexcept {
    switch (reading.kind) {
        case BodyKind::kMessage:
            return true;
        case BodyKind::kDebug:
            settle(delivery, Outcome::kTest,
                   "BlueKing's debug body: the gateway was reached, there is no alert to push");
            return false;
        case BodyKind::kNoAlert:
            settle(delivery, Outcome::kNoAlert,
                   "no alert in the body: set the action plan's body to JSON "
                   "{{alarm.callback_message}}");
            return false;
        case BodyKind::kEmpty:
            settle(delivery, Outcome::kNoAlert,
                   "the body is empty: set the action plan's body to JSON "
                   "{{alarm.callback_message}}");
            return false;
        case BodyKind::kNoJson:
            settle(delivery, Outcome::kNoAlert,
                   bad_json_reason(delivery.arena, reading.offset_bytes));
            return false;
        case BodyKind::kTooDeep:
            settle(delivery, Outcome::kNoAlert,
                   "the body's arrays and objects are nested deeper than 64: send the alert as "
                   "{{alarm.callback_message}} gives it");
            return false;
        case BodyKind::kUnreadable:
            settle(delivery, Outcome::kBroken,
                   "the body could not be read back from nginx's temporary file: see its error "
                   "log");
            return false;
        case BodyKind::kOutOfMemory:
            break;
    }
    settle(delivery, Outcome::kBroken, kOutOfMemory);
    return false;
}

bool evaluate(ngx_http_request_t* r, ngx_http_complex_value_t* value,
              std::string_view& text) noexcept {
    ngx_str_t result = ngx_null_string;
    if (value != nullptr && ngx_http_complex_value(r, value, &result) != NGX_OK) {
        return false;
    }
    text = to_view(result);
    return true;
}

/// Labels that the configuration sets, with empty texts; nullptr when there are none or out of
/// memory.
Label* name_labels(Arena& arena, const ngx_array_t* confs) noexcept {
    Label* labels = confs == nullptr ? nullptr : arena.make_array<Label>(confs->nelts);
    for (ngx_uint_t i = 0; labels != nullptr && i < confs->nelts; i++) {
        labels[i].name = to_view(static_cast<LabelConf*>(confs->elts)[i].name);
    }
    return labels;
}

/// Texts of the configuration that override the alert's. Evaluated while the variables still hold
/// the alert's own; false when out of memory.
bool evaluate_overrides(ngx_http_request_t* r, const LocationConf& conf, Label* labels,
                        Overrides& overrides) noexcept {
    bool is_done = evaluate(r, conf.title, overrides.title) &&
                   evaluate(r, conf.description, overrides.description) &&
                   evaluate(r, conf.alert_key, overrides.alert_key) &&
                   evaluate(r, conf.event_status, overrides.event_status);
    for (std::size_t i = 0; is_done && i < overrides.label_count; i++) {
        auto* confs = static_cast<LabelConf*>(conf.labels->elts);
        is_done = evaluate(r, &confs[i].value, labels[i].value);
    }
    return is_done;
}

/// Makes the event of a message; false when out of memory.
bool make_event(Delivery& delivery, const BlueKingMessage& message) noexcept {
    ngx_log_t* log = delivery.request->connection->log;
    const LocationConf& conf = location_conf(delivery.request);
    auto* alert = delivery.arena.make<BlueKingAlert>();
    if (alert == nullptr) {
        return false;
    }
    Overrides overrides;
    Label* labels = name_labels(delivery.arena, conf.labels);
    overrides.labels = labels;
    overrides.label_count = labels == nullptr ? 0 : conf.labels->nelts;
    *alert = read_alert(delivery.arena, message);
    delivery.alert = alert;
    delivery.event = translate(delivery.arena, *alert, overrides);
    if (delivery.arena.failed() || !evaluate_overrides(delivery.request, conf, labels, overrides)) {
        return false;
    }
    if (!apply(delivery.arena, overrides, delivery.event)) {
        ngx_str_t status = to_ngx(without_controls(delivery.arena, overrides.event_status));
        ngx_log_error(NGX_LOG_WARN, log, 0,
                      "\"flashduty_event_status\" gave \"%V\", which is none of Critical, "
                      "Warning, Info and Ok, the alert's own is kept",
                      &status);
    }
    if (delivery.event.dropped_labels != 0) {
        ngx_str_t key = to_ngx(without_controls(delivery.arena, delivery.event.alert_key));
        ngx_log_error(NGX_LOG_NOTICE, log, 0,
                      "%uz labels of alert \"%V\" dropped, flashduty takes %uz",
                      delivery.event.dropped_labels, &key, kMaxLabels);
    }
    if (message.has_more) {
        ngx_str_t key = to_ngx(without_controls(delivery.arena, delivery.event.alert_key));
        ngx_log_error(NGX_LOG_NOTICE, log, 0,
                      "alert \"%V\" holds more than is looked at: %uz values of a field, names and "
                      "numbers of %uz bytes",
                      &key, kMaxFieldValues, kMaxNameBytes);
    }
    delivery.event_json = write_event(delivery.arena, delivery.event);
    return !delivery.arena.failed();
}

// Memory for one alert on top of nginx's own buffers, whatever its body holds. Nothing that
// BlueKing sends comes near; a body of megabytes that are no UTF-8 could.
constexpr std::size_t kMemoryPerBodyByte = 4;
constexpr std::size_t kMemoryBytes = 1 << 20;

/// Translates the whole body. True when there is an event to push or to show; else it is settled.
bool translate_body(Delivery& delivery) noexcept {
    RequestBody body(delivery.request);
    delivery.arena.allow_more(kMemoryPerBodyByte * body.left_bytes() + kMemoryBytes);
    body.gather(delivery.arena);
    const BodyReading reading = read_body(delivery.arena, body);
    if (!has_message(delivery, reading)) {
        return false;
    }
    if (!make_event(delivery, reading.message)) {
        settle(delivery, Outcome::kBroken, kOutOfMemory);
        return false;
    }
    return true;
}

void push_body(ngx_http_request_t* r) {
    Delivery& delivery = *find_delivery(r);
    delivery.arrived_ms = ngx_current_msec;
    const bool has_event = translate_body(delivery);
    if (has_event) {
        record_event(delivery);
        ngx_log_debug3(NGX_LOG_DEBUG_HTTP, r->connection->log, 0,
                       "flashduty event: %uz bytes, status %*s", delivery.event_json.size(),
                       delivery.event.event_status.size(), delivery.event.event_status.data());
    }
    if (!has_event || !find_push_uri(delivery)) {
        answer_caller(r);
    } else if (main_conf(r).spool != nullptr) {
        spool(delivery);
    } else {
        push_live(delivery);
    }
}

void preview_body(ngx_http_request_t* r) {
    Delivery& delivery = *find_delivery(r);
    if (!translate_body(delivery)) {
        answer_caller(r);
        return;
    }
    settle(delivery, Outcome::kPreview, {});
    ngx_http_finalize_request(r, send_json(r, delivery.answer_status, delivery.event_json));
}

ngx_int_t handle(ngx_http_request_t* r, ngx_http_client_body_handler_pt on_body) noexcept {
    if (r != r->main) {
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "\"flashduty_push\" and \"flashduty_preview\" take no subrequests");
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    Delivery* delivery = create_delivery(r);
    if (delivery == nullptr) {
        return NGX_HTTP_INTERNAL_SERVER_ERROR;
    }
    hide_arguments_in_log(r);
    if (!has_accepted_method(r)) {
        if (!add_header(&r->headers_out.headers, "Allow", "POST, PUT")) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
        return answer_unread(*delivery, Outcome::kBadMethod,
                             "an alert comes with POST: choose the method POST in the action plan");
    }
    if (is_encoded(r)) {
        return answer_unread(*delivery, Outcome::kEncoded,
                             "the body has a Content-Encoding: send it as it is");
    }
    const ngx_int_t rc = ngx_http_read_client_request_body(r, on_body);
    return rc >= NGX_HTTP_SPECIAL_RESPONSE ? rc : NGX_DONE;
}

}  // namespace

ngx_int_t push_handler(ngx_http_request_t* r) {
    count_received(stats());
    return handle(r, push_body);
}

ngx_int_t preview_handler(ngx_http_request_t* r) { return handle(r, preview_body); }

}  // namespace flashduty
