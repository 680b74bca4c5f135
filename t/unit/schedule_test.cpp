// Rules of the schedule, one at a time: which events may leave for which target, and when.
#include "schedule.hpp"

#include <random>

#include "support.hpp"

using flashduty::Ask;
using flashduty::DueEvent;
using flashduty::Fate;
using flashduty::Held;
using flashduty::kMaxOpen;
using flashduty::kNever;
using flashduty::kUntilBack;
using flashduty::kUntilYes;
using flashduty::Place;
using flashduty::Rate;
using flashduty::Schedule;
using flashduty::Search;
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

std::size_t answer(Schedule& schedule, const Ask& ask, std::size_t found, UnixMs now_ms,
                   const Held& held = {}) {
    return schedule.answered(ask, found, held, now_ms);
}

/// A schedule that knows that nothing of kTarget waits.
Schedule known(Rate rate, std::uint64_t seed) {
    Schedule schedule(rate, seed);
    schedule.wake(kTarget);
    for (int i = 0; i < 2; i++) {
        for (const Ask& ask : schedule.asks(0)) {
            assert_int_equal(answer(schedule, ask, 0, 0), 0);
        }
    }
    assert_true(schedule.next_look_ms(0) == kNever);
    return schedule;
}

/// The only ask there is now.
Ask only_ask(Schedule& schedule, UnixMs now_ms) {
    const std::vector<Ask> asks = schedule.asks(now_ms);
    assert_int_equal(asks.size(), 1);
    return asks[0];
}

/// Asks when nothing is held.
Ask ask_past_held(Schedule& schedule, UnixMs now_ms) {
    const Ask ask = only_ask(schedule, now_ms);
    if (ask.kind != Ask::Kind::kHeld) {
        return ask;
    }
    assert_int_equal(answer(schedule, ask, 0, now_ms), 0);
    return only_ask(schedule, now_ms);
}

bool is_probe(const Ask& ask) { return ask.kind == Ask::Kind::kProbe; }

/// An event of that key leaves.
void start(Schedule& schedule, std::int64_t target_id, std::int64_t alert_id, UnixMs now_ms,
           Ask::Kind kind = Ask::Kind::kPlain, UnixMs tried_ms = 0, std::uint32_t attempts = 0) {
    DueEvent event;
    event.target_id = target_id;
    event.alert_id = alert_id;
    event.event_id = 1'000 + alert_id;
    event.tried_ms = tried_ms;
    event.attempts = attempts;
    schedule.started(kind, event, now_ms);
}

/// Starts all the events that the store would give, with keys from `alert_id` on; gives how many.
std::size_t start_all(Schedule& schedule, std::int64_t alert_id, UnixMs now_ms) {
    const Ask ask = ask_past_held(schedule, now_ms);
    const std::size_t leaving = answer(schedule, ask, ask.search.most, now_ms);
    assert_int_equal(leaving, ask.search.most);
    for (std::size_t i = 0; i < leaving; i++) {
        start(schedule, ask.search.target_id, alert_id++, now_ms, ask.kind);
    }
    return leaving;
}

Ended end(Schedule& schedule, std::int64_t alert_id, Fate result, UnixMs now_ms,
          UnixMs retry_after_ms = 0, Place place = 1) {
    return schedule.ended(kTarget, alert_id, {result, place, retry_after_ms, false}, now_ms);
}

/// The whole of a push that comes to that.
Ended push(Schedule& schedule, std::int64_t alert_id, Fate result, UnixMs now_ms,
           UnixMs retry_after_ms = 0) {
    const bool is_away = schedule.next_probe_ms(kTarget) != 0;
    start(schedule, kTarget, alert_id, now_ms, is_away ? Ask::Kind::kProbe : Ask::Kind::kPlain);
    const Ended ended = end(schedule, alert_id, result, now_ms, retry_after_ms);
    schedule.settled(kTarget, alert_id);
    return ended;
}
Ended fail(Schedule& schedule, std::int64_t alert_id, UnixMs now_ms, UnixMs retry_after_ms = 0) {
    return push(schedule, alert_id, Fate::kWaits, now_ms, retry_after_ms);
}
Ended take(Schedule& schedule, std::int64_t alert_id, UnixMs now_ms) {
    return push(schedule, alert_id, Fate::kDelivered, now_ms);
}

bool is_away(const Schedule& schedule) { return schedule.next_probe_ms(kTarget) != 0; }

// -------------------------------------------------------------------- asking

void nothing_is_asked_for_before_something_may_wait(void**) {
    Schedule schedule = known({}, 1);
    assert_int_equal(schedule.asks(kStart).size(), 0);
    assert_true(schedule.next_look_ms(kStart) == kNever);
    assert_true(schedule.may_leave(kTarget, kStart));
}

void a_target_is_asked_for_once_until_the_store_has_answered(void**) {
    Schedule schedule = known({}, 1);
    schedule.wake(kTarget);
    assert_true(schedule.next_look_ms(kStart) == kStart);
    const Ask ask = only_ask(schedule, kStart);
    assert_int_equal(ask.search.target_id, kTarget);
    assert_false(is_probe(ask));
    schedule.wake(kTarget);
    assert_int_equal(schedule.asks(kStart).size(), 0);
    assert_true(schedule.next_look_ms(kStart) == kNever);
}

void a_target_that_has_nothing_more_is_left_alone_until_it_is_woken(void**) {
    Schedule schedule = known({}, 1);
    schedule.wake(kTarget);
    const Ask ask = only_ask(schedule, kStart);
    assert_int_equal(answer(schedule, ask, ask.search.most - 1, kStart), ask.search.most - 1);
    assert_int_equal(schedule.asks(kStart).size(), 0);
    assert_true(schedule.next_look_ms(kStart) == kNever);
    schedule.wake(kTarget);
    only_ask(schedule, kStart);
}

void a_target_that_has_all_that_was_asked_for_may_have_more(void**) {
    Schedule schedule = known({}, 1);
    schedule.wake(kTarget);
    const Ask ask = only_ask(schedule, kStart);
    assert_int_equal(answer(schedule, ask, ask.search.most, kStart), ask.search.most);
    only_ask(schedule, kStart);
}

void what_comes_while_the_store_is_asked_is_not_overlooked(void**) {
    Schedule schedule = known({}, 1);
    schedule.wake(kTarget);
    const Ask ask = only_ask(schedule, kStart);
    schedule.wake(kTarget);
    assert_int_equal(answer(schedule, ask, 0, kStart), 0);
    only_ask(schedule, kStart);
}

void what_is_settled_while_the_store_is_asked_is_not_overlooked(void**) {
    Schedule schedule = known({}, 1);
    start(schedule, kTarget, 1, kStart);
    schedule.wake(kTarget);
    const Ask ask = only_ask(schedule, kStart);
    assert_true(end(schedule, 1, Fate::kDelivered, kStart).change.kind == Kind::kNone);
    schedule.settled(kTarget, 1);
    assert_int_equal(answer(schedule, ask, 0, kStart), 0);
    only_ask(schedule, kStart);
}

