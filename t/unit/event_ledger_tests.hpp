// Ledger of a store: lists for operators, and their changes. Tests of every store that has one, in
// its Place.
#pragma once

#include "event_ledger.hpp"
#include "store_support.hpp"

using flashduty::DeadState;
using flashduty::EventChange;
using flashduty::EventFilter;
using flashduty::EventPage;
using flashduty::EventsChanged;
using flashduty::kMaxChanged;
using flashduty::kMostLookedAt;
using flashduty::ListedTarget;
using flashduty::Pile;
using flashduty::WaitsFor;
using flashduty::WholeEvent;
using flashduty::WholePage;

/// `Place` is where a test's store lies: see sqlite_place.hpp.
template <class Place>
struct EventLedgerTests {
    using Kind = EventChange::Kind;

    static EventPage list(EventStore& store, Pile pile, const EventFilter& filter = {},
                          std::int64_t after = 0, std::size_t limit = 100) {
        EventPage page;
        assert_status(store.ledger()->list(pile, filter, after, limit, page), kOk);
        return page;
    }

    /// The keys of all pages, `|` between them.
    static std::string listed(EventStore& store, Pile pile, const EventFilter& filter = {},
                              std::size_t limit = 100) {
        std::string keys;
        std::int64_t after = 0;
        do {
            const EventPage page = list(store, pile, filter, after, limit);
            for (const auto& event : page.events) {
                keys += (keys.empty() || keys.back() == '|' ? "" : " ") + event.alert_key;
            }
            assert_true(page.next == 0 || page.next > after);
            after = page.next;
            keys += after != 0 ? "|" : "";
        } while (after != 0);
        return keys;
    }

    static WholeEvent shown(EventStore& store, Pile pile, std::int64_t event_id) {
        WholeEvent event;
        bool is_found = false;
        assert_status(store.ledger()->show(pile, event_id, event, is_found), kOk);
        assert_true(is_found);
        return event;
    }

    static std::vector<ListedTarget> targets(EventStore& store) {
        std::vector<ListedTarget> targets;
        assert_status(store.ledger()->list_targets(targets), kOk);
        return targets;
    }

    static std::string counts(EventStore& store) {
        std::string text;
        for (const ListedTarget& target : targets(store)) {
            text += (text.empty() ? "" : " ") + target.location + "=" +
                    std::to_string(target.waiting) + "+" + std::to_string(target.dead);
        }
        return text;
    }

    static EventsChanged change(EventStore& store, const EventChange& change, const Ids& busy = {},
                                UnixMs now_ms = kNow) {
        EventsChanged changed;
        assert_status(store.ledger()->change(change, now_ms, busy, changed), kOk);
        return changed;
    }

    static EventsChanged change_one(EventStore& store, Kind kind, std::int64_t event_id,
                                    const Ids& busy = {}) {
        EventChange one;
        one.kind = kind;
        one.event_id = event_id;
        return change(store, one, busy);
    }

    struct All {
        std::uint64_t done = 0, busy = 0, superseded = 0, batches = 0;
    };

    static All change_all(EventStore& store, EventChange many, const Ids& busy = {}) {
        All all;
        do {
            const EventsChanged changed = change(store, many, busy);
            assert_true(changed.done <= kMaxChanged);
            all.done += changed.done;
            all.busy += changed.busy;
            all.superseded += changed.superseded;
            all.batches++;
            many.after = changed.next;
        } while (many.after != 0);
        return all;
    }

    static NewEvent event_at(std::string key, std::string location) {
        NewEvent event = new_event(std::move(key));
        event.location = std::move(location);
        return event;
    }

    static std::int64_t target_at(EventStore& store, std::string_view location) {
        for (const ListedTarget& target : targets(store)) {
            if (target.location == location) {
                return target.target_id;
            }
        }
        return 0;
    }

    static EventChange move(EventStore& store, std::string_view from, std::string to) {
        EventChange move;
        move.kind = Kind::kMove;
        move.filter.target_id = target_at(store, from);
        move.server = new_event("x").server;
        move.location = std::move(to);
        return move;
    }

    // ---------------------------------------------------------------- lists

    static void a_page_ends_at_its_limit_and_the_next_one_goes_on(void**) {
        Place place;
        EventStore& store = place.store();
        assert_text(listed(store, Pile::kWaiting), "");
        append(store,
               {new_event("a"), new_event("b"), new_event("c"), new_event("d"), new_event("e")});
        assert_text(listed(store, Pile::kWaiting), "a b c d e");
        assert_text(listed(store, Pile::kWaiting, {}, 2), "a b|c d|e");
        assert_text(listed(store, Pile::kWaiting, {}, 5), "a b c d e");
        assert_text(listed(store, Pile::kDead), "");
    }

