#include "schedule.hpp"

#include <algorithm>
#include <iterator>
#include <utility>

namespace flashduty {

namespace {

constexpr UnixMs kFirstWaitMs = 1'000;
constexpr unsigned kMostDoublings = 6;
constexpr UnixMs kLongestWaitMs = 60'000;
static_assert(kFirstWaitMs << kMostDoublings >= kLongestWaitMs);
/// Lower bound of full jitter, which begins at 0 and would make a busy loop.
constexpr UnixMs kShortestWaitMs = 50;

/// Outage after which waits are drawn from kLongAwayWaitMs up, so that no minute has more than two
/// probes.
constexpr UnixMs kLongAwayMs = UnixMs{4} * 60'000;
constexpr UnixMs kLongAwayWaitMs = 30'001;

/// Most probes in the first minute of an outage.
constexpr unsigned kMostFirstProbes = 10;
constexpr UnixMs kFirstMinuteMs = 60'000;

/// Shortest time between two probes of a target; a push without an answer for longer holds up
/// nothing.
constexpr UnixMs kProbeMs = 1'000;

constexpr UnixMs kLongestRetryAfterMs = 600'000;

/// Wait of arrivals after too many pushes, when the answer asks for no other.
constexpr UnixMs kTooFrequentMs = 10'000;

/// Most arrivals that are probes before their turn, and for how long: a past burst is no reason to
/// go on for long.
constexpr std::size_t kMostArrivals = 3;
constexpr UnixMs kArrivalMs = 5'000;
/// Age up to which what arrived before its target went away counts like an arrival after it.
constexpr UnixMs kJustArrivedMs = 2'000;

/// Other pushes that earn a held key its push.
constexpr int kHeldShare = 10;
constexpr int kMostCredit = 2 * kHeldShare;
/// Time without any other push after which a held key may leave.
constexpr UnixMs kIdleMs = 30'001;

/// Once so many keys have each taken their target away for no longer than that, with others
/// delivered since but not they, and failures among deliveries were seen within the last minute, it
/// takes so many failures in a row to take it away, or one after so long without a delivery.
constexpr std::size_t kMostSuspects = 2;
constexpr UnixMs kInVainMs = 30'000;
constexpr UnixMs kSuspectedMs = 60'000;
constexpr std::size_t kMostFailures = 16;
constexpr UnixMs kWithoutYesMs = 5'000;

/// An event that cannot be digested takes a well target away for about a second; longer is real.
constexpr UnixMs kOutageMs = 3'000;

constexpr UnixMs kFirstHoldMs = 1'000;
constexpr unsigned kMostHoldDoublings = 10;
static_assert(kFirstHoldMs << kMostHoldDoublings >= kLongestHoldMs);

/// Most refused events that are tried again beside a yes at a time.
constexpr std::size_t kMostRetries = 4;

/// Age of a delivery up to which its target is not away because something else is refused.
constexpr UnixMs kFreshYesMs = 60'000;

/// Wait after the store could not be asked.
constexpr UnixMs kStoreWaitMs = 250;

/// Number of targets above which idle ones are forgotten.
constexpr std::size_t kMostIdleTargets = 1024;

/// True in one turn of each two, but not in every second turn: turns that keep step with what
/// arrives could miss the same ones for long. The Thue-Morse sequence.
bool is_first_of_pair(unsigned turn) noexcept {
    bool is_first = true;
    for (; turn != 0; turn &= turn - 1) {
        is_first = !is_first;
    }
    return is_first;
}

/// https://prng.di.unimi.it/splitmix64.c
std::uint64_t draw(std::uint64_t& state) noexcept {
    std::uint64_t z = state += 0x9E3779B97F4A7C15;
    z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
    z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
    return z ^ (z >> 31);
}

}  // namespace

Schedule::Schedule(Rate rate, std::uint64_t seed) noexcept : rate_(rate), random_(seed) {}

UnixMs Schedule::draw_between_ms(UnixMs least_ms, UnixMs most_ms) noexcept {
    const auto span = static_cast<std::uint64_t>(most_ms - least_ms + 1);
    return least_ms + static_cast<UnixMs>(draw(random_) % span);
}

UnixMs Schedule::draw_wait_ms(unsigned doublings, UnixMs away_ms) noexcept {
    if (away_ms >= kLongAwayMs) {
        return draw_between_ms(kLongAwayWaitMs, kLongestWaitMs);
    }
    const UnixMs longest_ms =
        std::min(kFirstWaitMs << std::min(doublings, kMostDoublings), kLongestWaitMs);
    return std::max(draw_between_ms(1, longest_ms), kShortestWaitMs);
}

Schedule::Target& Schedule::target_of(std::int64_t target_id) noexcept {
    const auto [at, is_new] = targets_.try_emplace(target_id, rate_);
    for (std::size_t i = 0; is_new && i < spent_anywhere_; i++) {
        at->second.budget.spend(spent_anywhere_ms_);
    }
    return at->second;
}

const Schedule::Target* Schedule::find(std::int64_t target_id) const noexcept {
    const auto at = targets_.find(target_id);
    return at == targets_.end() ? nullptr : &at->second;
}

void Schedule::forget_idle(UnixMs now_ms) noexcept {
    for (auto at = targets_.begin(); at != targets_.end();) {
        const Target& target = at->second;
        const bool is_idle = !target.is_away && !target.is_wanted && !target.is_asked &&
                             target.pushes.empty() && target.held_look_ms == kNever &&
                             target.refusals.knows_nothing() && !target.has_unknown_refused &&
                             target.budget.is_whole(now_ms);
        at = is_idle ? targets_.erase(at) : std::next(at);
    }
}

// -------------------------------------------------------------------- what is known

void Schedule::wake(std::int64_t target_id) noexcept { target_of(target_id).is_wanted = true; }

void Schedule::arrived(std::int64_t target_id, UnixMs now_ms) noexcept {
    Target& target = target_of(target_id);
    target.is_wanted = true;
    target.arrivals = std::min(target.arrivals + 1, kMostArrivals);
    target.arrived_ms = now_ms;
}

void Schedule::probe_now(std::int64_t target_id, UnixMs now_ms) noexcept {
    Target& target = target_of(target_id);
    target.is_wanted = true;
    target.ask_again_ms = 0;
    target.quiet_until_ms = 0;
    target.probed_ms = 0;
    target.next_probe_ms = std::min(target.next_probe_ms, now_ms);
    target.held_look_ms = std::min(target.held_look_ms, now_ms);
    target.held_ms = 0;
    target.may_try_held = true;
}

bool Schedule::may_leave(std::int64_t target_id, UnixMs now_ms) const noexcept {
    const Target* target = find(target_id);
    if (target == nullptr) {
        return true;
    }
    return target->is_away ? arrival_ms(*target, now_ms) <= now_ms + kProbeMs
                           : target->budget.room(now_ms) > 0;
}

void Schedule::hear_yes(std::int64_t target_id, Place place, UnixMs now_ms) noexcept {
    Target& target = target_of(target_id);
    target.refusals.hear_yes(place, now_ms);
    target.yes_count++;
    target.yes_ms = now_ms;
}

void Schedule::spent(std::int64_t target_id, std::size_t count, UnixMs left_ms) noexcept {
    Target& target = target_of(target_id);
    for (std::size_t i = 0; i < count; i++) {
        target.budget.spend(left_ms);
    }
}

void Schedule::spent_anywhere(std::size_t count, UnixMs left_ms) noexcept {
    spent_anywhere_ = count;
    spent_anywhere_ms_ = left_ms;
}

void Schedule::set_rate(Rate rate) noexcept {
    rate_ = rate;
    for (auto& [target_id, target] : targets_) {
        target.budget.set_rate(rate);
    }
}

void Schedule::forget(const std::vector<std::int64_t>& event_ids) noexcept {
    for (auto& [target_id, target] : targets_) {
        target.refusals.forget(event_ids);
    }
}

std::vector<TargetState> Schedule::targets() const noexcept {
    std::vector<TargetState> states;
    states.reserve(targets_.size());
    for (const auto& [target_id, target] : targets_) {
        const auto in_flight = std::count_if(target.pushes.begin(), target.pushes.end(),
                                             [](const Push& push) { return !push.has_ended; });
        states.push_back({target_id, target.is_away, target.since_ms, next_probe_ms(target_id),
                          static_cast<std::size_t>(in_flight), target.refusals.count(),
                          target.refused_ms});
    }
    return states;
}

// -------------------------------------------------------------------- when what may leave

/// Number of busy pushes of this kind that started at `since_ms` or later.
std::size_t Schedule::open(const Target& target, Ask::Kind kind, UnixMs since_ms) noexcept {
    const auto counts = [&](const Push& push) {
        return push.kind == kind && push.started_ms >= since_ms;
    };
    return static_cast<std::size_t>(
        std::count_if(target.pushes.begin(), target.pushes.end(), counts));
}

/// Number of untried keys that may become busy. Pushes that hang tell nothing about how much the
/// target takes: those of an earlier era, and those that a later one has overtaken.
std::size_t Schedule::slots(const Target& target, UnixMs now_ms) noexcept {
    const std::size_t all = open(target, Ask::Kind::kPlain, 0);
    const auto counts = [&target, now_ms](const Push& push) {
        const bool hangs =
            push.started_ms + kProbeMs <= now_ms && push.started_ms < target.yes_started_ms;
        return push.kind == Ask::Kind::kPlain && push.era == target.era && !hangs;
    };
    const auto busy =
        static_cast<std::size_t>(std::count_if(target.pushes.begin(), target.pushes.end(), counts));
    return std::min(target.window - std::min(target.window, busy),
                    kMaxWindow - std::min(kMaxWindow, all));
}

/// Time when a push that was overtaken counts as one that hangs.
UnixMs Schedule::overtaken_ms(const Target& target, UnixMs now_ms) noexcept {
    UnixMs at_ms = kNever;
    for (const Push& push : target.pushes) {
        const UnixMs hangs_ms = push.started_ms + kProbeMs;
        const bool counts = push.kind == Ask::Kind::kPlain && push.era == target.era &&
                            push.started_ms < target.yes_started_ms && hangs_ms > now_ms;
        at_ms = counts ? std::min(at_ms, hangs_ms) : at_ms;
    }
    return at_ms;
}

/// Time when all plain pushes have gone without an answer for so long that others need not wait for
/// them.
UnixMs Schedule::stalled_ms(const Target& target) noexcept {
    UnixMs last_ms = 0;
    for (const Push& push : target.pushes) {
        if (push.kind == Ask::Kind::kPlain && push.has_ended) {
            return kNever;  // there is room as soon as its end is written down
        }
        last_ms = push.kind == Ask::Kind::kPlain ? std::max(last_ms, push.started_ms) : last_ms;
    }
    return last_ms + kProbeMs;
}

UnixMs Schedule::probe_gate_ms(const Target& target) noexcept {
    const std::size_t busy =
        open(target, Ask::Kind::kArrival, 0) + open(target, Ask::Kind::kProbe, 0);
    if (busy >= kMaxOpen) {
        return kNever;
    }
    // A millisecond more: times are cut to milliseconds, so that two which differ by 1000 can be
    // less than a second apart.
    return std::max(target.quiet_until_ms, target.probed_ms + kProbeMs + 1);
}

UnixMs Schedule::arrival_ms(const Target& target, UnixMs now_ms) noexcept {
    if (target.arrivals == 0) {
        return kNever;
    }
    const UnixMs ready_ms = std::max({target.budget.free_ms(now_ms), target.ask_again_ms,
                                      target.arrivals_wait_ms, probe_gate_ms(target)});
    const UnixMs last_ms =
        std::max({target.arrived_ms, target.quiet_until_ms, target.arrivals_wait_ms}) + kArrivalMs;
    return ready_ms <= last_ms ? ready_ms : kNever;
}

/// Time when a held key may leave, whatever else waits.
UnixMs Schedule::held_turn_ms(const Target& target) noexcept {
    if (open(target, Ask::Kind::kHeld, 0) >= kMaxOpen) {
        return kNever;
    }
    const UnixMs paced_ms = target.held_ms == 0 ? 0 : target.held_ms + kProbeMs + 1;
    const UnixMs last_ms = std::max(target.pushed_ms, target.held_ms);
    const bool has_turn = target.may_try_held || target.held_credit >= kHeldShare;
    return has_turn || last_ms == 0 ? paced_ms : std::max(paced_ms, last_ms + kIdleMs);
}

/// Number of held keys that may leave too, behind the untried ones, since the last held ones were
/// taken.
std::size_t Schedule::held_more(const Target& target) noexcept {
    const std::size_t busy = open(target, Ask::Kind::kHeld, 0);
    return target.held_window > 1 && busy < target.held_window ? target.held_window - busy : 0;
}

/// Time when a refused event leaves, because nothing else does.
UnixMs Schedule::refused_probe_ms(const Target& target) noexcept {
    const bool has_any = target.has_unknown_refused || target.refusals.count() > 0;
    if (!has_any || target.is_wanted) {
        return kNever;
    }
    const UnixMs last_ms = std::max(target.pushed_ms, target.idle_asked_ms);
    return std::max(probe_gate_ms(target), last_ms == 0 ? 0 : last_ms + kIdleMs);
}

/// Number of pushes of this kind that may leave now.
std::size_t Schedule::room(const Target& target, Ask::Kind kind, UnixMs now_ms) noexcept {
    std::size_t room = 0;
    switch (kind) {
        case Ask::Kind::kPlain:
            room = target.is_away ? 0 : slots(target, now_ms);
            break;
        case Ask::Kind::kArrival:
        case Ask::Kind::kProbe:
            room = probe_gate_ms(target) <= now_ms ? 1 : 0;
            break;
        case Ask::Kind::kHeld:
            room = target.is_away ? 0
                                  : std::max<std::size_t>(held_more(target),
                                                          held_turn_ms(target) <= now_ms ? 1 : 0);
            break;
        case Ask::Kind::kRetry: {
            const std::size_t young = open(target, kind, now_ms - kProbeMs);
            const std::size_t all = open(target, kind, 0);
            room = target.is_away ? 0
                                  : std::min(kMostRetries - std::min(kMostRetries, young),
                                             kMaxOpen - std::min(kMaxOpen, all));
            break;
        }
        case Ask::Kind::kNext:
            room = 1;
            break;
    }
    return std::min(room, target.budget.room(now_ms));
}

/// Kinds that may be asked for, each with the time from which it may, most urgent first.
std::vector<Schedule::Option> Schedule::options(const Target& target, UnixMs now_ms) noexcept {
    std::vector<Option> options;
    if (target.is_asked) {
        return options;
    }
    const UnixMs base_ms = std::max(target.ask_again_ms, target.budget.free_ms(now_ms));
    const auto add = [&](UnixMs ready_ms, Ask::Kind kind) {
        options.push_back({std::max(base_ms, ready_ms), kind, kMaxInFlight});
    };
    if (target.behind.has_value() && target.behind->is_settled) {
        add(0, Ask::Kind::kNext);
    }
    if (target.is_away) {
        add(arrival_ms(target, now_ms), Ask::Kind::kArrival);
        if (target.is_wanted) {
            add(std::max(probe_gate_ms(target), target.next_probe_ms), Ask::Kind::kProbe);
        }
        return options;
    }
    const bool has_unknown = target.has_unknown_refused && target.yes_looked != target.yes_count;
    if (target.refusals.has_to_try(busy_of(target)) || has_unknown) {
        const std::size_t young = open(target, Ask::Kind::kRetry, now_ms - kProbeMs);
        const bool is_full = open(target, Ask::Kind::kRetry, 0) >= kMaxOpen;
        add(is_full ? kNever : young < kMostRetries ? 0 : now_ms + kProbeMs, Ask::Kind::kRetry);
    }
    add(std::max(target.held_look_ms, held_turn_ms(target)), Ask::Kind::kHeld);
    options.back().most = 1;
    if (target.is_wanted && slots(target, now_ms) > 0) {
        add(0, Ask::Kind::kPlain);
    } else if (target.is_wanted) {
        add(std::max(stalled_ms(target), arrival_ms(target, now_ms)), Ask::Kind::kArrival);
        add(overtaken_ms(target, now_ms), Ask::Kind::kPlain);
    }
    add(held_more(target) > 0 ? target.held_look_ms : kNever, Ask::Kind::kHeld);
    add(refused_probe_ms(target), Ask::Kind::kProbe);
    return options;
}

UnixMs Schedule::next_look_ms(const Target& target, UnixMs now_ms) noexcept {
    UnixMs next_ms = kNever;
    for (const Option& option : options(target, now_ms)) {
        next_ms = std::min(next_ms, option.ready_ms);
    }
    return next_ms;
}

UnixMs Schedule::next_look_ms(UnixMs now_ms) const noexcept {
    UnixMs next_ms = kNever;
    for (const auto& [target_id, target] : targets_) {
        next_ms = std::min(next_ms, next_look_ms(target, now_ms));
    }
    return std::max(next_ms, now_ms);
}

std::size_t Schedule::refused(std::int64_t target_id) const noexcept {
    const Target* target = find(target_id);
    return target != nullptr ? target->refusals.count() : 0;
}

UnixMs Schedule::next_probe_ms(std::int64_t target_id) const noexcept {
    const Target* target = find(target_id);
    return target != nullptr && target->is_away ? target->next_probe_ms : 0;
}

// -------------------------------------------------------------------- asking the store

std::vector<std::int64_t> Schedule::busy_of(const Target& target) noexcept {
    std::vector<std::int64_t> alert_ids;
    for (const Push& push : target.pushes) {
        alert_ids.push_back(push.alert_id);
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
            if (std::optional<Ask> ask = choose(at->second, at->first, now_ms)) {
                asks.push_back(*std::move(ask));
            }
        }
    };
    // Takes turns in which target is first.
    const auto first = targets_.upper_bound(first_asked_);
    add(first, targets_.end());
    add(targets_.begin(), first);
    if (!asks.empty()) {
        first_asked_ = asks.front().search.target_id;
    }
    return asks;
}

