// Events that come late from an edge that was alone, and what it has pushed meanwhile: the last
// word on each key is the one that Flashduty has at the end.
#include "postgres_place.hpp"

using flashduty::BatchId;
using flashduty::DeadLetter;
using flashduty::PostgresStore;
using flashduty::PushedAlone;

namespace {

/// An event of a key that is BlueKing's own id.
NewEvent own_event(const std::string& key, const std::string& status, UnixMs accepted_ms = kNow) {
    NewEvent event = new_event(key, status, accepted_ms);
    event.variables = R"({"type":"x","event_id":")" + key + R"(","dimensions":{}})";
    return event;
}

NewEvent hashed_event(const std::string& key, const std::string& status, UnixMs accepted_ms) {
    return new_event("blueking:" + key, status, accepted_ms);
}

/// A place with a leader, and an edge that was alone.
struct Fleet {
    PostgresPlace place;
    PostgresStore leader{place.options()};
    PostgresStore edge{place.options()};
    std::int64_t local_id = 0;

    Fleet() { leader.set_term(1); }

    /// Drains as the edge does; gives what was superseded.
    std::vector<DeadLetter> drain(const std::vector<NewEvent>& events) {
        std::vector<DeadLetter> late;
        std::vector<Appended> appended;
        local_id += static_cast<std::int64_t>(events.size());
        assert_status(edge.drain({PostgresStore::drain_writer("a", "spool-a"), local_id}, events,
                                 appended, late),
                      kOk);
        assert_int_equal(appended.size(), events.size());
        return late;
    }
    std::vector<DeadLetter> report(const NewEvent& event, UnixMs pushed_ms,
                                   bool is_certain = true) {
        std::vector<DeadLetter> dead;
        assert_status(edge.report_alone("a", {PushedAlone{event, pushed_ms, is_certain}}, dead),
                      kOk);
        return dead;
    }
    /// Delivers what is due, and gives it as `key:status`, in its order.
    std::string deliver_all() {
        std::string delivered;
        for (auto events = due(leader, kNow + kHour); !events.empty();
             events = due(leader, kNow + kHour)) {
            for (const DueEvent& event : events) {
                delivered +=
                    (delivered.empty() ? "" : " ") + event.alert_key + ":" + event.event_status;
                deliver(leader, event);
            }
        }
        return delivered;
    }
    /// Events that the next tending sends again.
    std::string repaired(const Ids& busy = {}) {
        (void)expire(leader, kNow, busy);
        return deliver_all();
    }
};

void a_late_trigger_whose_alert_is_over_is_not_sent_but_its_end_again(void**) {
    Fleet fleet;
    append(fleet.leader, {own_event("a", "Ok")});
    assert_text(fleet.deliver_all(), "a:Ok");
    // Whatever the clocks say: a new firing would have a new id.
    const auto late =
        fleet.drain({own_event("a", "Critical", kNow + kHour), own_event("b", "Info")});
    assert_int_equal(late.size(), 1);
    assert_text(late[0].alert_key, "a");
    assert_text(late[0].reason, "it came late: a newer event of its key was delivered");
    assert_text(fleet.deliver_all(), "b:Info");
    assert_text(fleet.place.run("SELECT alert_key, state FROM dead_letters"), "a|superseded");
    assert_text(fleet.repaired(), "a:Ok");
    assert_text(fleet.repaired(), "");
    assert_text(fleet.place.run(PostgresPlace::kIsSound), PostgresPlace::kSound);
}

void of_a_hashed_key_the_times_decide(void**) {
    Fleet fleet;
    append(fleet.leader, {hashed_event("a", "Ok", kNow), hashed_event("b", "Ok", kNow)});
    assert_text(fleet.deliver_all(), "blueking:a:Ok blueking:b:Ok");
    const auto late = fleet.drain(
        {hashed_event("a", "Warning", kNow - 1), hashed_event("b", "Warning", kNow + 1)});
    assert_int_equal(late.size(), 1);
    assert_text(fleet.deliver_all(), "blueking:b:Warning");
    assert_text(fleet.repaired(), "blueking:a:Ok");
}

void a_late_end_goes_unless_the_alert_has_begun_anew(void**) {
    Fleet fleet;
    append(fleet.leader, {own_event("own", "Warning", kNow + kHour),
                          hashed_event("a", "Warning", kNow), hashed_event("b", "Warning", kNow)});
    (void)fleet.deliver_all();
    // Two clocks are not compared to the millisecond.
    const auto late =
        fleet.drain({own_event("own", "Ok", kNow), hashed_event("a", "Ok", kNow - 1'000),
                     hashed_event("b", "Ok", kNow - kMinute)});
    assert_int_equal(late.size(), 1);
    assert_text(late[0].alert_key, "blueking:b");
    assert_text(fleet.deliver_all(), "blueking:a:Ok own:Ok");
    assert_text(fleet.repaired(), "blueking:b:Warning");
}

void a_late_event_that_waits_is_superseded_by_the_end_before_it(void**) {
    Fleet fleet;
    append(fleet.leader, {own_event("a", "Ok"), hashed_event("b", "Critical", kNow)});
    (void)fleet.drain({own_event("a", "Critical"), hashed_event("b", "Info", kNow - kMinute),
                       own_event("a", "Warning")});
    assert_int_equal(size_of(fleet.leader).waiting, 5);
    deliver(fleet.leader, due_of(fleet.leader, "a"));
    const std::vector<DeadLetter> late = fleet.leader.take_late();
    assert_int_equal(late.size(), 2);
    assert_text(late[0].alert_key, "a");
    assert_text(fleet.deliver_all(), "blueking:b:Critical");
    assert_int_equal(fleet.leader.take_late().size(), 1);
    assert_text(fleet.repaired(), "a:Ok blueking:b:Critical");
    assert_text(fleet.place.run(PostgresPlace::kIsSound), PostgresPlace::kSound);
}

void an_alert_that_an_edge_opened_alone_after_its_end_is_closed_again(void**) {
    Fleet fleet;
    append(fleet.leader, {own_event("a", "Ok"), hashed_event("b", "Ok", kNow)});
    (void)fleet.deliver_all();
    assert_int_equal(fleet.report(own_event("a", "Critical", kNow - 1), kNow + kMinute).size(), 0);
    (void)fleet.report(hashed_event("b", "Critical", kNow - 1), kNow + kMinute);
    // A report may be repeated.
    (void)fleet.report(hashed_event("b", "Critical", kNow - 1), kNow + kMinute);
    assert_text(fleet.repaired(), "a:Ok blueking:b:Ok");
    assert_text(fleet.repaired(), "");
}

void what_an_edge_delivered_alone_supersedes_what_waited_here(void**) {
    Fleet fleet;
    append(fleet.leader, {own_event("a", "Critical", kNow), own_event("b", "Critical", kNow),
                          own_event("a", "Warning", kNow + 1)});
    const DueEvent under_way = due_of(fleet.leader, "a", kNow + kHour);
    const auto dead = fleet.report(own_event("a", "Ok", kNow + kMinute), kNow + 2 * kMinute);
    assert_int_equal(dead.size(), 2);
    assert_true(dead[0].reason.find("edge \"a\" alone") != std::string::npos);
    // The leader pushes one of them at the moment: what ends the alert follows behind.
    assert_text(fleet.repaired({under_way.event_id}), "b:Critical");
    deliver(fleet.leader, under_way);
    assert_text(fleet.repaired(), "a:Ok");
    // A late event is compared with it, too.
    assert_int_equal(fleet.drain({own_event("a", "Info", kNow)}).size(), 1);
    assert_text(fleet.repaired(), "a:Ok");
    assert_text(fleet.place.run(PostgresPlace::kIsSound), PostgresPlace::kSound);
}

void an_older_event_that_left_here_after_the_edges_own_is_sent_again(void**) {
    Fleet fleet;
    PostgresStore& leader = fleet.leader;
    append(leader, {own_event("a", "Critical", kNow)});
    (void)fleet.deliver_all();
    // It was delivered by the database's clock, years later than the edge's by the tests'.
    (void)fleet.report(own_event("a", "Ok", kNow + kMinute), kNow + 2 * kMinute);
    assert_text(fleet.repaired(), "a:Ok");
    // The edge's came last.
    append(leader, {own_event("b", "Critical", kNow)});
    (void)fleet.deliver_all();
    (void)fleet.report(own_event("b", "Ok", kNow + kMinute), kNow * 2);
    assert_text(fleet.repaired(), "");
}

void what_may_have_been_delivered_supersedes_nothing(void**) {
    Fleet fleet;
    append(fleet.leader, {own_event("a", "Ok"), own_event("b", "Critical")});
    (void)fleet.report(own_event("b", "Ok", kNow + kMinute), kNow, false);
    assert_text(fleet.deliver_all(), "a:Ok b:Critical");
    (void)fleet.report(own_event("a", "Critical"), kNow, false);
    assert_text(fleet.repaired(), "a:Ok");
    (void)fleet.drain({own_event("b", "Ok", kNow + kMinute)});
    assert_text(fleet.deliver_all(), "b:Ok");
}

void what_waits_is_a_later_word_than_what_is_to_be_sent_again(void**) {
    Fleet fleet;
    append(fleet.leader, {hashed_event("a", "Ok", kNow)});
    (void)fleet.deliver_all();
    (void)fleet.drain({hashed_event("a", "Critical", kNow - kMinute)});
    append(fleet.leader, {hashed_event("a", "Warning", kNow + kMinute)});
    // The repair waits for it, and says what it said.
    assert_text(fleet.repaired(), "blueking:a:Warning");
    assert_text(fleet.repaired(), "blueking:a:Warning");
    assert_text(fleet.repaired(), "");
}

void a_batch_is_drained_once_and_a_crash_between_is_found(void**) {
    Fleet fleet;
    const std::string writer = PostgresStore::drain_writer("a", "spool-a");
    std::int64_t batch = -1;
    assert_status(fleet.edge.last_batch(writer, batch), kOk);
    assert_int_equal(batch, 0);
    (void)fleet.drain({own_event("a", "Critical"), own_event("b", "Critical")});
    assert_status(fleet.edge.last_batch(writer, batch), kOk);
    assert_int_equal(batch, 2);
    std::vector<Appended> appended;
    std::vector<DeadLetter> late;
    assert_status(fleet.edge.drain({writer, 2}, {own_event("a", "Critical")}, appended, late), kOk);
    assert_true(appended.empty());
    assert_int_equal(size_of(fleet.leader).waiting, 2);
}

void last_words_are_kept_until_every_edge_was_empty_after_them(void**) {
    Fleet fleet;
    PostgresPlace& place = fleet.place;
    append(fleet.leader, {own_event("a", "Ok")});
    (void)fleet.deliver_all();
    const auto kept = [&](UnixMs now_ms) {
        (void)expire(fleet.leader, now_ms);
        return place.run("SELECT count(*) FROM last_delivered");
    };
    const auto sql = [](UnixMs ms) { return std::to_string(ms); };
    assert_text(place.run("UPDATE last_delivered SET delivered_ms = " + sql(kNow - kHour)), "");
    assert_text(place.run("INSERT INTO edge (edge, spool_id, token, registered_ms, seen_ms,"
                          " empty_ms) VALUES ('a', '', 1, 0, 0, " +
                          sql(kNow - kHour + kMinute) + "), ('b', '', 1, 0, 0, " + sql(kNow) + ")"),
                "");
    assert_text(kept(kNow), "1");
    assert_text(place.run("UPDATE edge SET empty_ms = empty_ms + 1"), "");
    assert_text(kept(kNow + kMinute), "0");
}

}  // namespace

int main() {
    if (!has_postgres("fleet_late")) {
        return 0;
    }
    const std::vector<CMUnitTest> tests = {
        cmocka_unit_test(a_late_trigger_whose_alert_is_over_is_not_sent_but_its_end_again),
        cmocka_unit_test(of_a_hashed_key_the_times_decide),
        cmocka_unit_test(a_late_end_goes_unless_the_alert_has_begun_anew),
        cmocka_unit_test(a_late_event_that_waits_is_superseded_by_the_end_before_it),
        cmocka_unit_test(an_alert_that_an_edge_opened_alone_after_its_end_is_closed_again),
        cmocka_unit_test(what_an_edge_delivered_alone_supersedes_what_waited_here),
        cmocka_unit_test(an_older_event_that_left_here_after_the_edges_own_is_sent_again),
        cmocka_unit_test(what_may_have_been_delivered_supersedes_nothing),
        cmocka_unit_test(what_waits_is_a_later_word_than_what_is_to_be_sent_again),
        cmocka_unit_test(a_batch_is_drained_once_and_a_crash_between_is_found),
        cmocka_unit_test(last_words_are_kept_until_every_edge_was_empty_after_them),
    };
    return run("fleet_late", tests);
}
