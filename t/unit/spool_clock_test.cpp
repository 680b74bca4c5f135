// Age in the spool is the time that passed, whatever somebody does to the wall clock, to a process
// or to the machine. And a spool that 1.0.0 has made, or still writes to.
#include <fstream>
#include <sstream>

#include "store_support.hpp"

namespace {

constexpr UnixMs kDay = 24 * kHour;

int begin_with_a_fresh_machine(void**) {
    start_machine();
    return 0;
}

void pass(UnixMs ms) {
    machine.boot_ms += ms;
    machine.wall_ms += ms;
}

void set_wall_clock(UnixMs by_ms) { machine.wall_ms += by_ms; }

/// The wall clock may be another one then.
void start_machine_again(UnixMs wall_step_ms) {
    machine.boot_id += " again";
    machine.boot_ms = 20 * kSecond;
    machine.wall_ms += wall_step_ms;
}

/// A worker and the deliverer in it, since their start.
struct Process {
    explicit Process(const TempFolder& folder)
        : options(options_of(folder)), store(options, true) {}

    void accept(std::string key) {
        NewEvent event = new_event(std::move(key));
        event.accepted_ms = options.clock.now_ms();
        assert_int_equal(append(store, {event}).size(), 1);
    }
    [[nodiscard]] std::size_t dead_now() { return tend().dead.size(); }
    Tended tend() { return expire(store, options.clock.now_ms()); }
    [[nodiscard]] UnixMs oldest_age() { return options.clock.now_ms() - size_of(store).oldest_ms; }