std::optional<Ask> Schedule::choose(Target& target, std::int64_t target_id,
                                    UnixMs now_ms) noexcept {
    for (const Option& option : options(target, now_ms)) {
        Ask ask;
        ask.kind = option.kind;
        ask.search.target_id = target_id;
        ask.search.most = option.ready_ms <= now_ms
                              ? std::min(option.most, room(target, option.kind, now_ms))
                              : 0;
        if (ask.search.most > 0) {
            target.is_asked = true;
            target.asked_ms = now_ms;
            ask.search.except = busy_of(target);
            fill(ask, target, now_ms);
            return ask;
        }
    }
    return std::nullopt;
}

/// Fills in the search. Resets is_wanted first: what wakes the target from now on may come too late
/// for the store's answer.
void Schedule::fill(Ask& ask, Target& target, UnixMs now_ms) noexcept {
    constexpr Search::Kind kTurns[] = {Search::Kind::kWorst, Search::Kind::kNewest,
                                       Search::Kind::kTried};
    Search& search = ask.search;
    switch (ask.kind) {
        case Ask::Kind::kPlain:
            target.is_wanted = false;
            search.kind = Search::Kind::kDue;
            break;
        case Ask::Kind::kArrival:
            target.is_wanted = false;
            // A target that is well takes whatever it can; the worst event may be the one that
            // hangs.
            search.kind = !target.is_away || is_first_of_pair(target.arrival_turn)
                              ? Search::Kind::kNewest
                              : Search::Kind::kWorst;
            break;
        case Ask::Kind::kProbe:
            target.idle_asked_ms = target.is_away ? target.idle_asked_ms : now_ms;
            target.is_wanted = false;
            search.kind =
                target.is_away ? kTurns[target.turn % std::size(kTurns)] : Search::Kind::kTried;
            search.or_else = target.is_away;
            // Without untried keys: first the held ones whose failure would tell something.
            search.tried_after_ms = search.kind == Search::Kind::kTried ? 0 : target.yes_ms;
            break;
        case Ask::Kind::kHeld:
            search.kind = Search::Kind::kHeld;
            target.held_look_ms = kNever;
            break;
        case Ask::Kind::kRetry:
            search.kind = Search::Kind::kKeys;
            search.keys = target.refusals.take_to_try(search.most, search.except);
            if (search.keys.empty()) {
                const std::vector<std::int64_t> waiting = target.refusals.waiting();
                search.kind = Search::Kind::kRefused;
                search.except.insert(search.except.end(), waiting.begin(), waiting.end());
                search.until_ms = target.refusals.has_forgotten() ? target.yes_ms : kUntilYes - 1;
            }
            break;
        case Ask::Kind::kNext:
            search.kind = Search::Kind::kNext;
            search.keys = {target.behind->alert_id};
            search.after_event_id = target.behind->event_id;
            break;
    }
}