    static void filters_find_by_target_key_and_text(void**) {
        Place place;
        EventStore& store = place.store();
        NewEvent disk = event_at("a", "/other");
        disk.title = "Disk is full";
        append(store,
               {new_event("a"), new_event("b"), disk, new_event("a"), event_at("c", "/other")});
        retry(store, due_of(store, "b"), kNow + kHour);
        EventFilter filter;
        filter.target_id = target_at(store, "/other");
        assert_text(listed(store, Pile::kWaiting, filter), "a c");
        filter.key = "a";
        assert_text(listed(store, Pile::kWaiting, filter), "a");
        filter.target_id = 0;
        assert_text(listed(store, Pile::kWaiting, filter), "a a a");
        assert_text(listed(store, Pile::kWaiting, filter, 1), "a|a|a");
        filter.text = "DISK";
        assert_text(listed(store, Pile::kWaiting, filter), "a");
        filter.key.clear();
        filter.text = "http 503";
        assert_text(listed(store, Pile::kWaiting, filter), "b");
        filter.text = "nothing of that";
        assert_text(listed(store, Pile::kWaiting, filter), "");
        filter = {};
        filter.key = "A";
        assert_text(listed(store, Pile::kWaiting, filter), "");
    }

    static void a_page_that_looked_at_enough_says_where_to_go_on(void**) {
        Place place;
        EventStore& store = place.store();
        std::vector<NewEvent> events(kMostLookedAt + 10, new_event("many"));
        events.push_back(new_event("last"));
        append(store, events);
        EventFilter filter;
        filter.text = "not there";
        std::size_t pages = 0;
        std::int64_t after = 0;
        do {
            const EventPage page = list(store, Pile::kWaiting, filter, after);
            assert_int_equal(page.events.size(), 0);
            after = page.next;
            pages++;
        } while (after != 0);
        assert_true(pages >= 2);
        filter.text.clear();
        filter.key = "last";
        const EventPage page = list(store, Pile::kWaiting, filter);
        assert_int_equal(page.events.size(), 1);
        assert_true(page.next == 0);
    }

    static void an_event_says_what_it_waits_for(void**) {
        Place place;
        EventStore& store = place.store();
        append(store, {new_event("turn"), new_event("time"), new_event("target"), new_event("yes"),
                       new_event("time")});
        const DueEvent time = due_of(store, "time");
        retry(store, time, kNow + kMinute);
        retry(store, due_of(store, "target"), kNow + flashduty::kUntilBack);
        retry(store, due_of(store, "yes"), kNow + flashduty::kUntilYes);
        const EventPage page = list(store, Pile::kWaiting);
        constexpr WaitsFor kExpected[] = {WaitsFor::kTurn, WaitsFor::kTime, WaitsFor::kTarget,
                                          WaitsFor::kYes, WaitsFor::kElder};
        assert_int_equal(page.events.size(), std::size(kExpected));
        for (std::size_t i = 0; i < std::size(kExpected); i++) {
            assert_true(page.events[i].waits_for == kExpected[i]);
        }
        assert_true(page.events[1].next_try_ms == kNow + kMinute);
        assert_true(page.events[4].elder_id == time.event_id);
        assert_text(page.events[1].reason, "HTTP 503");
        assert_int_equal(page.events[1].attempts, 1);
        assert_true(page.events[0].accepted_ms == kNow);
    }

    static void one_event_is_shown_with_its_body_and_its_last_tries(void**) {
        Place place;
        EventStore& store = place.store();
        append(store, {new_event("a")});
        const DueEvent event = due_of(store, "a");
        for (int i = 1; i <= 12; i++) {
            settle(store, event, flashduty::Fate::kWaits, kNow + i * kSecond, 0,
                   "try " + std::to_string(i));
        }
        const WholeEvent whole = shown(store, Pile::kWaiting, event.event_id);
        assert_text(whole.event, event.event);
        assert_text(whole.body, new_event("a").body);
        assert_int_equal(whole.tries.size(), 10);
        assert_text(whole.tries.front().reason, "try 12");
        assert_text(whole.tries.back().reason, "try 3");
        assert_int_equal(whole.listed.attempts, 12);
        refuse(store, event, "refused");
        const WholeEvent dead = shown(store, Pile::kDead, event.event_id);
        assert_text(dead.body, whole.body);
        assert_text(dead.tries.front().reason, "refused");
        assert_text(dead.listed.reason, "refused");
        WholeEvent none;
        bool is_found = true;
        assert_status(store.ledger()->show(Pile::kWaiting, event.event_id, none, is_found), kOk);
        assert_false(is_found);
    }