void a_store_that_does_not_answer_is_asked_again_a_moment_later(void**) {
    Schedule schedule = known({}, 1);
    schedule.wake(kTarget);
    const Ask ask = only_ask(schedule, kStart);
    schedule.not_answered(ask);
    assert_int_equal(schedule.asks(kStart).size(), 0);
    const UnixMs again_ms = schedule.next_look_ms(kStart);
    assert_true(again_ms > kStart && again_ms <= kStart + kSecond);
    assert_int_equal(schedule.asks(again_ms - 1).size(), 0);
    assert_int_equal(only_ask(schedule, again_ms).search.most, ask.search.most);
}

void every_target_is_first_in_its_turn(void**) {
    Schedule schedule = known({}, 1);
    std::vector<std::int64_t> firsts;
    for (int i = 0; i < 6; i++) {
        for (std::int64_t target_id : {1, 2, 3}) {
            schedule.wake(target_id);
        }
        const std::vector<Ask> asks = schedule.asks(kStart);
        assert_int_equal(asks.size(), 3);
        firsts.push_back(asks[0].search.target_id);
        for (const Ask& ask : asks) {
            assert_int_equal(answer(schedule, ask, 0, kStart), 0);
        }
    }
    assert_true(firsts == (std::vector<std::int64_t>{1, 2, 3, 1, 2, 3}));
}