std::size_t Schedule::answered(const Ask& ask, std::size_t found, const Held& held,
                               UnixMs now_ms) noexcept {
    Target& target = target_of(ask.search.target_id);
    target.is_asked = false;
    const std::size_t leaving = std::min(found, room(target, ask.kind, now_ms));
    const bool has_more = found >= ask.search.most || leaving < found;
    switch (ask.kind) {
        case Ask::Kind::kPlain:
            target.is_wanted |= has_more;
            target.arrivals = has_more ? target.arrivals : 0;
            break;
        case Ask::Kind::kArrival:
            // Something still waits: events that were tried, or that stand behind one that hangs.
            target.is_wanted = true;
            target.arrivals = has_more ? target.arrivals : 0;
            break;
        case Ask::Kind::kProbe:
            target.is_wanted |= has_more;
            break;
        case Ask::Kind::kHeld:
            target.held_look_ms = std::min(target.held_look_ms, has_more            ? now_ms
                                                                : held.next_ms != 0 ? held.next_ms
                                                                                    : kNever);
            target.has_unknown_refused |= held.has_refused && (target.refusals.knows_nothing() ||
                                                               target.refusals.has_forgotten());
            break;
        case Ask::Kind::kRetry:
            if (ask.search.kind == Search::Kind::kRefused && !has_more) {
                target.has_unknown_refused = target.refusals.has_forgotten();
                target.yes_looked = target.yes_count;
            } else if (leaving < found) {
                target.refusals.put_back(ask.search.keys);
            }
            break;
        case Ask::Kind::kNext:
            target.behind.reset();
            break;
    }
    return leaving;
}

