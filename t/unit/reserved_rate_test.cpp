// Shares of the fleet's rate that a leader reserves with its beats: whoever follows it never spends
// them again.
#include "reserved_rate.hpp"

#include <algorithm>
#include <limits>
#include <random>

#include "support.hpp"

using flashduty::Budget;
using flashduty::Rate;
using flashduty::ReservedRate;
using flashduty::Spent;
using flashduty::SteadyMs;

namespace {

constexpr SteadyMs kValid = 4'000;

std::uint64_t total(const std::vector<Spent>& spent, std::int64_t target_id) {
    std::uint64_t count = 0;
    for (const Spent& one : spent) {
        count += one.target_id == target_id ? one.count : 0;
    }
    return count;
}

void a_leader_keeps_within_what_was_acknowledged(void**) {
    ReservedRate leader({10, 1000}, kValid);
    (void)leader.take_over("", 0, 0);
    assert_int_equal(leader.room(7), 0);
    (void)leader.beat(false, 0);
    assert_int_equal(leader.room(7), 0);
    leader.acknowledged();
    assert_int_equal(leader.room(7), 50);
    for (int i = 0; i < 50; i++) {
        leader.spend(7, i);
    }
    assert_int_equal(leader.room(7), 0);
    // A beat without an answer grants nothing.
    (void)leader.beat(false, 1'000);
    assert_int_equal(leader.room(7), 0);
    leader.acknowledged();
    assert_int_equal(leader.room(7), 50);
}

void without_a_limit_nothing_is_reserved(void**) {
    ReservedRate leader({0, 0}, kValid);
    assert_true(leader.room(7) == std::numeric_limits<std::size_t>::max());
    assert_text(leader.beat(false, 0), "0");
}

void a_successor_counts_what_may_have_left(void**) {
    ReservedRate leader({100, 1000}, kValid), next({100, 1000}, kValid);
    (void)leader.beat(false, 0);
    leader.acknowledged();
    for (int i = 0; i < 30; i++) {
        leader.spend(7, 500);
    }
    const std::string text = leader.beat(false, 1'000);
    leader.acknowledged();
    const std::vector<Spent> spent = next.take_over(text, 5'000, 20'000);
    // 30 that left, and 500 that may have.
    assert_int_equal(total(spent, 7), 530);
    assert_true(spent.front().left_ms == 15'000 && spent.front().count == 30);
    assert_int_equal(next.spent_anywhere(), 500);
    // A leader that lets go says what was spent, and nothing more.
    leader.spend(8, 1'100);
    const std::vector<Spent> known = next.take_over(leader.beat(true, 1'500), 0, 20'000);
    assert_int_equal(total(known, 7), 30);
    assert_int_equal(total(known, 8), 1);
    assert_int_equal(next.spent_anywhere(), 0);
}

void a_minutes_rate_is_not_reserved_twice(void**) {
    ReservedRate leader({100, 200}, kValid);
    (void)leader.beat(false, 0);
    leader.acknowledged();
    assert_int_equal(leader.room(7), 200);
    for (int i = 0; i < 150; i++) {
        leader.spend(7, i);
    }
    (void)leader.beat(false, 1'000);
    leader.acknowledged();
    assert_int_equal(leader.room(7), 50);
    // A push that has left counts for a minute.
    (void)leader.beat(false, 59'000);
    leader.acknowledged();
    assert_int_equal(leader.room(7), 200);
}

void a_text_of_another_version_is_read_as_far_as_it_goes(void**) {
    ReservedRate next({100, 1000}, kValid);
    for (const char* text :
         {"", "x", "-5", "99999999999999999999", "5 ", "5 7:", "5 7:1", "5 7:1*"}) {
        assert_int_equal(next.take_over(text, 0, 100'000).size(), 0);
    }
    assert_int_equal(total(next.take_over("5 7:1*3,2*4;new 8:1*1", 0, 100'000), 7), 7);
    assert_int_equal(next.take_over("5 7:61*3", 5'000, 100'000).size(), 0);
}

/// Many leaders after each other, each killed at any time: in no second and no minute does more
/// leave than the rate, by whoever.
void no_takeover_spends_more_than_the_rate(void**) {
    std::mt19937_64 random(20251127);
    const auto below = [&](std::uint64_t end) { return static_cast<SteadyMs>(random() % end); };
    const Rate rate = {20, 200};
    for (int run = 0; run < 20; run++) {
        std::vector<SteadyMs> left;
        std::string text;
        SteadyMs beaten_ms = 0, now_ms = 0;
        for (int term = 0; term < 6; term++) {
            ReservedRate reserved(rate, kValid);
            Budget budget(rate);
            std::uint64_t before = 0;
            for (const Spent& one : reserved.take_over(text, now_ms - beaten_ms, now_ms)) {
                before += one.count;
                for (std::uint32_t i = 0; i < one.count; i++) {
                    budget.spend(one.left_ms);
                }
            }
            for (std::uint32_t i = before == 0 ? 0 : reserved.spent_anywhere();
                 i < reserved.spent_anywhere(); i++) {
                budget.spend(now_ms);
            }
            const SteadyMs end_ms = now_ms + below(20'000);
            SteadyMs next_beat_ms = now_ms, valid_until_ms = now_ms;
            for (; now_ms < end_ms; now_ms += 10) {
                if (now_ms >= next_beat_ms) {
                    text = reserved.beat(false, now_ms);
                    beaten_ms = now_ms;
                    if (below(5) > 0) {
                        reserved.acknowledged();
                        valid_until_ms = now_ms + kValid;
                    }
                    next_beat_ms = now_ms + 1'000;
                }
                while (now_ms < valid_until_ms && reserved.room(7) > 0 && budget.room(now_ms) > 0) {
                    reserved.spend(7, now_ms);
                    budget.spend(now_ms);
                    left.push_back(now_ms);
                }
            }
            // It lives on for as long as it may, unheard.
            for (; now_ms < valid_until_ms; now_ms += 10) {
                while (reserved.room(7) > 0 && budget.room(now_ms) > 0) {
                    reserved.spend(7, now_ms);
                    budget.spend(now_ms);
                    left.push_back(now_ms);
                }
            }
            now_ms = std::max(now_ms, beaten_ms + 5'000);
        }
        for (std::size_t i = 0; i < left.size(); i++) {
            const auto within = [&](SteadyMs length_ms) {
                return std::upper_bound(left.begin(), left.end(), left[i] + length_ms - 1) -
                       (left.begin() + static_cast<std::ptrdiff_t>(i));
            };
            assert_true(within(1'000) <= 20);
            assert_true(within(60'000) <= 200);
        }
        assert_true(left.size() > 100);
    }
}

}  // namespace

int main() {
    return run("reserved_rate",
               {cmocka_unit_test(a_leader_keeps_within_what_was_acknowledged),
                cmocka_unit_test(without_a_limit_nothing_is_reserved),
                cmocka_unit_test(a_successor_counts_what_may_have_left),
                cmocka_unit_test(a_minutes_rate_is_not_reserved_twice),
                cmocka_unit_test(a_text_of_another_version_is_read_as_far_as_it_goes),
                cmocka_unit_test(no_takeover_spends_more_than_the_rate)});
}
