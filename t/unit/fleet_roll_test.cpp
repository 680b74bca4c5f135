// Roll of a fleet: edges that register, report, drift apart and go.
#include "fleet_roll.hpp"

#include "postgres_place.hpp"

using flashduty::EdgeMode;
using flashduty::EdgeReport;
using flashduty::EdgeSetup;
using flashduty::EventLedger;
using flashduty::Fleet;
using flashduty::FleetReport;
using flashduty::FleetRoll;
using flashduty::PostgresStore;
using flashduty::Rate;
using flashduty::RollAnswer;
using flashduty::RollEdge;

namespace {

EdgeSetup setup_of(std::string gateway = "1.1.0") {
    EdgeSetup setup;
    setup.gateway = std::move(gateway);
    setup.nginx = "1.22.1";
    setup.version = "4f2c";
    setup.rate = {100, 1000};
    setup.max_size_bytes = 1 << 30;
    setup.max_age_ms = 24 * kHour;
    setup.dead_age_ms = 30 * 24 * kHour;
    setup.lease_ms = 5 * kSecond;
    setup.alone_after_ms = 45 * kSecond;
    setup.locations = {{"*:80 gateway", "/flashduty"}, {"*:80 gateway", "/other"}};
    return setup;
}

/// An agent of an edge, with a store of its own.
struct Agent {
    Agent(const PostgresPlace& place, const std::string& edge, const std::string& spool,
          std::int64_t token)
        : store(place.options()), roll(store, edge, spool, token) {}

    RollAnswer join(const EdgeSetup& setup = setup_of()) {
        RollAnswer answer = RollAnswer::kGone;
        assert_status(roll.register_edge(setup, answer), kOk);
        return answer;
    }
    RollAnswer report(const EdgeReport& state = {}) {
        RollAnswer answer = RollAnswer::kGone;
        assert_status(roll.report(state, answer), kOk);
        return answer;
    }
    Fleet read() {
        Fleet fleet;
        assert_status(roll.read(fleet), kOk);
        return fleet;
    }