void Schedule::not_answered(const Ask& ask) noexcept {
    Target& target = target_of(ask.search.target_id);
    target.is_asked = false;
    target.ask_again_ms = target.asked_ms + kStoreWaitMs;
    not_started(ask);
}

void Schedule::not_started(const Ask& ask) noexcept {
    Target& target = target_of(ask.search.target_id);
    switch (ask.kind) {
        case Ask::Kind::kHeld:
            target.held_look_ms = 0;
            break;
        case Ask::Kind::kRetry:
            target.refusals.put_back(ask.search.keys);
            break;
        case Ask::Kind::kNext:
            break;
        case Ask::Kind::kPlain:
        case Ask::Kind::kArrival:
        case Ask::Kind::kProbe:
            target.is_wanted = true;
            break;
    }
}

// -------------------------------------------------------------------- pushes

/// A key is ill if it was not taken while another key was.
bool Schedule::is_ill(const Target& target, UnixMs tried_ms) noexcept {
    return tried_ms > 0 && tried_ms <= target.yes_ms;
}

void Schedule::started(Ask::Kind kind, const DueEvent& event, UnixMs now_ms) noexcept {
    Target& target = target_of(event.target_id);
    target.budget.spend(now_ms);
    target.pushed_ms = now_ms;
    target.pushes.push_back({kind, event.alert_id, event.event_id, now_ms, event.tried_ms,
                             event.attempts, event.is_refused, target.era, false, 0});
    if (kind == Ask::Kind::kHeld) {
        target.held_ms = now_ms;
        target.may_try_held = false;
    }
    const bool is_held = kind == Ask::Kind::kHeld || is_ill(target, event.tried_ms);
    target.held_credit =
        std::clamp(target.held_credit + (is_held ? -kHeldShare : 1), -kMostCredit, kMostCredit);
    if (kind == Ask::Kind::kArrival) {
        target.arrivals -= target.arrivals > 0 ? 1 : 0;
    }
    const bool is_probe = kind == Ask::Kind::kProbe || kind == Ask::Kind::kArrival;
    if (is_probe) {
        target.probed_ms = now_ms;
        target.arrival_turn += kind == Ask::Kind::kArrival ? 1 : 0;
    }
    target.probes += is_probe ? 1 : 0;
    if (kind == Ask::Kind::kProbe && target.is_away) {
        target.turn++;
        target.waited_from_ms = now_ms;
        target.wait_ms = draw_wait_ms(++target.doublings, now_ms - target.since_ms);
        set_next_probe(target, now_ms + kProbeMs + target.wait_ms);
    }
}

