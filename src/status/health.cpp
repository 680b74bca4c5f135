#include "health.hpp"

#include <algorithm>

#include "../core/json_writer.hpp"
#include "number.hpp"

namespace flashduty {

namespace {

/// A deliverer that has not shown itself for so long is gone, or stands still.
constexpr std::uint64_t kAbsentMs = 10 * kSecondMs;

bool has_trouble(const StatusView& view, SpoolUser user) noexcept {
    return (view.figures->spool.trouble & static_cast<std::uint64_t>(user)) != 0;
}

bool is_down(const StatusView& view, const TargetView& target) noexcept {
    // A deliverer that cannot read what waits tries nothing: what it knows is of long ago.
    const bool is_tried =
        view.context.has_spool && target.is_spooled_to && !has_trouble(view, SpoolUser::kDeliverer);
    return !target.is_up && (is_tried || target.failed_ms + kFailedForMs > view.context.now_ms);
}

/// The one that is down for longest; nullptr when none is.
const TargetView* find_down(const StatusView& view) noexcept {
    const TargetView* found = nullptr;
    for (std::size_t i = 0; i < view.target_count; i++) {
        const TargetView& target = view.targets[i];
        if (is_down(view, target) && (found == nullptr || target.since_ms < found->since_ms)) {
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
        since_ms =
            std::max(since_ms, target.is_up ? target.since_ms : target.failed_ms + kFailedForMs);
    }
    return since_ms;
}

Health health_with_spool(const StatusView& view, const TargetView* down) noexcept {
    const SpoolFigures<std::uint64_t>& spool = view.figures->spool;
    if (has_trouble(view, SpoolUser::kAcceptor)) {
        // A balancer that sends no more alerts must be told at some time that one may be taken.
        if (down != nullptr && spool.trouble_seen_ms + kFailedForMs > view.context.now_ms) {
            return {State::kFailing, down->reason,
                    std::max(down->since_ms, spool.trouble_since_ms)};
        }
        if (down == nullptr) {
            return {State::kDelivering, view.trouble, spool.trouble_since_ms};
        }
    }
    if (down != nullptr) {
        return {State::kSpooling, down->reason, down->since_ms};
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

Health health_of(const StatusView& view) noexcept {
    const TargetView* down = find_down(view);
    if (view.context.has_spool) {
        return health_with_spool(view, down);
    }
    if (down != nullptr) {
        return {State::kFailing, down->reason, down->since_ms};
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
