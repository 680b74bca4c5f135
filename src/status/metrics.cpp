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

void list_flag(MetricSink& sink, std::string_view name, bool is_set,
               std::string_view help) noexcept {
    list_one(sink, {name, kGauge, help, {}}, is_set ? "1" : "0");
}

/// Lists a state as one series each, of which one is 1.
void list_mode(MetricSink& sink, const FleetView& fleet) noexcept {
    sink.begin({"flashduty_fleet_mode", kGauge,
                "Whether this edge works with the fleet, or what becomes of its own spool.",
                "mode"});
    for (std::size_t i = 0; i < index_of(EdgeState::kUnseen); i++) {
        sink.value(kEdgeStateNames[i], index_of(fleet.state) == i ? "1" : "0");
    }
    sink.end();
}

/// Lists what an edge knows of itself.
void list_edge(MetricSink& sink, const StatusView& view) noexcept {
    const FleetFigures<std::uint64_t>& fleet = view.figures->fleet;
    list_flag(sink, "flashduty_fleet_up", view.fleet.is_up,
              "Whether the fleet's database does what this edge asks it for.");
    list_mode(sink, view.fleet);
    list_one(sink,
             {"flashduty_fleet_departures_total",
              kCounter,
              "How often this edge has left the fleet.",
              {}},
             Digits(fleet.departures));
    list_flag(sink, "flashduty_fleet_leader", view.fleet.is_leader,
              "Whether this edge delivers for the fleet.");
    list_one(sink,
             {"flashduty_fleet_term", kGauge, "Term of the leader, which grows with each.", {}},
             Digits(fleet.term));
    list_histogram(sink,
                   {"flashduty_fleet_append_seconds",
                    MetricType::kHistogram,
                    "How long this edge's batches have taken to be safe in the database.",
                    {}},
                   kAppendBoundsMs, fleet.append);
    list_one(sink,
             {"flashduty_fleet_unknown_total",
              kCounter,
              "Batches that went to the edge's own spool as nobody knew whether they were safe.",
              {}},
             Digits(fleet.unknown));
    list_one(
        sink,
        {"flashduty_fleet_local_events", kGauge, "Events that wait in this edge's own spool.", {}},
        Digits(fleet.local_events));
    list_one(sink,
             {"flashduty_fleet_clock_offset_seconds",
              kGauge,
              "By how much the database's clock is ahead of this edge's.",
              {}},
             Digits::signed_seconds(view.fleet.clock_offset_ms));
    list_kinds(sink,
               {"flashduty_fleet_late_total", kCounter,
                "Events that reached the database behind a newer one of their alert.", "result"},
               kLateNames, fleet.late);
}

/// Lists what is the same at every edge.
void list_whole_fleet(MetricSink& sink, const StatusView& view) noexcept {
    const FleetFigures<std::uint64_t>& fleet = view.figures->fleet;
    list_kinds(sink,
               {"flashduty_fleet_edges", kGauge, "Edges that are registered, by state.", "state"},
               kEdgeStateNames, fleet.edge_count);
    list_flag(sink, "flashduty_fleet_config_matches", fleet.config_differs == 0,
              "Whether all edges have the same targets, limits and version.");
    list_flag(sink, "flashduty_fleet_synchronous", fleet.is_synchronous != 0,
              "Whether a commit of the database waits for a standby.");
    if (fleet.standbys != 0) {
        list_one(sink,
                 {"flashduty_fleet_replicas", kGauge, "Standbys that the database sends to.", {}},
                 Digits(fleet.standbys - 1));
    }
    list_one(sink,
             {"flashduty_fleet_dead_rows",
              kGauge,
              "Rows of the fleet's tables that wait for a vacuum.",
              {}},
             Digits(fleet.dead_rows));
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
    if (view.context.has_fleet) {
        list_edge(sink, view);
        list_whole_fleet(sink, view);
    }
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