/// Arrivals probe by themselves; without them a few probes are enough for the first minute.
void Schedule::set_next_probe(Target& target, UnixMs at_ms) noexcept {
    const UnixMs minute_ms = target.since_ms + kFirstMinuteMs;
    target.next_probe_ms = target.probes >= kMostFirstProbes ? std::max(at_ms, minute_ms) : at_ms;
}

Schedule::Ended Schedule::ended(std::int64_t target_id, std::int64_t alert_id, const PushEnded& end,
                                UnixMs now_ms) noexcept {
    Target& target = target_of(target_id);
    const auto at = std::find_if(
        target.pushes.begin(), target.pushes.end(),
        [alert_id](const Push& push) { return push.alert_id == alert_id && !push.has_ended; });
    if (at == target.pushes.end()) {
        return {end.fate, 0, true, {}};
    }
    at->has_ended = true;
    const Push push = *at;
    const std::size_t index = static_cast<std::size_t>(at - target.pushes.begin());
    const bool is_final = target.refusals.ended(end.place, alert_id, push.event_id, end.fate,
                                                push.is_refused, now_ms);
    Ended ended;
    if (end.fate == Fate::kDelivered) {
        ended = {Fate::kDelivered, 0, true, succeed(target, push, now_ms)};
    } else if (end.fate == Fate::kWaits) {
        ended = fail(target, push, end, now_ms);
    } else if (is_final) {
        ended = {Fate::kRefused, 0, true, {}};
    } else {
        ended = refuse(target, push, now_ms);
    }
    end_probe(target, push, now_ms);
    // An event that is to die may have to wait for room.
    target.pushes[index].due_ms = is_final ? kUntilBack : ended.due_ms;
    return ended;
}

