// The local spool of a fleet's edge: the bit that makes all workers agree, batches that keep their
// names, and what is reported of events that were delivered from it.
#include "local_spool.hpp"

#include "store_support.hpp"

using flashduty::AloneEvent;
using flashduty::BatchId;
using flashduty::DeliveredKey;
using flashduty::Fate;
using flashduty::LocalBatch;
using flashduty::LocalState;

namespace {

struct Edge {
    TempFolder folder;
    SqliteStore store{of_fleet(options_of(folder)), true};

    static SqliteStoreOptions of_fleet(SqliteStoreOptions options) {
        options.is_of_fleet = true;
        return options;
    }

    LocalState state() {
        LocalState state;
        assert_status(store.look(state), kOk);
        return state;
    }
    /// Writes events down locally; false when the edge is not local any more.
    bool append(const std::vector<NewEvent>& events, bool only_if_local = false,
                const BatchId& id = {}) {
        std::vector<Appended> appended;
        bool is_written = false;
        assert_status(store.append_local(events, id, only_if_local, appended, is_written), kOk);
        assert_int_equal(appended.size(), is_written ? events.size() : 0);
        return is_written;
    }
    LocalBatch first(const std::string& writer, std::int64_t number) {
        LocalBatch batch;
        assert_status(store.first_batch({writer, number}, batch), kOk);
        return batch;
    }
    /// True while the edge is local.
    bool moved(const LocalBatch& batch, const Ids& unfit = {}) {
        bool is_local = false;
        assert_status(store.moved(batch, unfit, is_local), kOk);
        return is_local;
    }
    void deliver(const std::string& key) {
        for (const DueEvent& event : due(store, kNow)) {
            if (event.alert_key == key) {
                Settlement settlement;
                settlement.event_id = event.event_id;
                settlement.alert_id = event.alert_id;
                settlement.fate = Fate::kDelivered;
                settlement.settled_ms = kNow;
                assert_status(store.settle({settlement}), kOk);
            }
        }
    }
    std::vector<AloneEvent> alone(bool with_waiting = false) {
        std::vector<AloneEvent> events;
        assert_status(store.pushed_alone(with_waiting, 100, events), kOk);
        return events;
    }
    std::string run(const std::string& sql) { return in_shell(folder.spool(), sql); }
};

std::string keys_in(const LocalBatch& batch) {
    std::string keys;
    for (const NewEvent& event : batch.events) {
        keys += (keys.empty() ? "" : " ") + event.alert_key;
    }
    return keys;
}

std::string name_of(const LocalBatch& batch) {
    return batch.id.writer + " " + std::to_string(batch.id.batch);
}

void a_new_spool_is_not_local(void**) {
    Edge edge;
    const LocalState state = edge.state();
    assert_false(state.is_local);
    assert_false(state.owes_report);
    assert_int_equal(state.spool_id.size(), 16);
    assert_false(edge.append({new_event("a")}, true));
    assert_int_equal(edge.state().waiting, 0);
}

void who_cannot_write_to_the_database_makes_all_others_local(void**) {
    Edge edge;
    assert_true(edge.append({new_event("a")}));
    assert_true(edge.state().is_local);
    assert_true(edge.append({new_event("b")}, true));
    assert_int_equal(edge.state().waiting, 2);
}

void what_waited_before_there_was_a_fleet_is_local(void**) {
    Edge edge;
    (void)append(edge.store, {new_event("a")});
    assert_true(edge.state().is_local);
    assert_true(edge.append({new_event("b")}, true));
    assert_text(keys_in(edge.first("w", 1)), "a b");
}

void batches_move_in_order_and_keep_their_names(void**) {
    Edge edge;
    edge.append({new_event("a")});
    edge.append({new_event("b"), new_event("c")}, false, {"lost", 7});
    edge.append({new_event("d")});

    LocalBatch batch = edge.first("w", 1);
    assert_text(keys_in(batch) + " " + name_of(batch), "a w 1");
    // Asked for again, it is the same: what has come meanwhile is not in it.
    edge.append({new_event("e")});
    batch = edge.first("w", 2);
    assert_text(keys_in(batch) + " " + name_of(batch), "a w 1");
    assert_text(batch.events[0].body, R"({"type":"x"})");
    assert_true(edge.moved(batch));

    batch = edge.first("w", 3);
    assert_text(keys_in(batch) + " " + name_of(batch), "b c lost 7");
    assert_true(edge.moved(batch));
    batch = edge.first("w", 4);
    assert_text(keys_in(batch) + " " + name_of(batch), "d e w 4");
    assert_false(edge.moved(batch));
    assert_false(edge.state().is_local);
    assert_text(edge.run("SELECT count(*) FROM batch"), "0");
    assert_true(edge.first("w", 5).events.empty());
}

void an_event_that_came_while_the_last_one_moved_keeps_the_edge_local(void**) {
    Edge edge;
    edge.append({new_event("a")});
    const LocalBatch batch = edge.first("w", 1);
    assert_true(edge.append({new_event("b")}, true));
    assert_true(edge.moved(batch));
    assert_false(edge.moved(edge.first("w", 2)));
    assert_false(edge.append({new_event("c")}, true));
}

void an_empty_spool_stays_local_until_somebody_looks(void**) {
    Edge edge;
    edge.append({new_event("a")});
    edge.deliver("a");
    assert_int_equal(edge.state().waiting, 0);
    assert_true(edge.state().is_local);
    assert_false(edge.moved({}));
    assert_false(edge.state().is_local);
}

void what_the_database_cannot_hold_stays(void**) {
    Edge edge;
    edge.append({new_event("a"), new_event("b"), new_event("c")});
    const LocalBatch batch = edge.first("w", 1);
    assert_false(edge.moved(batch, {batch.event_ids[1]}));
    const LocalState state = edge.state();
    assert_false(state.is_local);
    assert_int_equal(state.waiting, 1);
    assert_int_equal(state.unfit, 1);
    assert_true(edge.first("w", 2).events.empty());
    assert_text(keys_of(due(edge.store, kNow)), "b");
    edge.deliver("b");
    assert_false(edge.moved({}));
    assert_int_equal(edge.state().unfit, 0);
}

void what_was_delivered_is_kept_until_it_is_reported(void**) {
    Edge edge;
    assert_status(edge.store.begin_alone(), kOk);
    assert_true(edge.state().owes_report);
    edge.append({new_event("a", "Critical"), new_event("b", "Ok")});
    edge.deliver("a");
    edge.deliver("b");
    edge.append({new_event("a", "Ok", kNow + 1)});
    edge.deliver("a");
    std::vector<AloneEvent> alone = edge.alone();
    assert_int_equal(alone.size(), 2);
    assert_text(alone[0].event.alert_key + " " + alone[0].event.event_status, "b Ok");
    assert_text(alone[1].event.alert_key + " " + alone[1].event.event_status, "a Ok");
    assert_text(alone[1].event.event, R"({"title_rule":"CPU is high"})");
    assert_int_equal(alone[1].event.accepted_ms, kNow + 1);
    assert_int_equal(alone[1].delivered_ms, kNow);

    bool owes_report = false;
    assert_status(edge.store.reported({alone[0]}, owes_report), kOk);
    assert_true(owes_report && edge.state().owes_report);
    // A newer one of a key is not forgotten with an older one.
    edge.append({new_event("a", "Critical", kNow + 2)});
    edge.deliver("a");
    assert_status(edge.store.reported({alone[1]}, owes_report), kOk);
    assert_true(owes_report);
    alone = edge.alone();
    assert_int_equal(alone.size(), 1);
    assert_text(alone[0].event.event_status + " " + alone[0].event.event,
                R"(Critical {"title_rule":"CPU is high"})");
    assert_status(edge.store.reported(alone, owes_report), kOk);
    assert_false(owes_report || edge.state().owes_report);
}

void after_a_death_what_waits_may_have_been_sent(void**) {
    Edge edge;
    assert_status(edge.store.begin_alone(), kOk);
    edge.append({new_event("a", "Critical"), new_event("a", "Ok"), new_event("b")});
    const std::vector<AloneEvent> alone = edge.alone(true);
    assert_int_equal(alone.size(), 2);
    assert_text(alone[0].event.alert_key + " " + alone[0].event.event_status, "a Critical");
    assert_false(alone[0].is_certain);
    bool owes_report = true;
    assert_status(edge.store.reported(alone, owes_report), kOk);
    assert_false(owes_report);
    assert_int_equal(edge.state().waiting, 3);
}

void an_edge_without_a_fleet_keeps_nothing(void**) {
    TempFolder folder;
    SqliteStore store(options_of(folder), true);
    (void)append(store, {new_event("a")});
    for (const DueEvent& event : due(store, kNow)) {
        Settlement settlement;
        settlement.event_id = event.event_id;
        settlement.alert_id = event.alert_id;
        settlement.fate = Fate::kDelivered;
        settlement.settled_ms = kNow;
        assert_status(store.settle({settlement}), kOk);
    }
    assert_text(in_shell(folder.spool(), "SELECT count(*) FROM alone"), "0");
}

}  // namespace

int main() {
    const std::vector<CMUnitTest> tests = {
        cmocka_unit_test(a_new_spool_is_not_local),
        cmocka_unit_test(who_cannot_write_to_the_database_makes_all_others_local),
        cmocka_unit_test(what_waited_before_there_was_a_fleet_is_local),
        cmocka_unit_test(batches_move_in_order_and_keep_their_names),
        cmocka_unit_test(an_event_that_came_while_the_last_one_moved_keeps_the_edge_local),
        cmocka_unit_test(an_empty_spool_stays_local_until_somebody_looks),
        cmocka_unit_test(what_the_database_cannot_hold_stays),
        cmocka_unit_test(what_was_delivered_is_kept_until_it_is_reported),
        cmocka_unit_test(after_a_death_what_waits_may_have_been_sent),
        cmocka_unit_test(an_edge_without_a_fleet_keeps_nothing),
    };
    return run("local spool", tests);
}
