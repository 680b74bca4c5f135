#include "status_json.hpp"

#include <algorithm>

#include "../core/json_writer.hpp"
#include "health.hpp"
#include "metrics.hpp"

namespace flashduty {

namespace {

void number(JsonSink& out, std::string_view name, std::string_view number) noexcept {
    out.name(name);
    out.raw(number);
}

/// Writes a member in seconds, or null.
void seconds_or_null(JsonSink& out, std::string_view name, bool is_known,
                     std::uint64_t ms) noexcept {
    out.name(name);
    out.raw(is_known ? std::string_view(Digits::seconds(ms)) : std::string_view("null"));
}

/// Writes the members of an array; `write` is called for each.
template <class Write>
void array(JsonSink& out, std::string_view name, std::size_t count, Write write) noexcept {
    out.name(name);
    out.raw("[");
    for (std::size_t i = 0; i < count; i++) {
        out.raw(i == 0 ? "" : ",");
        out.open_object();
        write(i);
        out.close_object();
    }
    out.raw("]");
}

/// Writes a member for each metric: a number, or an object of numbers by label.
class JsonFigures final : public MetricSink {
  public:
    explicit JsonFigures(JsonSink& out) noexcept : out_(out) {}

    void begin(const MetricHead& head) noexcept override {
        head_ = head;
        out_.name(head.name);
        if (!head.label.empty()) {
            out_.open_object();
        }
        if (head.type == MetricType::kHistogram) {
            out_.open_object();
            out_.name("buckets");
            out_.open_object();
        }
    }

    void value(std::string_view label, std::string_view number) noexcept override {
        if (!head_.label.empty()) {
            out_.raw(is_first_ ? "" : ",");
            out_.string(label);
            out_.raw(":");
            is_first_ = false;
        }
        out_.raw(number);
    }

    void bucket(std::string_view bound, std::uint64_t count) noexcept override {
        number(out_, bound, Digits(count));
    }

    void sum(std::string_view seconds, std::uint64_t count) noexcept override {
        out_.close_object();
        number(out_, "sum", seconds);
        number(out_, "count", Digits(count));
        out_.close_object();
    }

    void build(std::string_view version, std::string_view nginx) noexcept override {
        out_.open_object();
        out_.member("version", version);
        out_.member("nginx", nginx);
        out_.close_object();
    }

    void end() noexcept override {
        if (!head_.label.empty()) {
            out_.close_object();
        }
        is_first_ = true;
    }