/// Takes what a delivery says of the keys that were not taken before it: where one of them was at
/// fault, the target was not.
void Schedule::hear_of_suspects(Target& target, const Push& push, UnixMs now_ms) noexcept {
    std::vector<std::int64_t>& suspects = target.suspects;
    const bool is_one =
        std::find(suspects.begin(), suspects.end(), push.alert_id) != suspects.end();
    const bool was_outage =
        target.is_away && (target.opener == push.alert_id || now_ms - target.since_ms > kInVainMs);
    if (is_one || was_outage || now_ms - target.suspected_ms > kSuspectedMs) {
        suspects.clear();
    }
    if (target.failures > 0 && !suspects.empty()) {
        target.suspected_ms = now_ms;
    }
    const bool was_in_vain = target.is_away && !was_outage && target.opener != 0;
    if (was_in_vain && suspects.size() < kMostSuspects) {
        suspects.push_back(target.opener);
        target.suspected_ms = now_ms;
    }
    target.failures = 0;
}

/// True when another failure takes the target away.
bool Schedule::is_believed(Target& target, UnixMs now_ms) noexcept {
    target.failures++;
    return target.suspects.size() < kMostSuspects || now_ms - target.suspected_ms > kSuspectedMs ||
           target.failures >= kMostFailures || now_ms - target.yes_ms > kWithoutYesMs;
}

