// Events that wait in PostgreSQL: everything that every store does, and what is particular to a
// database.
#include "postgres_store.hpp"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include <atomic>
#include <map>
#include <thread>

#include "event_store_tests.hpp"
#include "postgres_place.hpp"
#include "store_model.hpp"

using flashduty::BatchId;
using flashduty::PostgresStore;
using flashduty::PostgresStoreOptions;

namespace {

using Milliseconds = std::chrono::milliseconds;

PostgresServer& server() { return PostgresServer::instance(); }

/// A store of a place that is not the place's own.
std::unique_ptr<PostgresStore> another(const PostgresPlace& place) {
    return std::make_unique<PostgresStore>(place.options());
}

/// Waits for `sql` to give `expected`.
void wait_for(PostgresPlace& place, const std::string& sql, std::string_view expected) {
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (place.run(sql) != expected && std::chrono::steady_clock::now() < until) {
        std::this_thread::sleep_for(Milliseconds(10));
    }
    assert_text(place.run(sql), expected);
}

/// For as long as it lives no commit is confirmed, as if the only standby were away.
class StandbyAway {
  public:
    explicit StandbyAway(PostgresPlace& place) : place_(place) { set("nobody"); }
    ~StandbyAway() { set(""); }
    StandbyAway(const StandbyAway&) = delete;
    StandbyAway& operator=(const StandbyAway&) = delete;

  private:
    void set(const std::string& names) {
        // No commit is waited for here: the settings are only read.
        place_.run("SET synchronous_commit = off");
        assert_text(place_.run("ALTER SYSTEM SET synchronous_standby_names = '" + names + "'"), "");
        assert_text(place_.run("SELECT pg_reload_conf()"), "t");
        wait_for(place_, "SHOW synchronous_standby_names", names);
    }

