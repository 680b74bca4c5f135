#include "status_view.hpp"

#include <algorithm>

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

void read_targets(Arena& arena, StatusView& view) noexcept {
    auto* targets = arena.make_array<TargetView>(kTargets);
    if (targets == nullptr) {
        return;
    }
    std::size_t count = 0;
    for (const Target<std::uint64_t>& target : view.figures->targets) {
        const bool is_heard_of = target.key != 0 && target.seen_ms != 0 &&
                                 target.seen_ms + kForgetTargetMs >= view.context.now_ms;
        const std::string_view name = is_heard_of ? shown(arena, target.name) : std::string_view{};
        // Two workers may have made a place for the same one in the same moment.
        const bool is_new = std::none_of(targets, targets + count, [name](const TargetView& other) {
            return other.name == name;
        });
        if (name.empty() || !is_new) {
            continue;
        }
        TargetView& to = targets[count++];
        to.name = name;
        to.is_up = target.is_away == 0;
        to.since_ms = target.since_ms;
        to.failed_ms = target.failed_ms;
        to.next_try_ms = target.next_try_ms;
        to.is_spooled_to = target.is_spooled_to != 0;
        to.reason = to.is_up ? std::string_view{} : shown(arena, target.reason);
    }
    std::sort(targets, targets + count,
              [](const TargetView& a, const TargetView& b) { return a.name < b.name; });
    view.targets = targets;
    view.target_count = count;
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
                                   &alert.code, &alert.request_id}) {
        *text = shown(arena, reader.text());
    }
    alert.outcome = outcome < kAnsweredKinds ? kAnsweredNames[outcome] : std::string_view{};
    return reader.is_whole();
}

void read_alerts(Arena& arena, StatusView& view) noexcept {
    auto* alerts = arena.make_array<AlertView>(kAlerts);
    if (alerts == nullptr) {
        return;
    }
    std::size_t count = 0;
    for (const auto& sealed : view.figures->alerts) {
        AlertView alert;
        // One that was torn may have left an old one in its place.
        if (read_alert(arena, sealed, alert) &&
            alert.number + kAlerts > view.figures->alerts_begun) {
            alerts[count++] = alert;
        }
    }
    std::sort(alerts, alerts + count,
              [](const AlertView& a, const AlertView& b) { return a.number > b.number; });
    view.alerts = alerts;
    view.alert_count = count;
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
    read_targets(arena, view);
    read_alerts(arena, view);
    if (figures->spool.trouble != 0) {
        view.trouble = shown(arena, figures->spool.trouble_reason);
    }
    view.last_error = shown(arena, figures->spool.last_error);
    return view;
}

}  // namespace flashduty