TargetChange Schedule::succeed(Target& target, const Push& push, UnixMs now_ms) noexcept {
    hear_of_suspects(target, push, now_ms);
    target.yes_ms = now_ms;
    target.yes_started_ms = std::max(target.yes_started_ms, push.started_ms);
    target.yes_count++;
    if (push.kind == Ask::Kind::kHeld) {
        // The key was not ill after all, and others may be well again, too.
        target.held_window = std::min(2 * target.held_window, kMaxOpen);
        target.held_credit = std::min(target.held_credit + kHeldShare + 1, kMostCredit);
    }
    if (!target.is_away) {
        target.successes += push.era == target.era && push.kind == Ask::Kind::kPlain ? 1 : 0;
        if (target.successes >= target.window) {
            target.window = std::min(2 * target.window, kMaxWindow);
            target.successes = 0;
        }
        return {};
    }
    // A late answer does not cancel the wait that another answer has asked for.
    if (now_ms < target.quiet_until_ms) {
        return {};
    }
    const TargetChange change{TargetChange::Kind::kBack, target.since_ms};
    come_back(target, now_ms);
    return change;
}

void Schedule::come_back(Target& target, UnixMs now_ms) noexcept {
    // A held key that was tried in a real outage, or shortly before, was not found to be ill by
    // that.
    const bool was_outage = now_ms - target.since_ms >= kOutageMs;
    target.is_away = false;
    target.since_ms = now_ms;
    target.is_wanted = true;
    target.era++;
    target.window = kFirstWindow;
    target.successes = 0;
    // Keys that were not taken meanwhile have waited for this; they are tried with care, since one
    // may be the cause.
    target.held_look_ms = 0;
    target.may_try_held = was_outage || target.held_ms == 0 || now_ms - target.held_ms >= kIdleMs;
}

