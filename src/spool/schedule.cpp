#include "schedule.hpp"

#include <algorithm>

namespace flashduty {

namespace {

constexpr UnixMs kFirstWaitMs = 1'000;
constexpr UnixMs kLongestWaitMs = 300'000;
static_assert(kLongestWaitMs <= kLongestHoldMs);
/// Full jitter begins at nothing, which would be a busy loop.
constexpr UnixMs kShortestWaitMs = 50;
constexpr unsigned kMostDoublings = 9;
static_assert(kFirstWaitMs << kMostDoublings >= kLongestWaitMs);

constexpr UnixMs kLongestRetryAfterMs = 600'000;

/// After the store could not be asked.
constexpr UnixMs kStoreWaitMs = 250;

/// Of one target; then the one that failed longest ago is forgotten.
constexpr std::size_t kMostSuspects = 4096;

/// More are only known while there is something to know of each.
constexpr std::size_t kMostIdleTargets = 1024;

/// https://prng.di.unimi.it/splitmix64.c
std::uint64_t draw(std::uint64_t& state) noexcept {
    std::uint64_t z = state += 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
}

}  // namespace

Schedule::Schedule(Rate rate, std::uint64_t seed) noexcept : rate_(rate), random_(seed) {}

UnixMs Schedule::draw_wait_ms(unsigned doublings) noexcept {
    const UnixMs longest_ms =
        std::min(kFirstWaitMs << std::min(doublings, kMostDoublings), kLongestWaitMs);
    const auto wait_ms =
        static_cast<UnixMs>(1 + draw(random_) % static_cast<std::uint64_t>(longest_ms));
    return std::max(wait_ms, kShortestWaitMs);
}

Schedule::Target& Schedule::target_of(std::int64_t target_id) noexcept {
    return targets_.try_emplace(target_id, rate_).first->second;
}

const Schedule::Target* Schedule::find(std::int64_t target_id) const noexcept {
    const auto at = targets_.find(target_id);
    return at == targets_.end() ? nullptr : &at->second;
}

// -------------------------------------------------------------------- what is known

void Schedule::wake(std::int64_t target_id) noexcept { target_of(target_id).is_wanted = true; }

bool Schedule::may_leave(std::int64_t target_id, UnixMs now_ms) const noexcept {
    const Target* target = find(target_id);
    return target == nullptr || (!target->is_away && target->budget.room(now_ms) > 0);
}

std::vector<TargetState> Schedule::targets() const noexcept {
    std::vector<TargetState> states;
    states.reserve(targets_.size());
    for (const auto& [target_id, target] : targets_) {
        const auto in_flight = std::count_if(target.pushes.begin(), target.pushes.end(),
                                             [](const Push& push) { return !push.has_ended; });
        states.push_back({target_id, target.is_away, target.since_ms, next_probe_ms(target_id),
                          static_cast<std::size_t>(in_flight)});
    }
    return states;
}

// -------------------------------------------------------------------- asking the store

std::size_t Schedule::slots(const Target& target) noexcept {
    if (target.pushes.size() >= kMaxInFlight) {
        return 0;
    }
    // Those of an earlier era may hang for long and tell nothing about this one.
    const auto counts = [&target](const Push& push) {
        return push.era == target.era && (push.is_probe || !target.is_away);
    };
    const auto busy =
        static_cast<std::size_t>(std::count_if(target.pushes.begin(), target.pushes.end(), counts));
    const std::size_t window = target.is_away ? 1 : target.window;
    return std::min(window - std::min(window, busy), kMaxInFlight - target.pushes.size());
}

std::size_t Schedule::room(const Target& target, UnixMs now_ms) noexcept {
    if (target.is_away && now_ms < target.next_probe_ms) {
        return 0;
    }
    return std::min(slots(target), target.budget.room(now_ms));
}

std::size_t Schedule::ask(Target& target, UnixMs now_ms) noexcept {
    while (!target.held_until_ms.empty() && target.held_until_ms.top() <= now_ms) {
        target.held_until_ms.pop();
        target.is_wanted = true;
    }
    if (!target.is_wanted || target.is_asked || now_ms < target.ask_again_ms) {
        return 0;
    }
    const std::size_t most = room(target, now_ms);
    if (most > 0) {
        // What wakes it from now on may come too late for the store's answer.
        target.is_wanted = false;
        target.is_asked = true;
        target.asked_ms = now_ms;
    }
    return most;
}

std::vector<std::int64_t> Schedule::busy_of(const Target& target) noexcept {
    std::vector<std::int64_t> alert_ids;
    for (const Push& push : target.pushes) {
        alert_ids.push_back(push.alert_id);
    }
    return alert_ids;
}

std::vector<std::int64_t> Schedule::except(const Target& target, UnixMs now_ms) noexcept {
    std::vector<std::int64_t> alert_ids = busy_of(target);
    for (const auto& [alert_id, suspect] : target.suspects) {
        // A probe is to find out about its target, of which a suspect says little.
        if (target.is_away ? !target.has_only_suspects : suspect.held_until_ms > now_ms) {
            alert_ids.push_back(alert_id);
        }
    }
    return alert_ids;
}

std::vector<Ask> Schedule::asks(UnixMs now_ms) noexcept {
    if (targets_.size() > kMostIdleTargets) {
        forget_idle(now_ms);
    }
    std::vector<Ask> asks;
    const auto add = [&asks, now_ms](auto from, auto to) {
        for (auto at = from; at != to; ++at) {
            if (const std::size_t most = ask(at->second, now_ms); most > 0) {
                Target& target = at->second;
                asks.push_back({at->first, most, target.is_away, except(target, now_ms)});
            }
        }
    };
    // Each is first in its turn.
    const auto first = targets_.upper_bound(first_asked_);
    add(first, targets_.end());
    add(targets_.begin(), first);
    if (!asks.empty()) {
        first_asked_ = asks.front().target_id;
    }
    return asks;
}

std::size_t Schedule::answered(const Ask& ask, std::size_t found, UnixMs now_ms) noexcept {
    Target& target = target_of(ask.target_id);
    target.is_asked = false;
    const std::size_t leaving = std::min(found, room(target, now_ms));
    const bool has_spared_suspects = ask.is_probe && !target.has_only_suspects;
    target.has_only_suspects = found == 0 && has_spared_suspects && !target.suspects.empty();
    if (found >= ask.most || leaving < found || target.has_only_suspects) {
        target.is_wanted = true;
    }
    return leaving;
}

void Schedule::not_answered(const Ask& ask) noexcept {
    Target& target = target_of(ask.target_id);
    target.is_asked = false;
    target.is_wanted = true;
    target.ask_again_ms = target.asked_ms + kStoreWaitMs;
}

void Schedule::forget_idle(UnixMs now_ms) noexcept {
    for (auto at = targets_.begin(); at != targets_.end();) {
        const Target& target = at->second;
        const bool is_idle = !target.is_away && !target.is_wanted && !target.is_asked &&
                             target.pushes.empty() && target.held_until_ms.empty() &&
                             target.budget.is_whole(now_ms);
        at = is_idle ? targets_.erase(at) : std::next(at);
    }
}

// -------------------------------------------------------------------- pushes

void Schedule::started(std::int64_t target_id, std::int64_t alert_id, UnixMs now_ms) noexcept {
    Target& target = target_of(target_id);
    target.budget.spend(now_ms);
    target.pushes.push_back({alert_id, target.era, target.is_away, false});
}

Schedule::Ended Schedule::ended(std::int64_t target_id, std::int64_t alert_id, Fate fate,
                                UnixMs retry_after_ms, UnixMs now_ms) noexcept {
    Target& target = target_of(target_id);
    const auto at =
        std::find_if(target.pushes.begin(), target.pushes.end(),
                     [alert_id](const Push& push) { return push.alert_id == alert_id; });
    if (at == target.pushes.end()) {
        return {};
    }
    at->has_ended = true;
    if (fate == Fate::kWaits) {
        return fail(target, *at, retry_after_ms, now_ms);
    }
    return {0, succeed(target, *at, now_ms)};
}

TargetChange Schedule::succeed(Target& target, const Push& push, UnixMs now_ms) noexcept {
    target.suspects.erase(push.alert_id);
    if (!target.is_away) {
        target.successes += push.era == target.era ? 1 : 0;
        if (target.successes >= target.window) {
            target.window = std::min(2 * target.window, kMaxInFlight);
            target.successes = 0;
        }
        return {};
    }
    // An answer that was on its way takes nothing back of what another has asked for.
    if (now_ms < target.quiet_until_ms) {
        return {};
    }
    const TargetChange change{TargetChange::Kind::kBack, target.since_ms};
    come_back(target, now_ms);
    return change;
}

void Schedule::come_back(Target& target, UnixMs now_ms) noexcept {
    // Those that were not taken in an earlier era either are not tried at once again.
    for (auto& [alert_id, suspect] : target.suspects) {
        if (suspect.last_era == target.era && suspect.eras > 1) {
            hold(target, suspect, now_ms);
        }
    }
    target.is_away = false;
    target.since_ms = now_ms;
    target.has_only_suspects = false;
    target.is_wanted = true;
    target.era++;
    target.window = kFirstWindow;
    target.successes = 0;
}

Schedule::Ended Schedule::fail(Target& target, const Push& push, UnixMs retry_after_ms,
                               UnixMs now_ms) noexcept {
    const UnixMs quiet_ms = std::clamp(retry_after_ms, UnixMs{0}, kLongestRetryAfterMs);
    target.quiet_until_ms = std::max(target.quiet_until_ms, now_ms + quiet_ms);
    const bool is_of_now = push.era == target.era;
    Suspect& suspect = suspect_of(target, push.alert_id, now_ms);
    if (target.is_away) {
        // All others were under way when it went away and say nothing new.
        if (push.is_probe && is_of_now) {
            target.failed_probes++;
            target.next_probe_ms = now_ms + draw_wait_ms(target.failed_probes);
        }
        target.next_probe_ms = std::max(target.next_probe_ms, target.quiet_until_ms);
        return {kUntilBack + now_ms, {}};
    }
    hold(target, suspect, now_ms);
    // One that started before the target's last success says nothing of it, but what it asks for
    // holds from now on.
    if (!is_of_now && quiet_ms == 0) {
        return {suspect.held_until_ms, {}};
    }
    target.is_away = true;
    target.since_ms = now_ms;
    target.failed_probes = 0;
    target.next_probe_ms = std::max(now_ms + draw_wait_ms(0), target.quiet_until_ms);
    return {suspect.held_until_ms, {TargetChange::Kind::kAway, now_ms}};
}

Schedule::Suspect& Schedule::suspect_of(Target& target, std::int64_t alert_id,
                                        UnixMs now_ms) noexcept {
    auto& suspects = target.suspects;
    if (suspects.size() >= kMostSuspects && suspects.count(alert_id) == 0) {
        suspects.erase(std::min_element(
            suspects.begin(), suspects.end(),
            [](const auto& a, const auto& b) { return a.second.last_ms < b.second.last_ms; }));
    }
    Suspect& suspect = suspects[alert_id];
    // However often it is tried in an outage, that is one.
    suspect.eras += suspect.eras == 0 || suspect.last_era != target.era ? 1 : 0;
    suspect.last_era = target.era;
    suspect.last_ms = now_ms;
    return suspect;
}

/// The more often it was not taken, the longer, so that one that cannot be digested does not take
/// the target away from the others again and again.
void Schedule::hold(Target& target, Suspect& suspect, UnixMs now_ms) noexcept {
    suspect.held_until_ms = now_ms + draw_wait_ms(suspect.eras - 1);
    target.held_until_ms.push(suspect.held_until_ms);
}

void Schedule::settled(std::int64_t target_id, std::int64_t alert_id) noexcept {
    Target& target = target_of(target_id);
    const auto is_it = [alert_id](const Push& push) { return push.alert_id == alert_id; };
    target.pushes.erase(std::remove_if(target.pushes.begin(), target.pushes.end(), is_it),
                        target.pushes.end());
    target.is_wanted = true;
}

std::vector<std::int64_t> Schedule::busy(std::int64_t target_id) const noexcept {
    const Target* target = find(target_id);
    return target != nullptr ? busy_of(*target) : std::vector<std::int64_t>{};
}

std::size_t Schedule::busy_count() const noexcept {
    std::size_t count = 0;
    for (const auto& [target_id, target] : targets_) {
        count += target.pushes.size();
    }
    return count;
}

// -------------------------------------------------------------------- time

UnixMs Schedule::next_look_ms(const Target& target, UnixMs now_ms) noexcept {
    // A probe takes what is not due, too.
    const UnixMs held_until_ms =
        target.is_away || target.held_until_ms.empty() ? kNever : target.held_until_ms.top();
    // Else it is looked at when the store answers, or something is settled.
    if (!target.is_wanted || target.is_asked || slots(target) == 0) {
        return held_until_ms;
    }
    const UnixMs probe_ms = target.is_away ? target.next_probe_ms : now_ms;
    return std::min(held_until_ms,
                    std::max({target.ask_again_ms, probe_ms, target.budget.free_ms(now_ms)}));
}

UnixMs Schedule::next_look_ms(UnixMs now_ms) const noexcept {
    UnixMs next_ms = kNever;
    for (const auto& [target_id, target] : targets_) {
        next_ms = std::min(next_ms, next_look_ms(target, now_ms));
    }
    return std::max(next_ms, now_ms);
}

UnixMs Schedule::next_probe_ms(std::int64_t target_id) const noexcept {
    const Target* target = find(target_id);
    return target != nullptr && target->is_away ? target->next_probe_ms : 0;
}

}  // namespace flashduty
