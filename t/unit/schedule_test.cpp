// What may leave for which target, and when: one rule at a time.
#include "schedule.hpp"

#include <random>

#include "support.hpp"

using flashduty::Ask;
using flashduty::Fate;
using flashduty::kMaxInFlight;
using flashduty::kNever;
using flashduty::kUntilBack;
using flashduty::Rate;
using flashduty::Schedule;
using flashduty::TargetChange;
using flashduty::UnixMs;

namespace {

using Ended = Schedule::Ended;
using Kind = TargetChange::Kind;

constexpr Rate kOff{0, 0};
constexpr std::int64_t kTarget = 7;
constexpr std::int64_t kOther = 8;
constexpr UnixMs kStart = 1'780'000'000'000;
constexpr UnixMs kSecond = 1'000;
constexpr UnixMs kMinute = 60'000;

/// The only ask there is now.
Ask only_ask(Schedule& schedule, UnixMs now_ms) {
    const std::vector<Ask> asks = schedule.asks(now_ms);
    assert_int_equal(asks.size(), 1);
    return asks[0];
}

/// Starts all the events that the store would give, with keys from `alert_id` on; gives how many.
std::size_t start_all(Schedule& schedule, std::int64_t alert_id, UnixMs now_ms) {
    const Ask ask = only_ask(schedule, now_ms);
    const std::size_t leaving = schedule.answered(ask, ask.most, now_ms);
    assert_int_equal(leaving, ask.most);
    for (std::size_t i = 0; i < leaving; i++) {
        schedule.started(ask.target_id, alert_id++, now_ms);
    }
    return leaving;
}

Ended end(Schedule& schedule, std::int64_t alert_id, Fate result, UnixMs now_ms,
          UnixMs retry_after_ms = 0) {
    return schedule.ended(kTarget, alert_id, result, retry_after_ms, now_ms);
}

/// The whole of a push that is not taken.
Ended fail(Schedule& schedule, std::int64_t alert_id, UnixMs now_ms, UnixMs retry_after_ms = 0) {
    schedule.started(kTarget, alert_id, now_ms);
    const Ended ended = end(schedule, alert_id, Fate::kWaits, now_ms, retry_after_ms);
    schedule.settled(kTarget, alert_id);
    return ended;
}

/// And of one that is.
Ended take(Schedule& schedule, std::int64_t alert_id, UnixMs now_ms) {
    schedule.started(kTarget, alert_id, now_ms);
    const Ended ended = end(schedule, alert_id, Fate::kDelivered, now_ms);
    schedule.settled(kTarget, alert_id);
    return ended;
}

bool is_away(const Schedule& schedule) { return schedule.next_probe_ms(kTarget) != 0; }

// -------------------------------------------------------------------- asking

void nothing_is_asked_for_before_something_may_wait(void**) {
    Schedule schedule({}, 1);
    assert_int_equal(schedule.asks(kStart).size(), 0);
    assert_true(schedule.next_look_ms(kStart) == kNever);
    assert_true(schedule.may_leave(kTarget, kStart));
}

void a_target_is_asked_for_once_until_the_store_has_answered(void**) {
    Schedule schedule({}, 1);
    schedule.wake(kTarget);
    assert_true(schedule.next_look_ms(kStart) == kStart);
    const Ask ask = only_ask(schedule, kStart);
    assert_int_equal(ask.target_id, kTarget);
    assert_false(ask.is_probe);
    schedule.wake(kTarget);
    assert_int_equal(schedule.asks(kStart).size(), 0);
    assert_true(schedule.next_look_ms(kStart) == kNever);
}

void a_target_that_has_nothing_more_is_left_alone_until_it_is_woken(void**) {
    Schedule schedule({}, 1);
    schedule.wake(kTarget);
    const Ask ask = only_ask(schedule, kStart);
    assert_int_equal(schedule.answered(ask, ask.most - 1, kStart), ask.most - 1);
    assert_int_equal(schedule.asks(kStart).size(), 0);
    assert_true(schedule.next_look_ms(kStart) == kNever);
    schedule.wake(kTarget);
    only_ask(schedule, kStart);
}

void a_target_that_has_all_that_was_asked_for_may_have_more(void**) {
    Schedule schedule({}, 1);
    schedule.wake(kTarget);
    const Ask ask = only_ask(schedule, kStart);
    assert_int_equal(schedule.answered(ask, ask.most, kStart), ask.most);
    only_ask(schedule, kStart);
}

void what_comes_while_the_store_is_asked_is_not_overlooked(void**) {
    Schedule schedule({}, 1);
    schedule.wake(kTarget);
    const Ask ask = only_ask(schedule, kStart);
    schedule.wake(kTarget);
    assert_int_equal(schedule.answered(ask, 0, kStart), 0);
    only_ask(schedule, kStart);
}

void what_is_settled_while_the_store_is_asked_is_not_overlooked(void**) {
    Schedule schedule({}, 1);
    schedule.started(kTarget, 1, kStart);
    schedule.wake(kTarget);
    const Ask ask = only_ask(schedule, kStart);
    assert_true(end(schedule, 1, Fate::kDelivered, kStart).change.kind == Kind::kNone);
    schedule.settled(kTarget, 1);
    assert_int_equal(schedule.answered(ask, 0, kStart), 0);
    only_ask(schedule, kStart);
}

void a_store_that_does_not_answer_is_asked_again_a_moment_later(void**) {
    Schedule schedule({}, 1);
    schedule.wake(kTarget);
    const Ask ask = only_ask(schedule, kStart);
    schedule.not_answered(ask);
    assert_int_equal(schedule.asks(kStart).size(), 0);
    const UnixMs again_ms = schedule.next_look_ms(kStart);
    assert_true(again_ms > kStart && again_ms <= kStart + kSecond);
    assert_int_equal(schedule.asks(again_ms - 1).size(), 0);
    assert_int_equal(only_ask(schedule, again_ms).most, ask.most);
}

void every_target_is_first_in_its_turn(void**) {
    Schedule schedule({}, 1);
    std::vector<std::int64_t> firsts;
    for (int i = 0; i < 6; i++) {
        for (std::int64_t target_id : {1, 2, 3}) {
            schedule.wake(target_id);
        }
        const std::vector<Ask> asks = schedule.asks(kStart);
        assert_int_equal(asks.size(), 3);
        firsts.push_back(asks[0].target_id);
        for (const Ask& ask : asks) {
            assert_int_equal(schedule.answered(ask, 0, kStart), 0);
        }
    }
    assert_true(firsts == (std::vector<std::int64_t>{1, 2, 3, 1, 2, 3}));
}

void no_more_is_asked_for_than_the_budget_lets_leave(void**) {
    Schedule schedule({3, 0}, 1);
    schedule.wake(kTarget);
    assert_int_equal(start_all(schedule, 1, kStart), 3);
    assert_false(schedule.may_leave(kTarget, kStart));
    assert_int_equal(schedule.asks(kStart).size(), 0);
    assert_true(schedule.next_look_ms(kStart) == kStart + 1'001);
    assert_int_equal(schedule.asks(kStart + 1'000).size(), 0);
    assert_true(schedule.may_leave(kTarget, kStart + 1'001));
    assert_int_equal(only_ask(schedule, kStart + 1'001).most, 1);
}

void each_target_has_its_own_budget(void**) {
    Schedule schedule({2, 0}, 1);
    schedule.wake(kTarget);
    start_all(schedule, 1, kStart);
    schedule.wake(kOther);
    const Ask ask = only_ask(schedule, kStart);
    assert_int_equal(ask.target_id, kOther);
    assert_int_equal(ask.most, 2);
}

// -------------------------------------------------------------------- how many at a time

void as_many_again_are_under_way_with_each_window_of_successes(void**) {
    Schedule schedule(kOff, 1);
    schedule.wake(kTarget);
    for (const std::size_t window : {4, 8, 16, 32, 64, 64}) {
        assert_int_equal(start_all(schedule, 1, kStart), window);
        assert_int_equal(schedule.asks(kStart).size(), 0);
        assert_true(schedule.next_look_ms(kStart) == kNever);
        assert_true(schedule.may_leave(kTarget, kStart));
        for (std::size_t i = 1; i <= window; i++) {
            (void)end(schedule, static_cast<std::int64_t>(i), Fate::kDelivered, kStart);
            schedule.settled(kTarget, static_cast<std::int64_t>(i));
        }
    }
}

void a_key_is_busy_until_its_end_is_written_down(void**) {
    Schedule schedule(kOff, 1);
    schedule.started(kTarget, 11, kStart);
    schedule.started(kOther, 12, kStart);
    assert_int_equal(schedule.busy_count(), 2);
    assert_true(schedule.busy(kTarget) == std::vector<std::int64_t>{11});
    (void)end(schedule, 11, Fate::kDelivered, kStart);
    assert_true(schedule.busy(kTarget) == std::vector<std::int64_t>{11});
    assert_int_equal(schedule.targets()[0].in_flight, 0);
    schedule.settled(kTarget, 11);
    assert_true(schedule.busy(kTarget).empty());
    assert_int_equal(schedule.busy_count(), 1);
    assert_int_equal(only_ask(schedule, kStart).target_id, kTarget);
}

void an_end_that_is_not_written_down_holds_its_place(void**) {
    Schedule schedule(kOff, 1);
    schedule.wake(kTarget);
    start_all(schedule, 1, kStart);
    for (std::int64_t alert_id : {1, 2, 3}) {
        (void)end(schedule, alert_id, Fate::kDelivered, kStart);
    }
    assert_int_equal(schedule.asks(kStart).size(), 0);
    schedule.settled(kTarget, 2);
    assert_int_equal(only_ask(schedule, kStart).most, 1);
}

// -------------------------------------------------------------------- away

void one_that_is_not_taken_takes_its_target_away(void**) {
    Schedule schedule({}, 1);
    const Ended ended = fail(schedule, 1, kStart);
    assert_true(ended.change.kind == Kind::kAway);
    assert_false(schedule.may_leave(kTarget, kStart));
    assert_true(schedule.may_leave(kOther, kStart));
    assert_int_equal(schedule.asks(kStart).size(), 0);
    const UnixMs probe_ms = schedule.next_probe_ms(kTarget);
    assert_true(probe_ms > kStart && probe_ms <= kStart + kSecond);
    assert_int_equal(schedule.next_probe_ms(kOther), 0);
}

void a_refused_event_does_not(void**) {
    Schedule schedule({}, 1);
    schedule.started(kTarget, 1, kStart);
    const Ended ended = end(schedule, 1, Fate::kRefused, kStart, 5'000);
    assert_true(ended.change.kind == Kind::kNone);
    assert_true(schedule.may_leave(kTarget, kStart));
}

void a_target_that_is_away_gets_one_probe_at_a_time(void**) {
    Schedule schedule(kOff, 1);
    fail(schedule, 1, kStart);
    const UnixMs probe_ms = schedule.next_probe_ms(kTarget);
    assert_int_equal(schedule.asks(probe_ms - 1).size(), 0);
    const Ask ask = only_ask(schedule, probe_ms);
    assert_true(ask.is_probe);
    assert_int_equal(ask.most, 1);
    assert_int_equal(schedule.answered(ask, 1, probe_ms), 1);
    schedule.started(kTarget, 2, probe_ms);
    schedule.wake(kTarget);
    assert_int_equal(schedule.asks(probe_ms + kMinute).size(), 0);
    assert_int_equal(end(schedule, 2, Fate::kWaits, probe_ms + kMinute).due_ms,
                     kUntilBack + probe_ms + kMinute);
    schedule.settled(kTarget, 2);
    const UnixMs next_ms = schedule.next_probe_ms(kTarget);
    assert_true(next_ms > probe_ms + kMinute && next_ms <= probe_ms + kMinute + 2 * kSecond);
    assert_true(only_ask(schedule, next_ms).is_probe);
}

void a_probe_that_is_taken_or_refused_brings_its_target_back(void**) {
    for (const Fate result : {Fate::kDelivered, Fate::kRefused}) {
        Schedule schedule(kOff, 1);
        fail(schedule, 1, kStart);
        const UnixMs probe_ms = schedule.next_probe_ms(kTarget);
        assert_int_equal(start_all(schedule, 2, probe_ms), 1);
        const Ended ended = end(schedule, 2, result, probe_ms + 20);
        assert_true(ended.change.kind == Kind::kBack);
        assert_int_equal(ended.change.since_ms, kStart);
        assert_true(schedule.may_leave(kTarget, probe_ms + 20));
        assert_int_equal(schedule.next_probe_ms(kTarget), 0);
        const Ask ask = only_ask(schedule, probe_ms + 20);
        assert_false(ask.is_probe);
        assert_int_equal(ask.most, 4);
    }
}

void the_pace_begins_anew_when_a_target_is_back(void**) {
    Schedule schedule(kOff, 1);
    for (std::int64_t alert_id = 1; alert_id <= 64; alert_id++) {
        take(schedule, alert_id, kStart);
    }
    const Ask ask = only_ask(schedule, kStart);
    assert_true(ask.most > 4);
    Schedule::Ended ended = fail(schedule, 65, kStart);
    assert_true(ended.change.kind == Kind::kAway);
    ended = take(schedule, 66, schedule.next_probe_ms(kTarget));
    assert_true(ended.change.kind == Kind::kBack);
    schedule.not_answered(ask);
    assert_int_equal(only_ask(schedule, kStart + kMinute).most, 4);
}

void those_under_way_when_it_goes_away_neither_double_nor_restart_the_back_off(void**) {
    Schedule schedule(kOff, 1);
    for (std::int64_t alert_id = 1; alert_id <= 64; alert_id++) {
        schedule.started(kTarget, alert_id, kStart);
    }
    assert_true(end(schedule, 1, Fate::kWaits, kStart).change.kind == Kind::kAway);
    const UnixMs probe_ms = schedule.next_probe_ms(kTarget);
    for (std::int64_t alert_id = 2; alert_id <= 64; alert_id++) {
        const Ended ended = end(schedule, alert_id, Fate::kWaits, kStart + alert_id);
        assert_true(ended.change.kind == Kind::kNone);
        assert_int_equal(ended.due_ms, kUntilBack + kStart + alert_id);
    }
    assert_int_equal(schedule.next_probe_ms(kTarget), probe_ms);
}

void one_of_those_that_is_taken_brings_it_back(void**) {
    Schedule schedule(kOff, 1);
    schedule.started(kTarget, 1, kStart);
    schedule.started(kTarget, 2, kStart);
    assert_true(end(schedule, 1, Fate::kWaits, kStart + 5).change.kind == Kind::kAway);
    const Ended ended = end(schedule, 2, Fate::kDelivered, kStart + 9);
    assert_true(ended.change.kind == Kind::kBack);
    assert_int_equal(ended.change.since_ms, kStart + 5);
}

void those_of_before_its_return_do_not_take_it_away_again(void**) {
    Schedule schedule(kOff, 1);
    for (std::int64_t alert_id : {1, 2, 3}) {
        schedule.started(kTarget, alert_id, kStart);
    }
    assert_true(end(schedule, 1, Fate::kWaits, kStart).change.kind == Kind::kAway);
    assert_true(end(schedule, 2, Fate::kDelivered, kStart + 9).change.kind == Kind::kBack);
    const Ended ended = end(schedule, 3, Fate::kWaits, kStart + kMinute);
    assert_true(ended.change.kind == Kind::kNone);
    assert_true(ended.due_ms > kStart + kMinute && ended.due_ms <= kStart + kMinute + kSecond);
    assert_false(is_away(schedule));
}

void those_that_hang_since_before_its_return_take_no_place_of_the_first_window(void**) {
    Schedule schedule(kOff, 1);
    for (std::int64_t alert_id = 1; alert_id <= 20; alert_id++) {
        schedule.started(kTarget, alert_id, kStart);
    }
    (void)end(schedule, 1, Fate::kWaits, kStart);
    assert_true(end(schedule, 2, Fate::kDelivered, kStart).change.kind == Kind::kBack);
    assert_int_equal(only_ask(schedule, kStart).most, 4);
}

void their_successes_do_not_widen_it(void**) {
    Schedule schedule(kOff, 1);
    for (std::int64_t alert_id = 1; alert_id <= 20; alert_id++) {
        schedule.started(kTarget, alert_id, kStart);
    }
    (void)end(schedule, 1, Fate::kWaits, kStart);
    for (std::int64_t alert_id = 2; alert_id <= 20; alert_id++) {
        (void)end(schedule, alert_id, Fate::kDelivered, kStart);
        schedule.settled(kTarget, alert_id);
    }
    assert_int_equal(only_ask(schedule, kStart).most, 4);
}

void they_count_for_the_most_at_a_time_all_the_same(void**) {
    Schedule schedule(kOff, 1);
    for (std::int64_t alert_id = 1; alert_id <= 64; alert_id++) {
        schedule.started(kTarget, alert_id, kStart);
    }
    (void)end(schedule, 1, Fate::kWaits, kStart);
    assert_true(end(schedule, 2, Fate::kDelivered, kStart).change.kind == Kind::kBack);
    assert_int_equal(schedule.asks(kStart).size(), 0);
    schedule.settled(kTarget, 1);
    assert_int_equal(only_ask(schedule, kStart).most, 1);
}

void a_probe_that_finds_nothing_leaves_its_target_away_until_something_comes(void**) {
    Schedule schedule(kOff, 1);
    fail(schedule, 1, kStart);
    const UnixMs probe_ms = kStart + kMinute;
    // With other keys, then with any.
    assert_int_equal(schedule.answered(only_ask(schedule, probe_ms), 0, probe_ms), 0);
    assert_int_equal(schedule.answered(only_ask(schedule, probe_ms), 0, probe_ms), 0);
    assert_true(schedule.next_look_ms(probe_ms) == kNever);
    assert_true(is_away(schedule));
    schedule.wake(kTarget);
    assert_true(schedule.next_look_ms(probe_ms) == probe_ms);
    assert_true(only_ask(schedule, probe_ms).is_probe);
}

void what_the_store_finds_stays_when_its_target_has_gone_away_meanwhile(void**) {
    Schedule schedule(kOff, 1);
    schedule.started(kTarget, 1, kStart);
    schedule.wake(kTarget);
    const Ask ask = only_ask(schedule, kStart);
    assert_true(end(schedule, 1, Fate::kWaits, kStart).change.kind == Kind::kAway);
    assert_int_equal(schedule.answered(ask, ask.most, kStart), 0);
    assert_true(schedule.next_look_ms(kStart) == schedule.next_probe_ms(kTarget));
}

void of_fewer_than_were_asked_for_those_that_stay_are_asked_for_again(void**) {
    Schedule schedule(kOff, 1);
    schedule.started(kTarget, 1, kStart);
    schedule.wake(kTarget);
    const Ask ask = only_ask(schedule, kStart);
    assert_true(end(schedule, 1, Fate::kWaits, kStart).change.kind == Kind::kAway);
    assert_int_equal(schedule.answered(ask, 1, kStart), 0);
    assert_true(schedule.next_look_ms(kStart) == schedule.next_probe_ms(kTarget));
}

void a_probe_leaves_as_any_other_when_its_target_has_come_back_meanwhile(void**) {
    Schedule schedule(kOff, 1);
    schedule.started(kTarget, 1, kStart);
    schedule.started(kTarget, 2, kStart);
    (void)end(schedule, 1, Fate::kWaits, kStart);
    const UnixMs probe_ms = schedule.next_probe_ms(kTarget);
    const Ask ask = only_ask(schedule, probe_ms);
    assert_true(end(schedule, 2, Fate::kDelivered, probe_ms).change.kind == Kind::kBack);
    assert_int_equal(schedule.answered(ask, 1, probe_ms), 1);
    schedule.started(kTarget, 3, probe_ms);
    assert_true(end(schedule, 3, Fate::kDelivered, probe_ms).change.kind == Kind::kNone);
}

void probes_keep_within_the_budget_too(void**) {
    Schedule schedule({0, 1}, 1);
    fail(schedule, 1, kStart);
    assert_true(schedule.next_look_ms(kStart) == kStart + 60'001);
    assert_int_equal(schedule.asks(kStart + 60'000).size(), 0);
    assert_true(only_ask(schedule, kStart + 60'001).is_probe);
}

// -------------------------------------------------------------------- back-off

void the_wait_doubles_up_to_five_minutes_with_full_jitter(void**) {
    constexpr int kSeeds = 400;
    constexpr std::size_t kProbes = 12;
    std::vector<double> sums(kProbes);
    std::vector<UnixMs> longest(kProbes);
    for (int seed = 0; seed < kSeeds; seed++) {
        Schedule schedule(kOff, static_cast<std::uint64_t>(seed));
        UnixMs now_ms = kStart;
        for (std::size_t i = 0; i < kProbes; i++) {
            fail(schedule, static_cast<std::int64_t>(i), now_ms);
            const UnixMs wait_ms = schedule.next_probe_ms(kTarget) - now_ms;
            assert_true(wait_ms >= 50);
            assert_true(wait_ms <= std::min(kSecond << i, 5 * kMinute));
            sums[i] += static_cast<double>(wait_ms);
            longest[i] = std::max(longest[i], wait_ms);
            now_ms += wait_ms;
        }
    }
    for (std::size_t i = 0; i < kProbes; i++) {
        const auto cap_ms = static_cast<double>(std::min(kSecond << i, 5 * kMinute));
        assert_true(sums[i] / kSeeds > 0.44 * cap_ms && sums[i] / kSeeds < 0.56 * cap_ms);
        assert_true(static_cast<double>(longest[i]) > 0.97 * cap_ms);
    }
}

void the_wait_begins_anew_after_each_return(void**) {
    for (std::uint64_t seed = 0; seed < 50; seed++) {
        Schedule schedule(kOff, seed);
        UnixMs now_ms = kStart;
        for (std::int64_t alert_id = 0; alert_id < 12; alert_id++) {
            fail(schedule, alert_id, now_ms);
            now_ms = schedule.next_probe_ms(kTarget);
        }
        assert_true(take(schedule, 20, now_ms).change.kind == Kind::kBack);
        assert_true(fail(schedule, 21, now_ms).change.kind == Kind::kAway);
        assert_true(schedule.next_probe_ms(kTarget) <= now_ms + kSecond);
        now_ms = schedule.next_probe_ms(kTarget);
        fail(schedule, 22, now_ms);
        assert_true(schedule.next_probe_ms(kTarget) <= now_ms + 2 * kSecond);
    }
}

struct RetryAfterRow {
    const char* says;
    UnixMs retry_after_ms;
    UnixMs least_ms, most_ms;  ///< until the next probe
};

const std::vector<RetryAfterRow> kRetryAfterRows = {
    {"no Retry-After: the back-off alone", 0, 50, kSecond},
    {"a Retry-After is waited for", 30'000, 30'000, 30'000},
    {"a Retry-After shorter than the back-off shortens nothing", 1, 50, kSecond},
    {"a Retry-After of ten minutes is waited for", 600'000, 600'000, 600'000},
    {"of a longer one ten minutes", 3'600'000, 600'000, 600'000},
    {"of an endless one ten minutes", kNever, 600'000, 600'000},
    {"one of the past is none", -1'000, 50, kSecond},
};

void retry_after(void** state) {
    const auto& row = row_of<RetryAfterRow>(state);
    for (std::uint64_t seed = 0; seed < 20; seed++) {
        Schedule schedule(kOff, seed);
        assert_true(fail(schedule, 1, kStart, row.retry_after_ms).change.kind == Kind::kAway);
        const UnixMs wait_ms = schedule.next_probe_ms(kTarget) - kStart;
        assert_true(wait_ms >= row.least_ms && wait_ms <= row.most_ms);
        assert_true(schedule.next_look_ms(kStart) == kStart + wait_ms);
    }
}

void a_probe_can_be_asked_to_wait_too(void**) {
    Schedule schedule(kOff, 1);
    fail(schedule, 1, kStart);
    const UnixMs now_ms = schedule.next_probe_ms(kTarget);
    fail(schedule, 2, now_ms, 40'000);
    assert_true(schedule.next_probe_ms(kTarget) == now_ms + 40'000);
}

void those_under_way_may_ask_for_a_longer_wait_but_for_no_shorter_one(void**) {
    Schedule schedule(kOff, 1);
    for (std::int64_t alert_id : {1, 2, 3}) {
        schedule.started(kTarget, alert_id, kStart);
    }
    (void)end(schedule, 1, Fate::kWaits, kStart, 30'000);
    (void)end(schedule, 2, Fate::kWaits, kStart + 10, 10'000);
    assert_int_equal(schedule.next_probe_ms(kTarget), kStart + 30'000);
    (void)end(schedule, 3, Fate::kWaits, kStart + 20, 50'000);
    assert_int_equal(schedule.next_probe_ms(kTarget), kStart + 50'020);
}

void a_late_success_does_not_shorten_what_the_target_asked_for(void**) {
    Schedule schedule(kOff, 1);
    schedule.started(kTarget, 1, kStart);
    schedule.started(kTarget, 2, kStart);
    (void)end(schedule, 1, Fate::kWaits, kStart, 30'000);
    assert_true(end(schedule, 2, Fate::kDelivered, kStart + 5).change.kind == Kind::kNone);
    assert_int_equal(schedule.next_probe_ms(kTarget), kStart + 30'000);
}

void one_of_before_its_return_that_asks_for_a_wait_gets_it(void**) {
    Schedule schedule(kOff, 1);
    for (std::int64_t alert_id : {1, 2, 3}) {
        schedule.started(kTarget, alert_id, kStart);
    }
    (void)end(schedule, 1, Fate::kWaits, kStart);
    assert_true(end(schedule, 2, Fate::kDelivered, kStart).change.kind == Kind::kBack);
    const Ended ended = end(schedule, 3, Fate::kWaits, kStart, 30'000);
    assert_true(ended.change.kind == Kind::kAway);
    assert_int_equal(schedule.next_probe_ms(kTarget), kStart + 30'000);
}

// -------------------------------------------------------------------- suspects

/// Lets a key take the target away once more, and another one bring it back; gives how long the key
/// has to wait.
UnixMs suspect_once_more(Schedule& schedule, std::int64_t alert_id, UnixMs now_ms) {
    const Ended ended = fail(schedule, alert_id, now_ms);
    assert_true(ended.change.kind == Kind::kAway);
    assert_true(take(schedule, -1, now_ms).change.kind == Kind::kBack);
    return ended.due_ms - now_ms;
}

void a_key_waits_the_longer_the_more_often_it_took_its_target_away(void**) {
    std::vector<UnixMs> longest(12);
    for (std::uint64_t seed = 0; seed < 200; seed++) {
        Schedule schedule(kOff, seed);
        for (std::size_t i = 0; i < longest.size(); i++) {
            const UnixMs wait_ms = suspect_once_more(schedule, 1, kStart);
            assert_true(wait_ms >= 50 && wait_ms <= std::min(kSecond << i, 5 * kMinute));
            longest[i] = std::max(longest[i], wait_ms);
        }
        assert_true(suspect_once_more(schedule, 2, kStart) <= kSecond);
    }
    for (std::size_t i = 0; i < longest.size(); i++) {
        assert_true(longest[i] > std::min(kSecond << i, 5 * kMinute) * 9 / 10);
    }
}

void its_success_lets_that_be_forgotten(void**) {
    for (std::uint64_t seed = 0; seed < 20; seed++) {
        Schedule schedule(kOff, seed);
        for (int i = 0; i < 12; i++) {
            suspect_once_more(schedule, 1, kStart);
        }
        take(schedule, 1, kStart);
        assert_true(suspect_once_more(schedule, 1, kStart) <= kSecond);
    }
}

void its_wait_ends_in_a_look_at_the_store(void**) {
    Schedule schedule(kOff, 1);
    const UnixMs due_ms = kStart + suspect_once_more(schedule, 1, kStart);
    const Ask ask = only_ask(schedule, kStart);
    assert_int_equal(schedule.answered(ask, 0, kStart), 0);
    assert_true(schedule.next_look_ms(kStart) == due_ms);
    assert_int_equal(schedule.asks(due_ms - 1).size(), 0);
    only_ask(schedule, due_ms);
}

void its_wait_may_end_while_the_store_is_asked(void**) {
    Schedule schedule(kOff, 1);
    const UnixMs due_ms = kStart + suspect_once_more(schedule, 1, kStart);
    const Ask ask = only_ask(schedule, due_ms - 1);
    assert_true(schedule.next_look_ms(due_ms - 1) == due_ms);
    assert_int_equal(schedule.asks(due_ms).size(), 0);
    assert_int_equal(schedule.answered(ask, 0, due_ms), 0);
    only_ask(schedule, due_ms);
}

/// Whether an ask leaves that key out.
bool leaves_out(const Ask& ask, std::int64_t alert_id) {
    return std::count(ask.except.begin(), ask.except.end(), alert_id) == 1;
}

void busy_keys_are_not_asked_for(void**) {
    Schedule schedule(kOff, 1);
    schedule.started(kTarget, 1, kStart);
    schedule.started(kTarget, 2, kStart);
    (void)end(schedule, 2, Fate::kDelivered, kStart);
    schedule.wake(kTarget);
    assert_true(only_ask(schedule, kStart).except == (std::vector<std::int64_t>{1, 2}));
}

void a_key_that_was_not_taken_once_may_leave_as_soon_as_its_target_is_back(void**) {
    Schedule schedule(kOff, 1);
    fail(schedule, 1, kStart);
    UnixMs now_ms = kStart;
    // However often it is tried in one outage.
    for (int i = 0; i < 5; i++) {
        now_ms = schedule.next_probe_ms(kTarget);
        fail(schedule, 2, now_ms);
    }
    now_ms = schedule.next_probe_ms(kTarget);
    assert_true(take(schedule, 3, now_ms).change.kind == Kind::kBack);
    assert_true(only_ask(schedule, now_ms).except.empty());
}

void one_that_was_not_taken_before_either_waits_longer_than_its_target(void**) {
    for (std::uint64_t seed = 0; seed < 20; seed++) {
        Schedule schedule(kOff, seed);
        UnixMs now_ms = kStart;
        for (int outage = 0; outage < 2; outage++) {
            fail(schedule, 1, now_ms);
            now_ms = schedule.next_probe_ms(kTarget);
            fail(schedule, 2, now_ms);
            now_ms = schedule.next_probe_ms(kTarget);
            assert_true(take(schedule, 3, now_ms).change.kind == Kind::kBack);
        }
        const Ask ask = only_ask(schedule, now_ms);
        assert_true(leaves_out(ask, 1) && leaves_out(ask, 2));
        assert_int_equal(schedule.answered(ask, 0, now_ms), 0);
        // It is looked at again as soon as one of them may leave, and in two seconds both may.
        const UnixMs look_ms = schedule.next_look_ms(now_ms);
        assert_true(look_ms > now_ms && look_ms <= now_ms + 2 * kSecond);
        assert_true(only_ask(schedule, now_ms + 2 * kSecond).except.empty());
    }
}

void probes_are_made_with_other_keys_first(void**) {
    Schedule schedule(kOff, 1);
    fail(schedule, 1, kStart);
    const UnixMs probe_ms = schedule.next_probe_ms(kTarget);
    const Ask ask = only_ask(schedule, probe_ms);
    assert_true(leaves_out(ask, 1));
    assert_int_equal(schedule.answered(ask, 1, probe_ms), 1);
    schedule.started(kTarget, 2, probe_ms);
    (void)end(schedule, 2, Fate::kWaits, probe_ms);
    schedule.settled(kTarget, 2);
    const Ask next = only_ask(schedule, schedule.next_probe_ms(kTarget));
    assert_true(leaves_out(next, 1) && leaves_out(next, 2));
}

void a_probe_is_made_with_any_key_when_there_is_no_other(void**) {
    Schedule schedule(kOff, 1);
    fail(schedule, 1, kStart);
    for (int i = 0; i < 3; i++) {
        const UnixMs probe_ms = schedule.next_probe_ms(kTarget);
        const Ask spares = only_ask(schedule, probe_ms);
        assert_true(leaves_out(spares, 1));
        assert_int_equal(schedule.answered(spares, 0, probe_ms), 0);
        assert_true(schedule.next_look_ms(probe_ms) == probe_ms);
        const Ask any = only_ask(schedule, probe_ms);
        assert_true(any.is_probe && any.except.empty());
        assert_int_equal(schedule.answered(any, 1, probe_ms), 1);
        fail(schedule, 1, probe_ms);
    }
}

void of_very_many_the_one_that_failed_longest_ago_is_forgotten(void**) {
    for (std::uint64_t seed = 0; seed < 3; seed++) {
        Schedule schedule(kOff, seed);
        for (int i = 0; i < 12; i++) {
            suspect_once_more(schedule, 1, kStart);
        }
        for (int i = 0; i < 12; i++) {
            suspect_once_more(schedule, 2, kStart + 1);
        }
        for (std::int64_t alert_id = 3; alert_id < 3 + 4095; alert_id++) {
            suspect_once_more(schedule, alert_id, kStart + alert_id);
        }
        UnixMs longest_ms = 0;
        for (int i = 0; i < 5; i++) {
            longest_ms = std::max(longest_ms, suspect_once_more(schedule, 2, kStart + kMinute));
        }
        assert_true(longest_ms > kMinute);
        assert_true(suspect_once_more(schedule, 1, kStart + kMinute) <= kSecond);
    }
}

void the_next_outage_is_probed_with_other_keys_first_again(void**) {
    Schedule schedule(kOff, 1);
    schedule.started(kTarget, 1, kStart);
    schedule.started(kTarget, 2, kStart);
    (void)end(schedule, 1, Fate::kWaits, kStart);
    schedule.settled(kTarget, 1);
    const UnixMs probe_ms = schedule.next_probe_ms(kTarget);
    assert_int_equal(schedule.answered(only_ask(schedule, probe_ms), 0, probe_ms), 0);
    assert_true(end(schedule, 2, Fate::kDelivered, probe_ms).change.kind == Kind::kBack);
    schedule.settled(kTarget, 2);
    fail(schedule, 3, probe_ms);
    assert_true(leaves_out(only_ask(schedule, probe_ms + kMinute), 1));
}

// -------------------------------------------------------------------- what is known

void all_targets_can_be_listed(void**) {
    Schedule schedule(kOff, 1);
    schedule.started(kTarget, 1, kStart);
    schedule.started(kTarget, 2, kStart);
    schedule.wake(kOther);
    (void)end(schedule, 1, Fate::kWaits, kStart + 5);
    const auto targets = schedule.targets();
    assert_int_equal(targets.size(), 2);
    assert_int_equal(targets[0].target_id, kTarget);
    assert_true(targets[0].is_away);
    assert_int_equal(targets[0].since_ms, kStart + 5);
    assert_int_equal(targets[0].next_probe_ms, schedule.next_probe_ms(kTarget));
    assert_int_equal(targets[0].in_flight, 1);
    assert_int_equal(targets[1].target_id, kOther);
    assert_false(targets[1].is_away);
    assert_int_equal(targets[1].since_ms, 0);
    assert_int_equal(targets[1].next_probe_ms, 0);
}

/// `count` targets of which nothing is left to know.
void pass_by(Schedule& schedule, std::int64_t count, UnixMs now_ms) {
    for (std::int64_t target_id = 1'000; target_id < 1'000 + count; target_id++) {
        schedule.wake(target_id);
    }
    for (const Ask& ask : schedule.asks(now_ms)) {
        assert_int_equal(schedule.answered(ask, 0, now_ms), 0);
    }
}

void of_very_many_targets_those_are_forgotten_of_which_nothing_is_left_to_know(void**) {
    Schedule schedule({}, 1);
    fail(schedule, 1, kStart);
    take(schedule, 2, schedule.next_probe_ms(kTarget));
    fail(schedule, 3, kStart + 2 * kSecond);
    schedule.started(2, 1, kStart);
    schedule.started(4, 1, kStart);
    (void)schedule.ended(4, 1, Fate::kDelivered, 0, kStart);
    schedule.settled(4, 1);
    pass_by(schedule, 5'000, kStart + 59 * kSecond);
    assert_true(schedule.targets().size() > 5'000);

    schedule.wake(3);
    (void)schedule.asks(kStart + 59 * kSecond);
    std::vector<std::int64_t> kept;
    for (const auto& target : schedule.targets()) {
        kept.push_back(target.target_id);
    }
    // Away, busy, with something waiting, and with a part of its budget spent.
    assert_true(kept == (std::vector<std::int64_t>{2, 3, 4, kTarget}));
}

void few_targets_stay_known(void**) {
    Schedule schedule({}, 1);
    pass_by(schedule, 1'000, kStart);
    (void)schedule.asks(kStart + 60 * kMinute);
    assert_int_equal(schedule.targets().size(), 1'000);
}

void what_is_said_of_a_push_that_nobody_knows_changes_nothing(void**) {
    Schedule schedule({}, 1);
    assert_true(end(schedule, 1, Fate::kWaits, kStart).change.kind == Kind::kNone);
    schedule.settled(kTarget, 1);
    assert_false(is_away(schedule));
    assert_int_equal(schedule.busy_count(), 0);
}

}  // namespace

int main() {
    std::vector<CMUnitTest> tests = {
        cmocka_unit_test(nothing_is_asked_for_before_something_may_wait),
        cmocka_unit_test(a_target_is_asked_for_once_until_the_store_has_answered),
        cmocka_unit_test(a_target_that_has_nothing_more_is_left_alone_until_it_is_woken),
        cmocka_unit_test(a_target_that_has_all_that_was_asked_for_may_have_more),
        cmocka_unit_test(what_comes_while_the_store_is_asked_is_not_overlooked),
        cmocka_unit_test(what_is_settled_while_the_store_is_asked_is_not_overlooked),
        cmocka_unit_test(a_store_that_does_not_answer_is_asked_again_a_moment_later),
        cmocka_unit_test(every_target_is_first_in_its_turn),
        cmocka_unit_test(no_more_is_asked_for_than_the_budget_lets_leave),
        cmocka_unit_test(each_target_has_its_own_budget),
        cmocka_unit_test(as_many_again_are_under_way_with_each_window_of_successes),
        cmocka_unit_test(a_key_is_busy_until_its_end_is_written_down),
        cmocka_unit_test(an_end_that_is_not_written_down_holds_its_place),
        cmocka_unit_test(one_that_is_not_taken_takes_its_target_away),
        cmocka_unit_test(a_refused_event_does_not),
        cmocka_unit_test(a_target_that_is_away_gets_one_probe_at_a_time),
        cmocka_unit_test(a_probe_that_is_taken_or_refused_brings_its_target_back),
        cmocka_unit_test(the_pace_begins_anew_when_a_target_is_back),
        cmocka_unit_test(those_under_way_when_it_goes_away_neither_double_nor_restart_the_back_off),
        cmocka_unit_test(one_of_those_that_is_taken_brings_it_back),
        cmocka_unit_test(those_of_before_its_return_do_not_take_it_away_again),
        cmocka_unit_test(those_that_hang_since_before_its_return_take_no_place_of_the_first_window),
        cmocka_unit_test(their_successes_do_not_widen_it),
        cmocka_unit_test(they_count_for_the_most_at_a_time_all_the_same),
        cmocka_unit_test(a_probe_that_finds_nothing_leaves_its_target_away_until_something_comes),
        cmocka_unit_test(what_the_store_finds_stays_when_its_target_has_gone_away_meanwhile),
        cmocka_unit_test(of_fewer_than_were_asked_for_those_that_stay_are_asked_for_again),
        cmocka_unit_test(a_probe_leaves_as_any_other_when_its_target_has_come_back_meanwhile),
        cmocka_unit_test(probes_keep_within_the_budget_too),
        cmocka_unit_test(the_wait_doubles_up_to_five_minutes_with_full_jitter),
        cmocka_unit_test(the_wait_begins_anew_after_each_return),
        cmocka_unit_test(a_probe_can_be_asked_to_wait_too),
        cmocka_unit_test(those_under_way_may_ask_for_a_longer_wait_but_for_no_shorter_one),
        cmocka_unit_test(a_late_success_does_not_shorten_what_the_target_asked_for),
        cmocka_unit_test(one_of_before_its_return_that_asks_for_a_wait_gets_it),
        cmocka_unit_test(a_key_waits_the_longer_the_more_often_it_took_its_target_away),
        cmocka_unit_test(its_success_lets_that_be_forgotten),
        cmocka_unit_test(its_wait_ends_in_a_look_at_the_store),
        cmocka_unit_test(its_wait_may_end_while_the_store_is_asked),
        cmocka_unit_test(busy_keys_are_not_asked_for),
        cmocka_unit_test(a_key_that_was_not_taken_once_may_leave_as_soon_as_its_target_is_back),
        cmocka_unit_test(one_that_was_not_taken_before_either_waits_longer_than_its_target),
        cmocka_unit_test(probes_are_made_with_other_keys_first),
        cmocka_unit_test(a_probe_is_made_with_any_key_when_there_is_no_other),
        cmocka_unit_test(the_next_outage_is_probed_with_other_keys_first_again),
        cmocka_unit_test(of_very_many_the_one_that_failed_longest_ago_is_forgotten),
        cmocka_unit_test(all_targets_can_be_listed),
        cmocka_unit_test(of_very_many_targets_those_are_forgotten_of_which_nothing_is_left_to_know),
        cmocka_unit_test(few_targets_stay_known),
        cmocka_unit_test(what_is_said_of_a_push_that_nobody_knows_changes_nothing),
    };
    add_rows(tests, kRetryAfterRows, retry_after);
    return run("schedule", tests);
}
