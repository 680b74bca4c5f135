#include "metrics.hpp"

#include <algorithm>

namespace flashduty {

namespace {

constexpr MetricType kCounter = MetricType::kCounter;
constexpr MetricType kGauge = MetricType::kGauge;

void list_one(MetricSink& sink, const MetricHead& head, std::string_view number) noexcept {
    sink.begin(head);
    sink.value({}, number);
    sink.end();
}

template <std::size_t Kinds>
void list_kinds(MetricSink& sink, const MetricHead& head, const std::string_view (&names)[Kinds],
                const std::uint64_t (&counts)[Kinds]) noexcept {
    sink.begin(head);
    for (std::size_t i = 0; i < Kinds; i++) {
        sink.value(names[i], Digits(counts[i]));
    }
    sink.end();
}

template <std::size_t Bounds>
void list_histogram(MetricSink& sink, const MetricHead& head,
                    const std::uint64_t (&bounds_ms)[Bounds],
                    const Histogram<std::uint64_t, Bounds>& histogram) noexcept {
    sink.begin(head);
    std::uint64_t count = 0;
    for (std::size_t i = 0; i < Bounds; i++) {
        count += histogram.buckets[i];
        sink.bucket(Digits::seconds(bounds_ms[i]), count);
    }
    count += histogram.buckets[Bounds];
    sink.bucket("+Inf", count);
    sink.sum(Digits::seconds(histogram.sum_ms), count);
    sink.end();
}

/// Statuses listed from the start: a rise from 0 can be seen.
constexpr unsigned kToldStatuses[] = {200, 400, 401, 403, 404, 429, 500, 502, 503};

bool is_told(unsigned status) noexcept {
    return std::find(std::begin(kToldStatuses), std::end(kToldStatuses), status) !=
           std::end(kToldStatuses);
}

/// Lists kToldStatuses, the other statuses that have come, and all other ends.
void list_pushes(MetricSink& sink, const Snapshot& figures) noexcept {
    sink.begin({"flashduty_pushes_total", kCounter,
                "Pushes to Flashduty that have ended, by HTTP status or what came in its place.",
                "code"});
    for (unsigned status = kFirstHttpStatus; status <= kLastHttpStatus; status++) {
        const std::uint64_t count = figures.push_statuses[status - kFirstHttpStatus];
        if (count != 0 || is_told(status)) {
            sink.value(Digits(status), Digits(count));
        }
    }
    for (std::size_t i = 0; i < kPushFailureKinds; i++) {
        sink.value(kPushFailureNames[i], Digits(figures.push_failures[i]));
    }
    sink.end();
}

void list_spool(MetricSink& sink, const StatusView& view) noexcept {
    const SpoolFigures<std::uint64_t>& spool = view.figures->spool;
    sink.begin({"flashduty_spool_events", kGauge, "Events in the spool.", "state"});
    sink.value("waiting", Digits(spool.waiting));
    sink.value("dead", Digits(spool.dead));
    sink.end();
    list_one(sink, {"flashduty_spool_bytes", kGauge, "Size of the pages in use of the spool.", {}},
             Digits(spool.used_bytes));
    list_one(sink,
             {"flashduty_spool_oldest_seconds",
              kGauge,
              "How long the oldest event in the spool has been waiting, 0 when none waits.",
              {}},
             Digits::seconds(oldest_wait_ms(view)));
    list_one(sink, {"flashduty_spool_commits_total", kCounter, "Synced commits to the spool.", {}},
             Digits(spool.commits));
    if (view.context.has_spool) {
        list_one(
            sink,
            {"flashduty_spool_usable",
             kGauge,
             "Whether events can be written down and read back.",
             {}},
            (spool.trouble & ~static_cast<std::uint64_t>(SpoolUser::kStranger)) == 0 ? "1" : "0");
    }
}

void list_targets(MetricSink& sink, const StatusView& view) noexcept {
    sink.begin({"flashduty_target_up", kGauge,
                "Whether the last that is known of a target is that it takes events.", "target"});
    for (std::size_t i = 0; i < view.target_count; i++) {
        if (view.targets[i].is_known) {
            sink.value(view.targets[i].name, view.targets[i].is_up ? "1" : "0");
        }
    }
    sink.end();
    sink.begin({"flashduty_refusals_in_a_row", kGauge,
                "Events that a target has refused since it has last taken one.", "target"});
    for (std::size_t i = 0; i < view.target_count; i++) {
        sink.value(view.targets[i].name, Digits(view.targets[i].refusals));
    }
    sink.end();
}

}  // namespace

std::uint64_t oldest_wait_ms(const StatusView& view) noexcept {
    const StatusMs oldest_ms = view.figures->spool.oldest_ms;
    const StatusMs now_ms = view.context.now_ms;
    return oldest_ms == 0 || oldest_ms > now_ms ? 0 : now_ms - oldest_ms;
}

void list_metrics(const StatusView& view, MetricSink& sink) noexcept {
    const Snapshot& figures = *view.figures;
    list_one(sink, {"flashduty_received_total", kCounter, "Requests to locations that push.", {}},
             Digits(figures.received));
    list_kinds(
        sink,
        {"flashduty_events_total", kCounter, "Requests by how they were answered.", "outcome"},
        kAnsweredNames, figures.answers);
    list_kinds(
        sink,
        {"flashduty_replayed_total", kCounter,
         "Pushes of events from the spool whose callers had their answer already.", "result"},
        kReplayNames, figures.replays);
    list_pushes(sink, figures);
    list_histogram(sink,
                   {"flashduty_push_duration_seconds",
                    MetricType::kHistogram,
                    "How long pushes to Flashduty have taken.",
                    {}},
                   kPushBoundsMs, figures.push_duration);
    list_histogram(sink,
                   {"flashduty_delivery_delay_seconds",
                    MetricType::kHistogram,
                    "From the arrival of an alert to Flashduty's yes, time in the spool included.",
                    {}},
                   kDelayBoundsMs, figures.delivery_delay);
    list_kinds(sink,
               {"flashduty_truncated_total", kCounter,
                "Events of which Flashduty would not have taken a field whole.", "field"},
               kCutFieldNames, figures.cut);
    list_one(sink,
             {"flashduty_labels_dropped_total",
              kCounter,
              "Labels that were left out because Flashduty takes 50.",
              {}},
             Digits(figures.dropped_labels));
    list_spool(sink, view);
    list_targets(sink, view);
    list_one(sink,
             {"flashduty_last_delivery_timestamp_seconds",
              kGauge,
              "When Flashduty has last taken an event, 0 when it never has.",
              {}},
             Digits::seconds(figures.last_delivery_ms));
    sink.begin({"flashduty_build_info", kGauge, "Version of the module and of nginx.", {}});
    sink.build(view.context.version, view.context.nginx);
    sink.end();
}

}  // namespace flashduty
