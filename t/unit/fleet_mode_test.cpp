// An edge and its own spool while the shared database comes and goes: by itself, and in a million
// random schedules of a simulated time. FLEET_MODE_SEED and FLEET_MODE_SCHEDULES choose other and
// more schedules.
#include "fleet_mode.hpp"

#include "support.hpp"

using flashduty::FleetMode;
using flashduty::LocalWork;
using flashduty::SteadyMs;

namespace {

constexpr SteadyMs kAloneAfter = 45'000;

void assert_work(FleetMode& mode, SteadyMs now_ms, LocalWork work) {
    assert_int_equal(static_cast<int>(mode.work(now_ms)), static_cast<int>(work));
}

void answer(FleetMode& mode, int times) {
    for (int i = 0; i < times; i++) {
        mode.answered();
    }
}

/// An edge that was in the fleet until 100 s, when the database went away and its workers went on
/// alone.
FleetMode just_cut_off() {
    FleetMode mode(kAloneAfter, false, 0);
    mode.answered();
    mode.failed(100'000);
    mode.found(true);
    return mode;
}

void nothing_local_is_nothing_to_do(void**) {
    FleetMode mode(kAloneAfter, false, 0);
    assert_work(mode, 0, LocalWork::kNone);
    mode.answered();
    assert_work(mode, 0, LocalWork::kNone);
    assert_true(mode.next_change_ms() == FleetMode::kNever);
}

void one_slow_commit_does_not_silence_an_edge(void**) {
    FleetMode mode = just_cut_off();
    assert_work(mode, 100'500, LocalWork::kHold);
    mode.answered();
    assert_work(mode, 100'600, LocalWork::kDrain);
    mode.found(false);
    assert_work(mode, 100'700, LocalWork::kNone);
}

void nothing_is_pushed_alone_while_the_database_may_be_failing_over(void**) {
    FleetMode mode = just_cut_off();
    mode.failed(120'000);
    assert_int_equal(mode.next_change_ms(), 145'000);
    assert_work(mode, 144'999, LocalWork::kHold);
    assert_work(mode, 145'000, LocalWork::kPush);
    assert_true(mode.next_change_ms() == FleetMode::kNever);
}

void an_edge_that_starts_without_the_database_waits_as_long(void**) {
    FleetMode mode(kAloneAfter, false, 10'000);
    mode.found(true);
    mode.failed(12'000);
    assert_work(mode, 54'999, LocalWork::kHold);
    assert_work(mode, 55'000, LocalWork::kPush);
}

void who_has_pushed_alone_asks_for_five_good_answers_finishes_and_reports(void**) {
    FleetMode mode = just_cut_off();
    assert_work(mode, 145'000, LocalWork::kPush);
    mode.push_started();
    answer(mode, 4);
    assert_work(mode, 146'000, LocalWork::kPush);
    mode.failed(146'100);
    answer(mode, 4);
    assert_work(mode, 147'000, LocalWork::kPush);
    mode.answered();
    assert_work(mode, 148'000, LocalWork::kFinish);
    mode.push_ended();
    assert_work(mode, 148'100, LocalWork::kReport);
    mode.reported();
    assert_work(mode, 148'200, LocalWork::kDrain);
}

void who_was_alone_and_pushed_nothing_goes_back_at_once(void**) {
    FleetMode mode = just_cut_off();
    assert_work(mode, 145'000, LocalWork::kPush);
    mode.answered();
    assert_work(mode, 145'100, LocalWork::kDrain);
}

void a_report_is_owed_when_everything_was_pushed_and_after_a_restart_too(void**) {
    FleetMode mode(kAloneAfter, true, 0);
    mode.found(false);
    answer(mode, 4);
    assert_work(mode, 1'000, LocalWork::kNone);
    mode.answered();
    assert_work(mode, 1'100, LocalWork::kReport);
    mode.reported();
    assert_work(mode, 1'200, LocalWork::kNone);
}

void a_database_that_goes_away_while_draining_is_waited_for_again(void**) {
    FleetMode mode = just_cut_off();
    mode.answered();
    assert_work(mode, 101'000, LocalWork::kDrain);
    mode.failed(102'000);
    assert_work(mode, 102'000, LocalWork::kHold);
    assert_work(mode, 147'000, LocalWork::kPush);
}

// ---------------------------------------------------------------- a million schedules

/// https://prng.di.unimi.it/splitmix64.c
class Random {
  public:
    explicit Random(std::uint64_t seed) : state_(seed) {}
    std::uint64_t below(std::uint64_t limit) {
        std::uint64_t z = state_ += 0x9E3779B97F4A7C15;
        z = (z ^ (z >> 30)) * 0xBF58476D1CE4E5B9;
        z = (z ^ (z >> 27)) * 0x94D049BB133111EB;
        return (z ^ (z >> 31)) % limit;
    }

  private:
    std::uint64_t state_;
};

/// An edge: its workers take events, its agent does the machine's work. Events are numbers, one
/// after the other; an error in their order shows where they arrive.
class Edge {
  public:
    explicit Edge(Random& random) : random_(random) {}

    void run(int steps) {
        for (int i = 0; i < steps; i++) {
            step();
        }
    }

    /// The database stays: the spool is empty soon, and every event has arrived.
    void heal() {
        is_up_ = true;
        for (int i = 0; i < 2'000 && (is_local_ || owes_report_); i++) {
            now_ms_ += 100;
            beat();
            act();
        }
        assert_false(is_local_ || owes_report_ || in_flight_ > 0);
        assert_int_equal(local_, 0);
        assert_int_equal(arrived_, taken_);
        assert_int_equal(static_cast<int>(mode_.work(now_ms_)), static_cast<int>(LocalWork::kNone));
    }

    [[nodiscard]] int pushes() const { return pushes_; }
    [[nodiscard]] int drains() const { return drains_; }

  private:
    void step() {
        switch (random_.below(12)) {
            case 0:
                is_up_ = random_.below(3) == 0;
                return;
            case 1:
                now_ms_ += static_cast<SteadyMs>(random_.below(50'000));
                return;
            case 2:
                now_ms_ += static_cast<SteadyMs>(random_.below(2'000));
                return;
            case 3:
            case 4:
            case 5:
                return take();
            case 6:
            case 7:
                return beat();
            case 8:
                if (in_flight_ > 0) {
                    end_push();
                } else if (random_.below(8) == 0) {
                    restart();
                }
                return;
            default:
                return act();
        }
    }

    /// A worker's part. Its spool is looked at in the transaction that writes there.
    void take() {
        taken_++;
        if (!is_local_ && is_up_ && random_.below(16) != 0) {
            arrive(taken_);
            return;
        }
        is_local_ = true;
        local_++;
    }

    void beat() {
        if (is_up_) {
            mode_.answered();
            good_++;
            may_push_ = may_push_ && owes_report_ && good_ < 5;
        } else {
            mode_.failed(now_ms_);
            // Away as far as anybody can know.
            away_since_ms_ = good_ > 0 ? now_ms_ : away_since_ms_;
            good_ = 0;
        }
    }

    void restart() {
        mode_ = FleetMode(kAloneAfter, owes_report_, now_ms_);
        good_ = 0;
        away_since_ms_ = now_ms_;
        may_push_ = false;
    }

    void act() {
        mode_.found(is_local_);
        may_push_ = may_push_ || (good_ == 0 && now_ms_ - away_since_ms_ >= kAloneAfter);
        switch (mode_.work(now_ms_)) {
            case LocalWork::kNone:
                assert_true(!is_local_);
                return;
            case LocalWork::kHold:
                assert_true(good_ == 0 ? now_ms_ - away_since_ms_ < kAloneAfter : owes_report_);
                return;
            case LocalWork::kPush:
                return push();
            case LocalWork::kFinish:
                assert_true(in_flight_ > 0 && good_ >= 5);
                end_push();
                return;
            case LocalWork::kReport:
                assert_true(in_flight_ == 0 && owes_report_ && good_ >= 5);
                if (is_up_) {
                    owes_report_ = false;
                    mode_.reported();
                }
                return;
            case LocalWork::kDrain:
                return drain();
        }
    }

    void push() {
        assert_true(may_push_ && good_ < 5);
        if (in_flight_ == 0 && local_ > 0) {
            in_flight_ = 1;
            owes_report_ = true;
            pushes_++;
            mode_.push_started();
        }
    }

    void end_push() {
        arrive(taken_ - local_ + 1);
        local_--;
        is_local_ = local_ > 0;
        mode_.found(is_local_);
        in_flight_ = 0;
        mode_.push_ended();
    }

    void drain() {
        assert_true(in_flight_ == 0 && !owes_report_ && good_ > 0);
        drains_++;
        if (is_up_ && local_ > 0) {
            arrive(taken_ - local_ + 1);
            local_--;
        }
        is_local_ = local_ > 0;
        mode_.found(is_local_);
    }

    void arrive(int number) {
        assert_int_equal(number, arrived_ + 1);
        arrived_ = number;
    }

    Random& random_;
    SteadyMs now_ms_ = 1'000;
    FleetMode mode_{kAloneAfter, false, 1'000};
    bool is_up_ = true;
    bool is_local_ = false;
    bool owes_report_ = false;
    bool may_push_ = false;
    int in_flight_ = 0;
    int good_ = 0;
    SteadyMs away_since_ms_ = 1'000;
    int taken_ = 0;
    int local_ = 0;  ///< the last so many of them
    int arrived_ = 0;
    int pushes_ = 0;
    int drains_ = 0;
};

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
    const char* value = std::getenv(name);
    return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

void an_edge_keeps_its_order_and_comes_back_in_a_million_schedules(void**) {
    const std::uint64_t seed = from_environment("FLEET_MODE_SEED", 1);
    const std::uint64_t schedules = from_environment("FLEET_MODE_SCHEDULES", 1'000'000);
    std::uint64_t pushes = 0;
    std::uint64_t drains = 0;
    for (std::uint64_t i = 0; i < schedules; i++) {
        Random random(seed * 1'000'000'007 + i);
        Edge edge(random);
        edge.run(i % 100 == 0 ? 600 : 30);
        if (i % 10 == 0) {
            edge.heal();
        }
        pushes += static_cast<std::uint64_t>(edge.pushes());
        drains += static_cast<std::uint64_t>(edge.drains());
    }
    print_message("seed %llu: %llu schedules, %llu pushes alone, %llu drains\n",
                  static_cast<unsigned long long>(seed), static_cast<unsigned long long>(schedules),
                  static_cast<unsigned long long>(pushes), static_cast<unsigned long long>(drains));
    assert_true(pushes > schedules / 10 && drains > schedules / 2);
}

}  // namespace

int main() {
    const std::vector<CMUnitTest> tests = {
        cmocka_unit_test(nothing_local_is_nothing_to_do),
        cmocka_unit_test(one_slow_commit_does_not_silence_an_edge),
        cmocka_unit_test(nothing_is_pushed_alone_while_the_database_may_be_failing_over),
        cmocka_unit_test(an_edge_that_starts_without_the_database_waits_as_long),
        cmocka_unit_test(who_has_pushed_alone_asks_for_five_good_answers_finishes_and_reports),
        cmocka_unit_test(who_was_alone_and_pushed_nothing_goes_back_at_once),
        cmocka_unit_test(a_report_is_owed_when_everything_was_pushed_and_after_a_restart_too),
        cmocka_unit_test(a_database_that_goes_away_while_draining_is_waited_for_again),
        cmocka_unit_test(an_edge_keeps_its_order_and_comes_back_in_a_million_schedules),
    };
    return run("fleet_mode", tests);
}
