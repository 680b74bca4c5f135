// Leading by a row in PostgreSQL: two agents of two edges in a time that the tests make pass.
#include "postgres_lease.hpp"

#include <atomic>
#include <thread>

#include "postgres_place.hpp"

using flashduty::Lease;
using flashduty::LeaseAnswer;
using flashduty::LeaseCall;
using flashduty::LeaseRow;
using flashduty::PostgresLease;
using flashduty::PostgresStore;
using flashduty::SteadyMs;

namespace {

using Kind = LeaseCall::Kind;

flashduty::PgDeadline soon() { return std::chrono::steady_clock::now() + std::chrono::seconds(30); }

/// An agent, its lease, and its way to the row.
struct Agent {
    Agent(const PostgresPlace& place, std::int64_t edge_id, std::int64_t agent_id)
        : lease({}, edge_id, agent_id),
          postgres(named(place, edge_id), "edge " + std::to_string(edge_id), edge_id, agent_id) {}

    static flashduty::PgOptions named(const PostgresPlace& place, std::int64_t edge_id) {
        flashduty::PgOptions options = place.options().server;
        options.name = "flashduty/edge " + std::to_string(edge_id);
        return options;
    }

    /// Makes one call, from its start to its end.
    LeaseAnswer step(SteadyMs now_ms) {
        const LeaseCall call = lease.call(now_ms);
        if (call.kind == Kind::kNone) {
            return LeaseAnswer::kUnknown;
        }
        LeaseRow row;
        const LeaseAnswer answer = postgres.run(call, spent, row, soon());
        lease.answered(answer, row, now_ms);
        return answer;
    }

