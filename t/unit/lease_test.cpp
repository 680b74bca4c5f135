// The lease of a fleet: by itself, and three agents in a million random schedules of a simulated
// time in which calls are lost, clocks run unevenly, and processes stop, die and come back.
// LEASE_SEED and LEASE_SCHEDULES choose other and more schedules.
#include "lease.hpp"

#include "support.hpp"

using flashduty::Lease;
using flashduty::LeaseAnswer;
using flashduty::LeaseCall;
using flashduty::LeaseRow;
using flashduty::LeaseTimes;
using flashduty::SteadyMs;

namespace {

using Kind = LeaseCall::Kind;

constexpr LeaseTimes kTimes;
constexpr std::int64_t kEdge = 7;
constexpr std::int64_t kAgent = 70;
constexpr LeaseRow kOfAnother = {5, 10, 8, 80};

void assert_call(const LeaseCall& call, Kind kind) {
    assert_int_equal(static_cast<int>(call.kind), static_cast<int>(kind));
}

/// Makes a call from its start to its end, which is known.
void ask(Lease& lease, Kind kind, LeaseAnswer answer, const LeaseRow& row, SteadyMs start_ms,
         SteadyMs end_ms) {
    assert_call(lease.call(start_ms), kind);
    lease.answered(answer, row, end_ms);
}

/// Looks each 250 ms until the row may be taken; gives when that is.
SteadyMs look_until_it_may_be_taken(Lease& lease, const LeaseRow& row, SteadyMs now_ms) {
    for (; lease.call(now_ms).kind == Kind::kLook; now_ms = lease.next_call_ms()) {
        lease.answered(LeaseAnswer::kDone, row, now_ms);
    }
    return now_ms;
}

/// An agent that has just taken a term over, at 100 s.
Lease a_leader() {
    Lease lease(kTimes, kEdge, kAgent);
    ask(lease, Kind::kLook, LeaseAnswer::kDone, {5, LeaseRow::kLetGo, 8, 80}, 100'000, 100'000);
    ask(lease, Kind::kTake, LeaseAnswer::kDone, {6, 0, kEdge, kAgent}, 100'000, 100'000);
    return lease;
}

void a_row_that_stands_still_is_taken_after_five_seconds(void**) {
    Lease lease(kTimes, kEdge, kAgent);
    // The end of the call that first showed the row counts.
    ask(lease, Kind::kLook, LeaseAnswer::kDone, kOfAnother, 1'000, 1'300);
    assert_true(look_until_it_may_be_taken(lease, kOfAnother, 1'300) >= 6'300);
    assert_true(lease.next_call_ms() == Lease::kNoCall);
    lease.answered(LeaseAnswer::kDone, {6, 0, kEdge, kAgent}, 6'400);
    assert_true(lease.has_term());
    assert_int_equal(lease.term(), 6);
    assert_true(lease.is_valid(6'400));
}

void a_row_that_moves_is_not_taken(void**) {
    Lease lease(kTimes, kEdge, kAgent);
    LeaseRow row = kOfAnother;
    for (SteadyMs now_ms = 0; now_ms < 60'000; now_ms += 4'000) {
        row.beat++;
        ask(lease, Kind::kLook, LeaseAnswer::kDone, row, now_ms, now_ms);
    }
}

void a_term_that_was_let_go_is_taken_at_once_and_without_grace(void**) {
    const Lease lease = a_leader();
    assert_int_equal(lease.term(), 6);
    assert_int_equal(lease.may_leave_ms(5), 0);
}

void the_next_process_of_the_same_edge_takes_at_once_and_without_grace(void**) {
    Lease lease(kTimes, kEdge, kAgent + 1);
    ask(lease, Kind::kLook, LeaseAnswer::kDone, {5, 10, kEdge, kAgent}, 1'000, 1'000);
    ask(lease, Kind::kTake, LeaseAnswer::kDone, {6, 0, kEdge, kAgent + 1}, 1'000, 1'010);
    assert_int_equal(lease.may_leave_ms(5), 0);
}

void what_an_older_leader_may_have_under_way_waits_for_the_grace(void**) {
    Lease lease(kTimes, kEdge, kAgent);
    const SteadyMs taken_ms = look_until_it_may_be_taken(lease, kOfAnother, 0);
    lease.answered(LeaseAnswer::kDone, {6, 0, kEdge, kAgent}, taken_ms + 5);
    assert_int_equal(lease.may_leave_ms(6), 0);
    assert_int_equal(lease.may_leave_ms(5), taken_ms + 5 + 2'000);
}

void validity_counts_from_the_start_of_an_acknowledged_beat(void**) {
    Lease lease = a_leader();
    assert_true(lease.is_valid(103'999));
    assert_false(lease.is_valid(104'000));
    // The first beat is made at once: it says what may be spent.
    assert_int_equal(lease.next_call_ms(), 100'000);
    ask(lease, Kind::kBeat, LeaseAnswer::kDone, {6, 1, kEdge, kAgent}, 101'000, 102'500);
    assert_int_equal(lease.valid_until_ms(), 105'000);
    assert_int_equal(lease.next_call_ms(), 102'500);
}

void a_beat_of_which_nothing_is_known_grants_nothing_and_is_made_again(void**) {
    Lease lease = a_leader();
    ask(lease, Kind::kBeat, LeaseAnswer::kUnknown, {}, 101'000, 101'500);
    assert_int_equal(lease.valid_until_ms(), 104'000);
    assert_int_equal(lease.next_call_ms(), 101'600);
    // A leader may go on, even late, as long as nobody has taken the term.
    ask(lease, Kind::kBeat, LeaseAnswer::kUnknown, {}, 101'600, 108'000);
    assert_false(lease.is_valid(108'000));
    ask(lease, Kind::kBeat, LeaseAnswer::kDone, {6, 3, kEdge, kAgent}, 108'100, 108'110);
    assert_true(lease.is_valid(108'110));
}

void a_leader_whose_term_is_over_stops_and_looks(void**) {
    Lease lease = a_leader();
    ask(lease, Kind::kBeat, LeaseAnswer::kRefused, {}, 101'000, 101'010);
    assert_false(lease.has_term());
    assert_false(lease.is_valid(101'010));
    ask(lease, Kind::kLook, LeaseAnswer::kDone, {7, 3, 8, 80}, 101'010, 101'020);
}

void a_take_that_was_made_without_an_answer_is_found_and_beats_before_it_leads(void**) {
    Lease lease(kTimes, kEdge, kAgent);
    const SteadyMs now_ms = look_until_it_may_be_taken(lease, kOfAnother, 0);
    lease.answered(LeaseAnswer::kUnknown, {}, now_ms + 500);
    ask(lease, Kind::kTake, LeaseAnswer::kRefused, {}, now_ms + 600, now_ms + 600);
    ask(lease, Kind::kLook, LeaseAnswer::kDone, {6, 0, kEdge, kAgent}, now_ms + 600, now_ms + 610);
    assert_true(lease.has_term());
    assert_false(lease.is_valid(now_ms + 610));
    ask(lease, Kind::kBeat, LeaseAnswer::kDone, {6, 1, kEdge, kAgent}, now_ms + 610, now_ms + 620);
    assert_true(lease.is_valid(now_ms + 620));
    assert_true(lease.may_leave_ms(5) >= now_ms + 2'610);
}

void another_connection_may_be_another_database_and_is_watched_anew(void**) {
    Lease lease(kTimes, kEdge, kAgent);
    ask(lease, Kind::kLook, LeaseAnswer::kDone, kOfAnother, 0, 0);
    lease.reconnected();
    ask(lease, Kind::kLook, LeaseAnswer::kDone, kOfAnother, 5'000, 5'000);
    assert_true(look_until_it_may_be_taken(lease, kOfAnother, 5'250) >= 10'000);
}

void who_lets_go_leads_no_more_and_says_so(void**) {
    Lease lease = a_leader();
    lease.let_go();
    assert_false(lease.is_valid(100'000));
    assert_false(lease.has_let_go());
    ask(lease, Kind::kLetGo, LeaseAnswer::kUnknown, {}, 100'001, 100'002);
    ask(lease, Kind::kLetGo, LeaseAnswer::kDone, {6, LeaseRow::kLetGo, kEdge, kAgent}, 100'200,
        100'300);
    assert_true(lease.has_let_go());
    assert_call(lease.call(200'000), Kind::kNone);
    assert_true(lease.next_call_ms() == Lease::kNoCall);
}

void who_lets_go_while_taking_lets_that_go_too(void**) {
    Lease lease(kTimes, kEdge, kAgent);
    const SteadyMs now_ms = look_until_it_may_be_taken(lease, kOfAnother, 0);
    lease.let_go();
    lease.answered(LeaseAnswer::kDone, {6, 0, kEdge, kAgent}, now_ms + 10);
    assert_false(lease.is_valid(now_ms + 10));
    ask(lease, Kind::kLetGo, LeaseAnswer::kDone, {6, LeaseRow::kLetGo, kEdge, kAgent}, now_ms + 10,
        now_ms + 20);
    assert_true(lease.has_let_go());
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
    bool one_in(std::uint64_t count) { return below(count) == 0; }

  private:
    std::uint64_t state_;
};

/// The row, which changes by compare-and-set only.
struct Database {
    LeaseRow row = {1, LeaseRow::kLetGo, 0, 0};

    LeaseAnswer run(const LeaseCall& call, std::int64_t edge_id, std::int64_t agent_id) {
        if (call.kind == Kind::kLook) {
            return LeaseAnswer::kDone;
        }
        if (call.kind == Kind::kTake) {
            if (row.term != call.row.term || row.beat != call.row.beat) {
                return LeaseAnswer::kRefused;
            }
            row = {row.term + 1, 0, edge_id, agent_id};
            return LeaseAnswer::kDone;
        }
        if (row.term != call.row.term || row.agent_id != agent_id) {
            return LeaseAnswer::kRefused;
        }
        row.beat = call.kind == Kind::kBeat ? row.beat + 1 : LeaseRow::kLetGo;
        return LeaseAnswer::kDone;
    }
};

/// A call on its way: to the database, or back from it.
struct OnItsWay {
    LeaseCall call;
    std::int64_t agent_id = 0;
    bool is_run = false;
    LeaseAnswer answer = LeaseAnswer::kUnknown;
    LeaseRow row;
};

constexpr std::size_t kEdges = 3;

class Schedule {
  public:
    explicit Schedule(Random& random) : random_(random) {
        for (Edge& edge : edges_) {
            edge.id = static_cast<std::int64_t>(&edge - edges_) + 1;
            edge.offset_ms = static_cast<SteadyMs>(random_.below(1'000'000));
            // Two clocks may differ by a tenth: the margin is a fifth of the lease.
            edge.rate = 950 + random_.below(101);
            start(edge);
        }
    }

    void run(int steps) {
        for (int i = 0; i < steps; i++) {
            step(edges_[random_.below(kEdges)]);
        }
    }

    /// Everything heals: one leads soon, and for good.
    void heal() {
        for (Edge& edge : edges_) {
            if (edge.is_leaving) {
                kill(edge);
            }
            edge.late.call.kind = Kind::kNone;
            if (edge.now.call.kind != Kind::kNone) {
                edge.lease.answered(LeaseAnswer::kUnknown, {}, local_ms(edge));
                edge.now.call.kind = Kind::kNone;
            }
        }
        pass(6'000);
        assert_int_equal(leaders(), 1);
        const std::int64_t term = database_.row.term;
        pass(20'000);
        assert_int_equal(leaders(), 1);
        assert_true(database_.row.term == term);
    }

    int takes() const { return takes_; }

  private:
    struct Edge {
        std::int64_t id = 0;
        std::int64_t agent_id = 0;
        SteadyMs offset_ms = 0;
        std::uint64_t rate = 1000;
        bool is_leaving = false;
        Lease lease{kTimes, 0, 0};
        OnItsWay now;
        OnItsWay late;  ///< given up here, but perhaps not there
    };

    [[nodiscard]] SteadyMs local_ms(const Edge& edge) const {
        return edge.offset_ms + real_ms_ * static_cast<SteadyMs>(edge.rate) / 1000;
    }

    void start(Edge& edge) {
        edge.agent_id = ++last_agent_;
        edge.lease = Lease(kTimes, edge.id, edge.agent_id);
        edge.is_leaving = false;
    }

    void kill(Edge& edge) {
        if (edge.now.call.kind != Kind::kNone && !edge.now.is_run) {
            edge.late = edge.now;
        }
        edge.now.call.kind = Kind::kNone;
        start(edge);
    }

    void step(Edge& edge) {
        switch (random_.below(16)) {
            case 0:
            case 1:
                real_ms_ += static_cast<SteadyMs>(random_.below(300));
                return;
            case 2:
                real_ms_ += static_cast<SteadyMs>(random_.below(7'000));
                return;
            case 3:
                return lose(edge);
            case 4:
                return run_late(edge);
            case 5:
                if (random_.one_in(4)) {
                    kill(edge);
                } else if (random_.one_in(4)) {
                    edge.is_leaving = true;
                    edge.lease.let_go();
                } else {
                    edge.lease.reconnected();
                }
                return;
            default:
                return go_on(edge);
        }
    }

    /// A call begins, is run, or ends.
    void go_on(Edge& edge) {
        if (edge.now.call.kind == Kind::kNone) {
            edge.now = {edge.lease.call(local_ms(edge)), edge.agent_id, false, {}, {}};
        } else if (!edge.now.is_run) {
            run_call(edge, edge.now);
        } else {
            end(edge);
        }
    }

    void run_call(Edge& edge, OnItsWay& on_its_way) {
        on_its_way.answer = database_.run(on_its_way.call, edge.id, on_its_way.agent_id);
        on_its_way.row = database_.row;
        on_its_way.is_run = true;
    }

    void end(Edge& edge) {
        const bool is_take = edge.now.call.kind == Kind::kTake;
        const bool is_done = edge.now.answer == LeaseAnswer::kDone;
        const LeaseRow before = edge.now.call.row;
        edge.now.call.kind = Kind::kNone;
        edge.lease.answered(edge.now.answer, edge.now.row, local_ms(edge));
        if (is_take && is_done) {
            takes_++;
            const bool was_left = before.beat == LeaseRow::kLetGo || before.edge_id == edge.id;
            assert_true(edge.lease.may_leave_ms(before.term) ==
                        (was_left ? 0 : local_ms(edge) + kTimes.grace_ms));
        }
        assert_true(leaders() <= 1);
    }

    void lose(Edge& edge) {
        if (edge.now.call.kind != Kind::kNone) {
            if (!edge.now.is_run) {
                edge.late = edge.now;
            }
            edge.now.call.kind = Kind::kNone;
            edge.lease.answered(LeaseAnswer::kUnknown, {}, local_ms(edge));
            assert_true(leaders() <= 1);
        }
    }

    void run_late(Edge& edge) {
        if (edge.late.call.kind != Kind::kNone) {
            run_call(edge, edge.late);
            edge.late.call.kind = Kind::kNone;
        }
    }

    /// Time goes by while every call takes 20 ms.
    void pass(SteadyMs length_ms) {
        for (const SteadyMs end_ms = real_ms_ + length_ms; real_ms_ < end_ms; real_ms_ += 10) {
            for (Edge& edge : edges_) {
                go_on(edge);
            }
        }
    }

    [[nodiscard]] int leaders() const {
        int count = 0;
        for (const Edge& edge : edges_) {
            count += edge.lease.is_valid(local_ms(edge)) ? 1 : 0;
        }
        return count;
    }

    Random& random_;
    Database database_;
    SteadyMs real_ms_ = 0;
    std::int64_t last_agent_ = 0;
    int takes_ = 0;
    Edge edges_[kEdges];
};

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
    const char* value = std::getenv(name);
    return value == nullptr ? otherwise : std::strtoull(value, nullptr, 10);
}

void no_two_lead_in_a_million_schedules(void**) {
    const std::uint64_t seed = from_environment("LEASE_SEED", 1);
    const std::uint64_t schedules = from_environment("LEASE_SCHEDULES", 1'000'000);
    long long takes = 0;
    for (std::uint64_t i = 0; i < schedules; i++) {
        Random random(seed * 1'000'000'007 + i);
        Schedule schedule(random);
        schedule.run(i % 100 == 0 ? 400 : 24);
        if (i % 1'000 == 0) {
            schedule.heal();
        }
        takes += schedule.takes();
    }
    print_message("seed %llu: %llu schedules, %lld takeovers\n",
                  static_cast<unsigned long long>(seed), static_cast<unsigned long long>(schedules),
                  takes);
    assert_true(takes > static_cast<long long>(schedules / 2));
}

}  // namespace

int main() {
    const std::vector<CMUnitTest> tests = {
        cmocka_unit_test(a_row_that_stands_still_is_taken_after_five_seconds),
        cmocka_unit_test(a_row_that_moves_is_not_taken),
        cmocka_unit_test(a_term_that_was_let_go_is_taken_at_once_and_without_grace),
        cmocka_unit_test(the_next_process_of_the_same_edge_takes_at_once_and_without_grace),
        cmocka_unit_test(what_an_older_leader_may_have_under_way_waits_for_the_grace),
        cmocka_unit_test(validity_counts_from_the_start_of_an_acknowledged_beat),
        cmocka_unit_test(a_beat_of_which_nothing_is_known_grants_nothing_and_is_made_again),
        cmocka_unit_test(a_leader_whose_term_is_over_stops_and_looks),
        cmocka_unit_test(a_take_that_was_made_without_an_answer_is_found_and_beats_before_it_leads),
        cmocka_unit_test(another_connection_may_be_another_database_and_is_watched_anew),
        cmocka_unit_test(who_lets_go_leads_no_more_and_says_so),
        cmocka_unit_test(who_lets_go_while_taking_lets_that_go_too),
        cmocka_unit_test(no_two_lead_in_a_million_schedules),
    };
    return run("lease", tests);
}