Schedule::Ended Schedule::fail(Target& target, const Push& push, const PushEnded& end,
                               UnixMs now_ms) noexcept {
    if (push.kind == Ask::Kind::kHeld) {
        target.held_window = 1;
    }
    const bool is_ill = this->is_ill(target, push.tried_ms);
    const UnixMs due_ms = hold(target, push, is_ill, now_ms);

    if (is_ill) {
        return {Fate::kWaits, due_ms, true, {}};
    }
    const UnixMs quiet_ms = std::clamp(end.retry_after_ms, UnixMs{0}, kLongestRetryAfterMs);
    target.quiet_until_ms = std::max(target.quiet_until_ms, now_ms + quiet_ms);
    if (end.is_too_frequent && quiet_ms == 0) {
        target.arrivals_wait_ms = now_ms + kTooFrequentMs;
    }
    // A push that started before another one that was taken says nothing about the target, but the
    // wait that it asks for holds from now on.
    const bool is_old = push.era != target.era || (push.started_ms <= target.yes_started_ms &&
                                                   push.started_ms < target.yes_ms);
    const bool says_little =
        quiet_ms == 0 && (is_old || (!end.is_too_frequent && !is_believed(target, now_ms)));
    if (target.is_away || says_little) {
        target.next_probe_ms = std::max(target.next_probe_ms, target.quiet_until_ms);
        return {Fate::kWaits, due_ms, true, {}};
    }
    target.opener = push.alert_id;
    return {Fate::kWaits, due_ms, true, go_away(target, now_ms)};
}

/// Time when a key that was not taken may be tried again: when its target is back at first, and the
/// later, the more often it was not taken while others were.
UnixMs Schedule::hold(Target& target, const Push& push, bool is_ill, UnixMs now_ms) noexcept {
    if (!is_ill) {
        target.may_try_held |= target.held_ms == 0 || now_ms - target.held_ms >= kIdleMs;
        return kUntilBack + now_ms;
    }
    const unsigned doublings =
        std::min(push.attempts - std::min(push.attempts, 1U), kMostHoldDoublings);
    const UnixMs longest_ms = std::min(kFirstHoldMs << doublings, kLongestHoldMs);
    return now_ms + draw_between_ms(std::max(longest_ms / 2, kFirstHoldMs), longest_ms);
}

/// Holds an event that was refused with nothing delivered to compare until there is. The target
/// goes away, too, unless something was delivered there lately.
Schedule::Ended Schedule::refuse(Target& target, const Push& push, UnixMs now_ms) noexcept {
    target.refused_ms = target.refusals.count() <= 1 ? now_ms : target.refused_ms;
    if (push.kind == Ask::Kind::kProbe && push.is_refused) {
        target.behind = Behind{push.alert_id, push.event_id, false};
    }
    Ended ended{Fate::kWaits, kUntilYes + now_ms, false, {}};
    const bool has_yes = target.yes_ms != 0 && now_ms - target.yes_ms <= kFreshYesMs;
    if (!target.is_away && !has_yes) {
        target.opener = 0;
        ended.change = go_away(target, now_ms);
    }
    return ended;
}

TargetChange Schedule::go_away(Target& target, UnixMs now_ms) noexcept {
    target.is_away = true;
    target.is_wanted = true;
    target.since_ms = now_ms;
    target.probes = target.doublings = target.turn = target.arrival_turn = 0;
    target.next_probe_ms = std::max(
        {now_ms + draw_wait_ms(0, 0), target.quiet_until_ms, target.probed_ms + kProbeMs + 1});
    if (now_ms - target.arrived_ms > kJustArrivedMs) {
        target.arrivals = 0;
    }
    return {TargetChange::Kind::kAway, now_ms};
}

/// Counts the next probe from the end of the last one, which was not known before.
void Schedule::end_probe(Target& target, const Push& push, UnixMs now_ms) noexcept {
    const bool is_last = target.is_away && push.kind == Ask::Kind::kProbe &&
                         push.started_ms == target.waited_from_ms;
    if (is_last) {
        set_next_probe(target, std::max({std::min(target.next_probe_ms, now_ms + target.wait_ms),
                                         target.quiet_until_ms, push.started_ms + kProbeMs + 1}));
    }
}

void Schedule::settled(std::int64_t target_id, std::int64_t alert_id) noexcept {
    Target& target = target_of(target_id);
    const auto at = std::find_if(
        target.pushes.begin(), target.pushes.end(),
        [alert_id](const Push& push) { return push.alert_id == alert_id && push.has_ended; });
    if (at != target.pushes.end()) {
        // Only now can the store find the key again.
        const UnixMs look_ms = at->due_ms == 0 || at->due_ms >= kUntilYes ? kNever
                               : at->due_ms >= kUntilBack                 ? 0
                                                                          : at->due_ms;
        target.held_look_ms = std::min(target.held_look_ms, look_ms);
        target.pushes.erase(at);
    }
    target.is_wanted = true;
    if (target.behind.has_value() && target.behind->alert_id == alert_id) {
        target.behind->is_settled = true;
    }
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

}  // namespace flashduty
