// Events in a store: which ones wait, which leave and in which order. Tests of every store, in its
// Place.
#pragma once

#include "store_support.hpp"

/// `Place` is where a test's store lies: see sqlite_place.hpp.
template <class Place>
struct EventStoreTests {
    // ---------------------------------------------------------------- appending

    static void what_is_appended_comes_back_whole(void**) {
        Place place;
        EventStore& store = place.store();
        NewEvent event = new_event("key");
        event.body = std::string("\0\xFF{}", 4) + std::string(100'000, 'b');
        const std::vector<Appended> appended = append(store, {event});
        assert_int_equal(appended.size(), 1);
        const DueEvent back = due_of(store, "key");
        assert_true(back.event_id == appended[0].event_id);
        assert_true(back.target_id == appended[0].target_id);
        assert_text(back.server, event.server);
        assert_text(back.location, event.location);
        assert_text(back.arguments, event.arguments);
        assert_text(back.event_status, event.event_status);
        assert_text(back.title, event.title);
        assert_text(back.event, event.event);
        assert_text(back.variables, event.variables);
        assert_true(back.accepted_ms == event.accepted_ms);
        assert_int_equal(back.attempts, 0);
        refuse(store, back);
        assert_text(place.run("SELECT length(body) FROM dead"), "100004");
    }

    static void ids_grow_in_the_order_of_the_batch_and_elders_are_told(void**) {
        Place place;
        EventStore& store = place.store();
        NewEvent elsewhere = new_event("a");
        elsewhere.location = "/other";
        const std::vector<Appended> appended =
            append(store, {new_event("a"), new_event("b"), new_event("a"), elsewhere});
        assert_int_equal(appended.size(), 4);
        for (std::size_t i = 1; i < appended.size(); i++) {
            assert_true(appended[i - 1].event_id < appended[i].event_id);
        }
        assert_false(appended[0].has_elder);
        assert_false(appended[1].has_elder);
        assert_true(appended[2].has_elder);
        assert_false(appended[3].has_elder);
        assert_true(appended[0].target_id == appended[1].target_id);
        assert_true(appended[0].target_id != appended[3].target_id);
        assert_true(append(store, {new_event("b")})[0].has_elder);
    }

    static void an_empty_text_is_a_text(void**) {
        Place place;
        EventStore& store = place.store();
        NewEvent event;
        event.event_status = "Ok";
        assert_int_equal(append(store, {event}).size(), 1);
        assert_int_equal(due(store, kNow).size(), 1);
        assert_int_equal(append(store, {}).size(), 0);
        assert_int_equal(size_of(store).waiting, 1);
    }

    static void an_id_is_not_used_again(void**) {
        Place place;
        std::int64_t last = 0;
        for (int i = 0; i < 3; i++) {
            EventStore& store = place.reopen();
            const std::int64_t id = append(store, {new_event("a")})[0].event_id;
            assert_true(id > last);
            last = id;
            deliver(store, due_of(store, "a"));
        }
    }

    static void nothing_is_taken_beyond_max_size_and_again_when_there_is_room(void**) {
        Place place;
        place.limits.max_size_bytes = 400'000;
        EventStore& store = place.store();
        NewEvent event = new_event("a");
        event.body.assign(50'000, 'b');
        std::vector<Appended> appended;
        std::size_t taken = 0;
        while (taken < 100 && store.append({event}, appended) == StoreStatus::kOk) {
            taken++;
        }
        assert_true(taken > 3 && taken < 9);
        assert_true(store.error().find("max_size") != std::string_view::npos);
        assert_int_equal(size_of(store).waiting, taken);
        deliver(store, due_of(store, "a"));
        deliver(store, due_of(store, "a"));
        assert_status(store.append({event}, appended), kOk);
    }

    // ---------------------------------------------------------------- order

    static void events_of_a_key_leave_in_order_and_do_not_hold_up_others(void**) {
        Place place;
        EventStore& store = place.store();
        const std::vector<Appended> a =
            append(store, {new_event("a"), new_event("b"), new_event("a"), new_event("a")});
        assert_text(due_keys(store, kNow), "a b");
        assert_true(due_of(store, "a").event_id == a[0].event_id);
        retry(store, due_of(store, "a"), kNow + kSecond);
        assert_text(due_keys(store, kNow), "b");
        assert_text(held_keys(store, kNow), "");
        const DueEvent again = held(store, kNow + kSecond)[0];
        assert_true(again.event_id == a[0].event_id);
        assert_int_equal(again.attempts, 1);
        assert_true(again.tried_ms == kNow);
        deliver(store, again);
        assert_true(due_of(store, "a").event_id == a[2].event_id);
        refuse(store, due_of(store, "a"));
        assert_true(due_of(store, "a").event_id == a[3].event_id);
    }

    static void a_key_that_is_busy_is_left_out(void**) {
        Place place;
        EventStore& store = place.store();
        append(store, {new_event("a"), new_event("b"), new_event("c")});
        const Ids busy = {due_of(store, "b").alert_id, due_of(store, "a").alert_id};
        assert_text(due_keys(store, kNow, 1, busy), "c");
        assert_text(due_keys(store, kNow, 9, busy), "c");
    }

    static void the_worst_go_first_and_of_those_the_oldest(void**) {
        Place place;
        EventStore& store = place.store();
        append(store, {
                          new_event("info", "Info", kNow - 60),
                          new_event("ok", "Ok", kNow - 40),
                          new_event("warning", "Warning", kNow - 50),
                          new_event("critical2", "Critical", kNow - 10),
                          new_event("critical1", "Critical", kNow - 20),
                      });
        assert_text(due_keys(store, kNow), "critical1 critical2 warning ok info");
        assert_text(due_keys(store, kNow, 2), "critical1 critical2");
        assert_text(due_keys(store, kNow, 3), "critical1 critical2 warning");
        assert_text(due_keys(store, kNow, 0), "");
    }

    static void a_key_ranks_as_the_worst_that_waits_in_it(void**) {
        Place place;
        EventStore& store = place.store();
        append(store, {new_event("a", "Info"), new_event("b", "Warning", kNow + 1),
                       new_event("a", "Critical", kNow + 2), new_event("a", "Info", kNow + 3)});
        assert_text(due_keys(store, kNow), "a b");
        deliver(store, due_of(store, "a"));
        assert_text(due_keys(store, kNow), "a b");
        deliver(store, due_of(store, "a"));
        assert_text(due_keys(store, kNow), "b a");
    }

    static void a_key_with_nothing_but_ok_ranks_as_warning(void**) {
        Place place;
        EventStore& store = place.store();
        append(store, {new_event("ok", "Ok"), new_event("warning", "Warning", kNow + 1),
                       new_event("info", "Info", kNow - 1)});
        assert_text(due_keys(store, kNow), "ok warning info");
        append(store, {new_event("ok", "Info", kNow + 2)});
        assert_text(due_keys(store, kNow), "warning info ok");
    }

    static void a_key_that_has_waited_ten_minutes_ranks_one_higher(void**) {
        Place place;
        EventStore& store = place.store();
        append(store, {
                          new_event("critical", "Critical", kNow),
                          new_event("old warning", "Warning", kNow - 10 * kMinute),
                          new_event("warning", "Warning", kNow - 10 * kMinute + 1),
                          new_event("old info", "Info", kNow - 11 * kMinute),
                          new_event("info", "Info", kNow),
                          new_event("old critical", "Critical", kNow - 9 * kMinute),
                      });
        assert_text(due_keys(store, kNow),
                    "old warning old critical critical old info warning info");
        assert_text(due_keys(store, kNow - kMinute),
                    "old critical critical old info old warning warning info");
    }

    static void keys_whose_try_is_due_again_go_as_they_are_due(void**) {
        Place place;
        EventStore& store = place.store();
        append(store, {new_event("a", "Critical"), new_event("b", "Info", kNow + 1),
                       new_event("c", "Warning")});
        retry(store, due_of(store, "a"), kNow + 2 * kSecond);
        retry(store, due_of(store, "b"), kNow + kSecond);
        assert_text(due_keys(store, kNow + kMinute), "c");
        assert_text(held_keys(store, kNow + kSecond), "b");
        assert_text(held_keys(store, kNow + 2 * kSecond), "b a");
    }

    static void a_key_is_held_by_no_clock_that_was_wrong(void**) {
        Place place;
        EventStore& store = place.store();
        append(store, {new_event("a"), new_event("b")});
        retry(store, due_of(store, "a"), kNow + 5 * kMinute);
        retry(store, due_of(store, "b"), kNow + 365 * 24 * kHour);
        assert_text(held_keys(store, kNow), "b");
    }

    static void targets_are_those_for_which_something_waits(void**) {
        Place place;
        EventStore& store = place.store();
        NewEvent other = new_event("a");
        other.server = "another";
        const std::vector<Appended> appended =
            append(store, {new_event("a"), other, new_event("b")});
        Ids targets;
        assert_status(store.targets(targets), kOk);
        assert_true(targets == Ids({appended[0].target_id, appended[1].target_id}));
        const auto events = find(store, search_for(Search::Kind::kDue, targets[1], 9), kNow);
        assert_text(keys_of(events), "a");
        deliver(store, events[0]);
        assert_status(store.targets(targets), kOk);
        assert_true(targets == Ids({appended[0].target_id}));
        assert_true(append(store, {other})[0].target_id == appended[1].target_id);
    }

    // ---------------------------------------------------------------- what is looked for

    static std::string keys_found(EventStore& store, Search::Kind kind, std::int64_t target_id,
                                  UnixMs now_ms, std::size_t most = 1, const Ids& except = {}) {
        return keys_of(find(store, search_for(kind, target_id, most, except), now_ms));
    }

    static void the_newest_untried_key_of_the_highest_rank_and_of_any(void**) {
        Place place;
        EventStore& store = place.store();
        const std::int64_t target = append(store, {new_event("old", "Warning", kNow - 20 * kMinute),
                                                   new_event("first", "Critical", kNow - 2),
                                                   new_event("second", "Critical", kNow - 1),
                                                   new_event("info", "Info", kNow)})[0]
                                        .target_id;
        assert_text(keys_found(store, Search::Kind::kWorst, target, kNow), "second");
        assert_text(keys_found(store, Search::Kind::kNewest, target, kNow), "info");
        deliver(store, due_of(store, "second"));
        deliver(store, due_of(store, "first"));
        // An event that has waited for so long ranks higher.
        assert_text(keys_found(store, Search::Kind::kWorst, target, kNow), "old");
        const DueEvent info = due_of(store, "info");
        assert_text(keys_found(store, Search::Kind::kNewest, target, kNow, 1, {info.alert_id}),
                    "old");
        assert_int_equal(info.tried_ms, 0);
    }

    static void the_key_that_was_tried_longest_ago(void**) {
        Place place;
        EventStore& store = place.store();
        const std::int64_t target =
            append(store, {new_event("a"), new_event("b"), new_event("c"), new_event("d")})[0]
                .target_id;
        assert_text(keys_found(store, Search::Kind::kTried, target, kNow), "");
        retry(store, due_of(store, "b"), flashduty::kUntilBack + kNow, kNow);
        retry(store, due_of(store, "a"), kNow + kMinute, kNow + 1);
        retry(store, due_of(store, "c"), flashduty::kUntilYes + kNow + 2, kNow + 2);
        Search search = search_for(Search::Kind::kTried, target);
        assert_text(keys_of(find(store, search, kNow)), "b");
        search.tried_after_ms = kNow;
        const DueEvent a = find(store, search, kNow)[0];
        assert_text(a.alert_key, "a");
        assert_true(a.tried_ms == kNow + 1);
        search.tried_after_ms = kNow + 5;
        assert_text(keys_of(find(store, search, kNow)), "b");
        search.tried_after_ms = 0;
        std::string order;
        for (UnixMs now = kNow + 10; now < kNow + 17; now++) {
            const DueEvent event = find(store, search, now)[0];
            order += event.alert_key;
            retry(store, event, flashduty::kUntilBack + now, now);
        }
        assert_text(order, "bacbacb");
    }

    static void one_stands_in_for_the_other_when_there_is_none(void**) {
        Place place;
        EventStore& store = place.store();
        const std::int64_t target = append(store, {new_event("a"), new_event("b")})[0].target_id;
        for (const Search::Kind kind : {Search::Kind::kWorst, Search::Kind::kNewest}) {
            assert_text(keys_found(store, kind, target, kNow), "b");
        }
        Search tried = search_for(Search::Kind::kTried, target);
        tried.or_else = true;
        assert_text(keys_of(find(store, tried, kNow)), "b");
        retry(store, due_of(store, "a"), flashduty::kUntilBack + kNow);
        retry(store, due_of(store, "b"), flashduty::kUntilBack + kNow + 1, kNow + 1);
        Search newest = search_for(Search::Kind::kNewest, target);
        assert_text(keys_of(find(store, newest, kNow)), "");
        newest.or_else = true;
        assert_text(keys_of(find(store, newest, kNow)), "a");
    }

    static void what_is_held_is_found_when_it_is_due_and_what_waits_for_its_target_before(void**) {
        Place place;
        EventStore& store = place.store();
        const std::int64_t target = append(store, {new_event("a"), new_event("b"), new_event("c"),
                                                   new_event("d"), new_event("e")})[0]
                                        .target_id;
        retry(store, due_of(store, "a"), flashduty::kUntilBack + kNow);
        retry(store, due_of(store, "b"), flashduty::kUntilBack + kNow + 1);
        retry(store, due_of(store, "c"), kNow + kSecond);
        retry(store, due_of(store, "d"), flashduty::kUntilYes + kNow);
        assert_text(due_keys(store, kNow + kHour), "e");
        assert_text(keys_found(store, Search::Kind::kHeld, target, kNow, 9), "b a");
        assert_text(keys_found(store, Search::Kind::kHeld, target, kNow + kSecond, 9), "b a c");
        // The clock has been put back.
        assert_text(keys_found(store, Search::Kind::kHeld, target, kNow - kHour, 9), "b a c");
        std::vector<DueEvent> events;
        Held held;
        assert_status(store.find(search_for(Search::Kind::kHeld, target, 9), kNow, events, held),
                      kOk);
        assert_true(held.next_ms == kNow + kSecond);
        assert_true(held.has_refused);
    }

    static void refused_ones_are_found_in_their_order_and_known_as_such(void**) {
        Place place;
        EventStore& store = place.store();
        const std::int64_t target =
            append(store, {new_event("a"), new_event("b"), new_event("c")})[0].target_id;
        retry(store, due_of(store, "b"), flashduty::kUntilYes + kNow);
        retry(store, due_of(store, "a"), flashduty::kUntilYes + kNow + 5);
        Search search = search_for(Search::Kind::kRefused, target, 9);
        search.until_ms = kNow + 4;
        assert_text(keys_of(find(store, search, kNow)), "b");
        search.until_ms = kNow + 5;
        const auto found = find(store, search, kNow);
        assert_text(keys_of(found), "b a");
        assert_true(found[0].is_refused && found[1].is_refused);
        Search keys = search_for(Search::Kind::kKeys, target, 9);
        keys.keys = {found[1].alert_id, 12345, found[0].alert_id};
        assert_text(keys_of(find(store, keys, kNow)), "a b");
        assert_false(due_of(store, "c").is_refused);
    }

    static void behind_a_refused_one_the_next_that_was_not_tried_follows(void**) {
        Place place;
        EventStore& store = place.store();
        const std::vector<Appended> appended =
            append(store, {new_event("a"), new_event("a", "Critical"), new_event("a", "Ok")});
        const DueEvent first = due_of(store, "a");
        assert_true(first.event_id == appended[0].event_id);
        retry(store, first, flashduty::kUntilYes + kNow);
        Search search = search_for(Search::Kind::kNext, first.target_id);
        search.keys = {first.alert_id};
        search.after_event_id = first.event_id;
        DueEvent next = find(store, search, kNow)[0];
        assert_true(next.event_id == appended[1].event_id);
        assert_false(next.is_refused);
        retry(store, next, flashduty::kUntilYes + kNow + 1);
        next = find(store, search, kNow)[0];
        assert_true(next.event_id == appended[2].event_id);
        retry(store, next, flashduty::kUntilYes + kNow + 2);
        assert_true(find(store, search, kNow)[0].event_id == appended[1].event_id);
        // Once it is taken, those before it are dead, and superseded.
        deliver(store, next);
        assert_int_equal(size_of(store).waiting, 0);
        assert_int_equal(size_of(store).dead, 2);
        assert_text(place.run("SELECT DISTINCT state FROM dead_letters"), "superseded");
    }

    // ---------------------------------------------------------------- settling

    static void settling_what_is_gone_is_no_error(void**) {
        Place place;
        EventStore& store = place.store();
        append(store, {new_event("a"), new_event("b")});
        const DueEvent event = due_of(store, "a");
        deliver(store, event);
        deliver(store, event);
        refuse(store, event);
        retry(store, event, kNow + kSecond);
        assert_int_equal(size_of(store).waiting, 1);
        assert_int_equal(size_of(store).dead, 0);
        assert_text(due_keys(store, kNow), "b");
    }

    static void a_settlement_of_many_is_one_commit(void**) {
        Place place;
        EventStore& store = place.store();
        append(store, {new_event("a"), new_event("b"), new_event("c")});
        std::vector<Settlement> settlements;
        for (const DueEvent& event : due(store, kNow)) {
            settlements.push_back(
                {event.event_id, event.alert_id, flashduty::Fate::kDelivered, kNow, 0, ""});
        }
        assert_status(store.settle(settlements), kOk);
        const StoreSize size = size_of(store);
        assert_int_equal(size.waiting, 0);
        assert_int_equal(size.oldest_ms, 0);
        assert_text(place.run(Place::kLeft), "0|0|0|0|0|0");
    }

    static void a_refused_event_becomes_a_dead_letter_with_all_that_is_known(void**) {
        Place place;
        EventStore& store = place.store();
        append(store, {new_event("a", "Critical")});
        retry(store, due_of(store, "a"), 0);
        refuse(store, due_of(store, "a"), "title_rule is too long");
        assert_int_equal(size_of(store).waiting, 0);
        assert_int_equal(size_of(store).dead, 1);
        assert_text(
            place.run("SELECT title, alert_key, status, target, reason, time, state, accepted,"
                      " attempts, last_error, event, body FROM dead_letters"),
            "CPU is high|a|Critical|*:8080 gateway /flashduty|title_rule is too long|"
            "2023-11-14 22:13:20|dead|2023-11-14 22:13:20|2|title_rule is too long|"
            R"({"title_rule":"CPU is high"}|{"type":"x"})");
    }

    static void the_last_ten_tries_of_an_event_are_kept_until_it_is_gone(void**) {
        Place place;
        EventStore& store = place.store();
        append(store, {new_event("a"), new_event("b"), new_event("c")});
        for (UnixMs i = 0; i < 12; i++) {
            const DueEvent event = due_of(store, "a");
            Settlement settlement = {event.event_id,
                                     event.alert_id,
                                     flashduty::Fate::kWaits,
                                     kNow + i,
                                     0,
                                     "try " + std::to_string(i)};
            settlement.http_status = i == 11 ? 0 : 503;
            assert_status(store.settle({settlement}), kOk);
        }
        assert_text(place.run("SELECT count(*), min(tried_ms), max(tried_ms) FROM attempt"),
                    "10|" + std::to_string(kNow + 2) + "|" + std::to_string(kNow + 11));
        assert_text(
            place.run("SELECT http_status, reason FROM attempt ORDER BY attempt_id LIMIT 1"),
            "503|try 2");
        assert_text(
            place.run("SELECT http_status, reason FROM attempt ORDER BY attempt_id DESC LIMIT 1"),
            "0|try 11");
        retry(store, due_of(store, "b"), 0);
        deliver(store, due_of(store, "b"));
        refuse(store, due_of(store, "c"));
        assert_text(
            place.run("SELECT alert_key, attempt.reason FROM attempt JOIN dead USING (event_id)"
                      " ORDER BY attempt_id"),
            "c|refused");
        assert_text(place.run("SELECT count(*) FROM attempt"), "11");
        // An event that waits again has not forgotten them.
        assert_text(place.run("UPDATE dead SET again = 1"), "");
        assert_int_equal(expire(store, kNow).requeued, 1);
        assert_text(place.run("SELECT count(*) FROM attempt"), "11");
        assert_text(place.run("DELETE FROM event"), "");
        assert_text(place.run("SELECT count(*) FROM attempt"), "0");
    }

    static void the_view_of_what_waits_says_why(void**) {
        Place place;
        EventStore& store = place.store();
        const std::vector<Appended> appended =
            append(store, {new_event("a"), new_event("a"), new_event("b"), new_event("c", "Ok")});
        retry(store, due_of(store, "b"), kNow + kSecond);
        retry(store, due_of(store, "c"), flashduty::kUntilBack + kNow);
        assert_text(
            place.run("SELECT title, alert_key, status, target, accepted, next_try, attempts,"
                      " last_error FROM waiting ORDER BY event_id"),
            "CPU is high|a|Warning|*:8080 gateway /flashduty|2023-11-14 22:13:20|at once|0|\n"
            "CPU is high|a|Warning|*:8080 gateway /flashduty|2023-11-14 22:13:20|after " +
                std::to_string(appended[0].event_id) +
                "|0|\n"
                "CPU is high|b|Warning|*:8080 gateway /flashduty|2023-11-14 22:13:20|"
                "2023-11-14 22:13:21|1|HTTP 503\n"
                "CPU is high|c|Ok|*:8080 gateway /flashduty|2023-11-14 22:13:20|"
                "when its target is back|1|HTTP 503");
    }

    // ---------------------------------------------------------------- tending

    static void what_is_too_old_becomes_a_dead_letter_unless_it_is_on_its_way(void**) {
        Place place;
        EventStore& store = place.store();
        const std::vector<Appended> appended =
            append(store, {new_event("a", "Warning", kNow - 24 * kHour - 1),
                           new_event("b", "Warning", kNow - 24 * kHour - 1),
                           new_event("c", "Warning", kNow - 24 * kHour)});
        retry(store, due_of(store, "a"), kNow + kSecond);
        Tended tended = expire(store, kNow, {appended[1].event_id});
        assert_int_equal(tended.dead.size(), 1);
        assert_true(tended.dead[0].event_id == appended[0].event_id);
        assert_text(tended.dead[0].alert_key, "a");
        assert_text(tended.dead[0].reason, "not delivered within 24h: HTTP 503");
        assert_false(tended.has_more);
        assert_int_equal(size_of(store).dead, 1);
        tended = expire(store, kNow);
        assert_int_equal(tended.dead.size(), 1);
        assert_text(tended.dead[0].reason, "not delivered within 24h");
        assert_text(due_keys(store, kNow), "c");
    }

    static void what_was_refused_and_waited_in_vain_keeps_that_as_its_reason(void**) {
        Place place;
        EventStore& store = place.store();
        append(store, {new_event("a"), new_event("b")});
        settle(store, due_of(store, "a"), flashduty::Fate::kWaits, kNow,
               flashduty::kUntilYes + kNow, "title_rule is too long");
        retry(store, due_of(store, "b"), flashduty::kUntilBack + kNow);
        const Tended tended = expire(store, kNow + 24 * kHour + 1);
        assert_int_equal(tended.dead.size(), 2);
        assert_text(tended.dead[0].reason, "title_rule is too long");
        assert_text(tended.dead[1].reason, "not delivered within 24h: HTTP 503");
        assert_text(place.run("SELECT reason FROM dead WHERE alert_key = 'a'"),
                    "title_rule is too long");
    }

    static void when_the_first_of_a_key_is_too_old_the_next_goes_on(void**) {
        Place place;
        EventStore& store = place.store();
        const std::vector<Appended> appended =
            append(store, {new_event("a", "Critical", kNow - 25 * kHour), new_event("a", "Info")});
        retry(store, due_of(store, "a"), flashduty::kUntilBack + kNow);
        assert_text(due_keys(store, kNow), "");
        assert_int_equal(expire(store, kNow).dead.size(), 1);
        assert_true(due_of(store, "a").event_id == appended[1].event_id);
    }

    static void tending_is_done_some_at_a_time(void**) {
        Place place;
        EventStore& store = place.store();
        std::vector<NewEvent> events(500, new_event("a", "Warning", kNow - 25 * kHour));
        append(store, events);
        std::size_t dead = 0;
        int calls = 0;
        for (bool has_more = true; has_more; calls++) {
            const Tended tended = expire(store, kNow);
            assert_true(tended.dead.size() <= 200);
            dead += tended.dead.size();
            has_more = tended.has_more;
        }
        assert_int_equal(dead, 500);
        assert_int_equal(calls, 3);
    }

    static void nothing_is_written_when_there_is_nothing_to_tend(void**) {
        Place place;
        EventStore& store = place.store();
        append(store, {new_event("a"), new_event("b")});
        refuse(store, due_of(store, "a"));
        const std::string before = place.run(Place::kVersion);
        for (int i = 0; i < 3; i++) {
            const Tended tended = expire(store, kNow);
            assert_true(tended.dead.empty() && tended.deleted.empty() && !tended.has_more);
        }
        assert_text(place.run(Place::kVersion), before);
    }

    static void dead_letters_are_deleted_when_they_are_too_old(void**) {
        Place place;
        EventStore& store = place.store();
        const std::vector<Appended> appended = append(store, {new_event("a"), new_event("b")});
        refuse(store, due_of(store, "a"), "unknown field");
        settle(store, due_of(store, "b"), flashduty::Fate::kRefused, kNow + 1, 0, "x");
        const Tended tended = expire(store, kNow + 30 * 24 * kHour + 1);
        assert_int_equal(tended.deleted.size(), 1);
        assert_true(tended.deleted[0].event_id == appended[0].event_id);
        assert_text(tended.deleted[0].alert_key, "a");
        assert_text(tended.deleted[0].reason, "dead for 30d, it was: unknown field");
        assert_int_equal(size_of(store).dead, 1);
    }

    static void dead_letters_take_at_most_half_of_max_size(void**) {
        Place place;
        place.limits.max_size_bytes = 800'000;
        EventStore& store = place.store();
        std::vector<std::int64_t> ids;
        for (int i = 0; i < 30; i++) {
            NewEvent event = new_event("a");
            event.body.assign(20'000, 'b');
            ids.push_back(append(store, {event})[0].event_id);
            settle(store, due_of(store, "a"), flashduty::Fate::kRefused, kNow + i * 10 * kMinute, 0,
                   "refused");
        }
        const UnixMs later_ms = kNow + 6 * kHour;
        const Tended tended = expire(store, later_ms);
        place.run(Place::kTidy);
        assert_int_equal(tended.deleted.size(), 14);
        for (std::size_t i = 0; i < tended.deleted.size(); i++) {
            assert_true(tended.deleted[i].event_id == ids[i]);
        }
        assert_int_equal(size_of(store).dead, 16);
        assert_true(size_of(store).used_bytes <= 400'000 + 120'000);
        assert_true(expire(store, later_ms).deleted.empty());
    }

    static void no_dead_letter_is_deleted_within_an_hour_of_its_death(void**) {
        Place place;
        place.limits.max_size_bytes = 1 << 20;
        place.limits.dead_age_ms = kSecond;
        EventStore& store = place.store();
        NewEvent event = new_event("a");
        event.body.assign(40'000, 'b');
        event.accepted_ms = kNow - 23 * kHour;
        std::size_t dead = 0;
        for (; store.take_postponed().empty(); dead++) {
            assert_int_equal(append(store, {event}).size(), 1);
            refuse(store, due_of(store, "a"), "refused");
        }
        assert_int_equal(size_of(store).dead, dead - 1);
        assert_true((dead - 1) * 45'056 >= place.limits.max_size_bytes / 2);
        assert_true((dead - 2) * 45'056 < place.limits.max_size_bytes / 2);
        // An event that should have died waits, whatever it should have died of.
        assert_int_equal(size_of(store).waiting, 1);
        assert_text(held_keys(store, kNow + kMinute - 1), "");
        assert_text(held_keys(store, kNow + kMinute), "a");
        append(store, {new_event("b", "Warning", kNow - 25 * kHour)});
        Tended tended = expire(store, kNow + kHour - 1);
        assert_true(tended.dead.empty() && tended.deleted.empty() && !tended.has_more);
        // An hour later all are old enough, and those who wait are dead.
        tended = expire(store, kNow + kHour + 1);
        assert_int_equal(tended.deleted.size(), dead - 1);
        assert_int_equal(expire(store, kNow + kHour + 1).dead.size(),
                         tended.dead.size() == 2 ? 0 : 2);
        assert_int_equal(size_of(store).waiting, 0);
        assert_int_equal(size_of(store).dead, 2);
    }

    // ---------------------------------------------------------------- sending dead letters again

    static std::string mark(Place& place, const std::string& where) {
        return place.run("UPDATE dead SET again = 1 WHERE " + where);
    }

    static void a_marked_dead_letter_waits_again_in_its_old_place(void**) {
        Place place;
        EventStore& store = place.store();
        const std::vector<Appended> appended =
            append(store, {new_event("a", "Critical", kNow - 25 * kHour), new_event("a", "Info")});
        expire(store, kNow);
        retry(store, due_of(store, "a"), kNow + kHour);
        assert_text(mark(place, "alert_key = 'a'"), "");
        assert_text(place.run("SELECT state FROM dead_letters"), "to be sent again");
        const Tended tended = expire(store, kNow + kSecond);
        assert_int_equal(tended.requeued, 1);
        assert_true(tended.requeued_targets == Ids({appended[0].target_id}));
        assert_int_equal(size_of(store).dead, 0);
        const DueEvent again = due_of(store, "a", kNow + kSecond);
        assert_true(again.event_id == appended[0].event_id);
        assert_true(again.accepted_ms == kNow + kSecond);
        assert_int_equal(again.attempts, 0);
        assert_text(again.event_status, "Critical");
        assert_text(again.event, new_event("a").event);
        refuse(store, again);
        assert_text(place.run("SELECT body FROM dead_letters"), new_event("a").body);
        assert_true(due_of(store, "a", kNow + kHour).event_id == appended[1].event_id);
    }

    static void a_dead_letter_of_a_key_of_which_nothing_waits_can_be_sent_again(void**) {
        Place place;
        EventStore& store = place.store();
        append(store, {new_event("a"), new_event("b")});
        refuse(store, due_of(store, "a"));
        refuse(store, due_of(store, "b"));
        assert_text(mark(place, "true"), "");
        assert_int_equal(expire(store, kNow).requeued, 2);
        assert_text(due_keys(store, kNow), "a b");
        assert_int_equal(size_of(store).waiting, 2);
        assert_int_equal(size_of(store).dead, 0);
    }

    static void what_is_delivered_supersedes_the_older_dead_letters_of_its_key(void**) {
        Place place;
        EventStore& store = place.store();
        NewEvent elsewhere = new_event("a");
        elsewhere.location = "/other";
        append(store, {new_event("a"), new_event("b"), elsewhere});
        for (const DueEvent& event : due(store, kNow)) {
            refuse(store, event);
        }
        append(store, {new_event("a", "Ok")});
        deliver(store, due_of(store, "a"));
        assert_text(place.run("SELECT alert_key, state FROM dead_letters ORDER BY event_id"),
                    "a|superseded\nb|dead\na|dead");
        // A mark does not bring it back, and is gone afterwards.
        assert_text(mark(place, "true"), "");
        assert_int_equal(expire(store, kNow).requeued, 2);
        assert_text(place.run("SELECT alert_key, state FROM dead_letters"), "a|superseded");
        assert_text(place.run("SELECT again FROM dead"), "0");
        // A newer one that dies is not superseded by it.
        append(store, {new_event("a")});
        refuse(store, due_of(store, "a"), "later");
        const std::string later = "SELECT state FROM dead_letters WHERE reason = 'later'";
        assert_text(place.run(later), "dead");
        append(store, {new_event("a")});
        for (const DueEvent& event : due(store, kNow)) {
            deliver(store, event);
        }
        assert_text(place.run(later), "superseded");
        // A superseded one stays so while yet another event is on its way.
        append(store, {new_event("a")});
        assert_text(mark(place, "reason = 'later'"), "");
        (void)expire(store, kNow, {due_of(store, "a").event_id});
        assert_text(place.run("SELECT max(again) FROM dead"), "0");
    }

    static void what_is_delivered_past_the_spool_supersedes_the_dead_letters_of_its_key(void**) {
        Place place;
        EventStore& store = place.store();
        const NewEvent event = new_event("a");
        append(store, {event, new_event("b")});
        for (const DueEvent& due_event : due(store, kNow)) {
            refuse(store, due_event);
        }
        assert_status(store.supersede({{event.server, event.location, "a", kNow},
                                       {event.server, event.location, "unknown", kNow},
                                       {"no server", "/nowhere", "b", kNow}}),
                      kOk);
        assert_text(place.run("SELECT alert_key, state FROM dead_letters ORDER BY 1"),
                    "a|superseded\nb|dead");
        // A newer event that dies later is not superseded by it.
        append(store, {event});
        refuse(store, due_of(store, "a"), "later");
        assert_text(place.run("SELECT state FROM dead_letters WHERE reason = 'later'"), "dead");
    }

    static void what_came_after_it_is_not_superseded_by_it(void**) {
        Place place;
        EventStore& store = place.store();
        const NewEvent event = new_event("a");
        append(store, {event, new_event("a", "Warning", kNow + 2), new_event("a", "Ok", kNow + 3)});
        refuse(store, due_of(store, "a"), "older");
        refuse(store, due_of(store, "a"), "newer");
        // An event was delivered between the two, and the spool hears of it now.
        assert_status(store.supersede({{event.server, event.location, "a", kNow + 1}}), kOk);
        refuse(store, due_of(store, "a"), "newest");
        assert_text(place.run("SELECT reason, state FROM dead_letters ORDER BY event_id"),
                    "older|superseded\nnewer|dead\nnewest|dead");
    }

    static void a_dead_letter_does_not_come_back_while_a_newer_one_is_on_its_way(void**) {
        Place place;
        EventStore& store = place.store();
        append(store, {new_event("a"), new_event("a")});
        refuse(store, due_of(store, "a"));
        const DueEvent leaving = due_of(store, "a");
        assert_text(mark(place, "true"), "");
        assert_int_equal(expire(store, kNow, {leaving.event_id}).requeued, 0);
        retry(store, leaving, 0);
        assert_int_equal(expire(store, kNow).requeued, 1);
        assert_true(due_of(store, "a").event_id < leaving.event_id);
    }

    static void an_older_one_that_waits_again_is_superseded_too(void**) {
        Place place;
        EventStore& store = place.store();
        const std::vector<Appended> appended =
            append(store, {new_event("a"), new_event("a"), new_event("a")});
        refuse(store, due_of(store, "a"));
        const DueEvent leaving = due_of(store, "a");
        assert_text(mark(place, "true"), "");
        assert_int_equal(expire(store, kNow).requeued, 1);
        deliver(store, leaving);
        assert_true(due_of(store, "a").event_id == appended[2].event_id);
        assert_text(place.run("SELECT state, reason FROM dead_letters"),
                    "superseded|a newer event of its key was delivered meanwhile");
        assert_int_equal(size_of(store).waiting, 1);
        assert_int_equal(size_of(store).dead, 1);
    }

    static void what_superseded_is_forgotten_with_the_last_dead_letter_of_its_key(void**) {
        Place place;
        EventStore& store = place.store();
        append(store, {new_event("a"), new_event("a")});
        refuse(store, due_of(store, "a"));
        deliver(store, due_of(store, "a"));
        assert_text(place.run("SELECT count(*) FROM superseded"), "1");
        assert_int_equal(expire(store, kNow + 31 * 24 * kHour).deleted.size(), 1);
        assert_text(place.run("SELECT count(*) FROM superseded"), "0");
    }

    // ---------------------------------------------------------------- being looked at

    static void size_counts_what_waits_and_what_is_dead(void**) {
        Place place;
        EventStore& store = place.store();
        const StoreSize empty = size_of(store);
        assert_int_equal(empty.waiting, 0);
        assert_int_equal(empty.oldest_ms, 0);
        NewEvent big = new_event("b", "Warning", kNow - 5);
        big.body.assign(100'000, 'b');
        append(store, {new_event("a"), big, new_event("c", "Warning", kNow - 3)});
        refuse(store, due_of(store, "a"));
        const StoreSize size = size_of(store);
        assert_int_equal(size.waiting, 2);
        assert_int_equal(size.dead, 1);
        assert_true(size.oldest_ms == kNow - 5);
        assert_true(size.used_bytes >= empty.used_bytes + 90'000);
        deliver(store, due_of(store, "b"));
        place.run(Place::kTidy);
        assert_true(size_of(store).used_bytes < size.used_bytes - 90'000);
    }

    static void an_operator_may_delete_what_waits_or_is_dead(void**) {
        Place place;
        EventStore& store = place.store();
        append(store, {new_event("a", "Critical"), new_event("a", "Info"), new_event("b")});
        refuse(store, due_of(store, "b"));
        place.run("DELETE FROM event WHERE status = 'Critical'; DELETE FROM dead");
        assert_text(due_keys(store, kNow), "a");
        assert_text(due(store, kNow)[0].event_status, "Info");
        assert_int_equal(size_of(store).waiting, 1);
        assert_int_equal(size_of(store).dead, 0);
        assert_text(place.run(Place::kLeft), "1|0|0|1|1|0");
    }

    static std::vector<CMUnitTest> all() {
        return {
            cmocka_unit_test(what_is_appended_comes_back_whole),
            cmocka_unit_test(ids_grow_in_the_order_of_the_batch_and_elders_are_told),
            cmocka_unit_test(an_empty_text_is_a_text),
            cmocka_unit_test(an_id_is_not_used_again),
            cmocka_unit_test(nothing_is_taken_beyond_max_size_and_again_when_there_is_room),
            cmocka_unit_test(events_of_a_key_leave_in_order_and_do_not_hold_up_others),
            cmocka_unit_test(a_key_that_is_busy_is_left_out),
            cmocka_unit_test(the_worst_go_first_and_of_those_the_oldest),
            cmocka_unit_test(a_key_ranks_as_the_worst_that_waits_in_it),
            cmocka_unit_test(a_key_with_nothing_but_ok_ranks_as_warning),
            cmocka_unit_test(a_key_that_has_waited_ten_minutes_ranks_one_higher),
            cmocka_unit_test(keys_whose_try_is_due_again_go_as_they_are_due),
            cmocka_unit_test(a_key_is_held_by_no_clock_that_was_wrong),
            cmocka_unit_test(targets_are_those_for_which_something_waits),
            cmocka_unit_test(the_newest_untried_key_of_the_highest_rank_and_of_any),
            cmocka_unit_test(the_key_that_was_tried_longest_ago),
            cmocka_unit_test(one_stands_in_for_the_other_when_there_is_none),
            cmocka_unit_test(
                what_is_held_is_found_when_it_is_due_and_what_waits_for_its_target_before),
            cmocka_unit_test(refused_ones_are_found_in_their_order_and_known_as_such),
            cmocka_unit_test(behind_a_refused_one_the_next_that_was_not_tried_follows),
            cmocka_unit_test(settling_what_is_gone_is_no_error),
            cmocka_unit_test(a_settlement_of_many_is_one_commit),
            cmocka_unit_test(a_refused_event_becomes_a_dead_letter_with_all_that_is_known),
            cmocka_unit_test(the_last_ten_tries_of_an_event_are_kept_until_it_is_gone),
            cmocka_unit_test(the_view_of_what_waits_says_why),
            cmocka_unit_test(what_is_too_old_becomes_a_dead_letter_unless_it_is_on_its_way),
            cmocka_unit_test(what_was_refused_and_waited_in_vain_keeps_that_as_its_reason),
            cmocka_unit_test(when_the_first_of_a_key_is_too_old_the_next_goes_on),
            cmocka_unit_test(tending_is_done_some_at_a_time),
            cmocka_unit_test(nothing_is_written_when_there_is_nothing_to_tend),
            cmocka_unit_test(dead_letters_are_deleted_when_they_are_too_old),
            cmocka_unit_test(dead_letters_take_at_most_half_of_max_size),
            cmocka_unit_test(no_dead_letter_is_deleted_within_an_hour_of_its_death),
            cmocka_unit_test(a_marked_dead_letter_waits_again_in_its_old_place),
            cmocka_unit_test(a_dead_letter_of_a_key_of_which_nothing_waits_can_be_sent_again),
            cmocka_unit_test(what_is_delivered_supersedes_the_older_dead_letters_of_its_key),
            cmocka_unit_test(a_dead_letter_does_not_come_back_while_a_newer_one_is_on_its_way),
            cmocka_unit_test(
                what_is_delivered_past_the_spool_supersedes_the_dead_letters_of_its_key),
            cmocka_unit_test(what_came_after_it_is_not_superseded_by_it),
            cmocka_unit_test(an_older_one_that_waits_again_is_superseded_too),
            cmocka_unit_test(what_superseded_is_forgotten_with_the_last_dead_letter_of_its_key),
            cmocka_unit_test(size_counts_what_waits_and_what_is_dead),
            cmocka_unit_test(an_operator_may_delete_what_waits_or_is_dead),
        };
    }
};
