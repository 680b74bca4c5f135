// Readings for operators.
#include <algorithm>
#include <chrono>
#include <vector>

#include "../status/status_json.hpp"
#include "api_call.hpp"
#include "base/headers.hpp"
#include "base/pool_arena.hpp"
#include "base/version.hpp"
#include "request/answer.hpp"
#include "request/conf.hpp"
#include "request/push_places.hpp"
#include "request/servers.hpp"
#include "spool/worker.hpp"
#include "status.hpp"

namespace flashduty {

namespace {

// ---------------------------------------------------------------- targets

/// State of a target by the counters of all workers.
struct KnownTarget {
    std::string name;  ///< of its server and location
    bool is_up;
    UnixMs since_ms;
    UnixMs next_try_ms;
    std::string reason;
};

std::string name_of(const ListedTarget& target) {
    return target.server + (target.server.empty() ? "" : " ") + target.location;
}

std::vector<KnownTarget> known_targets(ngx_http_request_t* r) noexcept {
    PoolArena arena(r->pool);
    const StatusView view = view_status(r, arena);
    std::vector<KnownTarget> known;
    for (std::size_t i = 0; !arena.failed() && i < view.target_count; i++) {
        const TargetView& target = view.targets[i];
        known.push_back({std::string(target.name), target.is_up,
                         static_cast<UnixMs>(target.since_ms),
                         static_cast<UnixMs>(target.next_try_ms), std::string(target.reason)});
    }
    return known;
}

/// Lists the targets that matter, of all that ever had an event: those that have one, those with a
/// known state, and those that the configuration pushes to.
class TargetsReading final : public ApiReading {
  public:
    explicit TargetsReading(const ApiCallPtr& call) noexcept
        : ApiReading(call),
          known_(known_targets(call->request)),
          may_change_(location_conf(call->request).may_change) {
        const MainConf& conf = main_conf(call->request);
        for_each_literal_push(
            conf, [this, &conf](const ngx_http_core_srv_conf_t* server, std::string_view uri) {
                configured_.push_back(std::string(server_of(*conf.servers, server)) + ' ' +
                                      std::string(uri.substr(0, uri.find('?'))));
            });
    }

    StoreStatus read(EventLedger& ledger) noexcept override {
        std::vector<ListedTarget> targets;
        const StoreStatus status = ledger.list_targets(targets);
        for (ListedTarget& target : targets) {
            const std::string name = name_of(target);
            const auto known =
                std::find_if(known_.begin(), known_.end(),
                             [&name](const KnownTarget& one) { return one.name == name; });
            const bool is_configured =
                std::find(configured_.begin(), configured_.end(), name) != configured_.end();
            if (target.waiting == 0 && target.dead == 0 && known == known_.end() &&
                !is_configured) {
                continue;
            }
            shown_.push_back({std::move(target), {}});
            describe(shown_.back(), known == known_.end() ? nullptr : &*known);
        }
        return status;
    }

  private:
    void describe(ShownTarget& shown, const KnownTarget* known) const noexcept {
        TargetFigures& figures = shown.figures;
        figures.state = known != nullptr && !known->is_up ? "away" : "up";
        if (known != nullptr) {
            figures.reason = known->reason;
            figures.since_ms = known->since_ms;
            figures.next_probe_ms = known->next_try_ms;
        }
        if (shown.target.paused_until_ms != 0) {
            figures.state = "paused";
            figures.reason = "paused by the operator";
            figures.next_probe_ms = 0;
        }
    }

    /// Looks for the targets in the configuration; not in a thread, for nginx's regexes are for one
    /// thread only.
    void finish() noexcept override {
        if (call().request == nullptr) {
            return;
        }
        const MainConf& conf = main_conf(call().request);
        for (ShownTarget& shown : shown_) {
            const ListedTarget& target = shown.target;
            const Standing standing = standing_of(conf, target.server, target.location);
            if (standing != Standing::kThere) {
                shown.figures.state = "gone";
                shown.figures.reason = why_gone(standing, target.server, target.location);
                shown.figures.next_probe_ms = 0;
            }
        }
        body_ = write_api_targets(shown_, may_change_);
        ApiReading::finish();
    }