void no_more_is_asked_for_than_the_budget_lets_leave(void**) {
    Schedule schedule = known({3, 0}, 1);
    schedule.wake(kTarget);
    assert_int_equal(start_all(schedule, 1, kStart), 3);
    assert_false(schedule.may_leave(kTarget, kStart));
    assert_int_equal(schedule.asks(kStart).size(), 0);
    assert_true(schedule.next_look_ms(kStart) == kStart + 1'001);
    assert_int_equal(schedule.asks(kStart + 1'000).size(), 0);
    assert_true(schedule.may_leave(kTarget, kStart + 1'001));
    assert_int_equal(only_ask(schedule, kStart + 1'001).search.most, 3);
}

void each_target_has_its_own_budget(void**) {
    Schedule schedule = known({2, 0}, 1);
    schedule.wake(kTarget);
    start_all(schedule, 1, kStart);
    schedule.wake(kOther);
    const Ask ask = ask_past_held(schedule, kStart);
    assert_int_equal(ask.search.target_id, kOther);
    assert_int_equal(ask.search.most, 2);
}

// -------------------------------------------------------------------- how many at a time

void as_many_again_are_under_way_with_each_window_of_successes(void**) {
    Schedule schedule = known(kOff, 1);
    schedule.wake(kTarget);
    for (const std::size_t window : {8, 16, 32, 64, 64}) {
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
    Schedule schedule = known(kOff, 1);
    start(schedule, kTarget, 11, kStart);
    start(schedule, kOther, 12, kStart);
    assert_int_equal(schedule.busy_count(), 2);
    assert_true(schedule.busy(kTarget) == std::vector<std::int64_t>{11});
    (void)end(schedule, 11, Fate::kDelivered, kStart);
    assert_true(schedule.busy(kTarget) == std::vector<std::int64_t>{11});
    assert_int_equal(schedule.targets()[0].in_flight, 0);
    schedule.settled(kTarget, 11);
    assert_true(schedule.busy(kTarget).empty());
    assert_int_equal(schedule.busy_count(), 1);
    assert_int_equal(only_ask(schedule, kStart).search.target_id, kTarget);
}

void an_end_that_is_not_written_down_holds_its_place(void**) {
    Schedule schedule = known(kOff, 1);
    schedule.wake(kTarget);
    start_all(schedule, 1, kStart);
    for (std::int64_t alert_id : {1, 2, 3}) {
        (void)end(schedule, alert_id, Fate::kDelivered, kStart);
    }
    assert_int_equal(schedule.asks(kStart).size(), 0);
    schedule.settled(kTarget, 2);
    assert_int_equal(only_ask(schedule, kStart).search.most, 1);
}

// -------------------------------------------------------------------- away

void one_that_is_not_taken_takes_its_target_away(void**) {
    Schedule schedule = known({}, 1);
    const Ended ended = fail(schedule, 1, kStart);
    assert_true(ended.change.kind == Kind::kAway);
    assert_false(schedule.may_leave(kTarget, kStart));
    assert_true(schedule.may_leave(kOther, kStart));
    assert_int_equal(schedule.asks(kStart).size(), 0);
    const UnixMs probe_ms = schedule.next_probe_ms(kTarget);
    assert_true(probe_ms > kStart && probe_ms <= kStart + kSecond);
    assert_int_equal(schedule.next_probe_ms(kOther), 0);
}

/// Two keys that each take their target away in vain.
UnixMs doubt(Schedule& schedule, UnixMs now_ms) {
    for (const std::int64_t alert_id : {1, 2}) {
        fail(schedule, alert_id, now_ms);
        assert_true(is_away(schedule));
        take(schedule, 10 + alert_id, now_ms + 2 * kSecond);
        assert_false(is_away(schedule));
        now_ms += 4 * kSecond;
    }
    return now_ms;
}

void after_two_in_vain_it_takes_many_in_a_row_to_take_it_away(void**) {
    Schedule schedule(kOff, 1);
    const UnixMs now_ms = doubt(schedule, kStart);
    for (std::int64_t i = 0; i < 30; i++) {
        fail(schedule, 100 + i, now_ms);
        assert_int_equal(is_away(schedule), i % 16 == 15);
        if (i % 16 == 15) {
            take(schedule, 200 + i, now_ms);
        }
    }
}

void or_one_after_a_while_without_a_yes(void**) {
    Schedule schedule(kOff, 1);
    const UnixMs now_ms = doubt(schedule, kStart);  // 2 s after a yes
    fail(schedule, 100, now_ms + 3 * kSecond);
    assert_false(is_away(schedule));
    fail(schedule, 101, now_ms + 3 * kSecond + 1);
    assert_true(is_away(schedule));
}

void or_one_that_asks_for_a_wait(void**) {
    Schedule schedule(kOff, 1);
    const UnixMs now_ms = doubt(schedule, kStart);
    fail(schedule, 100, now_ms, kSecond);
    assert_true(is_away(schedule));
}

void or_one_when_either_of_the_two_was_taken_after_all(void**) {
    Schedule schedule(kOff, 1);
    const UnixMs now_ms = doubt(schedule, kStart);
    take(schedule, 2, now_ms);
    fail(schedule, 100, now_ms);
    assert_true(is_away(schedule));
}

void or_one_when_a_minute_has_passed(void**) {
    Schedule schedule(kOff, 1);
    const UnixMs now_ms = doubt(schedule, kStart) + kMinute;
    take(schedule, 100, now_ms);
    fail(schedule, 101, now_ms);
    assert_true(is_away(schedule));
}

void a_refused_event_does_not(void**) {
    Schedule schedule = known({}, 1);
    take(schedule, 2, kStart);
    start(schedule, kTarget, 1, kStart);
    const Ended ended = end(schedule, 1, Fate::kRefused, kStart, 5'000);
    assert_true(ended.change.kind == Kind::kNone);
    assert_true(schedule.may_leave(kTarget, kStart));
}

void a_target_that_is_away_gets_one_probe_at_a_time(void**) {
    Schedule schedule = known(kOff, 1);
    fail(schedule, 1, kStart);
    const UnixMs probe_ms = schedule.next_probe_ms(kTarget);
    assert_int_equal(schedule.asks(probe_ms - 1).size(), 0);
    const Ask ask = only_ask(schedule, probe_ms);
    assert_true(is_probe(ask));
    assert_int_equal(ask.search.most, 1);
    assert_int_equal(answer(schedule, ask, 1, probe_ms), 1);
    start(schedule, kTarget, 2, probe_ms, ask.kind);
    schedule.wake(kTarget);
    assert_int_equal(schedule.asks(probe_ms + kSecond).size(), 0);
    assert_int_equal(end(schedule, 2, Fate::kWaits, probe_ms + 400).due_ms,
                     kUntilBack + probe_ms + 400);
    schedule.settled(kTarget, 2);
    const UnixMs next_ms = schedule.next_probe_ms(kTarget);
    assert_true(next_ms > probe_ms + kSecond && next_ms <= probe_ms + 400 + 2 * kSecond);
    assert_true(is_probe(only_ask(schedule, next_ms)));
}

void a_probe_that_is_taken_brings_its_target_back(void**) {
    Schedule schedule = known(kOff, 1);
    fail(schedule, 1, kStart);
    const UnixMs probe_ms = schedule.next_probe_ms(kTarget);
    assert_int_equal(start_all(schedule, 2, probe_ms), 1);
    const Ended ended = end(schedule, 2, Fate::kDelivered, probe_ms + 20);
    assert_true(ended.change.kind == Kind::kBack);
    assert_int_equal(ended.change.since_ms, kStart);
    assert_true(schedule.may_leave(kTarget, probe_ms + 20));
    assert_int_equal(schedule.next_probe_ms(kTarget), 0);
    const Ask ask = ask_past_held(schedule, probe_ms + 20);
    assert_true(ask.kind == Ask::Kind::kPlain);
    assert_int_equal(ask.search.most, 8);
}

void one_that_is_refused_does_not(void**) {
    Schedule schedule = known(kOff, 1);
    fail(schedule, 1, kStart);
    const UnixMs probe_ms = schedule.next_probe_ms(kTarget);
    assert_int_equal(start_all(schedule, 2, probe_ms), 1);
    assert_true(end(schedule, 2, Fate::kRefused, probe_ms + 20).change.kind == Kind::kNone);
    assert_true(is_away(schedule));
}

void the_pace_begins_anew_when_a_target_is_back(void**) {
    Schedule schedule = known(kOff, 1);
    for (std::int64_t alert_id = 1; alert_id <= 64; alert_id++) {
        take(schedule, alert_id, kStart);
    }
    const Ask ask = only_ask(schedule, kStart);
    assert_true(ask.search.most > 8);
    Schedule::Ended ended = fail(schedule, 65, kStart);
    assert_true(ended.change.kind == Kind::kAway);
    ended = take(schedule, 66, schedule.next_probe_ms(kTarget));
    assert_true(ended.change.kind == Kind::kBack);
    schedule.not_answered(ask);
    assert_int_equal(ask_past_held(schedule, kStart + kMinute).search.most, 8);
}

void those_under_way_when_it_goes_away_neither_double_nor_restart_the_back_off(void**) {
    Schedule schedule = known(kOff, 1);
    for (std::int64_t alert_id = 1; alert_id <= 64; alert_id++) {
        start(schedule, kTarget, alert_id, kStart);
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
    Schedule schedule = known(kOff, 1);
    start(schedule, kTarget, 1, kStart);
    start(schedule, kTarget, 2, kStart);
    assert_true(end(schedule, 1, Fate::kWaits, kStart + 5).change.kind == Kind::kAway);
    const Ended ended = end(schedule, 2, Fate::kDelivered, kStart + 9);
    assert_true(ended.change.kind == Kind::kBack);
    assert_int_equal(ended.change.since_ms, kStart + 5);
}

void those_of_before_its_return_do_not_take_it_away_again(void**) {
    Schedule schedule = known(kOff, 1);
    for (std::int64_t alert_id : {1, 2, 3}) {
        start(schedule, kTarget, alert_id, kStart);
    }
    assert_true(end(schedule, 1, Fate::kWaits, kStart).change.kind == Kind::kAway);
    assert_true(end(schedule, 2, Fate::kDelivered, kStart + 9).change.kind == Kind::kBack);
    const Ended ended = end(schedule, 3, Fate::kWaits, kStart + kMinute);
    assert_true(ended.change.kind == Kind::kNone);
    assert_true(ended.due_ms == kUntilBack + kStart + kMinute);
    assert_false(is_away(schedule));
}

void those_that_hang_since_before_its_return_take_no_place_of_the_first_window(void**) {
    Schedule schedule = known(kOff, 1);
    for (std::int64_t alert_id = 1; alert_id <= 20; alert_id++) {
        start(schedule, kTarget, alert_id, kStart);
    }
    (void)end(schedule, 1, Fate::kWaits, kStart);
    assert_true(end(schedule, 2, Fate::kDelivered, kStart).change.kind == Kind::kBack);
    assert_int_equal(ask_past_held(schedule, kStart).search.most, 8);
}

void their_successes_do_not_widen_it(void**) {
    Schedule schedule = known(kOff, 1);
    for (std::int64_t alert_id = 1; alert_id <= 20; alert_id++) {
        start(schedule, kTarget, alert_id, kStart);
    }
    (void)end(schedule, 1, Fate::kWaits, kStart);
    for (std::int64_t alert_id = 2; alert_id <= 20; alert_id++) {
        (void)end(schedule, alert_id, Fate::kDelivered, kStart);
        schedule.settled(kTarget, alert_id);
    }
    assert_int_equal(ask_past_held(schedule, kStart).search.most, 8);
}

void neither_do_those_that_a_later_one_has_overtaken(void**) {
    Schedule schedule = known(kOff, 1);
    schedule.wake(kTarget);
    const std::size_t window = start_all(schedule, 1, kStart);
    start(schedule, kTarget, 100, kStart + 10, Ask::Kind::kArrival);
    (void)end(schedule, 100, Fate::kDelivered, kStart + 20);
    schedule.settled(kTarget, 100);
    schedule.wake(kTarget);
    assert_int_equal(schedule.asks(kStart + 20).size(), 0);
    assert_int_equal(schedule.next_look_ms(kStart + 20), kStart + kSecond);
    assert_int_equal(only_ask(schedule, kStart + kSecond).search.most, window);
}

void they_count_for_the_most_at_a_time_all_the_same(void**) {
    Schedule schedule = known(kOff, 1);
    for (std::int64_t alert_id = 1; alert_id <= 64; alert_id++) {
        start(schedule, kTarget, alert_id, kStart);
    }
    (void)end(schedule, 1, Fate::kWaits, kStart);
    assert_true(end(schedule, 2, Fate::kDelivered, kStart).change.kind == Kind::kBack);
    assert_true(only_ask(schedule, kStart).kind == Ask::Kind::kHeld);
    assert_int_equal(schedule.asks(kStart).size(), 0);
    Schedule another = known(kOff, 1);
    for (std::int64_t alert_id = 1; alert_id <= 64; alert_id++) {
        start(another, kTarget, alert_id, kStart);
    }
    (void)end(another, 1, Fate::kWaits, kStart);
    (void)end(another, 2, Fate::kDelivered, kStart);
    another.settled(kTarget, 1);
    assert_int_equal(ask_past_held(another, kStart).search.most, 1);
}

void a_probe_that_finds_nothing_leaves_its_target_away_until_something_comes(void**) {
    Schedule schedule = known(kOff, 1);
    fail(schedule, 1, kStart);
    const UnixMs probe_ms = kStart + kMinute;
    assert_int_equal(answer(schedule, only_ask(schedule, probe_ms), 0, probe_ms), 0);
    assert_true(schedule.next_look_ms(probe_ms) == kNever);
    assert_true(is_away(schedule));
    schedule.wake(kTarget);
    assert_true(schedule.next_look_ms(probe_ms) == probe_ms);
    assert_true(is_probe(only_ask(schedule, probe_ms)));
}

void what_the_store_finds_stays_when_its_target_has_gone_away_meanwhile(void**) {
    Schedule schedule = known(kOff, 1);
    start(schedule, kTarget, 1, kStart);
    schedule.wake(kTarget);
    const Ask ask = only_ask(schedule, kStart);
    assert_true(end(schedule, 1, Fate::kWaits, kStart).change.kind == Kind::kAway);
    assert_int_equal(answer(schedule, ask, ask.search.most, kStart), 0);
    assert_true(schedule.next_look_ms(kStart) == schedule.next_probe_ms(kTarget));
}

void of_fewer_than_were_asked_for_those_that_stay_are_asked_for_again(void**) {
    Schedule schedule = known(kOff, 1);
    start(schedule, kTarget, 1, kStart);
    schedule.wake(kTarget);
    const Ask ask = only_ask(schedule, kStart);
    assert_true(end(schedule, 1, Fate::kWaits, kStart).change.kind == Kind::kAway);
    assert_int_equal(answer(schedule, ask, 1, kStart), 0);
    assert_true(schedule.next_look_ms(kStart) == schedule.next_probe_ms(kTarget));
}

void a_probe_leaves_as_any_other_when_its_target_has_come_back_meanwhile(void**) {
    Schedule schedule = known(kOff, 1);
    start(schedule, kTarget, 1, kStart);
    start(schedule, kTarget, 2, kStart);
    (void)end(schedule, 1, Fate::kWaits, kStart);
    const UnixMs probe_ms = schedule.next_probe_ms(kTarget);
    const Ask ask = only_ask(schedule, probe_ms);
    assert_true(end(schedule, 2, Fate::kDelivered, probe_ms).change.kind == Kind::kBack);
    assert_int_equal(answer(schedule, ask, 1, probe_ms), 1);
    start(schedule, kTarget, 3, probe_ms);
    assert_true(end(schedule, 3, Fate::kDelivered, probe_ms).change.kind == Kind::kNone);
}

void probes_keep_within_the_budget_too(void**) {
    Schedule schedule = known({0, 1}, 1);
    fail(schedule, 1, kStart);
    assert_true(schedule.next_look_ms(kStart) == kStart + 60'001);
    assert_int_equal(schedule.asks(kStart + 60'000).size(), 0);
    assert_true(is_probe(only_ask(schedule, kStart + 60'001)));
}

// -------------------------------------------------------------------- back-off

void the_wait_doubles_up_to_a_minute_with_full_jitter(void**) {
    constexpr int kSeeds = 400;
    constexpr std::size_t kProbes = 12;
    std::vector<double> sums(kProbes);
    std::vector<UnixMs> longest(kProbes);
    for (int seed = 0; seed < kSeeds; seed++) {
        Schedule schedule = known(kOff, static_cast<std::uint64_t>(seed));
        UnixMs now_ms = kStart;
        for (std::size_t i = 0; i < kProbes; i++) {
            fail(schedule, static_cast<std::int64_t>(i), now_ms);
            const UnixMs wait_ms = schedule.next_probe_ms(kTarget) - now_ms;
            // A second lies between two probes at least.
            assert_true(wait_ms >= (i == 0 ? 50 : kSecond + 1));
            assert_true(wait_ms <= std::max(std::min(kSecond << i, kMinute), kSecond + 1));
            sums[i] += static_cast<double>(wait_ms);
            longest[i] = std::max(longest[i], wait_ms);
            now_ms += wait_ms;
        }
    }
    for (std::size_t i = 0; i < kProbes; i++) {
        const auto cap_ms = static_cast<double>(std::min(kSecond << i, kMinute));
        assert_true(static_cast<double>(longest[i]) > 0.97 * cap_ms);
        if (i >= 4 && i <= 8) {
            assert_true(sums[i] / kSeeds > 0.44 * cap_ms && sums[i] / kSeeds < 0.56 * cap_ms);
        }
    }
}

void from_the_fifth_minute_on_it_is_thirty_to_sixty_seconds(void**) {
    for (std::uint64_t seed = 0; seed < 100; seed++) {
        Schedule schedule = known(kOff, seed);
        fail(schedule, 1, kStart);
        for (UnixMs now_ms = kStart + 4 * kMinute; now_ms < kStart + 30 * kMinute;) {
            fail(schedule, now_ms, now_ms);
            const UnixMs wait_ms = schedule.next_probe_ms(kTarget) - now_ms;
            assert_true(wait_ms > 30 * kSecond && wait_ms <= kMinute);
            now_ms += wait_ms;
        }
    }
}

void the_wait_begins_anew_after_each_return(void**) {
    for (std::uint64_t seed = 0; seed < 50; seed++) {
        Schedule schedule = known(kOff, seed);
        UnixMs now_ms = kStart;
        for (std::int64_t alert_id = 0; alert_id < 12; alert_id++) {
            fail(schedule, alert_id, now_ms);
            now_ms = schedule.next_probe_ms(kTarget);
        }
        assert_true(take(schedule, 20, now_ms).change.kind == Kind::kBack);
        now_ms += kMinute;
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
        Schedule schedule = known(kOff, seed);
        assert_true(fail(schedule, 1, kStart, row.retry_after_ms).change.kind == Kind::kAway);
        const UnixMs wait_ms = schedule.next_probe_ms(kTarget) - kStart;
        assert_true(wait_ms >= row.least_ms && wait_ms <= row.most_ms);
        assert_true(schedule.next_look_ms(kStart) == kStart + wait_ms);
    }
}

void a_probe_can_be_asked_to_wait_too(void**) {
    Schedule schedule = known(kOff, 1);
    fail(schedule, 1, kStart);
    const UnixMs now_ms = schedule.next_probe_ms(kTarget);
    fail(schedule, 2, now_ms, 40'000);
    assert_true(schedule.next_probe_ms(kTarget) == now_ms + 40'000);
}

void those_under_way_may_ask_for_a_longer_wait_but_for_no_shorter_one(void**) {
    Schedule schedule = known(kOff, 1);
    for (std::int64_t alert_id : {1, 2, 3}) {
        start(schedule, kTarget, alert_id, kStart);
    }
    (void)end(schedule, 1, Fate::kWaits, kStart, 30'000);
    (void)end(schedule, 2, Fate::kWaits, kStart + 10, 10'000);
    assert_int_equal(schedule.next_probe_ms(kTarget), kStart + 30'000);
    (void)end(schedule, 3, Fate::kWaits, kStart + 20, 50'000);
    assert_int_equal(schedule.next_probe_ms(kTarget), kStart + 50'020);
}

void a_late_success_does_not_shorten_what_the_target_asked_for(void**) {
    Schedule schedule = known(kOff, 1);
    start(schedule, kTarget, 1, kStart);
    start(schedule, kTarget, 2, kStart);
    (void)end(schedule, 1, Fate::kWaits, kStart, 30'000);
    assert_true(end(schedule, 2, Fate::kDelivered, kStart + 5).change.kind == Kind::kNone);
    assert_int_equal(schedule.next_probe_ms(kTarget), kStart + 30'000);
}

void one_of_before_its_return_that_asks_for_a_wait_gets_it(void**) {
    Schedule schedule = known(kOff, 1);
    for (std::int64_t alert_id : {1, 2, 3}) {
        start(schedule, kTarget, alert_id, kStart);
    }
    (void)end(schedule, 1, Fate::kWaits, kStart);
    assert_true(end(schedule, 2, Fate::kDelivered, kStart).change.kind == Kind::kBack);
    const Ended ended = end(schedule, 3, Fate::kWaits, kStart, 30'000);
    assert_true(ended.change.kind == Kind::kAway);
    assert_int_equal(schedule.next_probe_ms(kTarget), kStart + 30'000);
}

// -------------------------------------------------------------------- probes

/// Lets the probe that is asked for leave, with that key.
Ask probe(Schedule& schedule, std::int64_t alert_id, UnixMs now_ms, UnixMs tried_ms = 0) {
    const Ask ask = only_ask(schedule, now_ms);
    assert_int_equal(answer(schedule, ask, 1, now_ms), 1);
    start(schedule, kTarget, alert_id, now_ms, ask.kind, tried_ms);
    return ask;
}

void probes_take_turns(void**) {
    Schedule schedule = known(kOff, 1);
    fail(schedule, 1, kStart);
    constexpr Search::Kind kTurns[] = {Search::Kind::kWorst, Search::Kind::kNewest,
                                       Search::Kind::kTried};
    for (std::int64_t i = 0; i < 9; i++) {
        const UnixMs now_ms = schedule.next_probe_ms(kTarget);
        const Ask ask = probe(schedule, 10 + i, now_ms);
        assert_true(is_probe(ask) && ask.search.or_else);
        assert_true(ask.search.kind == kTurns[i % 3]);
        (void)end(schedule, 10 + i, Fate::kWaits, now_ms + 5);
        schedule.settled(kTarget, 10 + i);
    }
}

void an_arrival_is_a_probe_at_once_or_a_second_after_the_last(void**) {
    Schedule schedule = known(kOff, 1);
    fail(schedule, 1, kStart);
    assert_false(schedule.may_leave(kTarget, kStart + 1));
    schedule.arrived(kTarget, kStart + 1);
    assert_true(schedule.may_leave(kTarget, kStart + 1));
    const Ask first = probe(schedule, 2, kStart + 1);
    assert_true(first.kind == Ask::Kind::kArrival && first.search.kind == Search::Kind::kNewest);
    assert_false(first.search.or_else);
    (void)end(schedule, 2, Fate::kWaits, kStart + 6);
    schedule.settled(kTarget, 2);
    schedule.arrived(kTarget, kStart + 7);
    assert_true(schedule.may_leave(kTarget, kStart + 7));
    assert_int_equal(schedule.asks(kStart + 1'001).size(), 0);
    const Ask second = probe(schedule, 3, kStart + 1'002);
    assert_true(second.kind == Ask::Kind::kArrival);
    assert_true(second.search.kind == Search::Kind::kWorst);
}

void of_a_burst_few_are_probes_and_only_for_a_while(void**) {
    Schedule schedule = known(kOff, 1);
    fail(schedule, 1, kStart);
    for (int i = 0; i < 100; i++) {
        schedule.arrived(kTarget, kStart);
    }
    std::size_t arrivals = 0;
    for (UnixMs now_ms = kStart; now_ms < kStart + 20 * kSecond; now_ms += 10) {
        for (const Ask& ask : schedule.asks(now_ms)) {
            assert_int_equal(answer(schedule, ask, 1, now_ms), 1);
            arrivals += ask.kind == Ask::Kind::kArrival ? 1 : 0;
            start(schedule, kTarget, now_ms, now_ms, ask.kind);
            (void)end(schedule, now_ms, Fate::kWaits, now_ms);
            schedule.settled(kTarget, now_ms);
        }
    }
    assert_int_equal(arrivals, 3);
}

void an_arrival_waits_for_what_was_asked_for(void**) {
    Schedule schedule = known(kOff, 1);
    fail(schedule, 1, kStart, 20'000);
    schedule.arrived(kTarget, kStart + 10);
    assert_false(schedule.may_leave(kTarget, kStart + 10));
    assert_int_equal(schedule.asks(kStart + 19'999).size(), 0);
    assert_true(probe(schedule, 2, kStart + 20'000).kind == Ask::Kind::kArrival);
}

void after_too_many_pushes_it_waits_ten_seconds(void**) {
    Schedule schedule = known(kOff, 1);
    start(schedule, kTarget, 1, kStart);
    (void)schedule.ended(kTarget, 1, {Fate::kWaits, 1, 0, true}, kStart);
    schedule.settled(kTarget, 1);
    schedule.arrived(kTarget, kStart + 1);
    for (UnixMs now_ms = kStart; now_ms < kStart + 10 * kSecond; now_ms += 100) {
        for (const Ask& ask : schedule.asks(now_ms)) {
            assert_true(is_probe(ask));
            assert_int_equal(answer(schedule, ask, 0, now_ms), 0);
        }
    }
    assert_true(only_ask(schedule, kStart + 10 * kSecond).kind == Ask::Kind::kArrival);
}

void a_probe_without_an_answer_holds_up_the_next_for_a_second_and_eight_are_open(void**) {
    Schedule schedule = known(kOff, 1);
    fail(schedule, 1, kStart);
    UnixMs now_ms = kStart;
    for (std::size_t i = 0; i < kMaxOpen; i++) {
        schedule.arrived(kTarget, now_ms);
        (void)probe(schedule, static_cast<std::int64_t>(10 + i), now_ms);
        assert_int_equal(schedule.asks(now_ms + kSecond).size(), 0);
        now_ms += kSecond + 1;
    }
    schedule.arrived(kTarget, now_ms);
    assert_false(schedule.may_leave(kTarget, now_ms));
    assert_int_equal(schedule.asks(now_ms + kMinute).size(), 0);
    (void)end(schedule, 10, Fate::kWaits, now_ms);
    schedule.settled(kTarget, 10);
    assert_true(only_ask(schedule, now_ms).kind == Ask::Kind::kArrival);
}

void where_nothing_under_way_is_answered_what_arrives_need_not_wait_for_that(void**) {
    Schedule schedule = known(kOff, 1);
    schedule.wake(kTarget);
    start_all(schedule, 1, kStart);
    schedule.arrived(kTarget, kStart + 500);
    assert_int_equal(schedule.asks(kStart + 999).size(), 0);
    assert_true(schedule.next_look_ms(kStart + 500) == kStart + kSecond);
    const Ask ask = probe(schedule, 20, kStart + kSecond);
    assert_true(ask.kind == Ask::Kind::kArrival && ask.search.kind == Search::Kind::kNewest);
    assert_true(end(schedule, 20, Fate::kDelivered, kStart + 1'050).change.kind == Kind::kNone);
    schedule.settled(kTarget, 20);
    // A push that hangs says nothing any more.
    assert_true(end(schedule, 1, Fate::kWaits, kStart + kMinute).change.kind == Kind::kNone);
    assert_false(is_away(schedule));
}

// -------------------------------------------------------------------- keys that are held

/// A key that was not taken at first.
void make_held(Schedule& schedule, std::int64_t alert_id, UnixMs now_ms) {
    assert_true(fail(schedule, alert_id, now_ms).change.kind == Kind::kAway);
    assert_true(take(schedule, -1, now_ms).change.kind == Kind::kBack);
}

/// Lets the held key that is asked for leave.
void start_held(Schedule& schedule, std::int64_t alert_id, UnixMs now_ms, UnixMs tried_ms,
                std::uint32_t attempts) {
    const Ask ask = only_ask(schedule, now_ms);
    assert_true(ask.kind == Ask::Kind::kHeld && ask.search.kind == Search::Kind::kHeld);
    assert_int_equal(ask.search.most, 1);
    assert_int_equal(answer(schedule, ask, 1, now_ms), 1);
    start(schedule, kTarget, alert_id, now_ms, ask.kind, tried_ms, attempts);
}

void what_was_not_taken_is_tried_once_when_its_target_is_back(void**) {
    Schedule schedule = known(kOff, 1);
    make_held(schedule, 1, kStart);
    start_held(schedule, 1, kStart, kStart, 1);
    assert_true(end(schedule, 1, Fate::kDelivered, kStart + 5).change.kind == Kind::kNone);
    schedule.settled(kTarget, 1);
    // The key was not at fault: two others at once, then twice as many for each of these.
    for (const std::size_t count : {2, 8, 8}) {
        // Behind what was not tried yet.
        const Ask plain = only_ask(schedule, kStart + 5);
        assert_true(plain.kind == Ask::Kind::kPlain);
        assert_int_equal(answer(schedule, plain, 0, kStart + 5), 0);
        const Ask ask = only_ask(schedule, kStart + 5);
        assert_true(ask.kind == Ask::Kind::kHeld);
        assert_int_equal(ask.search.most, count);
        assert_int_equal(answer(schedule, ask, count, kStart + 5), count);
        for (std::size_t i = 0; i < count; i++) {
            start(schedule, kTarget, static_cast<std::int64_t>(10 + i), kStart + 5, ask.kind,
                  kStart, 1);
        }
        for (std::size_t i = 0; i < count; i++) {
            const auto alert_id = static_cast<std::int64_t>(10 + i);
            (void)end(schedule, alert_id, Fate::kDelivered, kStart + 5);
            schedule.settled(kTarget, alert_id);
        }
    }
}

void one_that_fails_again_takes_no_target_away_and_waits_the_longer_the_more_often(void**) {
    for (std::uint64_t seed = 0; seed < 50; seed++) {
        for (std::uint32_t attempts = 1; attempts < 14; attempts++) {
            Schedule schedule = known(kOff, seed);
            make_held(schedule, 1, kStart);
            start_held(schedule, 1, kStart, kStart, attempts);
            const Ended ended = end(schedule, 1, Fate::kWaits, kStart + 9);
            assert_true(ended.change.kind == Kind::kNone);
            const UnixMs most_ms = std::min(kSecond << (attempts - 1), 10 * kMinute);
            assert_true(ended.due_ms - kStart - 9 >= std::max(most_ms / 2, kSecond));
            assert_true(ended.due_ms - kStart - 9 <= most_ms);
            assert_false(is_away(schedule));
        }
    }
}

void held_keys_get_one_push_in_ten_and_at_most_one_a_second(void**) {
    Schedule schedule = known(kOff, 1);
    make_held(schedule, 1, kStart);
    UnixMs now_ms = kStart;
    std::size_t held = 0;
    std::size_t others = 0;
    UnixMs held_ms = 0;
    for (int i = 0; i < 3'000; i++) {
        now_ms += 7;
        schedule.wake(kTarget);
        for (const Ask& ask : schedule.asks(now_ms)) {
            assert_true(answer(schedule, ask, 1, now_ms) == 1);
            const bool is_held = ask.kind == Ask::Kind::kHeld;
            start(schedule, kTarget, i, now_ms, ask.kind, is_held ? kStart : 0, 3);
            assert_true(!is_held || now_ms - held_ms > kSecond);
            held_ms = is_held ? now_ms : held_ms;
            (is_held ? held : others)++;
            (void)end(schedule, i, is_held ? Fate::kWaits : Fate::kDelivered, now_ms);
            schedule.settled(kTarget, i);
        }
    }
    assert_true(held >= 18 && held <= 21);
    assert_true(held * 9 <= others + 10);
}

void where_nothing_else_leaves_they_are_tried_twice_a_minute(void**) {
    Schedule schedule = known(kOff, 1);
    make_held(schedule, 1, kStart);
    std::vector<UnixMs> tried;
    for (UnixMs now_ms = kStart; now_ms < kStart + 10 * kMinute; now_ms += 100) {
        for (const Ask& ask : schedule.asks(now_ms)) {
            if (ask.kind != Ask::Kind::kHeld) {
                assert_int_equal(answer(schedule, ask, 0, now_ms), 0);
                continue;
            }
            assert_int_equal(answer(schedule, ask, 1, now_ms), 1);
            start(schedule, kTarget, 1, now_ms, ask.kind, kStart, 1);
            (void)end(schedule, 1, Fate::kWaits, now_ms);
            schedule.settled(kTarget, 1);
            tried.push_back(now_ms);
        }
    }
    assert_int_equal(tried.size(), 20);
}

/// A held key was tried in vain just before an outage that long; whether one is asked for behind
/// it.
bool asks_for_held_after(UnixMs outage_ms) {
    Schedule schedule = known(kOff, 1);
    make_held(schedule, 1, kStart);
    UnixMs now_ms = kStart + 10;
    start(schedule, kTarget, 1, now_ms, Ask::Kind::kHeld, kStart, 1);
    (void)end(schedule, 1, Fate::kWaits, now_ms);
    schedule.settled(kTarget, 1);
    (void)fail(schedule, 2, ++now_ms);
    assert_true(is_away(schedule));
    now_ms += outage_ms;
    (void)take(schedule, 3, now_ms);
    assert_true(!is_away(schedule));
    now_ms += 2 * kSecond;
    const std::vector<Ask> asks = schedule.asks(now_ms);
    return std::any_of(asks.begin(), asks.end(),
                       [](const Ask& ask) { return ask.kind == Ask::Kind::kHeld; });
}

void after_an_outage_held_keys_do_not_wait_for_half_a_minute(void**) {
    assert_true(asks_for_held_after(10 * kSecond));
    assert_true(!asks_for_held_after(kSecond));
}

void what_is_held_is_looked_for_when_it_is_due(void**) {
    Schedule schedule = known(kOff, 1);
    make_held(schedule, 1, kStart);
    const Ask ask = only_ask(schedule, kStart);
    assert_true(ask.kind == Ask::Kind::kHeld);
    assert_int_equal(answer(schedule, ask, 0, kStart, {kStart + 45 * kSecond, false}), 0);
    assert_int_equal(answer(schedule, only_ask(schedule, kStart), 0, kStart), 0);
    assert_true(schedule.next_look_ms(kStart) == kStart + 45 * kSecond);
    assert_true(only_ask(schedule, kStart + 45 * kSecond).kind == Ask::Kind::kHeld);
}

void it_is_looked_for_only_once_its_failure_is_written_down(void**) {
    Schedule schedule = known(kOff, 1);
    start(schedule, kTarget, 1, kStart);
    (void)end(schedule, 1, Fate::kWaits, kStart + 5);
    start(schedule, kTarget, 2, kStart + 5, Ask::Kind::kArrival);
    assert_true(end(schedule, 2, Fate::kDelivered, kStart + 9).change.kind == Kind::kBack);
    const Ask early = only_ask(schedule, kStart + 9);
    assert_true(early.kind == Ask::Kind::kHeld);
    assert_int_equal(answer(schedule, early, 0, kStart + 9), 0);
    schedule.settled(kTarget, 1);
    assert_true(only_ask(schedule, kStart + 9).kind == Ask::Kind::kHeld);
}

void busy_keys_are_not_asked_for(void**) {
    Schedule schedule = known(kOff, 1);
    start(schedule, kTarget, 1, kStart);
    start(schedule, kTarget, 2, kStart);
    (void)end(schedule, 2, Fate::kDelivered, kStart);
    schedule.wake(kTarget);
    assert_true(only_ask(schedule, kStart).search.except == (std::vector<std::int64_t>{1, 2}));
}

// -------------------------------------------------------------------- refused

void a_refusal_beside_a_yes_is_final(void**) {
    Schedule schedule = known(kOff, 1);
    take(schedule, 1, kStart);
    assert_true(push(schedule, 2, Fate::kRefused, kStart + kMinute).fate == Fate::kRefused);
    // But not two in a row, nor beside one of long ago, nor beside a failure.
    const Ended second = push(schedule, 3, Fate::kRefused, kStart + kMinute);
    assert_true(second.fate == Fate::kWaits && !second.is_compared);
    assert_true(second.due_ms == kUntilYes + kStart + kMinute);
    assert_true(second.change.kind == Kind::kNone);
    assert_int_equal(schedule.refused(kTarget), 1);
    take(schedule, 4, kStart + kMinute);
    assert_true(push(schedule, 5, Fate::kRefused, kStart + 2 * kMinute + 1).fate == Fate::kWaits);
}

void one_that_waits_is_tried_once_more_beside_a_yes(void**) {
    Schedule schedule = known(kOff, 1);
    assert_true(push(schedule, 2, Fate::kRefused, kStart).change.kind == Kind::kAway);
    assert_true(take(schedule, 3, kStart + 10).change.kind == Kind::kBack);
    assert_int_equal(schedule.refused(kTarget), 0);
    const Ask ask = only_ask(schedule, kStart + 10);
    assert_true(ask.kind == Ask::Kind::kRetry && ask.search.kind == Search::Kind::kKeys);
    assert_true(ask.search.keys == std::vector<std::int64_t>{2});
    assert_int_equal(answer(schedule, ask, 1, kStart + 10), 1);
    start(schedule, kTarget, 2, kStart + 10, ask.kind, kStart, 1);
    // However long that takes.
    assert_true(end(schedule, 2, Fate::kRefused, kStart + 5 * kMinute).fate == Fate::kRefused);
}

void a_yes_elsewhere_says_nothing(void**) {
    Schedule schedule = known(kOff, 1);
    start(schedule, kTarget, 1, kStart);
    assert_true(end(schedule, 1, Fate::kDelivered, kStart, 0, 7).fate == Fate::kDelivered);
    schedule.settled(kTarget, 1);
    start(schedule, kTarget, 2, kStart);
    assert_true(end(schedule, 2, Fate::kRefused, kStart, 0, 8).fate == Fate::kWaits);
    schedule.settled(kTarget, 2);
    take(schedule, 3, kStart);
    assert_int_equal(schedule.refused(kTarget), 1);
    // Until a test is taken there.
    schedule.hear_yes(kTarget, 8, kStart + 1);
    assert_int_equal(schedule.refused(kTarget), 0);
    assert_true(only_ask(schedule, kStart + 1).search.keys == std::vector<std::int64_t>{2});
}

void refused_again_as_a_probe_the_next_of_its_key_follows(void**) {
    Schedule schedule = known(kOff, 1);
    assert_true(push(schedule, 2, Fate::kRefused, kStart).change.kind == Kind::kAway);
    const UnixMs now_ms = schedule.next_probe_ms(kTarget);
    const Ask ask = only_ask(schedule, now_ms);
    assert_int_equal(answer(schedule, ask, 1, now_ms), 1);
    DueEvent event;
    event.target_id = kTarget;
    event.alert_id = 2;
    event.event_id = 1'002;
    event.tried_ms = kStart;
    event.is_refused = true;
    schedule.started(ask.kind, event, now_ms);
    assert_true(end(schedule, 2, Fate::kRefused, now_ms + 5).fate == Fate::kWaits);
    assert_int_equal(schedule.asks(now_ms + 5).size(), 0);
    schedule.settled(kTarget, 2);
    const Ask next = only_ask(schedule, now_ms + 5);
    assert_true(next.kind == Ask::Kind::kNext && next.search.kind == Search::Kind::kNext);
    assert_int_equal(next.search.after_event_id, 1'002);
    assert_int_equal(answer(schedule, next, 1, now_ms + 5), 1);
    event.event_id = 1'003;
    schedule.started(next.kind, event, now_ms + 5);
    const Ended ended = end(schedule, 2, Fate::kDelivered, now_ms + 9);
    assert_true(ended.change.kind == Kind::kBack);
    assert_int_equal(schedule.refused(kTarget), 0);
}

void those_of_another_process_are_tried_beside_a_yes_too(void**) {
    Schedule schedule(kOff, 1);
    schedule.wake(kTarget);
    const Ask held = only_ask(schedule, kStart);
    assert_true(held.kind == Ask::Kind::kHeld);
    assert_int_equal(answer(schedule, held, 0, kStart, {0, true}), 0);
    assert_int_equal(answer(schedule, only_ask(schedule, kStart), 0, kStart), 0);
    // Nothing else waits: one of them is the probe.
    const Ask ask = only_ask(schedule, kStart);
    assert_true(ask.kind == Ask::Kind::kProbe && ask.search.kind == Search::Kind::kTried);
    assert_int_equal(answer(schedule, ask, 1, kStart), 1);
    start(schedule, kTarget, 5, kStart, ask.kind, kStart - kMinute, 1);
    (void)end(schedule, 5, Fate::kDelivered, kStart);
    schedule.settled(kTarget, 5);
    const Ask others = only_ask(schedule, kStart);
    assert_true(others.kind == Ask::Kind::kRetry);
    assert_true(others.search.kind == Search::Kind::kRefused);
    assert_int_equal(answer(schedule, others, 1, kStart), 1);
    DueEvent event;
    event.target_id = kTarget;
    event.alert_id = 6;
    event.event_id = 1'006;
    event.tried_ms = kStart - kMinute;
    event.is_refused = true;
    schedule.started(others.kind, event, kStart);
    assert_true(end(schedule, 6, Fate::kRefused, kStart + 2 * kMinute).fate == Fate::kRefused);
}

void what_waits_no_more_is_not_counted(void**) {
    Schedule schedule = known(kOff, 1);
    (void)push(schedule, 2, Fate::kRefused, kStart);
    schedule.forget({1'002, 77});
    assert_int_equal(schedule.refused(kTarget), 0);
}

// -------------------------------------------------------------------- what is known

void all_targets_can_be_listed(void**) {
    Schedule schedule = known(kOff, 1);
    start(schedule, kTarget, 1, kStart);
    start(schedule, kTarget, 2, kStart);
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
    for (int i = 0; i < 2; i++) {
        for (const Ask& ask : schedule.asks(now_ms)) {
            assert_int_equal(answer(schedule, ask, 0, now_ms), 0);
        }
    }
}

void of_very_many_targets_those_are_forgotten_of_which_nothing_is_left_to_know(void**) {
    Schedule schedule = known({}, 1);
    fail(schedule, 1, kStart);
    take(schedule, 2, schedule.next_probe_ms(kTarget));
    fail(schedule, 3, kStart + 2 * kSecond);
    start(schedule, 2, 1, kStart);
    start(schedule, 4, 1, kStart);
    (void)schedule.ended(4, 1, {Fate::kDelivered, 1, 0, false}, kStart);
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
    Schedule schedule = Schedule({}, 1);
    pass_by(schedule, 1'000, kStart);
    (void)schedule.asks(kStart + 60 * kMinute);
    assert_int_equal(schedule.targets().size(), 1'000);
}

void what_is_said_of_a_push_that_nobody_knows_changes_nothing(void**) {
    Schedule schedule = known({}, 1);
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
        cmocka_unit_test(after_two_in_vain_it_takes_many_in_a_row_to_take_it_away),
        cmocka_unit_test(or_one_after_a_while_without_a_yes),
        cmocka_unit_test(or_one_that_asks_for_a_wait),
        cmocka_unit_test(or_one_when_either_of_the_two_was_taken_after_all),
        cmocka_unit_test(or_one_when_a_minute_has_passed),
        cmocka_unit_test(a_refused_event_does_not),
        cmocka_unit_test(a_target_that_is_away_gets_one_probe_at_a_time),
        cmocka_unit_test(a_probe_that_is_taken_brings_its_target_back),
        cmocka_unit_test(one_that_is_refused_does_not),
        cmocka_unit_test(the_pace_begins_anew_when_a_target_is_back),
        cmocka_unit_test(those_under_way_when_it_goes_away_neither_double_nor_restart_the_back_off),
        cmocka_unit_test(one_of_those_that_is_taken_brings_it_back),
        cmocka_unit_test(those_of_before_its_return_do_not_take_it_away_again),
        cmocka_unit_test(those_that_hang_since_before_its_return_take_no_place_of_the_first_window),
        cmocka_unit_test(their_successes_do_not_widen_it),
        cmocka_unit_test(neither_do_those_that_a_later_one_has_overtaken),
        cmocka_unit_test(they_count_for_the_most_at_a_time_all_the_same),
        cmocka_unit_test(a_probe_that_finds_nothing_leaves_its_target_away_until_something_comes),
        cmocka_unit_test(what_the_store_finds_stays_when_its_target_has_gone_away_meanwhile),
        cmocka_unit_test(of_fewer_than_were_asked_for_those_that_stay_are_asked_for_again),
        cmocka_unit_test(a_probe_leaves_as_any_other_when_its_target_has_come_back_meanwhile),
        cmocka_unit_test(probes_keep_within_the_budget_too),
        cmocka_unit_test(the_wait_doubles_up_to_a_minute_with_full_jitter),
        cmocka_unit_test(from_the_fifth_minute_on_it_is_thirty_to_sixty_seconds),
        cmocka_unit_test(the_wait_begins_anew_after_each_return),
        cmocka_unit_test(a_probe_can_be_asked_to_wait_too),
        cmocka_unit_test(those_under_way_may_ask_for_a_longer_wait_but_for_no_shorter_one),
        cmocka_unit_test(a_late_success_does_not_shorten_what_the_target_asked_for),
        cmocka_unit_test(one_of_before_its_return_that_asks_for_a_wait_gets_it),
        cmocka_unit_test(probes_take_turns),
        cmocka_unit_test(an_arrival_is_a_probe_at_once_or_a_second_after_the_last),
        cmocka_unit_test(of_a_burst_few_are_probes_and_only_for_a_while),
        cmocka_unit_test(an_arrival_waits_for_what_was_asked_for),
        cmocka_unit_test(after_too_many_pushes_it_waits_ten_seconds),
        cmocka_unit_test(
            a_probe_without_an_answer_holds_up_the_next_for_a_second_and_eight_are_open),
        cmocka_unit_test(where_nothing_under_way_is_answered_what_arrives_need_not_wait_for_that),
        cmocka_unit_test(what_was_not_taken_is_tried_once_when_its_target_is_back),
        cmocka_unit_test(
            one_that_fails_again_takes_no_target_away_and_waits_the_longer_the_more_often),
        cmocka_unit_test(held_keys_get_one_push_in_ten_and_at_most_one_a_second),
        cmocka_unit_test(where_nothing_else_leaves_they_are_tried_twice_a_minute),
        cmocka_unit_test(after_an_outage_held_keys_do_not_wait_for_half_a_minute),
        cmocka_unit_test(what_is_held_is_looked_for_when_it_is_due),
        cmocka_unit_test(it_is_looked_for_only_once_its_failure_is_written_down),
        cmocka_unit_test(busy_keys_are_not_asked_for),
        cmocka_unit_test(a_refusal_beside_a_yes_is_final),
        cmocka_unit_test(one_that_waits_is_tried_once_more_beside_a_yes),
        cmocka_unit_test(a_yes_elsewhere_says_nothing),
        cmocka_unit_test(refused_again_as_a_probe_the_next_of_its_key_follows),
        cmocka_unit_test(those_of_another_process_are_tried_beside_a_yes_too),
        cmocka_unit_test(what_waits_no_more_is_not_counted),
        cmocka_unit_test(all_targets_can_be_listed),
        cmocka_unit_test(of_very_many_targets_those_are_forgotten_of_which_nothing_is_left_to_know),
        cmocka_unit_test(few_targets_stay_known),
        cmocka_unit_test(what_is_said_of_a_push_that_nobody_knows_changes_nothing),
    };
    add_rows(tests, kRetryAfterRows, retry_after);
    return run("schedule", tests);
}