    Lease lease;
    PostgresLease postgres;
    std::string spent;
};

/// A fleet that nobody has led yet.
void make_fleet(PostgresPlace& place) { (void)size_of(place.store()); }

void assert_answer(LeaseAnswer answer, LeaseAnswer expected) {
    assert_int_equal(static_cast<int>(answer), static_cast<int>(expected));
}

void the_first_leads_at_once_and_says_so(void**) {
    PostgresPlace place;
    make_fleet(place);
    Agent a(place, 1, 10);
    assert_answer(a.step(0), LeaseAnswer::kDone);
    assert_answer(a.step(0), LeaseAnswer::kDone);
    assert_true(a.lease.is_valid(0));
    // A term is never given twice, even if the last ones were lost.
    assert_text(place.run("SELECT abs(term - now_ms()) < 60000 FROM term"), "t");
    assert_text(place.run("SELECT edge_id, agent_id, edge FROM term"), "1|10|edge 1");
    a.spent = "/flashduty 5";
    assert_answer(a.step(1'000), LeaseAnswer::kDone);
    assert_text(place.run("SELECT beat, spent FROM beat"), "1|/flashduty 5");
}

void one_that_falls_silent_is_followed_and_stays_silent(void**) {
    PostgresPlace place;
    make_fleet(place);
    Agent a(place, 1, 10), b(place, 2, 20);
    a.step(0), a.step(0);
    SteadyMs now_ms = 0;
    for (; !b.lease.has_term(); now_ms = b.lease.next_call_ms()) {
        assert_true(now_ms <= 6'000);
        b.step(now_ms);
    }
    assert_true(b.lease.is_valid(now_ms));
    assert_false(a.lease.is_valid(now_ms));
    // The old leader wakes up.
    assert_answer(a.step(now_ms), LeaseAnswer::kRefused);
    assert_false(a.lease.has_term());
    assert_answer(a.step(now_ms), LeaseAnswer::kDone);
    assert_false(a.lease.has_term());
}

void one_that_beats_is_not_followed(void**) {
    PostgresPlace place;
    make_fleet(place);
    Agent a(place, 1, 10), b(place, 2, 20);
    a.step(0), a.step(0);
    for (SteadyMs now_ms = 0; now_ms < 12'000; now_ms += 250) {
        a.step(now_ms);
        b.step(now_ms);
        assert_true(a.lease.is_valid(now_ms) && !b.lease.has_term());
    }
}

void one_that_lets_go_is_followed_at_once(void**) {
    PostgresPlace place;
    make_fleet(place);
    Agent a(place, 1, 10), b(place, 2, 20);
    a.step(0), a.step(0), b.step(0);
    a.lease.let_go();
    assert_answer(a.step(10), LeaseAnswer::kDone);
    assert_true(a.lease.has_let_go());
    b.step(250), b.step(250);
    assert_true(b.lease.is_valid(250));
    assert_int_equal(b.lease.may_leave_ms(1), 0);
}

void of_two_that_take_at_once_one_leads(void**) {
    PostgresPlace place;
    make_fleet(place);
    for (int round = 0; round < 10; round++) {
        place.run("UPDATE beat SET beat = -1");
        Agent a(place, 1, 10 + round), b(place, 2, 100 + round);
        a.step(0), b.step(0);
        std::thread other([&] { a.step(0); });
        b.step(0);
        other.join();
        assert_int_equal((a.lease.has_term() ? 1 : 0) + (b.lease.has_term() ? 1 : 0), 1);
    }
}

void a_settlement_under_way_is_waited_for_and_a_later_one_changes_nothing(void**) {
    PostgresPlace place;
    make_fleet(place);
    Agent a(place, 1, 10), b(place, 2, 20);
    a.step(0), a.step(0);
    PostgresStore leader(place.options());
    leader.set_term(a.lease.term());
    append(leader, {new_event("a"), new_event("b")});
    const std::vector<DueEvent> events = due(leader, kNow);
    assert_int_equal(events.size(), 2);
    // A settlement has begun.
    place.run("BEGIN; SELECT begin_change(" + std::to_string(a.lease.term()) + ")");
    SteadyMs now_ms = 0;
    for (; b.lease.call(now_ms).kind == Kind::kLook; now_ms = b.lease.next_call_ms()) {
        LeaseRow row;
        const LeaseAnswer answer = b.postgres.run({Kind::kLook, {}}, "", row, soon());
        b.lease.answered(answer, row, now_ms);
    }
    std::atomic<bool> has_taken{false};
    LeaseRow row, before = {a.lease.term(), 0, 1, 10};
    std::thread takes([&] {
        assert_answer(b.postgres.run({Kind::kTake, before}, "", row, soon()), LeaseAnswer::kDone);
        has_taken = true;
    });
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    constexpr char kWaits[] =
        "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'";
    while (place.run(kWaits) != "1" && std::chrono::steady_clock::now() < until) {
        std::this_thread::sleep_for(std::chrono::milliseconds(10));
    }
    assert_false(has_taken);
    place.run("COMMIT");
    takes.join();
    b.lease.answered(LeaseAnswer::kDone, row, now_ms);
    assert_true(b.lease.is_valid(now_ms));
    assert_status(leader.settle({{events[0].event_id, events[0].alert_id,
                                  flashduty::Fate::kDelivered, kNow, 0, "", 200}}),
                  kFailed);
    leader.set_term(b.lease.term());
    assert_text(due_keys(leader, kNow), "a b");
}

void a_leader_that_has_vanished_within_a_settlement_holds_nobody_up(void**) {
    PostgresPlace place;
    make_fleet(place);
    Agent a(place, 1, 10), b(place, 2, 20);
    a.step(0), a.step(0);
    // Nothing comes from it any more, and its session stays.
    flashduty::PgConnection vanished(Agent::named(place, 1));
    flashduty::PgRows rows;
    assert_true(vanished.connect(soon()));
    const std::string begin =
        "BEGIN; SET LOCAL idle_in_transaction_session_timeout = 0; SELECT begin_change(" +
        std::to_string(a.lease.term()) + ")";
    assert_true(vanished.script(begin.c_str(), rows, soon()) == flashduty::PgStatus::kOk);
    // Others are left alone.
    flashduty::PgConnection other(Agent::named(place, 3));
    assert_true(other.connect(soon()));
    const auto began = std::chrono::steady_clock::now();
    LeaseRow row;
    assert_answer(b.postgres.run({Kind::kTake, {a.lease.term(), 0, 1, 10}}, "", row, soon()),
                  LeaseAnswer::kDone);
    assert_true(std::chrono::steady_clock::now() - began < std::chrono::seconds(20));
    assert_true(row.term > a.lease.term());
    assert_true(vanished.run("SELECT 1", {}, rows, soon()) != flashduty::PgStatus::kOk);
    assert_true(other.run("SELECT 1", {}, rows, soon()) == flashduty::PgStatus::kOk);
}

void a_beat_that_is_not_there_any_more_holds_back_what_is_old(void**) {
    PostgresPlace place;
    make_fleet(place);
    Agent a(place, 1, 10);
    a.step(0), a.step(0);
    SteadyMs now_ms = 0;
    for (int i = 0; i < 3; i++) {
        now_ms = a.lease.next_call_ms();
        assert_answer(a.step(now_ms), LeaseAnswer::kDone);
    }
    append(place.store(), {new_event("a")});
    assert_text(due_keys(place.store(), kNow), "a");
    // The database is restored from before.
    assert_text(place.run("UPDATE beat SET beat = 1"), "");
    assert_answer(a.step(a.lease.next_call_ms()), LeaseAnswer::kDone);
    // The tests' events are years old.
    assert_text(due_keys(place.store(), kNow), "");
    assert_text(place.run("SELECT let_go_held_back()"), "");
    assert_text(due_keys(place.store(), kNow), "a");
    // Terms that have passed are known, too.
    a.lease.let_go();
    assert_answer(a.step(a.lease.next_call_ms()), LeaseAnswer::kDone);
    Agent b(place, 2, 20);
    b.step(0), b.step(0);
    assert_text(place.run("SELECT has_beat((SELECT max(term) FROM past_term), 1000),"
                          " has_beat((SELECT term FROM beat), 0),"
                          " has_beat((SELECT term FROM beat), 5), has_beat(0, 0)"),
                "t|t|f|t");
}

void a_database_that_is_away_is_unknown(void**) {
    PostgresPlace place;
    flashduty::PgOptions options = place.options().server;
    options.conninfo = "host=/nowhere dbname=postgres";
    PostgresLease lease(options, "edge", 1, 10);
    LeaseRow row;
    assert_answer(lease.run({Kind::kLook, {}}, "", row, soon()), LeaseAnswer::kUnknown);
    assert_true(lease.error().find("/nowhere") != std::string::npos);
}

}  // namespace

int main() {
    if (!has_postgres("postgres_lease")) {
        return 0;
    }
    const std::vector<CMUnitTest> tests = {
        cmocka_unit_test(the_first_leads_at_once_and_says_so),
        cmocka_unit_test(one_that_falls_silent_is_followed_and_stays_silent),
        cmocka_unit_test(one_that_beats_is_not_followed),
        cmocka_unit_test(one_that_lets_go_is_followed_at_once),
        cmocka_unit_test(of_two_that_take_at_once_one_leads),
        cmocka_unit_test(a_settlement_under_way_is_waited_for_and_a_later_one_changes_nothing),
        cmocka_unit_test(a_leader_that_has_vanished_within_a_settlement_holds_nobody_up),
        cmocka_unit_test(a_beat_that_is_not_there_any_more_holds_back_what_is_old),
        cmocka_unit_test(a_database_that_is_away_is_unknown),
    };
    return run("postgres_lease", tests);
}