    PostgresStore store;
    FleetRoll roll;
};

void assert_answer(RollAnswer answer, RollAnswer expected) {
    assert_int_equal(static_cast<int>(answer), static_cast<int>(expected));
}

void not_seen_for_a_while(PostgresPlace& place, const std::string& edge, std::int64_t ms) {
    assert_text(place.run("UPDATE edge SET seen_ms = now_ms() - " + std::to_string(ms) +
                          " WHERE edge = '" + edge + "'"),
                "");
}

void an_edge_that_reports_is_on_the_roll(void**) {
    PostgresPlace place;
    Agent a(place, "a", "spool-a", 1), b(place, "b", "spool-b", 2);
    assert_answer(a.report(), RollAnswer::kGone);
    assert_answer(a.join(), RollAnswer::kDone);
    assert_answer(b.join(), RollAnswer::kDone);
    EdgeReport state;
    state.mode = EdgeMode::kDraining;
    state.is_empty = false;
    state.local_events = 7;
    state.local_age_ms = kMinute;
    state.local_dead = 2;
    state.append_p99_ms = 12;
    state.unknown = 3;
    assert_answer(b.report(state), RollAnswer::kDone);
    assert_int_equal(b.roll.edges(), 2);
    const Fleet fleet = a.read();
    assert_int_equal(fleet.edges.size(), 2);
    const RollEdge& edge = fleet.edges[1];
    assert_text(edge.name, "b");
    assert_text(edge.spool_id, "spool-b");
    assert_true(edge.is_seen && !edge.is_leader && edge.seen_ago_ms < 30 * kSecond);
    assert_true(edge.state.mode == EdgeMode::kDraining && !edge.state.is_empty);
    assert_int_equal(edge.state.local_events, 7);
    assert_int_equal(edge.state.local_age_ms, kMinute);
    assert_int_equal(edge.state.local_dead, 2);
    assert_int_equal(edge.state.append_p99_ms, 12);
    assert_int_equal(edge.state.unknown, 3);
    assert_text(edge.setup.gateway, "1.1.0");
    assert_true(edge.setup.locations == setup_of().locations);
    assert_int_equal(edge.setup.rate.per_minute, 1000);
    assert_int_equal(edge.drift.size(), 0);
    assert_true(fleet.database.version.find("1") == 0);
    assert_false(fleet.database.is_synchronous);
    assert_int_equal(fleet.database.replicas, 0);
    assert_true(fleet.database.dead_rows >= 0);
    assert_true(!fleet.database.host.empty());
    // The next report tells how far apart the clocks are: the tests live years before.
    assert_answer(b.report(), RollAnswer::kDone);
    assert_true(a.read().edges[1].state.clock_offset_ms > 365 * 24 * kHour);
}

void of_two_edges_with_one_name_the_first_has_it(void**) {
    PostgresPlace place;
    Agent first(place, "a", "spool-1", 1), second(place, "a", "spool-2", 2);
    assert_answer(first.join(), RollAnswer::kDone);
    assert_answer(second.join(), RollAnswer::kTaken);
    assert_true(second.roll.error().find("another gateway is edge \"a\"") == 0);
    assert_answer(first.report(), RollAnswer::kDone);
    assert_answer(second.report(), RollAnswer::kTaken);
    // A machine in the place of another.
    not_seen_for_a_while(place, "a", flashduty::kSeenMs + 1);
    assert_answer(second.join(), RollAnswer::kDone);
    assert_answer(first.report(), RollAnswer::kTaken);
    assert_answer(first.join(), RollAnswer::kTaken);
}

void a_reload_keeps_the_name_and_a_copied_spool_does_not_take_it_in_turns(void**) {
    PostgresPlace place;
    Agent before(place, "a", "spool", 1), after(place, "a", "spool", 2);
    assert_answer(before.join(), RollAnswer::kDone);
    // The next agent of the spool: it has its lock, so the one before it is gone.
    assert_answer(after.join(), RollAnswer::kDone);
    // Or it lives on another machine, with a copy of the spool.
    assert_answer(before.report(), RollAnswer::kTaken);
    assert_answer(before.join(), RollAnswer::kTaken);
    assert_answer(after.report(), RollAnswer::kDone);
}

void what_is_not_alike_is_said(void**) {
    PostgresPlace place;
    Agent a(place, "a", "spool-a", 1), b(place, "b", "spool-b", 2), c(place, "c", "spool-c", 3);
    assert_answer(a.join(), RollAnswer::kDone);
    assert_answer(c.join(), RollAnswer::kDone);
    EdgeSetup other = setup_of("1.2.0");
    other.nginx = "1.28.0";
    other.rate.per_minute = 500;
    other.max_age_ms = kHour;
    other.locations = {{"*:80 gateway", "/new"}, {"*:80 gateway", "/flashduty"}};
    assert_answer(b.join(other), RollAnswer::kDone);
    // The leader's is the configuration that counts.
    assert_text(place.run("UPDATE term SET edge = 'c'"), "");
    const Fleet fleet = a.read();
    assert_true(fleet.edges[2].is_leader);
    assert_text(fleet.leader, "c");
    assert_int_equal(fleet.edges[0].drift.size(), 0);
    const std::vector<std::string> expected = {
        "gateway is \"1.2.0\", on c \"1.1.0\"",
        "flashduty_rate is 100r/s 500r/m, on c 100r/s 1000r/m",
        "max_age is 1h, on c 24h",
        "lacks location \"/other\" of server \"*:80 gateway\"",
        "has location \"/new\" of server \"*:80 gateway\", which c lacks",
    };
    assert_true(fleet.edges[1].drift == expected);
}

void an_edge_that_is_gone_is_forgotten_but_none_that_lives(void**) {
    PostgresPlace place;
    Agent a(place, "a", "spool-a", 1), b(place, "b", "spool-b", 2);
    a.join(), b.join();
    const auto forget = [&a](std::int64_t& seen_ago_ms) {
        auto forgotten = EventLedger::Forgotten::kUnknown;
        assert_status(a.store.ledger()->forget_edge("b", forgotten, seen_ago_ms), kOk);
        return forgotten;
    };
    std::int64_t seen_ago_ms = -1;
    assert_true(forget(seen_ago_ms) == EventLedger::Forgotten::kLives);
    assert_true(seen_ago_ms >= 0 && seen_ago_ms < kMinute);
    not_seen_for_a_while(place, "b", kMinute);
    assert_false(a.read().edges[1].is_seen);
    assert_true(forget(seen_ago_ms) == EventLedger::Forgotten::kDone);
    assert_true(forget(seen_ago_ms) == EventLedger::Forgotten::kUnknown);
    assert_int_equal(a.read().edges.size(), 1);
    // It comes back after all.
    assert_answer(b.report(), RollAnswer::kGone);
    assert_answer(b.join(), RollAnswer::kDone);
}

void the_leader_tells_all_how_the_fleet_is(void**) {
    PostgresPlace place;
    Agent a(place, "a", "spool-a", 1), b(place, "b", "spool-b", 2);
    assert_int_equal(b.read().figures_age_ms, -1);
    FleetReport figures;
    figures.waiting = 12;
    figures.dead = 3;
    figures.used_bytes = 4096;
    figures.oldest_age_ms = kMinute;
    figures.is_full = true;
    figures.targets = {{"*:80 gateway", "/flashduty", true, "", 11},
                       {"*:80 gateway", "/other", false, "HTTP \"503\", \\ away", 1}};
    a.store.set_term(1);
    assert_status(a.roll.write_figures(figures), kOk);
    const Fleet fleet = b.read();
    assert_true(fleet.figures_age_ms >= 0 && fleet.figures_age_ms < 30 * kSecond);
    assert_int_equal(fleet.figures.waiting, 12);
    assert_int_equal(fleet.figures.dead, 3);
    assert_int_equal(fleet.figures.used_bytes, 4096);
    assert_int_equal(fleet.figures.oldest_age_ms, kMinute);
    assert_true(fleet.figures.is_full);
    assert_int_equal(fleet.figures.targets.size(), 2);
    assert_true(fleet.figures.targets[0].is_up);
    assert_text(fleet.figures.targets[1].reason, "HTTP \"503\", \\ away");
    assert_int_equal(fleet.figures.targets[1].waiting, 1);
    // A leader of an old term says nothing any more.
    assert_text(place.run("UPDATE term SET term = 2"), "");
    assert_status(a.roll.write_figures({}), kFailed);
    assert_int_equal(b.read().figures.waiting, 12);
}

void an_edge_notices_that_the_database_has_gone_back(void**) {
    PostgresPlace place;
    Agent a(place, "a", "spool-a", 1), b(place, "b", "spool-b", 2);
    a.join(), b.join();
    assert_text(place.run("UPDATE beat SET term = 100, beat = 50; UPDATE term SET term = 100"), "");
    append(a.store, {new_event("old")});
    a.report(), b.report();
    assert_true(a.roll.point().term == 100 && a.roll.point().beat == 50);
    a.report();
    assert_false(a.roll.take_gone_back());
    assert_text(place.run("UPDATE beat SET beat = 49"), "");
    // An edge that was away keeps what it knows, over restarts too.
    Agent again(place, "a", "spool-a", 3);
    again.join();
    again.roll.remember(a.roll.point());
    again.report();
    assert_true(again.roll.take_gone_back());
    assert_false(again.roll.take_gone_back());
    assert_text(due_keys(a.store, kNow), "");
    assert_int_equal(again.read().database.held_back, 1);
    assert_status(again.roll.let_go_held_back(), kOk);
    assert_text(due_keys(a.store, kNow), "old");
    again.report();
    assert_false(again.roll.take_gone_back());
}

void those_who_push_alone_are_counted_and_share_the_rate(void**) {
    std::vector<RollEdge> edges(4);
    for (RollEdge& edge : edges) {
        edge.setup = setup_of();
    }
    edges[1].state.mode = EdgeMode::kAlone;
    edges[2].seen_ago_ms = 41 * kSecond;
    edges[3].seen_ago_ms = 30 * kSecond;
    assert_int_equal(flashduty::count_alone(edges), 2);
    // One that gives the database up sooner is missed sooner.
    edges[3].setup.alone_after_ms = 5 * kSecond;
    edges[3].seen_ago_ms = 2 * kSecond;
    assert_int_equal(flashduty::count_alone(edges), 2);
    edges[3].seen_ago_ms = 3 * kSecond;
    assert_int_equal(flashduty::count_alone(edges), 3);
    const Rate half = flashduty::share_of({100, 1000}, 2, 4);
    assert_int_equal(half.per_second, 50);
    assert_int_equal(half.per_minute, 500);
    const Rate least = flashduty::share_of({1, 0}, 1, 4);
    assert_int_equal(least.per_second, 1);
    assert_int_equal(least.per_minute, 0);
    assert_int_equal(flashduty::share_of({100, 1000}, 0, 3).per_second, 1);
    assert_int_equal(flashduty::share_of({100, 1000}, 1, 0).per_second, 100);
}

}  // namespace

int main() {
    if (!has_postgres("fleet_roll")) {
        return 0;
    }
    const std::vector<CMUnitTest> tests = {
        cmocka_unit_test(an_edge_that_reports_is_on_the_roll),
        cmocka_unit_test(of_two_edges_with_one_name_the_first_has_it),
        cmocka_unit_test(a_reload_keeps_the_name_and_a_copied_spool_does_not_take_it_in_turns),
        cmocka_unit_test(what_is_not_alike_is_said),
        cmocka_unit_test(an_edge_that_is_gone_is_forgotten_but_none_that_lives),
        cmocka_unit_test(the_leader_tells_all_how_the_fleet_is),
        cmocka_unit_test(an_edge_notices_that_the_database_has_gone_back),
        cmocka_unit_test(those_who_push_alone_are_counted_and_share_the_rate),
    };
    return run("fleet_roll", tests);
}