    static void an_export_reads_everything_once(void**) {
        Place place;
        EventStore& store = place.store();
        for (int i = 0; i < 50; i++) {
            append(store, {new_event("k" + std::to_string(i))});
        }
        std::size_t events = 0, pages = 0;
        std::int64_t after = 0;
        do {
            WholePage page;
            assert_status(store.ledger()->read_whole(Pile::kWaiting, after, 200, page), kOk);
            for (const WholeEvent& event : page.events) {
                assert_text(event.listed.alert_key, "k" + std::to_string(events++));
                assert_text(event.body, new_event("x").body);
            }
            after = page.next;
            pages++;
        } while (after != 0);
        assert_int_equal(events, 50);
        assert_true(pages > 5);
    }

    static void targets_know_how_much_they_have(void**) {
        Place place;
        EventStore& store = place.store();
        append(store, {new_event("a"), new_event("b"), event_at("a", "/other"), new_event("a")});
        assert_text(counts(store), "/flashduty=3+0 /other=1+0");
        refuse(store, due_of(store, "b"));
        assert_text(counts(store), "/flashduty=2+1 /other=1+0");
        deliver(store, due_of(store, "a"));
        assert_text(counts(store), "/flashduty=1+1 /other=1+0");
    }

    // ---------------------------------------------------------------- changes

    static void a_dead_letter_goes_back_to_its_place(void**) {
        Place place;
        EventStore& store = place.store();
        append(store, {new_event("a"), new_event("a", "Ok")});
        const DueEvent first = due_of(store, "a");
        refuse(store, first);
        const EventsChanged changed = change_one(store, Kind::kResend, first.event_id);
        assert_int_equal(changed.done, 1);
        assert_int_equal(changed.wakes.size(), 1);
        assert_true(due_of(store, "a").event_id == first.event_id);
        assert_text(counts(store), "/flashduty=2+0");
        assert_false(change_one(store, Kind::kResend, first.event_id).is_found);
    }

    static void one_that_is_superseded_never_goes_back(void**) {
        Place place;
        EventStore& store = place.store();
        append(store, {new_event("a"), new_event("a", "Ok")});
        const DueEvent first = due_of(store, "a");
        refuse(store, first);
        deliver(store, due_of(store, "a"));
        const EventsChanged changed = change_one(store, Kind::kResend, first.event_id);
        assert_true(changed.is_found);
        assert_int_equal(changed.done, 0);
        assert_int_equal(changed.superseded, 1);
        assert_true(list(store, Pile::kDead).events[0].dead == DeadState::kSuperseded);
    }

    static void one_whose_key_is_on_its_way_waits_for_that(void**) {
        Place place;
        EventStore& store = place.store();
        append(store, {new_event("a"), new_event("a", "Ok")});
        const DueEvent first = due_of(store, "a");
        refuse(store, first);
        const DueEvent second = due_of(store, "a");
        assert_int_equal(change_one(store, Kind::kResend, first.event_id, {second.event_id}).done,
                         1);
        assert_true(list(store, Pile::kDead).events[0].dead == DeadState::kMarked);
        retry(store, second, 0);
        assert_int_equal(expire(store, kNow).requeued, 1);
        assert_true(due_of(store, "a").event_id == first.event_id);
    }

    static void what_is_discarded_is_a_dead_letter_unless_it_is_being_pushed(void**) {
        Place place;
        EventStore& store = place.store();
        append(store, {new_event("a"), new_event("b"), new_event("a")});
        const DueEvent event = due_of(store, "a");
        const EventsChanged busy =
            change_one(store, Kind::kDiscard, event.event_id, {event.event_id});
        assert_true(busy.is_found);
        assert_int_equal(busy.busy, 1);
        assert_int_equal(busy.done, 0);
        const EventsChanged changed = change_one(store, Kind::kDiscard, event.event_id);
        assert_int_equal(changed.done, 1);
        assert_text(changed.dead.front().alert_key, "a");
        assert_true(changed.gone.front() == event.event_id);
        assert_text(list(store, Pile::kDead).events[0].reason, "discarded by the operator");
        assert_text(due_keys(store, kNow), "b a");
        assert_false(change_one(store, Kind::kDiscard, 12345).is_found);
    }

