#include "status_view.hpp"

#include <algorithm>

#include "../core/push_doubt.hpp"
#include "../core/text.hpp"

namespace flashduty {

namespace {

std::string_view shown(Arena& arena, std::string_view text) noexcept {
    return without_controls(arena, repair(arena, text));
}

template <std::size_t Words>
std::string_view shown(Arena& arena, const Sealed<std::uint64_t, Words>& sealed) noexcept {
    SealReader reader(sealed);
    return shown(arena, reader.text());
}

bool is_heard_of(const Target<std::uint64_t>& target, StatusMs now_ms) noexcept {
    return target.seen_ms != 0 && target.seen_ms + kForgetTargetMs >= now_ms;
}

/// The texts live as long as `target`.
TargetView view_of(Arena& arena, const Target<std::uint64_t>& target,
                   const StatusContext& context) noexcept {
    TargetView view;
    view.is_up = target.is_away == 0;
    view.since_ms = target.since_ms;
    view.failed_ms = target.failed_ms;
    view.next_try_ms = target.next_try_ms;
    view.is_spooled_to = target.is_spooled_to != 0;
    view.is_tried = target.is_tried != 0;
    view.is_nowhere = target.is_nowhere != 0;
    const bool is_pushed_live =
        !context.has_spool || view.is_nowhere || (view.failed_ms != 0 && !view.is_tried);
    view.is_known = !is_pushed_live || target.pushed_ms + kPushCountsForMs > context.now_ms;
    view.refusals = target.refusals;
    view.refused_ms = target.refused_ms;
    view.refused_since_ms = target.refused_since_ms;
    view.blame = static_cast<Blame>(target.blame);
    view.held = target.held;
    const std::string_view reason = shown(arena, target.reason);
    view.reason = view.is_up ? std::string_view{} : reason;
    view.refusal = view.is_up && view.refusals != 0 ? reason : std::string_view{};
    // A value left by another layout is no valid index.
    const std::uint64_t doubt = target.doubt < kCountOf<PushDoubt> ? target.doubt : 0;
    view.warning = sentence_of(static_cast<PushDoubt>(doubt));
    return view;
}

bool is_removed(const TargetView& target, const StatusContext& context) noexcept {
    return context.is_removed != nullptr && !target.is_spooled_to &&
           context.is_removed(context.conf, target.name, target.is_nowhere);
}

/// Copies the targets that are still shown; their number is in `count`.
Target<std::uint64_t>* copy_targets(Arena& arena, const Stats& stats, StatusMs now_ms,
                                    std::size_t& count) noexcept {
    const auto is_taken = [](const StatsWord& key) {
        return key.load(std::memory_order_relaxed) != 0;
    };
    const auto most = static_cast<std::size_t>(
        std::count_if(std::begin(stats.target_keys), std::end(stats.target_keys), is_taken));
    auto* targets = arena.make_array<Target<std::uint64_t>>(most + 1);
    count = 0;
    for (std::size_t i = 0; targets != nullptr && i < kTargets && count < most; i++) {
        if (is_taken(stats.target_keys[i])) {
            take_snapshot(stats.targets[i], targets[count]);
            count += is_heard_of(targets[count], now_ms) ? 1 : 0;
        }
    }
    return targets;
}

void read_targets(Arena& arena, const Stats& stats, StatusView& view) noexcept {
    std::size_t count = 0;
    const auto* copies = copy_targets(arena, stats, view.context.now_ms, count);
    auto* targets = arena.make_array<TargetView>(count + 1);
    if (targets == nullptr || copies == nullptr) {
        return;
    }
    TargetView* end = targets;
    for (std::size_t i = 0; i < count; i++) {
        *end = view_of(arena, copies[i], view.context);
        end->name = shown(arena, copies[i].name);
        end += end->name.empty() || is_removed(*end, view.context) ? 0 : 1;
    }
    std::sort(targets, end,
              [](const TargetView& a, const TargetView& b) { return a.name < b.name; });
    // Two workers may have made a place for the same target in the same moment.
    end = std::unique(targets, end,
                      [](const TargetView& a, const TargetView& b) { return a.name == b.name; });
    if (is_heard_of(view.figures->other, view.context.now_ms)) {
        *end = view_of(arena, view.figures->other, view.context);
        end++->name = kOtherTargets;
    }
    view.targets = targets;
    view.target_count = static_cast<std::size_t>(end - targets);
}

bool read_alert(Arena& arena, const Sealed<std::uint64_t, kAlertWords>& sealed,
                AlertView& alert) noexcept {
    SealReader reader(sealed);
    alert.number = reader.number();
    alert.time_ms = reader.number();
    const std::uint64_t outcome = reader.number();
    alert.delay_ms = reader.number();
    alert.has_delay = alert.delay_ms != kNoDelay;
    for (std::string_view* text : {&alert.biz_id, &alert.biz_name, &alert.title, &alert.status,
                                   &alert.code, &alert.request_id, &alert.reason}) {
        *text = shown(arena, reader.text());
    }
    alert.outcome = outcome < kAnsweredKinds ? kAnsweredNames[outcome] : std::string_view{};
    return reader.is_whole();
}

std::size_t read_rejected(Arena& arena, const StatusView& view, AlertView* to) noexcept {
    std::size_t count = 0;
    for (const Rejected<std::uint64_t>& rejected : view.figures->rejected) {
        SealReader reader(rejected.texts);
        if (rejected.key == 0 || !reader.is_whole() ||
            rejected.time_ms + kForgetTargetMs < view.context.now_ms) {
            continue;
        }
        AlertView& alert = to[count++];
        alert = {};
        alert.time_ms = rejected.time_ms;
        alert.outcome = kAnsweredNames[index_of(AnsweredAs::kRejected)];
        alert.address = shown(arena, reader.text());
        alert.reason = shown(arena, reader.text());
        alert.count = rejected.count;
    }
    return count;
}

std::size_t read_alerts(Arena& arena, const StatusView& view, AlertView* to) noexcept {
    std::size_t count = 0;
    for (const auto& sealed : view.figures->alerts) {
        AlertView alert;
        // A torn record may have left an old alert in its place.
        if (read_alert(arena, sealed, alert) &&
            alert.number + kAlerts > view.figures->alerts_begun) {
            to[count++] = alert;
        }
    }
    return count;
}

/// Rejected requests are listed apart: other alerts never crowd them out.
void read_all_alerts(Arena& arena, StatusView& view) noexcept {
    auto* alerts = arena.make_array<AlertView>(kAlerts + kRejected);
    if (alerts == nullptr) {
        return;
    }
    std::size_t count = read_alerts(arena, view, alerts);
    std::sort(alerts, alerts + count,
              [](const AlertView& a, const AlertView& b) { return a.number > b.number; });
    AlertView* const rejected = alerts + kAlerts;
    const std::size_t rejected_count = read_rejected(arena, view, rejected);
    count = std::min(count, kAlerts - rejected_count);
    std::copy(rejected, rejected + rejected_count, alerts + count);
    std::stable_sort(alerts, alerts + count + rejected_count,
                     [](const AlertView& a, const AlertView& b) { return a.time_ms > b.time_ms; });
    view.alerts = alerts;
    view.alert_count = count + rejected_count;
}

// ---------------------------------------------------------------- the fleet

bool read_edge(Arena& arena, const Sealed<std::uint64_t, kEdgeWords>& sealed,
               EdgeView& edge) noexcept {
    SealReader reader(sealed);
    const std::uint64_t state = reader.number();
    edge.state = static_cast<EdgeState>(state < kEdgeStates ? state : 0);
    edge.is_leader = reader.number() != 0;
    edge.local_events = reader.number();
    edge.seen_ms = reader.number();
    for (std::string_view* text : {&edge.name, &edge.version, &edge.revision, &edge.drift}) {
        *text = shown(arena, reader.text());
    }
    return reader.is_whole() && !edge.name.empty();
}

void read_edges(Arena& arena, const FleetFigures<std::uint64_t>& figures,
                FleetView& fleet) noexcept {
    auto* edges = arena.make_array<EdgeView>(kEdges);
    if (edges == nullptr) {
        return;
    }
    for (const auto& sealed : figures.edges) {
        fleet.edge_count += read_edge(arena, sealed, edges[fleet.edge_count]) ? 1 : 0;
    }
    std::sort(edges, edges + fleet.edge_count,
              [](const EdgeView& a, const EdgeView& b) { return a.name < b.name; });
    fleet.edges = edges;
}

FleetView view_of(Arena& arena, const FleetFigures<std::uint64_t>& figures,
                  StatusMs now_ms) noexcept {
    FleetView fleet;
    fleet.is_heard = figures.seen_ms + kAgentAbsentMs > now_ms;
    fleet.is_up = fleet.is_heard && figures.is_up != 0;
    fleet.is_leader = fleet.is_heard && figures.is_leader != 0;
    fleet.state = static_cast<EdgeState>(figures.state < kEdgeStates ? figures.state : 0);
    fleet.clock_offset_ms = static_cast<std::int64_t>(figures.clock_offset_ms);
    fleet.name = shown(arena, figures.name);
    fleet.server = shown(arena, figures.server);
    fleet.reason = fleet.is_up ? std::string_view{} : shown(arena, figures.reason);
    fleet.trouble = figures.is_troubled == 0 ? std::string_view{} : shown(arena, figures.trouble);
    read_edges(arena, figures, fleet);
    return fleet;
}

}  // namespace

StatusView view_status(Arena& arena, const Stats& stats, const StatusContext& context) noexcept {
    StatusView view;
    view.context = context;
    auto* figures = arena.make<Snapshot>();
    if (figures == nullptr) {
        return view;
    }
    take_snapshot(stats, *figures);
    view.figures = figures;
    read_targets(arena, stats, view);
    read_all_alerts(arena, view);
    if (figures->spool.trouble != 0) {
        view.trouble = shown(arena, figures->spool.trouble_reason);
        view.trouble_brief = shown(arena, figures->spool.trouble_brief);
    }
    if (context.has_fleet) {
        view.fleet = view_of(arena, figures->fleet, context.now_ms);
    }
    // It is over when a push has been taken since, and nothing is away.
    const auto is_away = [](const TargetView& target) { return !target.is_up; };
    const bool is_over = figures->last_delivery_ms >= figures->spool.last_error_ms &&
                         std::none_of(view.targets, view.targets + view.target_count, is_away);
    view.last_error = is_over ? std::string_view{} : shown(arena, figures->spool.last_error);
    return view;
}

}  // namespace flashduty