    std::vector<ShownTarget> shown_;
    std::vector<KnownTarget> known_;
    std::vector<std::string> configured_;
    bool may_change_;
};

// ---------------------------------------------------------------- events

class PageReading final : public ApiReading {
  public:
    using ApiReading::ApiReading;

    StoreStatus read(EventLedger& ledger) noexcept override {
        const ApiRequest& asked = call().asked;
        EventPage page;
        const StoreStatus status =
            ledger.list(asked.pile, asked.filter, asked.after, asked.limit, page);
        body_ = write_api_page(page, asked.pile);
        return status;
    }
};

class EventReading final : public ApiReading {
  public:
    using ApiReading::ApiReading;

    StoreStatus read(EventLedger& ledger) noexcept override {
        const ApiRequest& asked = call().asked;
        WholeEvent event;
        bool is_found = false;
        const StoreStatus status = ledger.show(asked.pile, asked.id, event, is_found);
        status_ = is_found ? NGX_HTTP_OK : NGX_HTTP_NOT_FOUND;
        body_ = is_found ? write_api_event(event, asked.pile)
                         : write_api_reason(asked.pile == Pile::kWaiting
                                                ? "no such event waits: it has left, or is a dead "
                                                  "letter"
                                                : "there is no such dead letter");
        return status;
    }
};

// ---------------------------------------------------------------- export

void send_more(ngx_http_request_t* r);

/// Reads an export page by page, each when the caller has taken the one before it, and rests for as
/// long as the reading took: others need the processor, too. Pages are small for the same reason.
class ExportReading final : public ApiReading {
  public:
    ExportReading(const ApiCallPtr& call, std::int64_t after) noexcept
        : ApiReading(call), after_(after) {}

    StoreStatus read(EventLedger& ledger) noexcept override {
        using std::chrono::steady_clock;
        constexpr std::size_t kPageBytes = 128 * 1024;
        const auto began = steady_clock::now();
        const Pile pile = call().asked.pile;
        WholePage page;
        const StoreStatus status = ledger.read_whole(pile, after_, kPageBytes, page);
        body_ = write_api_lines(page, pile);
        next_ = page.next;
        took_ = steady_clock::now() - began;
        return status;
    }

    /// A part that was sent cannot be taken back: the caller sees that the answer is cut.
    void on_read(StoreStatus status, const std::string& error) noexcept override {
        ngx_http_request_t* r = call().request;
        if (status == StoreStatus::kOk || r == nullptr || !r->header_sent) {
            ApiReading::on_read(status, error);
            return;
        }
        ngx_log_error(NGX_LOG_ERR, r->connection->log, 0,
                      "flashduty api: an export ends early, the spool %s", error.c_str());
        ngx_connection_t* c = r->connection;
        r->keepalive = 0;
        c->error = 1;
        ngx_http_finalize_request(r, NGX_ERROR);
        ngx_http_run_posted_requests(c);
    }

  private:
    void finish() noexcept override {
        ngx_http_request_t* r = call().request;
        if (r == nullptr) {
            return;
        }
        ngx_connection_t* c = r->connection;
        send(r);
        ngx_http_run_posted_requests(c);
    }

    void send(ngx_http_request_t* r) noexcept {
        call().body = std::move(body_);
        call().asked.after = next_;
        call().is_reading = false;
        const bool is_last = next_ == 0;
        const ngx_int_t rc = r->header_sent ? NGX_OK : send_header(r);
        if (rc == NGX_ERROR || rc > NGX_OK || r->header_only) {
            ngx_http_finalize_request(r, rc);
            return;
        }
        auto* buf = static_cast<ngx_buf_t*>(ngx_calloc_buf(r->pool));
        if (buf == nullptr) {
            ngx_http_finalize_request(r, NGX_ERROR);
            return;
        }
        hold_whole(*buf, call().body);
        buf->memory = call().body.empty() ? 0 : 1;
        buf->last_buf = buf->last_in_chain = is_last ? 1 : 0;
        buf->flush = is_last ? 0 : 1;
        ngx_chain_t out = {buf, nullptr};
        const ngx_int_t sent = ngx_http_output_filter(r, &out);
        if (is_last || sent == NGX_ERROR) {
            ngx_http_finalize_request(r, sent);
            return;
        }
        call().rest_ms =
            static_cast<ngx_msec_t>(std::chrono::ceil<std::chrono::milliseconds>(took_).count());
        r->write_event_handler = send_more;
        send_more(r);
    }

