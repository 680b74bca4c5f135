// Pushes that may leave within a second and within a minute.
#include "budget.hpp"

#include <random>

#include "support.hpp"

using flashduty::Budget;
using flashduty::Rate;
using flashduty::UnixMs;

namespace {

constexpr UnixMs kStart = 1'780'000'000'000;

void spend(Budget& budget, std::size_t times, UnixMs now_ms) {
    for (std::size_t i = 0; i < times; i++) {
        budget.spend(now_ms);
    }
}

void a_second_holds_so_many_and_the_next_one_as_many_again(void**) {
    Budget budget({3, 0});
    assert_int_equal(budget.room(kStart), 3);
    spend(budget, 3, kStart);
    assert_int_equal(budget.room(kStart), 0);
    assert_int_equal(budget.room(kStart + 1'000), 0);
    assert_int_equal(budget.room(kStart + 1'001), 3);
}

void a_minute_holds_so_many_however_many_a_second_does(void**) {
    Budget budget({3, 4});
    spend(budget, 3, kStart);
    assert_int_equal(budget.room(kStart + 1'001), 1);
    spend(budget, 1, kStart + 1'001);
    assert_int_equal(budget.room(kStart + 60'000), 0);
    assert_int_equal(budget.room(kStart + 60'001), 3);
    assert_int_equal(budget.room(kStart + 61'002), 3);
}

void a_minute_may_hold_fewer_than_a_second(void**) {
    Budget budget({100, 2});
    assert_int_equal(budget.room(kStart), 2);
    spend(budget, 2, kStart);
    assert_int_equal(budget.room(kStart + 1'001), 0);
    assert_int_equal(budget.free_ms(kStart + 1'001), kStart + 60'001);
}

void it_is_free_when_the_first_of_the_window_has_left_it(void**) {
    Budget budget({2, 0});
    assert_int_equal(budget.free_ms(kStart), kStart);
    spend(budget, 1, kStart);
    spend(budget, 1, kStart + 400);
    assert_int_equal(budget.free_ms(kStart + 500), kStart + 1'001);
    assert_int_equal(budget.room(kStart + 1'000), 0);
    assert_int_equal(budget.room(kStart + 1'001), 1);
    assert_int_equal(budget.free_ms(kStart + 5'000), kStart + 5'000);
}

void no_limit_is_none(void**) {
    Budget budget({0, 0});
    spend(budget, 100'000, kStart);
    assert_true(budget.room(kStart) > 1'000'000);
    assert_int_equal(budget.free_ms(kStart), kStart);
    assert_true(budget.is_whole(kStart));
}

void it_is_whole_when_a_minute_has_passed(void**) {
    Budget budget({100, 1000});
    assert_true(budget.is_whole(kStart));
    spend(budget, 1, kStart);
    assert_false(budget.is_whole(kStart + 60'000));
    assert_true(budget.is_whole(kStart + 60'001));
}

/// True when no more than `limit` of `left_ms` lie within any `length_ms`, both ends included.
bool holds(const std::vector<UnixMs>& left_ms, std::size_t limit, UnixMs length_ms) {
    for (std::size_t i = limit; limit > 0 && i < left_ms.size(); i++) {
        if (left_ms[i] - left_ms[i - limit] <= length_ms) {
            return false;
        }
    }
    return true;
}

void whoever_spends_all_there_is_stays_within_any_second_and_minute(void**) {
    for (unsigned seed = 0; seed < 100; seed++) {
        std::mt19937_64 random(seed);
        const Rate rate{static_cast<std::uint32_t>(random() % 50),
                        static_cast<std::uint32_t>(1 + random() % 300)};
        Budget budget(rate);
        std::vector<UnixMs> left_ms;
        for (UnixMs now_ms = kStart; now_ms < kStart + 300'000;) {
            const std::size_t wanted = 1 + random() % 60;
            const std::size_t most = std::min(wanted, budget.room(now_ms));
            assert_int_equal(most == 0, budget.free_ms(now_ms) > now_ms);
            spend(budget, most, now_ms);
            left_ms.insert(left_ms.end(), most, now_ms);
            // At once when there is room, or some time later.
            now_ms = random() % 4 == 0 ? now_ms + 1 + static_cast<UnixMs>(random() % 3'000)
                                       : std::max(now_ms + 1, budget.free_ms(now_ms));
        }
        assert_true(holds(left_ms, rate.per_second, 1'000));
        assert_true(holds(left_ms, rate.per_minute, 60'000));
        // No push is given away: four minutes and the first burst at least, but for waits.
        assert_true(left_ms.size() >= 3 * std::min<std::size_t>(rate.per_minute, 60));
    }
}

}  // namespace

int main() {
    const std::vector<CMUnitTest> tests = {
        cmocka_unit_test(a_second_holds_so_many_and_the_next_one_as_many_again),
        cmocka_unit_test(a_minute_holds_so_many_however_many_a_second_does),
        cmocka_unit_test(a_minute_may_hold_fewer_than_a_second),
        cmocka_unit_test(it_is_free_when_the_first_of_the_window_has_left_it),
        cmocka_unit_test(no_limit_is_none),
        cmocka_unit_test(it_is_whole_when_a_minute_has_passed),
        cmocka_unit_test(whoever_spends_all_there_is_stays_within_any_second_and_minute),
    };
    return run("budget", tests);
}