    PostgresPlace& place_;
};

constexpr char kWaiting[] = "SELECT count(*) FROM event";
constexpr char kIsWaiting[] = "SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'SyncRep'";

// ---------------------------------------------------------------- what is safe

void a_batch_that_is_appended_again_is_there_once(void**) {
    PostgresPlace place;
    (void)size_of(place.store());
    const auto store = another(place);
    const std::vector<NewEvent> events = {new_event("a"), new_event("b")};
    const BatchId id = store->next_batch();
    std::vector<Appended> appended;
    assert_status(store->append(events, appended), kOk);
    assert_int_equal(appended.size(), 2);
    // Anybody may append it again.
    assert_status(another(place)->append_again(id, events, appended), kOk);
    assert_true(appended.empty());
    assert_int_equal(size_of(place.store()).waiting, 2);
    assert_true(store->next_batch().batch == id.batch + 1);
    assert_status(store->append(events, appended), kOk);
    assert_int_equal(size_of(place.store()).waiting, 4);
}

void a_commit_without_a_standby_is_not_known_until_it_is_repeated(void**) {
    PostgresPlace place;
    (void)size_of(place.store());
    PostgresStoreOptions options = place.options();
    options.timeout_ms = 1'000;
    PostgresStore store(options);
    (void)size_of(store);
    append(place.store(), {new_event("first")});
    const std::vector<NewEvent> events = {new_event("a")};
    const BatchId id = store.next_batch();
    std::vector<Appended> appended;
    {
        StandbyAway away(place);
        assert_status(store.append(events, appended), kUnknown);
        // A new writer's name is never used again.
        assert_true(store.next_batch().writer != id.writer);
        // A batch that is there already is not confirmed before it is safe, either.
        assert_status(store.append_again(id, events, appended), kUnknown);
    }
    assert_status(another(place)->append_again(id, events, appended), kOk);
    assert_true(appended.empty());
    assert_text(place.run(kWaiting), "2");
}

void a_commit_whose_wait_was_cancelled_is_not_known(void**) {
    PostgresPlace place;
    (void)size_of(place.store());
    const auto store = another(place);
    assert_int_equal(append(*store, {new_event("first")}).size(), 1);
    StoreStatus status = StoreStatus::kOk;
    {
        StandbyAway away(place);
        std::thread appends([&] {
            std::vector<Appended> appended;
            status = store->append({new_event("a")}, appended);
        });
        wait_for(place, kIsWaiting, "1");
        place.run(
            "SELECT pg_cancel_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
        appends.join();
    }
    assert_status(status, kUnknown);
    assert_true(store->error().find("might not have been replicated") != std::string_view::npos ||
                store->error().find("canceling wait for synchronous replication") !=
                    std::string_view::npos);
    assert_text(place.run(kWaiting), "2");
}

void a_backend_that_was_terminated_leaves_nothing_known(void**) {
    PostgresPlace place;
    (void)size_of(place.store());
    const auto store = another(place);
    assert_int_equal(append(*store, {new_event("first")}).size(), 1);
    StoreStatus status = StoreStatus::kOk;
    {
        StandbyAway away(place);
        std::thread appends([&] {
            std::vector<Appended> appended;
            status = store->append({new_event("a")}, appended);
        });
        wait_for(place, kIsWaiting, "1");
        place.run(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event = 'SyncRep'");
        appends.join();
    }
    assert_status(status, kUnknown);
    // The next call finds its way back.
    assert_int_equal(append(*store, {new_event("b")}).size(), 1);
}

void no_call_takes_longer_than_it_may(void**) {
    PostgresPlace place;
    (void)size_of(place.store());
    PostgresStoreOptions options = place.options();
    options.timeout_ms = options.work_timeout_ms = 200;
    PostgresStore store(options);
    append(place.store(), {new_event("a")});
    const DueEvent event = due_of(place.store(), "a");
    place.run("BEGIN; LOCK TABLE alert, event, writer IN ACCESS EXCLUSIVE MODE");
    std::vector<Appended> appended;
    StoreSize size;
    const auto began = std::chrono::steady_clock::now();
    assert_status(store.append({new_event("b")}, appended), kUnknown);
    assert_status(store.size(size), kUnknown);
    assert_status(
        store.settle({{event.event_id, event.alert_id, flashduty::Fate::kDelivered, kNow, 0, ""}}),
        kUnknown);
    assert_true(std::chrono::steady_clock::now() - began < std::chrono::seconds(20));
    place.run("ROLLBACK");
    wait_for(place, "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'", "0");
}

void an_isolation_that_would_lose_counts_is_not_taken(void**) {
    PostgresPlace place;
    (void)size_of(place.store());
    const std::string answer =
        place.run("BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT begin_change(0)");
    place.run("ROLLBACK");
    assert_text(answer, "error: the transaction is not READ COMMITTED");
    // The role asks for settings that this store does not follow.
    assert_text(
        server().run("ALTER ROLE flashduty SET default_transaction_isolation = serializable;"
                     " ALTER ROLE flashduty SET synchronous_commit = off"),
        "");
    assert_int_equal(append(*another(place), {new_event("a")}).size(), 1);
    assert_text(server().run("ALTER ROLE flashduty RESET ALL"), "");
}

// ---------------------------------------------------------------- bad days

void a_server_that_is_away_is_found_again(void**) {
    PostgresPlace place;
    (void)size_of(place.store());
    PostgresStoreOptions options = place.options();
    options.server.conninfo = "host=/nowhere dbname=postgres";
    PostgresStore store(options);
    StoreSize size;
    assert_status(store.size(size), kAway);
    assert_true(store.error().find("/nowhere") != std::string_view::npos);
    const auto found = another(place);
    (void)size_of(*found);
    place.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()");
    wait_for(place, "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'flashduty'",
             "0");
    std::vector<Appended> appended;
    // A statement that was sent into nothing may have been heard.
    const StoreStatus status = found->append({new_event("a")}, appended);
    assert_true(status == StoreStatus::kUnknown || status == StoreStatus::kOk);
    assert_int_equal(append(*found, {new_event("a")}).size(), 1);
}

void of_several_hosts_the_one_behind_a_bad_one_is_next(void**) {
    PostgresPlace place;
    (void)size_of(place.store());
    // A server that takes connections and says nothing.
    const int silent = ::socket(AF_INET, SOCK_STREAM, 0);
    struct sockaddr_in address = {};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t length = sizeof(address);
    assert_int_equal(::bind(silent, reinterpret_cast<struct sockaddr*>(&address), length), 0);
    assert_int_equal(::listen(silent, 16), 0);
    assert_int_equal(::getsockname(silent, reinterpret_cast<struct sockaddr*>(&address), &length),
                     0);
    const std::string good = server().conninfo();
    const std::string folder = good.substr(5, good.find(' ') - 5);
    PostgresStoreOptions options = place.options();
    options.server.conninfo = "host=127.0.0.1," + folder +
                              " port=" + std::to_string(ntohs(address.sin_port)) +
                              ",5432 dbname=postgres"
                              " user=flashduty sslmode=disable";
    options.connect_timeout_ms = 500;
    PostgresStore store(options);
    StoreSize size;
    assert_status(store.size(size), kAway);
    assert_text(store.error(), "PostgreSQL: \"127.0.0.1\" takes too long to connect to");
    const auto until = std::chrono::steady_clock::now() + std::chrono::seconds(30);
    while (store.size(size) != StoreStatus::kOk && std::chrono::steady_clock::now() < until) {
    }
    assert_status(store.size(size), kOk);
    ::close(silent);
}

void what_the_database_cannot_hold_is_left_out_of_its_batch(void**) {
    PostgresPlace place;
    const auto store = another(place);
    NewEvent with_nul = new_event("d");
    with_nul.title = std::string("a\0b", 3);
    // An index row of that size does not fit into a page, and does not compress.
    std::string long_key;
    for (std::uint64_t i = 1, value = 88172645463325252U; i < 3'000; i++) {
        value ^= value << 13, value ^= value >> 7, value ^= value << 17;
        long_key += std::to_string(value);
    }
    const std::vector<NewEvent> events = {
        new_event("a"), new_event("\xFF"),   new_event("b"), with_nul, new_event("\xED\xA0\x80"),
        new_event("c"), new_event(long_key), new_event("a")};
    const BatchId id = store->next_batch();
    std::vector<Appended> appended;
    assert_status(store->append(events, appended), kOk);
    assert_int_equal(appended.size(), events.size());
    std::string taken;
    for (const Appended& one : appended) {
        taken += one.event_id == 0 ? '-' : '+';
    }
    assert_text(taken, "+-+--+-+");
    assert_true(!store->unfit_reason().empty());
    assert_text(due_keys(*store, kNow), "a b c");
    // A repetition finds the same.
    assert_status(another(place)->append_again(id, events, appended), kOk);
    assert_int_equal(size_of(place.store()).waiting, 4);
    // Nothing of it fits.
    assert_status(store->append({with_nul}, appended), kOk);
    assert_true(appended.size() == 1 && appended[0].event_id == 0);
    assert_text(place.run("SELECT count(*) FROM event"), "4");
}

void no_append_connects_while_callers_wait(void**) {
    PostgresPlace place;
    PostgresStoreOptions options = place.options();
    options.connects_to_append = false;
    PostgresStore store(options);
    std::vector<Appended> appended;
    assert_status(store.append({new_event("a")}, appended), kAway);
    assert_status(store.prepare(), kOk);
    assert_status(store.append({new_event("a")}, appended), kOk);
    assert_int_equal(appended.size(), 1);
    assert_false(store.is_synchronous());
}

void an_append_has_as_long_as_its_oldest_caller_can_wait(void**) {
    assert_int_equal(flashduty::append_timeout_ms(500, 800, 0), 500);
    assert_int_equal(flashduty::append_timeout_ms(500, 800, 120), 380);
    assert_int_equal(flashduty::append_timeout_ms(500, 800, 450), 50);
    assert_int_equal(flashduty::append_timeout_ms(500, 800, 451), 0);
    assert_int_equal(flashduty::append_timeout_ms(500, 300, 0), 0);
}

void a_schema_of_a_newer_gateway_is_left_alone(void**) {
    PostgresPlace place;
    (void)size_of(place.store());
    assert_text(place.run("UPDATE meta SET value = 2"), "");
    StoreSize size;
    const auto store = another(place);
    assert_status(store->size(size), kNewer);
    assert_true(store->error().find("newer") != std::string_view::npos);
    // A database with additions only is used.
    assert_text(place.run("UPDATE meta SET value = 1 WHERE name = 'oldest_user'"), "");
    assert_status(store->size(size), kOk);
    assert_text(place.run("UPDATE meta SET value = 1"), "");
}

void a_role_that_may_not_make_tables_says_so(void**) {
    PostgresPlace place;
    assert_text(server().run("CREATE ROLE guest LOGIN"), "");
    PostgresStoreOptions options = place.options();
    options.server.conninfo = server().conninfo() + "  user=guest";
    options.server.schema = "nothing";
    PostgresStore store(options);
    StoreSize size;
    assert_status(store.size(size), kReadOnly);
    assert_true(store.error().find("permission denied") != std::string_view::npos);
    assert_text(server().run("DROP ROLE guest"), "");
}

void a_database_that_is_not_utf8_is_refused(void**) {
    PostgresPlace place;
    assert_text(server().run("CREATE DATABASE latin ENCODING 'LATIN1' TEMPLATE template0"), "");
    PostgresStoreOptions options = place.options();
    options.server.conninfo = server().conninfo() + " dbname=latin";
    PostgresStore store(options);
    StoreSize size;
    assert_status(store.size(size), kAway);
    assert_true(store.error().find("not in UTF8 but in LATIN1") != std::string_view::npos);
}

// ---------------------------------------------------------------- a fleet

void one_of_an_old_term_finds_and_changes_nothing(void**) {
    PostgresPlace place;
    (void)size_of(place.store());
    const auto store = another(place);
    append(*store, {new_event("a"), new_event("b")});
    store->set_term(1);
    const DueEvent event = due_of(*store, "a");
    deliver(*store, due_of(*store, "b"));
    assert_text(place.run("UPDATE term SET term = 2"), "");
    assert_text(due_keys(*store, kNow), "");
    const StoreStatus status =
        store->settle({{event.event_id, event.alert_id, flashduty::Fate::kDelivered, kNow, 0, ""}});
    assert_status(status, kFailed);
    assert_text(store->error(), "PostgreSQL: term 1 is over");
    assert_text(place.run(kWaiting), "1");
    // Events come from everybody.
    assert_int_equal(append(*store, {new_event("c")}).size(), 1);
    store->set_term(2);
    assert_text(due_keys(*store, kNow), "a c");
    assert_text(place.run("SELECT string_agg(term::text, ' ' ORDER BY event_id) FROM event"),
                "1 2");
}

void many_append_and_one_settles_without_a_wrong_count(void**) {
    PostgresPlace place;
    (void)size_of(place.store());
    constexpr int kAppenders = 4;
    constexpr int kBatches = 60;
    std::atomic<int> running{kAppenders};
    std::atomic<int> bad{0};
    std::vector<std::thread> appenders;
    for (int i = 0; i < kAppenders; i++) {
        appenders.emplace_back([&, i] {
            const auto store = another(place);
            std::vector<Appended> appended;
            for (int batch = 0; batch < kBatches; batch++) {
                // In an order of its own, so that locks taken as they come would be a circle.
                std::vector<NewEvent> events;
                for (int k = 0; k < 6; k++) {
                    events.push_back(new_event("k" + std::to_string((k * (i + 1) + batch) % 7)));
                }
                bad += store->append(events, appended) == StoreStatus::kOk ? 0 : 1;
            }
            running--;
        });
    }
    // Events of a key leave in the order of their ids.
    std::map<std::string, std::int64_t> last;
    std::size_t delivered = 0;
    const auto leader = another(place);
    for (bool is_last = false; !is_last;) {
        is_last = running == 0;
        std::vector<Settlement> settlements;
        for (const DueEvent& event : due(*leader, kNow)) {
            assert_true(last[event.alert_key] < event.event_id);
            last[event.alert_key] = event.event_id;
            settlements.push_back(
                {event.event_id, event.alert_id, flashduty::Fate::kDelivered, kNow, 0, ""});
        }
        delivered += settlements.size();
        assert_status(leader->settle(settlements), kOk);
        is_last = is_last && settlements.empty();
    }
    for (std::thread& appender : appenders) {
        appender.join();
    }
    assert_int_equal(bad, 0);
    assert_int_equal(delivered, kAppenders * kBatches * 6);
    assert_text(place.run(PostgresPlace::kIsSound), PostgresPlace::kSound);
    assert_text(place.run(PostgresPlace::kLeft), "0|0|0|0|0|0");
}

void keys_and_writers_are_forgotten_when_they_are_of_no_use(void**) {
    PostgresPlace place;
    append(place.store(), {new_event("a"), new_event("b")});
    deliver(place.store(), due_of(place.store(), "a"));
    assert_text(place.run("SELECT count(*) FROM alert"), "2");
    // By PostgreSQL's clock both were long ago; what waits stays.
    assert_text(place.run("UPDATE alert SET done_ms = 1; UPDATE writer SET seen_ms = 1"), "");
    (void)expire(place.store(), kNow);
    assert_text(place.run("SELECT alert_key FROM alert"), "b");
    assert_text(place.run("SELECT count(*) FROM writer_sum"), "0");
    assert_int_equal(size_of(place.store()).waiting, 1);
    (void)expire(place.store(), kNow + kMinute);
    assert_text(place.run("SELECT count(*) FROM writer"), "0");
    assert_text(place.run(PostgresPlace::kIsSound), PostgresPlace::kSound);
    // A writer that appends again is counted again.
    append(place.store(), {new_event("a")});
    assert_text(place.run(PostgresPlace::kIsSound), PostgresPlace::kSound);
}

void a_writer_that_was_silent_is_counted_again(void**) {
    PostgresPlace place;
    const auto store = another(place);
    append(*store, {new_event("a")});
    assert_text(place.run("UPDATE writer SET seen_ms = now_ms() - 3600000"), "");
    (void)expire(*store, kNow);
    assert_text(place.run("SELECT count(*) FROM writer_sum"), "0");
    append(*store, {new_event("b")});
    assert_int_equal(size_of(*store).waiting, 2);
    assert_text(place.run(PostgresPlace::kIsSound), PostgresPlace::kSound);
}

void an_orphan_is_told_of(void**) {
    PostgresPlace place;
    append(place.store(), {new_event("a")});
    (void)expire(place.store(), kNow);
    assert_text(place.store().take_notice(), "");
    assert_text(place.run("UPDATE alert SET first_id = 0"), "");
    (void)expire(place.store(), kNow + kMinute);
    assert_true(place.store().take_notice().find("1 of the oldest events are of no key") !=
                std::string::npos);
}

void ids_do_not_go_back_with_the_database(void**) {
    PostgresPlace place;
    PostgresStore store(place.options());
    const std::int64_t last = append(store, {new_event("a")})[0].event_id;
    assert_true(last > kNow * 1000);
    // The database has lost its last numbers.
    assert_text(place.run("SELECT setval('event_id', 17)"), "17");
    const StoreSize size = size_of(store);
    assert_int_equal(size.waiting, 1);
    place.run(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> "
        "pg_backend_pid()");
    StoreSize ignored;
    while (store.size(ignored) != StoreStatus::kOk) {
    }
    assert_true(append(store, {new_event("a")})[0].event_id > last);
}

void times_are_by_the_clock_of_the_database(void**) {
    PostgresPlace place;
    (void)size_of(place.store());
    PostgresStoreOptions options = place.options();
    options.clock_offset_ms.reset();
    PostgresStore store(options);
    append(store, {new_event("a", "Warning", kNow)});
    // The machine of these tests lives years before.
    assert_true(store.clock_offset_ms() > 365 * 24 * kHour);
    assert_text(place.run("SELECT abs(accepted_ms - now_ms()) < 60000 FROM event"), "t");
    assert_true(due_of(store, "a").accepted_ms == kNow);
    assert_true(size_of(store).oldest_ms == kNow);
    retry(store, due_of(store, "a"), kNow + kMinute);
    const std::int64_t target = append(store, {new_event("b")})[0].target_id;
    std::vector<DueEvent> events;
    Held held;
    assert_status(store.find(search_for(Search::Kind::kHeld, target, 9), kNow, events, held), kOk);
    assert_true(events.empty() && held.next_ms == kNow + kMinute);
    events = find(store, search_for(Search::Kind::kHeld, target, 9), kNow + kMinute);
    assert_text(keys_of(events), "a");
    assert_true(events[0].tried_ms == kNow);
    assert_int_equal(expire(store, kNow + 24 * kHour + 1).dead.size(), 2);
}

}  // namespace

int main() {
    if (!has_postgres("postgres_store")) {
        return 0;
    }
    std::vector<CMUnitTest> tests = EventStoreTests<PostgresPlace>::all();
    tests.push_back(cmocka_unit_test(the_store_does_what_the_model_does<PostgresPlace>));
    const std::vector<CMUnitTest> own = {
        cmocka_unit_test(a_batch_that_is_appended_again_is_there_once),
        cmocka_unit_test(a_commit_without_a_standby_is_not_known_until_it_is_repeated),
        cmocka_unit_test(a_commit_whose_wait_was_cancelled_is_not_known),
        cmocka_unit_test(a_backend_that_was_terminated_leaves_nothing_known),
        cmocka_unit_test(no_call_takes_longer_than_it_may),
        cmocka_unit_test(an_isolation_that_would_lose_counts_is_not_taken),
        cmocka_unit_test(a_server_that_is_away_is_found_again),
        cmocka_unit_test(of_several_hosts_the_one_behind_a_bad_one_is_next),
        cmocka_unit_test(what_the_database_cannot_hold_is_left_out_of_its_batch),
        cmocka_unit_test(no_append_connects_while_callers_wait),
        cmocka_unit_test(an_append_has_as_long_as_its_oldest_caller_can_wait),
        cmocka_unit_test(a_schema_of_a_newer_gateway_is_left_alone),
        cmocka_unit_test(a_role_that_may_not_make_tables_says_so),
        cmocka_unit_test(a_database_that_is_not_utf8_is_refused),
        cmocka_unit_test(one_of_an_old_term_finds_and_changes_nothing),
        cmocka_unit_test(many_append_and_one_settles_without_a_wrong_count),
        cmocka_unit_test(keys_and_writers_are_forgotten_when_they_are_of_no_use),
        cmocka_unit_test(a_writer_that_was_silent_is_counted_again),
        cmocka_unit_test(an_orphan_is_told_of),
        cmocka_unit_test(ids_do_not_go_back_with_the_database),
        cmocka_unit_test(times_are_by_the_clock_of_the_database),
    };
    tests.insert(tests.end(), own.begin(), own.end());
    return run("postgres_store", tests);
}