    static void many_are_changed_in_batches(void**) {
        Place place;
        EventStore& store = place.store();
        std::vector<NewEvent> events;
        for (int i = 0; i < 600; i++) {
            events.push_back(event_at("k" + std::to_string(i), i % 2 == 0 ? "/even" : "/odd"));
        }
        const std::int64_t busy = append(store, events)[4].event_id;
        EventChange many;
        many.kind = Kind::kDiscard;
        many.filter.target_id = target_at(store, "/even");
        All all = change_all(store, many, {busy});
        assert_int_equal(all.done, 299);
        assert_int_equal(all.busy, 1);
        assert_true(all.batches >= 2);
        assert_text(counts(store), "/even=1+299 /odd=300+0");

        many.kind = Kind::kResend;
        all = change_all(store, many);
        assert_int_equal(all.done, 299);
        assert_text(counts(store), "/even=300+0 /odd=300+0");

        many.kind = Kind::kDiscard;
        change_all(store, many);
        many.kind = Kind::kDelete;
        many.filter = {};
        many.filter.key = "k0";
        all = change_all(store, many);
        assert_int_equal(all.done, 1);
        many.filter = {};
        all = change_all(store, many);
        assert_int_equal(all.done, 299);
        assert_text(counts(store), "/even=0+0 /odd=300+0");
    }

    static void what_is_deleted_is_gone(void**) {
        Place place;
        EventStore& store = place.store();
        append(store, {new_event("a")});
        const DueEvent event = due_of(store, "a");
        refuse(store, event, "why");
        const EventsChanged changed = change_one(store, Kind::kDelete, event.event_id);
        assert_int_equal(changed.done, 1);
        assert_text(changed.deleted.front().reason, "by the operator, it was: why");
        assert_text(listed(store, Pile::kDead), "");
        assert_text(place.run("SELECT count(*) FROM attempt"), "0");
        assert_false(change_one(store, Kind::kDelete, event.event_id).is_found);
    }

    // ---------------------------------------------------------------- moves

    static void what_is_moved_stands_in_the_order_of_ids_over_both(void**) {
        Place place;
        EventStore& store = place.store();
        const auto add = [&](const char* location, const char* status) {
            NewEvent event = event_at("a", location);
            event.event_status = status;
            return append(store, {event})[0].event_id;
        };
        const std::int64_t first = add("/old", "Critical");
        const std::int64_t second = add("/new", "Warning");
        const std::int64_t third = add("/old", "Ok");
        append(store, {event_at("b", "/old")});
        const All all = change_all(store, move(store, "/old", "/new"));
        assert_int_equal(all.done, 3);
        assert_text(counts(store), "/old=0+0 /new=4+0");
        for (const std::int64_t expected : {first, second, third}) {
            const DueEvent event = due_of(store, "a");
            assert_true(event.event_id == expected);
            assert_text(event.location, "/new");
            deliver(store, event);
        }
        assert_text(due_keys(store, kNow), "b");
        assert_text(place.run(Place::kAlerts), "1");
    }

    static void a_key_of_many_events_is_moved_in_batches(void**) {
        Place place;
        EventStore& store = place.store();
        append(store, {event_at("a", "/new")});
        append(store, std::vector<NewEvent>(600, event_at("a", "/old")));
        append(store, {event_at("a", "/new")});
        const All all = change_all(store, move(store, "/old", "/new"));
        assert_int_equal(all.done, 600);
        assert_text(counts(store), "/new=602+0 /old=0+0");
        assert_text(place.run("SELECT count(*), min(first_id) - (SELECT min(event_id)"
                              " FROM event) FROM alert WHERE first_id > 0"),
                    "1|0");
    }

    static void dead_letters_are_moved_with_what_supersedes_them(void**) {
        Place place;
        EventStore& store = place.store();
        append(store, {event_at("a", "/old"), event_at("a", "/old"), event_at("b", "/old")});
        const DueEvent superseded = due_of(store, "a");
        refuse(store, superseded);
        deliver(store, due_of(store, "a"));
        const DueEvent other = due_of(store, "b");
        refuse(store, other);
        const All all = change_all(store, move(store, "/old", "/new"));
        assert_int_equal(all.done, 2);
        assert_text(counts(store), "/old=0+0 /new=0+2");
        assert_int_equal(change_one(store, Kind::kResend, superseded.event_id).superseded, 1);
        assert_int_equal(change_one(store, Kind::kResend, other.event_id).done, 1);
        assert_text(due_of(store, "b").location, "/new");
        assert_text(place.run("SELECT count(*) FROM superseded"), "1");
    }

