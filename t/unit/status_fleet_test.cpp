// Figures of a fleet: what an edge's agent publishes, and how each format shows it.
#include "fleet_record.hpp"
#include "status_support.hpp"

using namespace flashduty;

namespace {

/// An edge of a fleet that began an hour ago.
struct Edge : Board {
    FleetFact fact;

    Edge() {
        fact.name = "edge-a";
        fact.server = "db1:5432";
        fact.is_up = true;
        fact.is_synchronous = true;
        fact.term = 7;
        publish_spool(stats, {}, kNow);
    }

    void publish(StatusMs now_ms = kNow) { publish_fleet(stats, fact, now_ms); }

    [[nodiscard]] StatusView view(StatusMs now_ms = kNow) {
        return view_status(arena, stats, {true, "1.2.3", "1.22.1", now_ms, nullptr, nullptr, true});
    }
    [[nodiscard]] std::string prometheus(StatusMs now_ms = kNow) {
        return std::string(write_prometheus(arena, view(now_ms)));
    }
    [[nodiscard]] std::string json(StatusMs now_ms = kNow) {
        return std::string(write_status_json(arena, view(now_ms)));
    }
    [[nodiscard]] std::string health(StatusMs now_ms = kNow) {
        return std::string(write_health(arena, health_of(arena, view(now_ms))));
    }
};

EdgeFact edge(std::string_view name, EdgeState state = EdgeState::kFleet) {
    EdgeFact fact;
    fact.name = name;
    fact.version = "1.1.0";
    fact.state = state;
    fact.seen_ms = kNow - 1'500;
    return fact;
}

// ---------------------------------------------------------------- metrics

void nothing_of_a_fleet_is_shown_where_there_is_none(void**) {
    Board board;
    assert_true(board.prometheus(true).find("flashduty_fleet") == std::string::npos);
    assert_true(board.json(kNow, true).find("fleet") == std::string::npos);
}

void an_edge_tells_of_itself(void**) {
    Edge edge;
    edge.fact.is_leader = true;
    edge.fact.local_events = 12;
    edge.fact.clock_offset_ms = -2'340;
    edge.fact.dead_rows = 99;
    edge.publish();
    const std::string text = edge.prometheus();
    for (const char* line :
         {"flashduty_fleet_up 1\n", "flashduty_fleet_mode{mode=\"fleet\"} 1\n",
          "flashduty_fleet_mode{mode=\"holding\"} 0\n", "flashduty_fleet_mode{mode=\"alone\"} 0\n",
          "flashduty_fleet_mode{mode=\"draining\"} 0\n", "flashduty_fleet_departures_total 0\n",
          "flashduty_fleet_leader 1\n", "flashduty_fleet_term 7\n",
          "flashduty_fleet_unknown_total 0\n", "flashduty_fleet_local_events 12\n",
          "flashduty_fleet_clock_offset_seconds -2.34\n",
          "flashduty_fleet_late_total{result=\"pushed\"} 0\n",
          "flashduty_fleet_late_total{result=\"superseded\"} 0\n",
          "flashduty_fleet_late_total{result=\"repaired\"} 0\n", "flashduty_fleet_synchronous 1\n",
          "flashduty_fleet_config_matches 1\n", "flashduty_fleet_dead_rows 99\n"}) {
        assert_holds(text, "\n" + std::string(line));
    }
    assert_true(text.find("mode=\"unseen\"") == std::string::npos);
    assert_true(text.find("flashduty_fleet_replicas") == std::string::npos);
}

void standbys_are_shown_where_they_are_known(void**) {
    Edge edge;
    edge.fact.knows_standbys = true;
    edge.publish();
    assert_holds(edge.prometheus(), std::string("\nflashduty_fleet_replicas 0\n"));
    assert_holds(edge.json(), R"("replicas":0,)");
    edge.fact.standbys = 2;
    edge.publish();
    assert_holds(edge.prometheus(), std::string("\nflashduty_fleet_replicas 2\n"));
}

void appends_are_counted(void**) {
    Edge edge;
    edge.publish();
    assert_holds(edge.json(), R"("append_p50":null,"append_p99":null,)");
    for (int i = 0; i < 98; i++) {
        count_append(edge.stats, 3, kNow - 4 * kMinuteMs);
    }
    count_append(edge.stats, 300, kNow);
    count_append(edge.stats, 5'000, kNow);
    count_append(edge.stats, 64'000, kNow - 5 * kMinuteMs);
    count_unknown(edge.stats);
    count_late(edge.stats, LateResult::kRepaired, 3);
    const std::string text = edge.prometheus();
    assert_holds(text, std::string("\nflashduty_fleet_append_seconds_bucket{le=\"0.002\"} 0\n"));
    assert_holds(text, std::string("\nflashduty_fleet_append_seconds_bucket{le=\"0.005\"} 98\n"));
    assert_holds(text, std::string("\nflashduty_fleet_append_seconds_bucket{le=\"0.5\"} 99\n"));
    assert_holds(text, std::string("\nflashduty_fleet_append_seconds_count 101\n"));
    assert_holds(text, std::string("\nflashduty_fleet_unknown_total 1\n"));
    assert_holds(text, std::string("\nflashduty_fleet_late_total{result=\"repaired\"} 3\n"));
    // The percentiles are those of five minutes.
    assert_holds(edge.json(), R"("append_p50":0.003,"append_p99":0.384,)");
}

void edges_are_counted_by_state(void**) {
    Edge a;
    a.publish();
    EdgeFact facts[] = {edge("a"), edge("b", EdgeState::kAlone), edge("c", EdgeState::kUnseen),
                        edge("d")};
    facts[3].drift = "its flashduty_rate is off";
    publish_edges(a.stats, facts, 4);
    const std::string text = a.prometheus();
    assert_holds(text, std::string("\nflashduty_fleet_edges{state=\"fleet\"} 2\n"));
    assert_holds(text, std::string("\nflashduty_fleet_edges{state=\"alone\"} 1\n"));
    assert_holds(text, std::string("\nflashduty_fleet_edges{state=\"unseen\"} 1\n"));
    assert_holds(text, std::string("\nflashduty_fleet_config_matches 0\n"));
    publish_edges(a.stats, facts, 1);
    assert_holds(a.prometheus(), std::string("\nflashduty_fleet_edges{state=\"alone\"} 0\n"));
    assert_holds(a.prometheus(), std::string("\nflashduty_fleet_config_matches 1\n"));
    assert_int_equal(a.view().fleet.edge_count, 1);
}

void more_edges_than_are_shown_are_counted(void**) {
    Edge a;
    a.publish();
    std::vector<std::string> names;
    for (int i = 0; i < 40; i++) {
        names.push_back("edge-" + std::to_string(i));
    }
    std::vector<EdgeFact> facts;
    for (const std::string& name : names) {
        facts.push_back(edge(name));
    }
    publish_edges(a.stats, facts.data(), facts.size());
    assert_int_equal(a.view().fleet.edge_count, kEdges);
    assert_holds(a.prometheus(), std::string("\nflashduty_fleet_edges{state=\"fleet\"} 40\n"));
}

// ---------------------------------------------------------------- modes

void a_departure_is_counted_once(void**) {
    Edge edge;
    edge.publish(kNow - 60'000);
    edge.fact.state = EdgeState::kHolding;
    edge.publish(kNow - 50'000);
    edge.fact.state = EdgeState::kAlone;
    edge.publish(kNow - 5'000);
    edge.publish(kNow);
    const std::string text = edge.prometheus();
    assert_holds(text, std::string("\nflashduty_fleet_departures_total 1\n"));
    assert_holds(text, std::string("\nflashduty_fleet_mode{mode=\"alone\"} 1\n"));
    assert_holds(edge.json(), R"("fleet":{"edge":"edge-a","mode":"alone","since":1790000035,)");
}

void an_agent_that_is_silent_leads_nobody(void**) {
    Edge edge;
    edge.fact.is_leader = true;
    edge.publish(kNow - 5'000);
    const std::string text = edge.prometheus();
    assert_holds(text, std::string("\nflashduty_fleet_leader 0\n"));
    assert_holds(text, std::string("\nflashduty_fleet_up 0\n"));
    assert_holds(edge.json(), R"("heard":false,)");
    assert_false(is_with_fleet(edge.view()));
    assert_true(is_with_fleet(edge.view(kNow - 1'000)));
}

// ---------------------------------------------------------------- JSON

void every_edge_has_its_line(void**) {
    Edge a;
    a.publish();
    EdgeFact facts[] = {edge("b", EdgeState::kUnseen), edge("a")};
    facts[0].revision = "rev \"7\"";
    facts[0].drift = "it has no location /flashduty";
    facts[0].local_events = 3;
    facts[1].is_leader = true;
    publish_edges(a.stats, facts, 2);
    assert_holds(
        a.json(),
        R"("edges":[{"edge":"a","mode":"fleet","leader":true,"version":"1.1.0","revision":"",)"
        R"("local_events":0,"seen_seconds":1.5,"drift":""},{"edge":"b","mode":"unseen",)"
        R"("leader":false,"version":"1.1.0","revision":"rev \"7\"","local_events":3,)"
        R"("seen_seconds":1.5,"drift":"it has no location /flashduty"}])");
}

void the_database_is_described(void**) {
    Edge edge;
    edge.publish(kNow - 9'000);
    edge.fact.is_up = false;
    edge.fact.reason = "connection refused";
    edge.publish(kNow - 3'000);
    assert_holds(edge.json(),
                 R"("database":"db1:5432","up":false,"up_since":1790000037,"synchronous":true,)");
    assert_holds(edge.json(), R"("reason":"connection refused","trouble":"","edges":[])");
}

// ---------------------------------------------------------------- health

void an_edge_with_its_fleet_delivers(void**) {
    Edge edge;
    edge.publish();
    assert_text(edge.health(), "{\"state\":\"delivering\",\"since\":1789996440}\n");
    assert_true(is_with_fleet(edge.view()));
}

void one_that_waits_for_the_database_spools(void**) {
    Edge edge;
    edge.publish(kNow - 60'000);
    edge.fact.state = EdgeState::kHolding;
    edge.fact.is_up = false;
    edge.fact.reason = "db1: connection refused";
    edge.publish(kNow - 3'000);
    assert_text(edge.health(),
                "{\"state\":\"spooling\",\"reason\":\"the fleet's database is away: db1: "
                "connection refused\",\"since\":1790000037}\n");
    assert_false(is_with_fleet(edge.view()));
}

void one_that_is_alone_delivers_and_says_so(void**) {
    Edge edge;
    edge.fact.state = EdgeState::kAlone;
    edge.fact.is_up = false;
    edge.fact.trouble = "another edge is called edge-a";
    edge.publish(kNow);
    assert_text(edge.health(),
                "{\"state\":\"delivering\",\"reason\":\"this edge works alone: another edge is "
                "called edge-a\",\"since\":1790000040}\n");
}

void both_are_said_when_a_target_is_away_too(void**) {
    Edge edge;
    edge.fact.state = EdgeState::kAlone;
    edge.publish(kNow);
    TargetFact target;
    target.name = {"", "/flashduty"};
    target.is_away = true;
    target.since_ms = kNow - 7'000;
    target.reason = "Flashduty answered 503";
    publish_targets(edge.stats, &target, 1, kNow - kHourMs, kNow);
    assert_text(edge.health(),
                "{\"state\":\"spooling\",\"reason\":\"this edge works alone; Flashduty answered "
                "503\",\"since\":1790000033}\n");
}

void one_that_hands_over_is_not_with_the_fleet_yet(void**) {
    Edge edge;
    edge.fact.state = EdgeState::kDraining;
    edge.publish(kNow);
    assert_holds(edge.health(), R"({"state":"spooling","reason":"this edge hands over)");
    assert_false(is_with_fleet(edge.view()));
}

void a_database_that_has_just_failed_is_named(void**) {
    Edge edge;
    edge.publish(kNow - 60'000);
    edge.fact.is_up = false;
    edge.fact.reason = "timeout";
    edge.publish(kNow);
    assert_text(edge.health(),
                "{\"state\":\"delivering\",\"reason\":\"the fleet's database is away: "
                "timeout\",\"since\":1790000040}\n");
}

void one_that_is_cut_off_is_not_with_the_fleet_before_an_alert_tells_it(void**) {
    Edge edge;
    edge.fact.is_up = false;
    edge.publish();
    assert_false(is_with_fleet(edge.view()));
}

}  // namespace

int main() {
    const std::vector<CMUnitTest> tests = {
        cmocka_unit_test(nothing_of_a_fleet_is_shown_where_there_is_none),
        cmocka_unit_test(an_edge_tells_of_itself),
        cmocka_unit_test(standbys_are_shown_where_they_are_known),
        cmocka_unit_test(appends_are_counted),
        cmocka_unit_test(edges_are_counted_by_state),
        cmocka_unit_test(more_edges_than_are_shown_are_counted),
        cmocka_unit_test(a_departure_is_counted_once),
        cmocka_unit_test(an_agent_that_is_silent_leads_nobody),
        cmocka_unit_test(every_edge_has_its_line),
        cmocka_unit_test(the_database_is_described),
        cmocka_unit_test(an_edge_with_its_fleet_delivers),
        cmocka_unit_test(one_that_waits_for_the_database_spools),
        cmocka_unit_test(one_that_is_alone_delivers_and_says_so),
        cmocka_unit_test(both_are_said_when_a_target_is_away_too),
        cmocka_unit_test(one_that_hands_over_is_not_with_the_fleet_yet),
        cmocka_unit_test(a_database_that_has_just_failed_is_named),
        cmocka_unit_test(one_that_is_cut_off_is_not_with_the_fleet_before_an_alert_tells_it),
    };
    return run("status_fleet", tests);
}