    static ngx_int_t send_header(ngx_http_request_t* r) noexcept {
        if (!add_api_headers(r)) {
            return NGX_HTTP_INTERNAL_SERVER_ERROR;
        }
        r->headers_out.status = NGX_HTTP_OK;
        r->headers_out.content_type = to_ngx("application/x-ndjson");
        r->headers_out.content_type_len = r->headers_out.content_type.len;
        ngx_str_set(&r->headers_out.charset, "utf-8");
        r->disable_not_modified = 1;
        return ngx_http_send_header(r);
    }

    std::int64_t after_;
    std::int64_t next_ = 0;
    std::chrono::steady_clock::duration took_ = {};
};

/// Continues an export when its caller has taken the part that was sent.
void send_more(ngx_http_request_t* r) {
    const ApiCallPtr call = find_api_call(r);
    ngx_connection_t* c = r->connection;
    const auto* core = static_cast<ngx_http_core_loc_conf_t*>(
        ngx_http_get_module_loc_conf(r, ngx_http_core_module));
    if (call->is_reading) {
        return;
    }
    if (c->write->timedout) {
        ngx_log_error(NGX_LOG_INFO, c->log, NGX_ETIMEDOUT, "client timed out");
        c->timedout = 1;
        ngx_http_finalize_request(r, NGX_HTTP_REQUEST_TIME_OUT);
        return;
    }
    if (ngx_http_output_filter(r, nullptr) == NGX_ERROR) {
        ngx_http_finalize_request(r, NGX_ERROR);
        return;
    }
    if (r->buffered != 0 || c->buffered != 0) {
        if (!c->write->delayed) {
            ngx_add_timer(c->write, core->send_timeout);
        }
        if (ngx_handle_write_event(c->write, core->send_lowat) != NGX_OK) {
            ngx_http_finalize_request(r, NGX_ERROR);
        }
        return;
    }
    if (c->write->timer_set) {
        ngx_del_timer(c->write);
    }
    call->is_reading = true;
    call->rest.set<&ApiCall::end_rest>(*call, false);
    call->rest.start(call->rest_ms);
}

// ---------------------------------------------------------------- support

void number(JsonSink& out, std::string_view name, std::int64_t value) noexcept {
    out.name(name);
    out.raw(std::to_string(value));
}

void write_configuration(JsonSink& out, const MainConf& conf) noexcept {
    out.open_object();
    if (conf.spool != nullptr) {
        out.member("spool", to_view(conf.spool->path));
        number(out, "max_size", conf.spool->max_size_bytes);
        number(out, "max_age", conf.spool->max_age_s);
        number(out, "dead_age", conf.spool->dead_age_s);
        number(out, "rate_per_second", conf.rate.per_second);
        number(out, "rate_per_minute", conf.rate.per_minute);
    }
    out.name("pushes");
    out.raw("[");
    bool is_first = true;
    for_each_literal_push(conf, [&](const ngx_http_core_srv_conf_t* server, std::string_view uri) {
        out.raw(is_first ? "" : ",");
        is_first = false;
        out.open_object();
        out.member("server", server_of(*conf.servers, server));
        // Leaves out arguments, which may hold what is nobody else's business.
        out.member("uri", uri.substr(0, uri.find('?')));
        out.close_object();
    });
    out.raw("]");
    out.close_object();
}

/// Counters, and the last alerts without their texts.
std::string_view figures_of(ngx_http_request_t* r, Arena& arena) noexcept {
    StatusView view = view_status(r, arena);
    auto* alerts = arena.make_array<AlertView>(view.alert_count);
    for (std::size_t i = 0; alerts != nullptr && i < view.alert_count; i++) {
        const AlertView& alert = view.alerts[i];
        alerts[i].number = alert.number;
        alerts[i].time_ms = alert.time_ms;
        alerts[i].outcome = alert.outcome;
        alerts[i].has_delay = alert.has_delay;
        alerts[i].delay_ms = alert.delay_ms;
        alerts[i].status = alert.status;
        alerts[i].code = alert.code;
        alerts[i].request_id = alert.request_id;
    }
    view.alerts = alerts;
    view.alert_count = alerts == nullptr ? 0 : view.alert_count;
    return write_status_json(arena, view);
}

/// Report for people who help: versions, configuration, counters; no secret, no alert's text.
std::string support_of(ngx_http_request_t* r) noexcept {
    PoolArena arena(r->pool);
    const std::string_view versions = write_json(arena, [](JsonSink& out) {
        out.open_object();
        out.member("version", kVersion);
        out.member("nginx", NGINX_VERSION);
        out.member("nginx_build", NGX_CONFIGURE);
        out.close_object();
    });
    const std::string_view configuration =
        write_json(arena, [r](JsonSink& out) { write_configuration(out, main_conf(r)); });
    const std::string_view figures = figures_of(r, arena);
    return arena.failed() ? std::string{}
                          : "{\"versions\":" + std::string(versions) +
                                ",\"configuration\":" + std::string(configuration) +
                                ",\"figures\":" + std::string(figures);
}

class SupportReading final : public ApiReading {
  public:
    explicit SupportReading(const ApiCallPtr& call) noexcept
        : ApiReading(call), begin_(support_of(call->request)) {}

