#include "health.hpp"

#include <algorithm>

#include "../core/json_writer.hpp"
#include "../core/text.hpp"
#include "number.hpp"

namespace flashduty {

namespace {

/// A deliverer that has not shown itself for so long is gone, or stands still.
constexpr std::uint64_t kAbsentMs = 10 * kSecondMs;

bool has_trouble(const StatusView& view, SpoolUser user) noexcept {
    return (view.figures->spool.trouble & static_cast<std::uint64_t>(user)) != 0;
}

bool is_recent(const StatusView& view, StatusMs time_ms) noexcept {
    return time_ms != 0 && time_ms + kFailedForMs > view.context.now_ms;
}

/// Refuses one event after the other. With a spool those wait until another one was taken.
bool is_refusing(const StatusView& view, const TargetView& target) noexcept {
    return !view.context.has_spool && is_recent(view, target.refused_ms);
}

bool is_down(const StatusView& view, const TargetView& target) noexcept {
    // A deliverer that cannot read what waits tries nothing: what it knows is of long ago.
    const bool is_tried =
        view.context.has_spool && target.is_spooled_to && !has_trouble(view, SpoolUser::kDeliverer);
    return (!target.is_up && (is_tried || is_recent(view, target.failed_ms))) ||
           is_refusing(view, target);
}

StatusMs down_since(const StatusView& view, const TargetView& target) noexcept {
    return target.is_up && is_refusing(view, target) ? target.refused_since_ms : target.since_ms;
}

/// The one that is down for longest, of those whose events a spool takes or of all others; nullptr
/// when none is.
const TargetView* find_down(const StatusView& view, bool is_nowhere) noexcept {
    const TargetView* found = nullptr;
    for (std::size_t i = 0; i < view.target_count; i++) {
        const TargetView& target = view.targets[i];
        const bool is_first =
            found == nullptr || down_since(view, target) < down_since(view, *found);
        if (target.is_nowhere == is_nowhere && is_down(view, target) && is_first) {
            found = &target;
        }
    }
    return found;
}

/// Since when nothing is known to be wrong.
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

/// What is wrong with a target, by its name where there are several.
std::string_view reason_of(Arena& arena, const StatusView& view, const TargetView& down) noexcept {
    const std::string_view reason =
        down.is_up ? concat(arena, decimal(arena, down.refusals),
                            std::string_view(" events in a row were refused: "), down.refusal)
                   : down.reason;
    const bool is_named = view.target_count > 1 && down.name != kOtherTargets;
    return is_named ? concat(arena, down.name, std::string_view(": "), reason) : reason;
}

Health failing(Arena& arena, const StatusView& view, const TargetView& down) noexcept {
    return {State::kFailing, reason_of(arena, view, down), down_since(view, down)};
}

Health health_with_spool(Arena& arena, const StatusView& view, const TargetView* down) noexcept {
    const SpoolFigures<std::uint64_t>& spool = view.figures->spool;
    if (has_trouble(view, SpoolUser::kAcceptor)) {
        // A balancer that sends no more alerts must be told at some time that one may be taken.
        if (down != nullptr && spool.trouble_seen_ms + kFailedForMs > view.context.now_ms) {
            return {State::kFailing, reason_of(arena, view, *down),
                    std::max(down->since_ms, spool.trouble_since_ms)};
        }
        if (down == nullptr) {
            return {State::kDelivering, view.trouble, spool.trouble_since_ms};
        }
    }
    if (down != nullptr) {
        return {State::kSpooling, reason_of(arena, view, *down), down->since_ms};
    }
    if (has_trouble(view, SpoolUser::kDeliverer)) {
        return {State::kSpooling, view.trouble, spool.trouble_since_ms};
    }
    const StatusMs tended_ms = std::max(spool.tended_ms, view.figures->started_ms);
    if (tended_ms + kAbsentMs < view.context.now_ms) {
        return {State::kSpooling, "no worker pushes what waits in the spool", tended_ms};
    }
    return {State::kDelivering, {}, std::max(well_since(view), spool.trouble_since_ms)};
}

}  // namespace

Health health_of(Arena& arena, const StatusView& view) noexcept {
    const TargetView* nowhere = find_down(view, true);
    if (nowhere != nullptr) {
        return failing(arena, view, *nowhere);
    }
    const TargetView* down = find_down(view, false);
    if (view.context.has_spool) {
        return health_with_spool(arena, view, down);
    }
    if (down != nullptr) {
        return failing(arena, view, *down);
    }
    return {State::kDelivering, {}, well_since(view)};
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