    SqliteStoreOptions options;
    SqliteStore store;
};

void what_passes_while_the_wall_clock_is_wrong_is_what_ages(void**) {
    for (const UnixMs step_ms : {400 * kDay, -400 * kDay}) {
        start_machine();
        TempFolder folder;
        {
            Process process(folder);
            process.accept("a");
            pass(kHour);
            set_wall_clock(step_ms);
            process.accept("b");
            assert_int_equal(process.dead_now(), 0);
            assert_int_equal(process.oldest_age(), kHour);
        }
        Process later(folder);
        assert_int_equal(later.dead_now(), 0);
        assert_int_equal(later.oldest_age(), kHour);
        assert_text(due_keys(later.store, later.options.clock.now_ms()), "a b");
        pass(23 * kHour + kSecond);
        assert_int_equal(later.dead_now(), 1);
        pass(kHour);
        Process last(folder);
        assert_int_equal(last.dead_now(), 1);
    }
}

void processes_with_other_wall_clocks_have_one_time(void**) {
    TempFolder folder;
    Process first(folder);
    first.accept("a");
    set_wall_clock(-30 * kDay);
    Process second(folder);
    second.accept("b");
    pass(kMinute);
    assert_int_equal(first.oldest_age(), kMinute);
    assert_int_equal(second.oldest_age(), kMinute);
    const DueEvent event = due_of(second.store, "b", second.options.clock.now_ms());
    assert_int_equal(second.options.clock.now_ms() - event.accepted_ms, kMinute);
    retry(second.store, event, second.options.clock.now_ms() + kMinute,
          second.options.clock.now_ms());
    assert_text(due_keys(first.store, first.options.clock.now_ms()), "a");
    assert_text(held_keys(first.store, first.options.clock.now_ms()), "");
    pass(kMinute);
    assert_text(held_keys(first.store, first.options.clock.now_ms()), "b");
}

void people_are_shown_the_wall_clock(void**) {
    TempFolder folder;
    set_wall_clock(-400 * kDay);
    Process process(folder);
    set_wall_clock(400 * kDay);
    pass(kMinute);
    process.accept("a");
    process.accept("b");
    (void)process.tend();  // writes down that the clock was set
    const UnixMs now_ms = process.options.clock.now_ms();
    retry(process.store, due_of(process.store, "a", now_ms), now_ms + kMinute, now_ms);
    settle(process.store, due_of(process.store, "b", now_ms), flashduty::Fate::kRefused, now_ms, 0,
           "no");
    Shell shell(folder.spool());
    assert_text(shell.run("SELECT accepted, next_try FROM waiting"),
                "2023-11-14 22:14:20|2023-11-14 22:15:20");
    assert_text(shell.run("SELECT accepted, time FROM dead_letters"),
                "2023-11-14 22:14:20|2023-11-14 22:14:20");
    assert_text(shell.run("SELECT DISTINCT tried_ms FROM attempt"), std::to_string(kNow + kMinute));
}

void over_a_start_of_the_machine_age_is_what_the_wall_clock_says(void**) {
    TempFolder folder;
    {
        Process process(folder);
        process.accept("a");
        pass(2 * kHour);
        (void)process.tend();
    }
    start_machine_again(21 * kHour);
    Process later(folder);
    assert_int_equal(later.oldest_age(), 23 * kHour);
    pass(kHour + kSecond);
    assert_int_equal(later.dead_now(), 1);
}

void over_a_start_of_the_machine_nothing_gets_younger(void**) {
    TempFolder folder;
    {
        Process process(folder);
        process.accept("a");
        pass(20 * kHour);
        (void)process.tend();
    }
    start_machine_again(-400 * kDay);
    Process later(folder);
    assert_int_equal(later.oldest_age(), 20 * kHour);
    set_wall_clock(400 * kDay);
    assert_int_equal(later.dead_now(), 0);
    pass(4 * kHour + kSecond);
    assert_int_equal(later.dead_now(), 1);
}

void after_a_start_of_the_machine_nothing_dies_of_age_for_ten_minutes(void**) {
    TempFolder folder;
    {
        Process process(folder);
        process.accept("a");
    }
    start_machine_again(400 * kDay);
    Process later(folder);
    assert_int_equal(later.dead_now(), 0);
    pass(9 * kMinute);
    assert_int_equal(later.dead_now(), 0);
    assert_text(due_keys(later.store, later.options.clock.now_ms()), "a");
    pass(kMinute);
    assert_int_equal(later.dead_now(), 1);
}

void a_spool_that_is_empty_begins_with_the_wall_clock_of_the_new_start(void**) {
    TempFolder folder;
    set_wall_clock(-400 * kDay);
    {
        Process process(folder);
        (void)size_of(process.store);
    }
    start_machine_again(400 * kDay);
    Process later(folder);
    later.accept("a");
    assert_text(in_shell(folder.spool(), "SELECT accepted_ms FROM event"), std::to_string(kNow));
    pass(kDay + kSecond);
    assert_int_equal(later.dead_now(), 1);
}

void a_database_that_is_begun_anew_has_the_same_time(void**) {
    TempFolder folder;
    Process process(folder);
    process.accept("a");
    set_wall_clock(-400 * kDay);
    pass(kMinute);
    for (const char* part : {"", "-wal", "-shm"}) {
        std::filesystem::remove(folder.spool() + part);
    }
    process.accept("b");
    assert_text(in_shell(folder.spool(), "SELECT accepted_ms FROM event"),
                std::to_string(kNow + kMinute));
}

void the_time_is_written_down_once_a_minute_while_something_is_in_it(void**) {
    TempFolder folder;
    Process process(folder);
    Shell shell(folder.spool());
    const auto noted = [&shell] { return shell.run("SELECT time_ms, wall_ms FROM clock"); };
    (void)process.tend();
    pass(kHour);
    (void)process.tend();
    assert_text(noted(), std::to_string(kNow) + "|" + std::to_string(kNow));
    process.accept("a");
    (void)process.tend();
    const std::string later = std::to_string(kNow + kHour);
    assert_text(noted(), later + "|" + later);
    pass(59 * kSecond);
    (void)process.tend();
    assert_text(noted(), later + "|" + later);
    set_wall_clock(-kHour);
    (void)process.tend();
    assert_text(noted(), std::to_string(kNow + kHour + 59 * kSecond) + "|" +
                             std::to_string(kNow + 59 * kSecond));
}

// ---------------------------------------------------------------- 1.0.0

void make_spool_of_1(const TempFolder& folder) {
    std::ifstream file(SOURCE_DIR "/t/unit/schema_1.sql");
    std::ostringstream text;
    text << file.rdbuf();
    assert_text(in_shell(folder.spool(), text.str()), "wal");
}

/// Appends like a worker of 1.0.0, whose clock may be another one.
void append_as_1(const std::string& spool, std::string_view key, UnixMs accepted_ms) {
    Shell shell(spool);
    const std::string text(key);
    shell.run(
        "INSERT OR IGNORE INTO alert (target_id, alert_key, rank, since_ms, first_id)"
        " VALUES (101, '" +
        text + "', 0, 0, 0)");
    assert_text(shell.run("INSERT INTO event (alert_id, severity, status, title, arguments,"
                          " accepted_ms, event, variables) SELECT alert_id, 1, 'Warning', 'old',"
                          " '', " +
                          std::to_string(accepted_ms) +
                          ", '{}', '{}' FROM alert"
                          " WHERE alert_key = '" +
                          text +
                          "';"
                          "INSERT INTO body (event_id, body) VALUES (last_insert_rowid(), '{}')"),
                "");
}

void a_spool_of_1_goes_on(void**) {
    TempFolder folder;
    make_spool_of_1(folder);
    append_as_1(folder.spool(), "a", kNow - 23 * kHour);
    append_as_1(folder.spool(), "b", kNow - 25 * kHour);
    Process process(folder);
    assert_int_equal(process.oldest_age(), 25 * kHour);
    assert_int_equal(process.dead_now(), 0);
    pass(10 * kMinute);
    assert_int_equal(process.dead_now(), 1);
    assert_text(due_keys(process.store, process.options.clock.now_ms()), "a");
    Shell shell(folder.spool());
    assert_text(shell.run("PRAGMA user_version"), "1");
    assert_text(shell.run("SELECT value FROM meta WHERE name = 'schema'"), "3");
    assert_text(shell.run("SELECT accepted FROM waiting"), "2023-11-13 23:13:20");
    assert_text(shell.run("SELECT waiting, dead FROM target WHERE target_id = 101"), "1|1");
    assert_text(shell.run("PRAGMA integrity_check"), "ok");
}

void a_new_one_can_be_used_by_1(void**) {
    TempFolder folder;
    Process process(folder);
    (void)size_of(process.store);
    in_shell(folder.spool(), "INSERT INTO target VALUES (101, '*:8080 gateway', '/flashduty')");
    pass(kHour);
    (void)process.tend();
    // The clock of 1.0.0 is wrong by a year, one way and the other.
    append_as_1(folder.spool(), "a", kNow - 365 * kDay);
    append_as_1(folder.spool(), "b", kNow + 365 * kDay);
    append_as_1(folder.spool(), "c", kNow + kHour);
    pass(kSecond);
    assert_int_equal(process.dead_now(), 0);
    assert_int_equal(process.dead_now(), 0);
    assert_int_equal(process.oldest_age(), kSecond);
    assert_text(due_keys(process.store, process.options.clock.now_ms()), "a c b");
    pass(kDay + kSecond);
    assert_int_equal(process.dead_now(), 3);
}

CMUnitTest on_a_fresh_machine(const char* name, CMUnitTestFunction test) {
    return {name, test, begin_with_a_fresh_machine, nullptr, nullptr};
}

}  // namespace

#define test(name) on_a_fresh_machine(#name, name)

int main() {
    const std::vector<CMUnitTest> tests = {
        test(what_passes_while_the_wall_clock_is_wrong_is_what_ages),
        test(processes_with_other_wall_clocks_have_one_time),
        test(people_are_shown_the_wall_clock),
        test(over_a_start_of_the_machine_age_is_what_the_wall_clock_says),
        test(over_a_start_of_the_machine_nothing_gets_younger),
        test(after_a_start_of_the_machine_nothing_dies_of_age_for_ten_minutes),
        test(a_spool_that_is_empty_begins_with_the_wall_clock_of_the_new_start),
        test(a_database_that_is_begun_anew_has_the_same_time),
        test(the_time_is_written_down_once_a_minute_while_something_is_in_it),
        test(a_spool_of_1_goes_on),
        test(a_new_one_can_be_used_by_1),
    };
    return run("spool_clock", tests);
}
