#include "recorder.hpp"

#include "../../status/reasons.hpp"
#include "conf.hpp"
#include "servers.hpp"
#include "stats_zone.hpp"

namespace flashduty {

namespace {

/// True for an alert that was to be pushed; false for a preview and for what was turned away.
bool is_shown(AnsweredAs answer) noexcept {
    return answer == AnsweredAs::kDelivered || answer == AnsweredAs::kSpooled ||
           answer == AnsweredAs::kRefused || answer == AnsweredAs::kFailed;
}

/// Computes the key; once for a location whose push uri never changes.
std::uint64_t key_of(ngx_http_request_t* r, const TargetName& name) noexcept {
    const LocationConf& conf = location_conf(r);
    if (conf.target_key != 0) {
        return conf.target_key;
    }
    const std::uint64_t key = target_key(name);
    if (conf.push_uri != nullptr && conf.push_uri->lengths == nullptr) {
        conf.target_key = key;
    }
    return key;
}

TargetName target_of(const Delivery& delivery) noexcept {
    return {server_of(delivery.request), before_key(delivery.request, to_view(delivery.push.uri))};
}

struct BriefRow {
    StoreStatus status;
    std::string_view brief;
};

/// Short form of the spool's trouble, to stand beside another reason.
constexpr BriefRow kBriefs[] = {
    {StoreStatus::kBusy, "the spool is locked by another program"},
    {StoreStatus::kStalled, "the spool's disk stalls"},
    {StoreStatus::kReadOnly, "the spool cannot be written"},
    {StoreStatus::kNewer, "the spool was made by a newer version of the gateway"},
    {StoreStatus::kCorrupt, "the spool is damaged"},
};

std::string_view brief_of(StoreStatus status, std::string_view error) noexcept {
    if (status == StoreStatus::kFull) {
        return error.find("max_size") == std::string_view::npos ? "the spool's disk is full"
                                                                : "the spool is full";
    }
    for (const BriefRow& row : kBriefs) {
        if (row.status == status) {
            return row.brief;
        }
    }
    return "the spool's disk fails";
}

PushFact fact_of(const Delivery& delivery, ngx_http_request_t* sr) noexcept {
    PushFact fact;
    fact.duration_ms = delivery.push.time_ms;
    if (sr == nullptr) {
        return fact;
    }
    const ngx_http_upstream_t* upstream = sr->upstream;
    const unsigned status = delivery.push.end.http_status;
    const bool has_status = upstream == nullptr || upstream->headers_in.status_n != 0;
    const bool is_good = status >= NGX_HTTP_OK && status < NGX_HTTP_SPECIAL_RESPONSE;
    constexpr auto kNever = static_cast<ngx_msec_t>(-1);
    if (delivery.push.is_timed_out || (!has_status && status == NGX_HTTP_GATEWAY_TIME_OUT)) {
        fact.failure = PushFailure::kTimeout;
    } else if (!has_status) {
        // connect_time is set too when a connection that was begun is refused.
        const bool is_connected = upstream->state != nullptr &&
                                  upstream->state->connect_time != kNever && upstream->request_sent;
        fact.failure = is_connected ? PushFailure::kUnreadable : PushFailure::kConnect;
    } else if (delivery.push.end.whole &&
               !(is_good && delivery.push.verdict == Verdict::kTransient)) {
        fact.http_status = status;
    }
    return fact;
}

}  // namespace

void record_event(const Delivery& delivery) noexcept {
    const CutFields cut = cut_fields(delivery.event, delivery.event_json);
    for (const auto& [is_cut, field] : {std::pair{cut.title, CutField::kTitle},
                                        std::pair{cut.description, CutField::kDescription},
                                        std::pair{cut.alert_key, CutField::kAlertKey},
                                        std::pair{cut.labels, CutField::kLabels}}) {
        if (is_cut) {
            count_cut(stats(), field);
        }
    }
    if (delivery.event.dropped_labels != 0) {
        count_dropped_labels(stats(), delivery.event.dropped_labels);
    }
}

void record_answer(const Delivery& delivery, AnsweredAs answer) noexcept {
    Stats& figures = stats();
    const StatusMs now_ms = status_now_ms();
    count_answer(figures, answer, now_ms);
    if (answer == AnsweredAs::kRejected) {
        record_rejected(figures, to_view(delivery.request->connection->addr_text),
                        delivery.answer.reason, now_ms);
    }
    if (delivery.alert == nullptr || !is_shown(answer)) {
        return;
    }
    const bool is_held = answer == AnsweredAs::kSpooled || answer == AnsweredAs::kFailed;
    if (is_held && delivery.push.uri.len != 0) {
        const TargetName name = target_of(delivery);
        count_held(figures, key_of(delivery.request, name), name, now_ms);
    }
    record_alert(figures, {now_ms, answer, answer == AnsweredAs::kDelivered,
                           ngx_current_msec - delivery.arrived_ms, delivery.alert->bk_biz_id,
                           delivery.alert->bk_biz_name, delivery.event.title_rule,
                           delivery.event.event_status, delivery.answer.code,
                           delivery.answer.request_id, delivery.answer.reason});
}

void record_push(const Delivery& delivery, ngx_http_request_t* sr) noexcept {
    count_push(stats(), fact_of(delivery, sr), status_now_ms());
}

void log_doubt(const Delivery& delivery, const TargetName& name) noexcept {
    const ngx_str_t location = to_ngx(name.location);
    const ngx_str_t server = to_ngx(name.server);
    const ngx_str_t doubt = to_ngx(sentence_of(delivery.push.doubt));
    ngx_log_error(NGX_LOG_WARN, ngx_cycle->log, 0,
                  "flashduty target \"%V of server %V\" takes events, but %V", &location, &server,
                  &doubt);
}

void record_live_push(const Delivery& delivery) noexcept {
    const Fate fate = delivery.push.verdict == Verdict::kDelivered      ? Fate::kDelivered
                      : delivery.push.verdict == Verdict::kEventRefused ? Fate::kRefused
                                                                        : Fate::kWaits;
    Stats& figures = stats();
    const StatusMs now_ms = status_now_ms();
    if (fate == Fate::kDelivered) {
        count_delivery(figures, ngx_current_msec - delivery.arrived_ms, now_ms);
    }
    if (delivery.push.end.http_status != 0) {  // else nginx has ended it
        const TargetName name = target_of(delivery);
        PushNote note;
        note.fate = fate;
        note.reason = delivery.push.reason;
        note.alert_key = delivery.event.alert_key;
        note.doubt = delivery.push.doubt;
        note.blame = blame_of(delivery);
        if (note_push(figures, key_of(delivery.request, name), name, note, now_ms).is_doubted) {
            log_doubt(delivery, name);
        }
    }
}

Blame blame_of(const Delivery& delivery) noexcept {
    const ngx_http_request_t* push = delivery.push.request;
    const bool was_sent = push != nullptr && push->upstream != nullptr && !delivery.push.has_no_key;
    const bool is_passing = delivery.push.verdict != Verdict::kAccountAtFault &&
                            delivery.push.verdict != Verdict::kEventRefused;
    return was_sent && is_passing ? Blame::kNobody : Blame::kOperator;
}

std::string_view why_it_waits(Delivery& delivery) noexcept {
    return why_it_waits(delivery.arena, stats(), key_of(delivery.request, target_of(delivery)));
}

std::string_view with_spool_trouble(Delivery& delivery, std::string_view reason) noexcept {
    return with_trouble(delivery.arena, stats(), reason);
}

void record_nowhere(const Delivery& delivery, std::string_view reason) noexcept {
    const auto* location = static_cast<ngx_http_core_loc_conf_t*>(
        ngx_http_get_module_loc_conf(delivery.request, ngx_http_core_module));
    note_nowhere(stats(), {server_of(delivery.request), to_view(location->name)}, reason,
                 status_now_ms());
}

void note_spool(SpoolUser user, StoreStatus status, const std::string& error) noexcept {
    const StatusMs now_ms = status_now_ms();
    const auto* conf = static_cast<MainConf*>(
        ngx_http_cycle_get_module_main_conf(ngx_cycle, ngx_http_flashduty_module));
    if (!is_spool_at(stats(), to_view(conf->spool->path))) {
        return;  // this worker is of an older configuration
    }
    if (status != StoreStatus::kOk) {
        if (begin_trouble(stats(), user, brief_of(status, error), error, now_ms)) {
            ngx_log_error(NGX_LOG_CRIT, ngx_cycle->log, 0,
                          "flashduty spool cannot be used, what it does not take is pushed without "
                          "it: %s",
                          error.c_str());
        }
    } else if (end_trouble(stats(), user, now_ms)) {
        ngx_log_error(NGX_LOG_NOTICE, ngx_cycle->log, 0, "flashduty spool can be used again");
    }
}

std::string say_store_failed(const std::string& error) noexcept {
    constexpr std::string_view kDatabase = "PostgreSQL: ";
    return error.compare(0, kDatabase.size(), kDatabase) == 0 ? error : "the spool " + error;
}

KeptAlert::KeptAlert(Delivery& delivery) noexcept
    : title_(delivery.event.title_rule), status_(delivery.event.event_status) {
    const BlueKingAlert* alert = alert_of(delivery);
    if (alert != nullptr) {
        biz_id_ = alert->bk_biz_id;
        biz_name_ = alert->bk_biz_name;
    }
}

void KeptAlert::record(AnsweredAs outcome, std::string_view code, std::string_view request_id,
                       std::string_view reason, std::uint64_t delay_ms) const noexcept {
    AlertFact alert;
    alert.time_ms = status_now_ms();
    alert.outcome = outcome;
    alert.has_delay = outcome == AnsweredAs::kDelivered;
    alert.delay_ms = delay_ms;
    alert.biz_id = biz_id_;
    alert.biz_name = biz_name_;
    alert.title = title_;
    alert.status = status_;
    alert.code = code;
    alert.request_id = request_id;
    alert.reason = reason;
    record_alert(stats(), alert);
}

}  // namespace flashduty