  private:
    JsonSink& out_;
    MetricHead head_ = {};
    bool is_first_ = true;
};

void write_next_try(JsonSink& out, StatusMs next_try_ms, StatusMs now_ms) noexcept {
    seconds_or_null(out, "next_try_seconds", next_try_ms != 0,
                    next_try_ms > now_ms ? next_try_ms - now_ms : 0);
}

void write_spool(JsonSink& out, const StatusView& view) noexcept {
    const SpoolFigures<std::uint64_t>& spool = view.figures->spool;
    StatusMs next_try_ms = 0;
    for (std::size_t i = 0; i < view.target_count; i++) {
        const StatusMs next_ms = view.targets[i].next_try_ms;
        const bool is_sooner = next_try_ms == 0 || next_ms < next_try_ms;
        next_try_ms = next_ms != 0 && is_sooner ? next_ms : next_try_ms;
    }
    out.name("spool");
    out.open_object();
    number(out, "enabled", view.context.has_spool ? "true" : "false");
    number(out, "waiting", Digits(spool.waiting));
    number(out, "dead", Digits(spool.dead));
    number(out, "bytes", Digits(spool.used_bytes));
    number(out, "oldest_seconds", Digits::seconds(oldest_wait_ms(view)));
    write_next_try(out, next_try_ms, view.context.now_ms);
    out.member("last_error", view.last_error);
    number(out, "last_error_at",
           Digits(view.last_error.empty() ? 0 : spool.last_error_ms / kSecondMs));
    out.member("trouble", view.trouble);
    out.close_object();
}

void write_targets(JsonSink& out, const StatusView& view) noexcept {
    array(out, "targets", view.target_count, [&](std::size_t i) {
        const TargetView& target = view.targets[i];
        out.member("target", target.name);
        number(out, "up", !target.is_known ? "null" : target.is_up ? "true" : "false");
        number(out, "since", Digits(target.since_ms / kSecondMs));
        write_next_try(out, target.next_try_ms, view.context.now_ms);
        out.member("reason", target.reason);
        if (!target.is_up && target.blame != Blame::kNobody) {
            out.member("needs", "operator");  // it does not pass by itself
        }
        if (!target.warning.empty()) {
            out.member("warning", target.warning);
        }
    });
}

// ---------------------------------------------------------------- the last hour

/// Longest duration of the given part, in hundredths, of a minute's pushes. Interpolated within the
/// bucket, as if its pushes were spread over it evenly.
std::uint64_t percentile_ms(const std::uint64_t (&counts)[kMinuteBuckets], std::uint64_t total,
                            std::uint64_t hundredths) noexcept {
    const std::uint64_t wanted = std::max<std::uint64_t>((total * hundredths + 99) / 100, 1);
    std::uint64_t before = 0;
    std::size_t bucket = 0;
    while (bucket + 1 < kMinuteBuckets && before + counts[bucket] < wanted) {
        before += counts[bucket++];
    }
    const std::uint64_t least_ms = least_ms_of_bucket(bucket);
    const std::uint64_t width_ms = least_ms_of_bucket(bucket + 1) - least_ms;
    return counts[bucket] == 0 ? least_ms
                               : least_ms + width_ms * (wanted - before) / counts[bucket];
}

void write_minute(JsonSink& out, const StatusView& view, std::uint64_t minute) noexcept {
    const Minute<std::uint64_t>& from = view.figures->minutes[minute % kMinutes];
    std::uint64_t pushes[kMinuteBuckets];
    std::uint64_t total = 0;
    for (std::size_t i = 0; i < kMinuteBuckets; i++) {
        pushes[i] = count_of_minute(from.pushes[i], minute);
        total += pushes[i];
    }
    number(out, "time", Digits(minute * kMinuteMs / kSecondMs));
    for (std::size_t i = 0; i < kAnsweredKinds; i++) {
        number(out, kAnsweredNames[i], Digits(count_of_minute(from.answers[i], minute)));
    }
    number(out, "replayed", Digits(count_of_minute(from.replayed, minute)));
    number(out, "pushes", Digits(total));
    for (const auto& [name, hundredths] : {std::pair{"push_p50", 50}, std::pair{"push_p99", 99}}) {
        seconds_or_null(out, name, total != 0,
                        percentile_ms(pushes, total, static_cast<std::uint64_t>(hundredths)));
    }
}

void write_minutes(JsonSink& out, const StatusView& view) noexcept {
    const std::uint64_t first = view.context.now_ms / kMinuteMs + 1 - kMinutes;
    array(out, "minutes", kMinutes, [&](std::size_t i) { write_minute(out, view, first + i); });
}

// ---------------------------------------------------------------- the fleet

/// Writes how long appends of the last minutes have taken.
void write_append(JsonSink& out, const StatusView& view) noexcept {
    std::uint64_t counts[kMinuteBuckets] = {};
    std::uint64_t total = 0;
    const std::uint64_t first = view.context.now_ms / kMinuteMs + 1 - kAppendMinutes;
    for (std::uint64_t minute = first; minute < first + kAppendMinutes; minute++) {
        const auto& from = view.figures->fleet.appends[minute % kAppendMinutes];
        for (std::size_t i = 0; i < kMinuteBuckets; i++) {
            const std::uint64_t count = count_of_minute(from[i], minute);
            counts[i] += count;
            total += count;
        }
    }
    seconds_or_null(out, "append_p50", total != 0, percentile_ms(counts, total, 50));
    seconds_or_null(out, "append_p99", total != 0, percentile_ms(counts, total, 99));
}

void write_edges(JsonSink& out, const StatusView& view) noexcept {
    array(out, "edges", view.fleet.edge_count, [&](std::size_t i) {
        const EdgeView& edge = view.fleet.edges[i];
        const StatusMs now_ms = view.context.now_ms;
        out.member("edge", edge.name);
        out.member("mode", kEdgeStateNames[index_of(edge.state)]);
        number(out, "leader", edge.is_leader ? "true" : "false");
        out.member("version", edge.version);
        out.member("revision", edge.revision);
        number(out, "local_events", Digits(edge.local_events));
        number(out, "seen_seconds",
               Digits::seconds(now_ms > edge.seen_ms ? now_ms - edge.seen_ms : 0));
        out.member("drift", edge.drift);
    });
}

void write_fleet(JsonSink& out, const StatusView& view) noexcept {
    const FleetFigures<std::uint64_t>& figures = view.figures->fleet;
    const FleetView& fleet = view.fleet;
    out.name("fleet");
    out.open_object();
    out.member("edge", fleet.name);
    out.member("mode", kEdgeStateNames[index_of(fleet.state)]);
    number(out, "since", Digits(figures.state_since_ms / kSecondMs));
    number(out, "heard", fleet.is_heard ? "true" : "false");
    number(out, "leader", fleet.is_leader ? "true" : "false");
    number(out, "term", Digits(figures.term));
    number(out, "local_events", Digits(figures.local_events));
    out.member("database", fleet.server);
    number(out, "up", fleet.is_up ? "true" : "false");
    number(out, "up_since", Digits(figures.up_since_ms / kSecondMs));
    number(out, "synchronous", figures.is_synchronous != 0 ? "true" : "false");
    out.name("replicas");
    out.raw(figures.standbys == 0 ? std::string_view("null")
                                  : std::string_view(Digits(figures.standbys - 1)));
    write_append(out, view);
    number(out, "clock_offset", Digits::signed_seconds(fleet.clock_offset_ms));
    out.member("reason", fleet.reason);
    out.member("trouble", fleet.trouble);
    write_edges(out, view);
    out.close_object();
}

// ---------------------------------------------------------------- the last alerts

void write_alerts(JsonSink& out, const StatusView& view) noexcept {
    array(out, "alerts", view.alert_count, [&](std::size_t i) {
        const AlertView& alert = view.alerts[i];
        number(out, "time", Digits::seconds(alert.time_ms));
        out.member("biz_id", alert.biz_id);
        out.member("biz_name", alert.biz_name);
        out.member("title", alert.title);
        out.member("status", alert.status);
        out.member("outcome", alert.outcome);
        out.member("code", alert.code);
        seconds_or_null(out, "delay_seconds", alert.has_delay, alert.delay_ms);
        out.member("request_id", alert.request_id);
        if (alert.outcome != kAnsweredNames[index_of(AnsweredAs::kDelivered)]) {
            out.member("reason", alert.reason);
        }
        if (!alert.address.empty()) {
            out.member("address", alert.address);
            number(out, "count", Digits(alert.count));
        }
    });
}

void write(JsonSink& out, const StatusView& view, const Health& health) noexcept {
    out.open_object();
    out.member("state", kStateNames[static_cast<std::size_t>(health.state)]);
    out.member("reason", health.reason);
    number(out, "since", Digits(health.since_ms / kSecondMs));
    number(out, "now", Digits(view.context.now_ms / kSecondMs));
    write_spool(out, view);
    write_targets(out, view);
    if (view.context.has_fleet) {
        write_fleet(out, view);
    }
    JsonFigures figures(out);
    list_metrics(view, figures);
    write_minutes(out, view);
    write_alerts(out, view);
    out.close_object();
    out.raw("\n");
}

}  // namespace

std::string_view write_status_json(Arena& arena, const StatusView& view) noexcept {
    const Health health = health_of(arena, view);
    return write_json(arena, [&](JsonSink& out) { write(out, view, health); });
}

}  // namespace flashduty