    /// An unusable spool is no error here: it may be what somebody needs help with.
    void on_read(StoreStatus, const std::string& error) noexcept override {
        error_ = error;
        answer();
    }

    StoreStatus read(EventLedger& ledger) noexcept override { return ledger.facts(facts_); }

    void answer() noexcept {
        answer_api(call(), NGX_HTTP_OK, begin_ + ",\"spool\":" + spool() + "}\n");
    }

  private:
    [[nodiscard]] std::string spool() const noexcept {
        if (facts_.kind.empty()) {
            return "null";
        }
        std::string text;
        append_json(text, [&](JsonSink& out) {
            out.open_object();
            out.member("kind", facts_.kind);
            number(out, "schema", facts_.schema);
            number(out, "waiting", static_cast<std::int64_t>(facts_.size.waiting));
            number(out, "dead", static_cast<std::int64_t>(facts_.size.dead));
            number(out, "bytes", static_cast<std::int64_t>(facts_.size.used_bytes));
            out.member("trouble", error_);
            out.close_object();
        });
        return text;
    }

    std::string begin_;
    std::string error_;
    StoreFacts facts_;
};

}  // namespace

void ApiCall::end_rest() noexcept {
    if (request != nullptr) {
        read_spool(std::make_unique<ExportReading>(find_api_call(request), asked.after));
    }
}

void list_targets_for(const ApiCallPtr& call) noexcept {
    read_spool(std::make_unique<TargetsReading>(call));
}

void list_events_for(const ApiCallPtr& call) noexcept {
    read_spool(std::make_unique<PageReading>(call));
}

void show_event_for(const ApiCallPtr& call) noexcept {
    read_spool(std::make_unique<EventReading>(call));
}

void export_events_for(const ApiCallPtr& call) noexcept {
    call->is_reading = true;
    read_spool(std::make_unique<ExportReading>(call, 0));
}

void support_for(const ApiCallPtr& call) noexcept {
    auto reading = std::make_unique<SupportReading>(call);
    if (main_conf(call->request).spool == nullptr) {
        reading->answer();
    } else {
        read_spool(std::move(reading));
    }
}

}  // namespace flashduty
