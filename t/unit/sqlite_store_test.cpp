// Events that wait in SQLite: all that every store does, and what a file adds to that.
#include <chrono>

#include "event_store_tests.hpp"
#include "sqlite_place.hpp"

namespace {

void a_database_in_the_place_of_another_uses_no_id_again(void**) {
    TempFolder folder;
    std::int64_t last = 0;
    {
        SqliteStore store(options_of(folder), true);
        last = append(store, {new_event("a")})[0].event_id;
    }
    in_shell(folder.spool(), "PRAGMA wal_checkpoint(TRUNCATE)");
    std::filesystem::remove(folder.spool());
    SqliteStore store(options_of(folder), true);
    assert_true(append(store, {new_event("a")})[0].event_id > last);
}

void every_search_goes_by_an_index(void**) {
    TempFolder folder;
    SqliteStore store(options_of(folder), true);
    const std::int64_t target = append(store, {new_event("a")})[0].target_id;
    std::vector<NewEvent> many;
    for (int i = 0; i < 20'000; i++) {
        many.push_back(new_event("k" + std::to_string(i), i % 2 == 0 ? "Warning" : "Info"));
    }
    append(store, many);
    // SQLite counts the rows it steps over without an index; a full one takes milliseconds.
    const auto began = std::chrono::steady_clock::now();
    for (int i = 0; i < 200; i++) {
        for (const Search::Kind kind :
             {Search::Kind::kDue, Search::Kind::kWorst, Search::Kind::kNewest, Search::Kind::kTried,
              Search::Kind::kHeld, Search::Kind::kRefused}) {
            Search search = search_for(kind, target, 8);
            search.until_ms = kNow;
            (void)find(store, search, kNow);
        }
    }
    const auto took = std::chrono::steady_clock::now() - began;
    const auto took_us = std::chrono::duration_cast<std::chrono::microseconds>(took).count();
    print_message("# a search among 20,000 keys: %lld us\n",
                  static_cast<long long>(took_us / 1'200));
    assert_true(took_us / 1'200 < 5'000);
}

void max_size_counts_the_wal_and_makes_room_in_it(void**) {
    TempFolder folder;
    SqliteStoreOptions options = options_of(folder);
    options.max_size_bytes = 2 << 20;
    SqliteStore store(options, true);
    NewEvent event = new_event("a");
    event.body.assign(50'000, 'b');
    Shell reader(folder.spool());
    append(store, {event});
    reader.run("BEGIN");
    assert_text(reader.run("SELECT count(*) FROM event"), "1");
    StoreStatus status = StoreStatus::kOk;
    std::vector<Appended> appended;
    int count = 0;
    for (; status == StoreStatus::kOk && count < 1000; count++) {
        status = store.append({event}, appended);
        deliver(store, due_of(store, "a"));
    }
    assert_status(status, kFull);
    assert_true(store.error().find("a reader keeps") != std::string_view::npos);
    assert_true(size_of(store).used_bytes >= options.max_size_bytes);
    assert_true(std::filesystem::file_size(folder.spool() + "-wal") < 3 << 20);
    reader.run("COMMIT");
    assert_status(store.append({event}, appended), kOk);
    assert_true(size_of(store).used_bytes < options.max_size_bytes / 2);
    // Without a reader that goes on forever.
    for (int i = 0; i < 200; i++) {
        assert_status(store.append({event}, appended), kOk);
        deliver(store, due_of(store, "a"));
    }
}

}  // namespace

int main() {
    std::vector<CMUnitTest> tests = EventStoreTests<SqlitePlace>::all();
    const std::vector<CMUnitTest> own = {
        cmocka_unit_test(a_database_in_the_place_of_another_uses_no_id_again),
        cmocka_unit_test(every_search_goes_by_an_index),
        cmocka_unit_test(max_size_counts_the_wal_and_makes_room_in_it),
    };
    tests.insert(tests.end(), own.begin(), own.end());
    return run("sqlite_store", tests);
}
