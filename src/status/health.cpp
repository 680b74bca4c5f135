#include "health.hpp"

#include <algorithm>

#include "../core/json_writer.hpp"
#include "../core/text.hpp"
#include "number.hpp"

namespace flashduty {

namespace {

/// Silence after which a deliverer counts as gone or stuck.
constexpr std::uint64_t kAbsentMs = 10 * kSecondMs;

bool has_trouble(const StatusView& view, SpoolUser user) noexcept {
    return (view.figures->spool.trouble & static_cast<std::uint64_t>(user)) != 0;
}

bool is_recent(const StatusView& view, StatusMs time_ms) noexcept {
    return time_ms != 0 && time_ms + kFailedForMs > view.context.now_ms;
}

/// Refuses event after event. With a spool, refused events wait until another one is taken.
bool is_refusing(const StatusView& view, const TargetView& target) noexcept {
    return !view.context.has_spool && is_recent(view, target.refused_ms);
}

bool is_down(const StatusView& view, const TargetView& target) noexcept {
    // A deliverer that cannot read the queue tries nothing: its knowledge is old.
    const bool is_tried =
        view.context.has_spool && target.is_tried && !has_trouble(view, SpoolUser::kDeliverer);
    return (!target.is_up && (is_tried || is_recent(view, target.failed_ms))) ||
           is_refusing(view, target);
}

/// Failed last, and nothing was pushed since: it may be well again.
bool is_in_doubt(const StatusView& view, const TargetView& target) noexcept {
    const bool has_refused = !view.context.has_spool && target.refused_ms != 0;
    if (is_down(view, target) || (target.is_up && !has_refused)) {
        return false;
    }
    // An empty uri is a fault of the configuration: a new one may not have it.
    const bool is_over = target.is_nowhere && target.failed_ms < view.figures->configured_ms;
    const StatusMs last_ms = target.is_up ? target.refused_ms : target.failed_ms;
    return !is_over && (last_ms == 0 || last_ms + kForgetTargetMs > view.context.now_ms);
}

StatusMs down_since(const TargetView& target) noexcept {
    return target.is_up ? target.refused_since_ms : target.since_ms;
}

/// Order of reasons: first what somebody can act on, then what concerns most alerts. Leftovers of
/// an old configuration come last.
bool matters_more(const TargetView& a, const TargetView& b) noexcept {
    const auto rank = [](const TargetView& target) {
        return target.blame == Blame::kStray ? 0 : target.blame == Blame::kNobody ? 1 : 2;
    };
    if (rank(a) != rank(b)) {
        return rank(a) > rank(b);
    }
    return a.held != b.held ? a.held > b.held : a.since_ms < b.since_ms;
}

/// Targets that are down, or in doubt.
struct Down {
    const TargetView* first = nullptr;   ///< most important; nullptr: there is none
    const TargetView* second = nullptr;  ///< next with another reason
    std::size_t alike = 0;               ///< others with the first one's reason
    std::size_t count = 0;
    StatusMs since_ms = 0;  ///< when the first target went down
};

/// `is_meant` picks the targets.
template <class IsMeant>
Down find(const StatusView& view, IsMeant is_meant) noexcept {
    Down down;
    for (std::size_t i = 0; i < view.target_count; i++) {
        const TargetView& target = view.targets[i];
        if (!is_meant(target)) {
            continue;
        }
        const bool is_first = down.first == nullptr || matters_more(target, *down.first);
        down.first = is_first ? &target : down.first;
        const StatusMs since_ms = down_since(target);
        down.since_ms = down.count == 0 ? since_ms : std::min(down.since_ms, since_ms);
        down.count++;
    }
    for (std::size_t i = 0; i < view.target_count; i++) {
        const TargetView& target = view.targets[i];
        if (&target == down.first || !is_meant(target)) {
            continue;
        }
        if (target.reason == down.first->reason && target.refusal == down.first->refusal) {
            down.alike++;
        } else if (down.second == nullptr || matters_more(target, *down.second)) {
            down.second = &target;
        }
    }
    return down;
}

/// Targets that are down: either those that a spool takes events for, or all others.
Down find_down(const StatusView& view, bool is_nowhere) noexcept {
    return find(view, [&](const TargetView& target) {
        return target.is_nowhere == is_nowhere && is_down(view, target);
    });
}

Down find_in_doubt(const StatusView& view) noexcept {
    return find(view, [&](const TargetView& target) { return is_in_doubt(view, target); });
}

/// Time since which nothing is known to be wrong.
StatusMs well_since(const StatusView& view) noexcept {
    StatusMs since_ms = view.figures->started_ms;
    for (std::size_t i = 0; i < view.target_count; i++) {
        const TargetView& target = view.targets[i];
        const StatusMs refused_ms = view.context.has_spool ? 0 : target.refused_ms;
        const StatusMs failed_ms = std::max(target.is_up ? 0 : target.failed_ms, refused_ms);
        since_ms = std::max({since_ms, target.is_up ? target.since_ms : 0,
                             failed_ms == 0 ? 0 : failed_ms + kFailedForMs});
    }
    return since_ms;
}

/// Reason of a target, with its name where there are several, and the number of others with the
/// same reason.
std::string_view reason_of(Arena& arena, const StatusView& view, const TargetView& down,
                           std::size_t alike) noexcept {
    const std::string_view last =
        down.is_up ? concat(arena, decimal(arena, down.refusals),
                            std::string_view(" events in a row were refused: "), down.refusal)
                   : down.reason;
    const std::string_view reason =
        is_down(view, down) ? last
        : down.is_up        ? concat(arena, std::string_view("nothing was pushed since "), last)
                            : concat(arena,
                                     std::string_view("nothing was pushed since the last push "
                                                             "failed: "),
                                     last);
    if (view.target_count == 1 || down.name == kOtherTargets) {
        return reason;
    }
    const std::string_view others = alike == 0
                                        ? std::string_view{}
                                        : concat(arena, std::string_view(" and "),
                                                 decimal(arena, alike), std::string_view(" more"));
    return concat(arena, down.name, others, std::string_view(": "), reason);
}

/// Reasons of the targets: the two that matter most.
std::string_view reason_of(Arena& arena, const StatusView& view, const Down& down) noexcept {
    const std::string_view first = reason_of(arena, view, *down.first, down.alike);
    if (down.second == nullptr) {
        return first;
    }
    const std::size_t left = down.count - down.alike - 2;
    const std::string_view rest =
        left == 0 ? std::string_view{}
                  : concat(arena, std::string_view("; "), decimal(arena, left),
                           std::string_view(left == 1 ? " more target is away"
                                                      : " more targets are away"));
    return concat(arena, first, std::string_view("; "), reason_of(arena, view, *down.second, 0),
                  rest);
}

/// Adds the spool's trouble, if any.
std::string_view with_trouble(Arena& arena, const StatusView& view,
                              std::string_view reason) noexcept {
    return view.trouble_brief.empty()
               ? reason
               : concat(arena, view.trouble_brief, std::string_view(", and "), reason);
}

/// Health of an edge whose own spool is in use.
Health health_away(Arena& arena, const StatusView& view) noexcept {
    const FleetFigures<std::uint64_t>& figures = view.figures->fleet;
    const std::string_view why = !view.fleet.trouble.empty() ? view.fleet.trouble
                                 : view.fleet.is_up          ? std::string_view{}
                                                             : view.fleet.reason;
    const auto say = [&](std::string_view what) {
        return why.empty() ? what : concat(arena, what, std::string_view(": "), why);
    };
    const StatusMs since_ms = figures.state_since_ms;
    switch (view.fleet.state) {
        case EdgeState::kHolding:
            return {State::kSpooling, say("the fleet's database is away"), since_ms};
        case EdgeState::kAlone:
            return {State::kDelivering, say("this edge works alone"), since_ms};
        case EdgeState::kDraining:
            return {State::kSpooling, "this edge hands over to the fleet what it has kept",
                    since_ms};
        case EdgeState::kFleet:
        case EdgeState::kUnseen:
        case EdgeState::kCount:
            break;
    }
    return {State::kDelivering, why.empty() ? why : say("the fleet's database is away"),
            figures.up_since_ms};
}

/// Adds what is to be said of the fleet to the health of an edge that delivers.
Health with_fleet(Arena& arena, const StatusView& view, const Health& health) noexcept {
    if (!view.context.has_fleet || view.figures->fleet.seen_ms == 0 ||
        health.state == State::kFailing) {
        return health;
    }
    const Health away = health_away(arena, view);
    if (away.reason.empty()) {
        return health;
    }
    return {health.state == State::kDelivering ? away.state : health.state,
            health.reason.empty()
                ? away.reason
                : concat(arena, away.reason, std::string_view("; "), health.reason),
            health.reason.empty() ? away.since_ms : std::min(away.since_ms, health.since_ms)};
}

Health health_with_spool(Arena& arena, const StatusView& view, const Down& down) noexcept {
    const SpoolFigures<std::uint64_t>& spool = view.figures->spool;
    const bool takes_nothing = has_trouble(view, SpoolUser::kAcceptor);
    if (down.first != nullptr) {
        // A balancer that stopped sending alerts must learn at some time that one may be taken.
        const bool is_failing = takes_nothing && is_recent(view, spool.trouble_seen_ms);
        return {is_failing ? State::kFailing : State::kSpooling,
                with_trouble(arena, view, reason_of(arena, view, down)),
                is_failing ? std::max(down.since_ms, spool.trouble_since_ms) : down.since_ms};
    }
    const Down doubted = find_in_doubt(view);
    const std::string_view doubt =
        doubted.first == nullptr ? std::string_view{} : reason_of(arena, view, doubted);
    if (spool.trouble != 0) {
        return {takes_nothing ? State::kDelivering : State::kSpooling,
                doubt.empty() ? view.trouble : with_trouble(arena, view, doubt),
                std::max(doubted.since_ms, spool.trouble_since_ms)};
    }
    const StatusMs tended_ms = std::max(spool.tended_ms, view.figures->started_ms);
    if (tended_ms + kAbsentMs < view.context.now_ms) {
        return {State::kSpooling, "no worker pushes what waits in the spool", tended_ms};
    }
    if (!doubt.empty()) {
        return {State::kDelivering, doubt, doubted.since_ms};
    }
    return {State::kDelivering, {}, std::max(well_since(view), spool.trouble_since_ms)};
}

}  // namespace

Health health_of(Arena& arena, const StatusView& view) noexcept {
    const Down nowhere = find_down(view, true);
    const Down down = find_down(view, false);
    if (nowhere.first != nullptr) {
        const std::string_view reason = reason_of(arena, view, nowhere);
        const bool is_all = down.first == nullptr;
        return {State::kFailing,
                is_all
                    ? reason
                    : concat(arena, reason, std::string_view("; "), reason_of(arena, view, down)),
                nowhere.since_ms};
    }
    if (view.context.has_spool) {
        return with_fleet(arena, view, health_with_spool(arena, view, down));
    }
    if (down.first != nullptr) {
        return {State::kFailing, reason_of(arena, view, down), down.since_ms};
    }
    const Down doubted = find_in_doubt(view);
    if (doubted.first != nullptr) {
        return {State::kDelivering, reason_of(arena, view, doubted), doubted.since_ms};
    }
    return {State::kDelivering, {}, well_since(view)};
}

bool is_with_fleet(const StatusView& view) noexcept {
    return !view.context.has_fleet || (view.fleet.is_up && view.fleet.state == EdgeState::kFleet);
}

std::string_view write_health(Arena& arena, const Health& health) noexcept {
    return write_json(arena, [&](JsonSink& sink) {
        sink.open_object();
        sink.member("state", kStateNames[static_cast<std::size_t>(health.state)]);
        if (!health.reason.empty()) {
            sink.member("reason", health.reason);
        }
        sink.name("since");
        sink.raw(Digits(health.since_ms / kSecondMs));
        sink.close_object();
        sink.raw("\n");
    });
}

}  // namespace flashduty