    static void a_key_on_its_way_is_not_moved(void**) {
        Place place;
        EventStore& store = place.store();
        const std::vector<Appended> old =
            append(store, {event_at("a", "/old"), event_at("a", "/old"), event_at("b", "/old"),
                           event_at("c", "/old")});
        const std::int64_t there = append(store, {event_at("b", "/new")})[0].event_id;
        const All all = change_all(store, move(store, "/old", "/new"), {old[0].event_id, there});
        assert_int_equal(all.done, 1);
        assert_int_equal(all.busy, 3);
        assert_text(counts(store), "/old=3+0 /new=2+0");
    }

    static void a_target_that_there_is_not_is_not_moved(void**) {
        Place place;
        EventStore& store = place.store();
        append(store, {new_event("a")});
        EventChange none = move(store, "/flashduty", "/new");
        none.filter.target_id = 5;
        assert_false(change(store, none).is_found);
        assert_int_equal(change_all(store, move(store, "/flashduty", "/flashduty")).done, 0);
        assert_text(counts(store), "/flashduty=1+0");
    }

    // ---------------------------------------------------------------- pauses

    static void a_pause_is_kept(void**) {
        Place place;
        std::int64_t target_id = 0;
        {
            EventStore& store = place.store();
            append(store, {new_event("a")});
            target_id = target_at(store, "/flashduty");
            bool is_found = false;
            assert_status(store.ledger()->pause(target_id, kNow + kHour, is_found), kOk);
            assert_true(is_found);
            assert_status(store.ledger()->pause(12, kNow + kHour, is_found), kOk);
            assert_false(is_found);
        }
        EventStore& store = place.reopen();
        std::vector<flashduty::EventLedger::Paused> paused;
        assert_status(store.ledger()->paused(kNow, paused), kOk);
        assert_int_equal(paused.size(), 1);
        assert_true(paused[0].target_id == target_id && paused[0].until_ms == kNow + kHour);
        assert_true(targets(store)[0].paused_until_ms == kNow + kHour);
        assert_status(store.ledger()->paused(kNow + kHour, paused), kOk);
        assert_int_equal(paused.size(), 0);
        bool is_found = false;
        assert_status(store.ledger()->pause(target_id, 0, is_found), kOk);
        assert_true(targets(store)[0].paused_until_ms == 0);
    }

    static void a_store_says_what_it_is(void**) {
        Place place;
        EventStore& store = place.store();
        append(store, {new_event("a")});
        flashduty::StoreFacts facts;
        assert_status(store.ledger()->facts(facts), kOk);
        assert_int_equal(facts.schema, Place::kSchemaVersion);
        assert_int_equal(facts.size.waiting, 1);
        assert_true(facts.kind.find(Place::kKind) == 0);
    }

    static std::vector<CMUnitTest> all() {
        return {cmocka_unit_test(a_page_ends_at_its_limit_and_the_next_one_goes_on),
                cmocka_unit_test(filters_find_by_target_key_and_text),
                cmocka_unit_test(a_page_that_looked_at_enough_says_where_to_go_on),
                cmocka_unit_test(an_event_says_what_it_waits_for),
                cmocka_unit_test(one_event_is_shown_with_its_body_and_its_last_tries),
                cmocka_unit_test(an_export_reads_everything_once),
                cmocka_unit_test(targets_know_how_much_they_have),
                cmocka_unit_test(a_dead_letter_goes_back_to_its_place),
                cmocka_unit_test(one_that_is_superseded_never_goes_back),
                cmocka_unit_test(one_whose_key_is_on_its_way_waits_for_that),
                cmocka_unit_test(what_is_discarded_is_a_dead_letter_unless_it_is_being_pushed),
                cmocka_unit_test(many_are_changed_in_batches),
                cmocka_unit_test(what_is_deleted_is_gone),
                cmocka_unit_test(what_is_moved_stands_in_the_order_of_ids_over_both),
                cmocka_unit_test(a_key_of_many_events_is_moved_in_batches),
                cmocka_unit_test(dead_letters_are_moved_with_what_supersedes_them),
                cmocka_unit_test(a_key_on_its_way_is_not_moved),
                cmocka_unit_test(a_target_that_there_is_not_is_not_moved),
                cmocka_unit_test(a_pause_is_kept),
                cmocka_unit_test(a_store_says_what_it_is)};
    }
};
