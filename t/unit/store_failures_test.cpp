// Failures of the store's files, and its recovery from all of them.
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/file.h>
#include <sys/mount.h>

#include <chrono>
#include <fstream>
#include <map>
#include <set>
#include <sstream>
#include <thread>

#include "failing_vfs.hpp"
#include "store_support.hpp"

/// Takes the place of the C library's, for steps that are not SQLite's.
extern "C" int rename(const char* from, const char* to) {
    take_step();
    return ::renameat(AT_FDCWD, from, AT_FDCWD, to);
}
extern "C" int unlink(const char* path) {
    take_step();
    return ::unlinkat(AT_FDCWD, path, 0);
}

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

int begin_with_a_good_disk(void**) {
    disk_faults = {};
    return 0;
}

SqliteStoreOptions failing_options(const TempFolder& folder) {
    SqliteStoreOptions options = options_of(folder);
    options.vfs = kFailingVfs;
    return options;
}

StoreStatus append_one(SqliteStore& store, std::string key = "a") {
    std::vector<Appended> appended;
    return store.append({new_event(std::move(key))}, appended);
}

ino_t inode_of(const std::string& path) {
    struct stat info = {};
    return ::stat(path.c_str(), &info) == 0 ? info.st_ino : 0;
}

std::string waiting_keys(const std::string& path) {
    return in_shell(path, "SELECT group_concat(alert_key, ' ') FROM waiting ORDER BY event_id");
}

void overwrite(const std::string& path, std::size_t offset, std::size_t size) {
    std::fstream file(path, std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(static_cast<std::streamoff>(offset));
    file << std::string(size, 'x');
}

/// False without the right to mount.
bool can_mount() {
    return in_process([] {
        return ::unshare(CLONE_NEWNS) == 0 &&
               ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) == 0;
    });
}

// ---------------------------------------------------------------- files

void all_files_are_their_owners_only(void**) {
    TempFolder folder;
    SqliteStore store(options_of(folder), true);
    assert_status(append_one(store), kOk);
    const std::vector<std::string> names = folder.names_with("spool.db");
    assert_int_equal(names.size(), 4);  // -wal, -shm and .guard too
    for (const std::string& name : names) {
        struct stat info = {};
        assert_int_equal(::stat((folder.path() + "/" + name).c_str(), &info), 0);
        assert_int_equal(info.st_mode & 0777, 0600);
    }
}

void it_is_a_wal_that_is_synced_with_every_commit(void**) {
    TempFolder folder;
    SqliteStore store(failing_options(folder), true);
    assert_status(append_one(store), kOk);
    assert_text(in_shell(folder.spool(), "PRAGMA journal_mode"), "wal");
    const int before = disk_faults.syncs;
    std::vector<Appended> appended;
    assert_status(store.append(std::vector<NewEvent>(32, new_event("a")), appended), kOk);
    assert_int_equal(disk_faults.syncs, before + 1);
}

void what_was_written_is_there_for_the_next_one(void**) {
    TempFolder folder;
    {
        SqliteStore store(options_of(folder), false);
        assert_status(append_one(store), kOk);
    }
    SqliteStore store(options_of(folder), true);
    assert_text(due_keys(store, kNow), "a");
}

void the_wal_is_copied_before_it_gets_long(void**) {
    TempFolder folder;
    SqliteStore store(options_of(folder), true);
    NewEvent event = new_event("a");
    event.body.assign(40'000, 'b');
    std::vector<Appended> appended;
    for (int i = 0; i < 60; i++) {
        assert_status(store.append(std::vector<NewEvent>(10, event), appended), kOk);
    }
    assert_true(std::filesystem::file_size(folder.spool()) > 15'000'000);
    assert_true(std::filesystem::file_size(folder.spool() + "-wal") < 12'000'000);
}

void a_folder_that_is_missing_makes_it_unusable_until_it_is_there(void**) {
    TempFolder folder;
    SqliteStoreOptions options = options_of(folder);
    options.path = folder.path() + "/sub/spool.db";
    SqliteStore store(options, true);
    assert_status(append_one(store), kReadOnly);
    assert_true(store.error().find(options.path) != std::string_view::npos);
    std::filesystem::create_directory(folder.path() + "/sub");
    assert_status(append_one(store), kOk);
}

void a_folder_in_its_place_is_not_set_aside(void**) {
    TempFolder folder;
    std::filesystem::create_directory(folder.spool());
    SqliteStore store(options_of(folder), true);
    assert_status(append_one(store), kReadOnly);
    assert_true(std::filesystem::is_directory(folder.spool()));
    std::filesystem::remove(folder.spool());
    assert_status(append_one(store), kOk);
}

/// Runs as an ordinary user, whom rights concern.
void what_may_not_be_written_is_read_only_until_it_may(void**) {
    TempFolder folder;
    assert_true(in_process([&] {
        const bool is_root = ::geteuid() == 0;
        if (is_root &&
            (::chown(folder.path().c_str(), 65534, 65534) != 0 || ::seteuid(65534) != 0)) {
            return false;
        }
        SqliteStore store(options_of(folder), true);
        ::chmod(folder.path().c_str(), 0500);
        const bool is_refused = append_one(store) == StoreStatus::kReadOnly;
        ::chmod(folder.path().c_str(), 0700);
        const bool is_taken = append_one(store) == StoreStatus::kOk;
        SqliteStore later(options_of(folder), true);
        ::chmod(folder.spool().c_str(), 0400);
        const bool is_refused_again = append_one(later) == StoreStatus::kReadOnly;
        ::chmod(folder.spool().c_str(), 0600);
        return is_refused && is_taken && is_refused_again && append_one(later) == StoreStatus::kOk;
    }));
}

/// A folder that cannot be entered hides its files: nobody has removed any.
void a_folder_that_may_not_be_entered_is_named_with_what_to_do(void**) {
    TempFolder folder;
    assert_true(in_process([&] {
        if (::geteuid() == 0 &&
            (::chown(folder.path().c_str(), 65534, 65534) != 0 || ::seteuid(65534) != 0)) {
            return false;
        }
        const auto says = [](const SqliteStore& store, const std::string& text) {
            return store.error().find(text) != std::string_view::npos;
        };
        SqliteStore store(options_of(folder), true);
        const bool is_begun = append_one(store) == StoreStatus::kOk;
        ::chmod(folder.path().c_str(), 0);
        const bool is_refused = append_one(store) == StoreStatus::kReadOnly;
        const bool is_told =
            says(store, "its folder \"" + folder.path() + "\" cannot be entered or written by") &&
            says(store, ": chown ") && says(store, ", chmod 700");
        ::chmod(folder.path().c_str(), 0700);
        const bool is_taken = append_one(store) == StoreStatus::kOk;
        SqliteStore later(options_of(folder), true);
        ::chmod(folder.spool().c_str(), 0400);
        const bool is_file_told = append_one(later) == StoreStatus::kReadOnly &&
                                  says(later, "\"" + folder.spool() + "\" cannot be written by") &&
                                  says(later, ": chown ");
        return is_begun && is_refused && is_told && is_taken && is_file_told &&
               store.take_notice().empty();
    }));
}

void a_database_that_was_deleted_is_begun_anew_by_all(void**) {
    TempFolder folder;
    SqliteStore deliverers(options_of(folder), true), another(options_of(folder), false);
    assert_status(append_one(deliverers, "a"), kOk);
    assert_status(append_one(another, "b"), kOk);
    std::filesystem::remove(folder.spool());
    assert_status(append_one(another, "c"), kOk);
    assert_text(due_keys(deliverers, kNow), "c");
    assert_int_equal(folder.names_with(".stray-").size(), 2);  // -wal and -shm
}

void a_lock_file_that_was_deleted_or_replaced_still_keeps_others_out(void**) {
    for (const bool is_replaced : {false, true}) {
        TempFolder folder;
        const std::string guard = folder.spool() + ".guard";
        SqliteStore store(options_of(folder), true);
        assert_status(append_one(store), kOk);
        std::filesystem::rename(guard, guard + ".old");
        if (is_replaced) {
            std::ofstream(guard).flush();
        }
        SqliteStore another(options_of(folder), false);
        assert_status(append_one(another), kOk);
        const ino_t inode = inode_of(guard);
        assert_text(store.take_notice(), "");
        assert_status(append_one(store), kOk);
        assert_true(inode_of(guard) == inode);
        const std::string notice = store.take_notice();
        assert_true(notice.find("\".guard\", that was removed or replaced") != std::string::npos);
        assert_status(append_one(store), kOk);
        assert_text(store.take_notice(), "");
    }
}

void that_all_files_were_removed_is_said_with_what_was_in_them(void**) {
    TempFolder folder;
    SqliteStore deliverers(options_of(folder), true), another(options_of(folder), false);
    append(deliverers, {new_event("a"), new_event("b"), new_event("c")});
    refuse(deliverers, due_of(deliverers, "c"));
    for (const auto& entry : std::filesystem::directory_iterator(folder.path())) {
        std::filesystem::remove(entry.path());
    }
    assert_status(append_one(another, "d"), kOk);
    assert_text(due_keys(deliverers, kNow), "d");
    const std::string notice = deliverers.take_notice();
    assert_true(notice.find("was removed or replaced under the running gateway, with what was in"
                            " it: 2 events that waited and 1 dead letters") != std::string::npos);
    assert_text(another.take_notice(), "");
}

void no_link_is_followed(void**) {
    TempFolder folder, elsewhere;
    const std::string target = elsewhere.path() + "/there";
    for (const char* suffix : {"", ".guard"}) {
        std::filesystem::remove(folder.spool() + suffix);
        std::filesystem::create_symlink(target, folder.spool() + suffix);
        SqliteStore store(options_of(folder), true);
        std::vector<Appended> appended;
        assert_false(store.append({new_event("a")}, appended) == StoreStatus::kOk);
        assert_false(std::filesystem::exists(target));
        std::filesystem::remove(folder.spool() + suffix);
        assert_status(append_one(store), kOk);
        std::filesystem::remove(folder.spool());
    }
    // The folder may be one.
    std::filesystem::create_directory_symlink(folder.path(), elsewhere.path() + "/folder");
    SqliteStoreOptions options = options_of(folder);
    options.path = elsewhere.path() + "/folder/other.db";
    SqliteStore store(options, true);
    assert_status(append_one(store), kOk);
}

// ---------------------------------------------------------------- whose database it is

void that_of_a_newer_version_is_left_alone(void**) {
    TempFolder folder;
    {
        SqliteStore store(options_of(folder), true);
        assert_status(append_one(store), kOk);
    }
    in_shell(folder.spool(), "PRAGMA user_version = 2");
    SqliteStore store(options_of(folder), true);
    assert_status(append_one(store), kNewer);
    StoreSize size;
    assert_status(store.size(size), kNewer);
    assert_text(store.take_notice(), "");
    assert_text(waiting_keys(folder.spool()), "a");
    in_shell(folder.spool(), "PRAGMA user_version = 1");
    assert_status(append_one(store, "b"), kOk);
}

void that_of_another_program_is_left_alone(void**) {
    TempFolder folder;
    in_shell(folder.spool(), "CREATE TABLE theirs (x); INSERT INTO theirs VALUES (1)");
    SqliteStore store(options_of(folder), true);
    assert_status(append_one(store), kReadOnly);
    std::ofstream(folder.spool() + ".unsynced") << "commit 1";
    assert_status(append_one(store), kReadOnly);
    assert_text(in_shell(folder.spool(), "SELECT x FROM theirs"), "1");
}

void an_empty_file_becomes_a_database(void**) {
    TempFolder folder;
    std::ofstream(folder.spool()).flush();
    SqliteStore store(options_of(folder), true);
    assert_status(append_one(store), kOk);
}

// ---------------------------------------------------------------- damage

void what_is_no_database_is_set_aside(void**) {
    TempFolder folder;
    std::ofstream(folder.spool()) << std::string(10'000, 'x');
    SqliteStore store(options_of(folder), true);
    assert_status(append_one(store), kOk);
    const std::vector<std::string> aside = folder.names_with(".corrupt-");
    assert_int_equal(aside.size(), 1);
    assert_true(std::filesystem::file_size(folder.path() + "/" + aside[0]) == 10'000);
    const std::string notice = store.take_notice();
    assert_true(notice.find(aside[0]) != std::string::npos);
    assert_text(store.take_notice(), "");
    assert_text(due_keys(store, kNow), "a");
}

void two_that_are_set_aside_have_two_names(void**) {
    TempFolder folder;
    SqliteStore store(options_of(folder), true);
    for (int i = 0; i < 3; i++) {
        for (const char* part : {"", "-wal", "-shm"}) {
            std::filesystem::remove(folder.spool() + part);
        }
        std::ofstream(folder.spool()) << std::string(10'000, 'x');
        assert_status(append_one(store), kOk);
    }
    assert_int_equal(folder.names_with(".corrupt-").size(), 3);
}

void a_store_that_may_not_set_aside_leaves_that_to_one_that_may(void**) {
    TempFolder folder;
    std::ofstream(folder.spool()) << std::string(10'000, 'x');
    SqliteStore another(options_of(folder), false), deliverers(options_of(folder), true);
    assert_status(append_one(another), kCorrupt);
    assert_true(another.error().find("deliverer") != std::string_view::npos);
    assert_status(append_one(another), kCorrupt);
    assert_int_equal(folder.names_with(".corrupt-").size(), 0);
    assert_int_equal(expire(deliverers, kNow).dead.size(), 0);
    assert_int_equal(folder.names_with(".corrupt-").size(), 1);
    assert_status(append_one(another), kOk);
    assert_text(due_keys(deliverers, kNow), "a");
    assert_false(std::filesystem::exists(folder.spool() + ".corrupt"));
}

void damage_that_shows_later_is_set_aside_by_the_deliverer(void**) {
    TempFolder folder;
    SqliteStore another(options_of(folder), false), deliverers(options_of(folder), true);
    for (int i = 0; i < 200; i++) {
        assert_status(append_one(another, "key" + std::to_string(i)), kOk);
    }
    assert_int_equal(due(deliverers, kNow).size(), 100);
    in_shell(folder.spool(), "PRAGMA wal_checkpoint(TRUNCATE)");
    const auto size = std::filesystem::file_size(folder.spool());
    overwrite(folder.spool(), 4096 * 2, size - 4096 * 2);
    SqliteStore later(options_of(folder), false);
    assert_status(append_one(later), kCorrupt);
    // Any of them may look at the damaged pages first: the deliverer's puts it aside, all go on.
    (void)expire(deliverers, kNow);
    assert_status(append_one(later), kOk);
    assert_status(append_one(another), kOk);
    assert_status(append_one(deliverers), kOk);
    assert_int_equal(size_of(deliverers).waiting, 3);
    assert_true(!deliverers.take_notice().empty());
}

/// Each page in turn but the first, which describes all others.
void one_page_that_cannot_be_read_takes_only_what_lies_on_it(void**) {
    TempFolder folder;
    const std::string sound = folder.path() + "/sound.db";
    {
        SqliteStore store(options_of(folder), true);
        for (int i = 0; i < 120; i++) {
            NewEvent event = new_event("key" + std::to_string(i % 40));
            event.body.assign(300, 'b');
            append(store, {event});
        }
        for (const char* key : {"key1", "key2"}) {
            refuse(store, due_of(store, key));
        }
        deliver(store, due_of(store, "key2"));
        retry(store, due_of(store, "key3"), kNow + kHour);
    }
    in_shell(folder.spool(), "PRAGMA wal_checkpoint(TRUNCATE)");
    std::filesystem::rename(folder.spool(), sound);
    const std::size_t pages = std::filesystem::file_size(sound) / 4096;
    std::size_t mostly = 0, all = 0;
    for (std::size_t page = 1; page < pages; page++) {
        std::filesystem::copy_file(sound, folder.spool());
        overwrite(folder.spool(), page * 4096, 4096);
        SqliteStore store(options_of(folder), true);
        for (int i = 0; i < 3; i++) {
            // Pages that are not looked at are not found damaged.
            (void)append_one(store, "new");
            (void)due_keys(store, kNow);
            Tended tended;
            (void)store.expire(kNow + 30 * kHour, {}, tended);
            (void)store.expire(kNow + 3000 * kHour, {}, tended);
        }
        const std::string notice = store.take_notice();
        const std::size_t at = notice.find("could be read from it: ");
        if (at != std::string::npos) {
            all++;
            const auto saved = static_cast<std::size_t>(
                std::strtol(notice.c_str() + notice.find(": ", at) + 2, nullptr, 10));
            mostly += saved >= 80 ? 1 : 0;
            Shell shell(folder.spool());
            assert_text(shell.run("PRAGMA integrity_check"), "ok");
            assert_text(shell.run("SELECT waiting = (SELECT count(*) FROM event) AND"
                                  " dead = (SELECT count(*) FROM dead) FROM counter"),
                        "1");
        }
        for (const std::string& name : folder.names_with("spool.db")) {
            std::filesystem::remove(folder.path() + "/" + name);
        }
    }
    print_message("# %zu of %zu pages were found damaged, most of 117 events saved of %zu\n", all,
                  pages, mostly);
    assert_true(all > pages / 3);
    // All pages but those that say where others are.
    assert_true(mostly >= all * 3 / 4);
}

void what_was_saved_goes_on_as_it_was(void**) {
    TempFolder folder;
    std::vector<Appended> appended;
    {
        SqliteStore store(options_of(folder), true);
        appended = append(store, {new_event("a"), new_event("a", "Ok"), new_event("b"),
                                  new_event("c"), new_event("c")});
        retry(store, due_of(store, "b"), kNow + kMinute);
        refuse(store, due_of(store, "c"));
        deliver(store, due_of(store, "c"));
        bool is_found = false;
        assert_status(store.pause(appended[0].target_id, kNow + kHour, is_found), kOk);
    }
    struct stat info = {};
    assert_int_equal(::stat(folder.spool().c_str(), &info), 0);
    std::ofstream(folder.spool() + ".corrupt")
        << std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino);
    SqliteStore store(options_of(folder), true);
    assert_text(due_keys(store, kNow), "a");
    const std::string notice = store.take_notice();
    assert_true(notice.find("3 events that wait and 1 dead letters, 0 could not be read") !=
                std::string::npos);
    const DueEvent event = due_of(store, "a");
    assert_true(event.event_id == appended[0].event_id);
    assert_true(event.target_id == appended[0].target_id);
    assert_text(event.event, new_event("a").event);
    std::vector<flashduty::EventLedger::Paused> paused;
    assert_status(store.paused(kNow, paused), kOk);
    assert_int_equal(paused.size(), 1);
    assert_int_equal(paused[0].until_ms, kNow + kHour);
    assert_text(held_keys(store, kNow), "");
    assert_text(held_keys(store, kNow + kMinute), "b");
    assert_text(in_shell(folder.spool(), "SELECT state FROM dead_letters"), "superseded");
    deliver(store, event);
    assert_true(due_of(store, "a").event_id == appended[1].event_id);
    assert_true(append(store, {new_event("d")})[0].event_id > appended[4].event_id);
}

/// A database with 60 events, some of them only in its WAL, and a page that cannot be read.
void make_damaged(const std::string& path) {
    SqliteStoreOptions options;
    options.path = path;
    options.clock = flashduty::SpoolClock(read_machine);
    SqliteStore store(options, true);
    for (int i = 0; i < 60; i++) {
        NewEvent event = new_event("key" + std::to_string(i));
        event.body.assign(300, 'b');
        append(store, {event});
        if (i == 50) {
            in_shell(path, "PRAGMA wal_checkpoint(TRUNCATE)");
        }
    }
    overwrite(path, std::filesystem::file_size(path) - 4096 * 3, 4096);
}

void copy_database(const std::string& from, const std::string& to) {
    for (const char* part : {"", "-wal"}) {
        std::filesystem::copy_file(from + part, to + part);
    }
    std::ofstream mark(to + ".corrupt");
    struct stat info = {};
    assert_int_equal(::stat(to.c_str(), &info), 0);
    mark << std::to_string(info.st_dev) + ":" + std::to_string(info.st_ino);
}

void whoever_dies_while_salvaging_another_one_ends_it(void**) {
    TempFolder made;
    const std::string damaged = made.path() + "/damaged.db";
    make_damaged(damaged);
    std::string all_keys;
    int steps = 0, confirmed = 0;
    for (bool has_died = true; has_died; steps++) {
        TempFolder folder;
        copy_database(damaged, folder.spool());
        has_died = !in_process([&] {
            SqliteStore store(failing_options(folder), true);
            disk_faults.steps_to_live = steps;  // 0: as it is without a death
            return append_one(store, "z") == StoreStatus::kOk;
        });
        has_died |= steps == 0;
        SqliteStore another(options_of(folder), false);
        const bool is_confirmed = append_one(another, "later") == StoreStatus::kOk;
        confirmed += is_confirmed ? 1 : 0;
        SqliteStore deliverers(options_of(folder), true);
        (void)due_keys(deliverers, kNow);
        std::string keys = in_shell(
            folder.spool(),
            "SELECT group_concat(alert_key, ' ') FROM (SELECT * FROM waiting WHERE alert_key NOT IN"
            " ('z', 'later') ORDER BY event_id)");
        all_keys = steps == 0 ? keys : all_keys;
        assert_text(keys, all_keys);
        assert_text(
            in_shell(folder.spool(), "SELECT count(*) FROM waiting WHERE alert_key = 'later'"),
            is_confirmed ? "1" : "0");
        assert_text(in_shell(folder.spool(), "PRAGMA integrity_check"), "ok");
        assert_status(append_one(another), kOk);
        for (const char* left : {".corrupt", ".salvaged", ".new", ".new-wal"}) {
            assert_false(std::filesystem::exists(folder.spool() + left));
        }
        // The whole of the damaged one is kept, whatever its parts are called.
        assert_true(!folder.names_with(".corrupt-").empty());
    }
    print_message(
        "# died at each of %d steps, %zu bytes of keys saved; %d times another one could"
        " write before the next deliverer came\n",
        steps - 1, all_keys.size(), confirmed);
    assert_true(std::count(all_keys.begin(), all_keys.end(), ' ') > 40);
    assert_true(all_keys.find("key59") != std::string::npos);
    assert_true(steps > 50);
}

void what_cannot_be_salvaged_for_lack_of_room_stays_until_it_can(void**) {
    TempFolder made;
    const std::string damaged = made.path() + "/damaged.db";
    make_damaged(damaged);
    TempFolder folder;
    copy_database(damaged, folder.spool());
    {
        SqliteStore store(failing_options(folder), true);
        disk_faults.only = ".new-wal";
        disk_faults.is_full = true;
        for (int i = 0; i < 2; i++) {
            assert_status(append_one(store, "z"), kCorrupt);
            assert_true(store.error().find("disk is full") != std::string_view::npos);
        }
        assert_int_equal(folder.names_with(".corrupt-").size(), 0);
        assert_int_equal(folder.names_with(".new").size(), 0);
    }
    disk_faults = {};
    SqliteStore store(failing_options(folder), true);
    assert_status(append_one(store, "z"), kOk);
    assert_true(size_of(store).waiting > 40);
    assert_int_equal(folder.names_with(".corrupt-").size(), 3);
}

void a_mark_of_damage_does_not_concern_another_file(void**) {
    TempFolder folder;
    SqliteStore store(options_of(folder), true);
    assert_status(append_one(store), kOk);
    std::ofstream(folder.spool() + ".corrupt") << "1:1";
    assert_status(append_one(store, "b"), kOk);
    assert_text(due_keys(store, kNow), "a b");
    assert_false(std::filesystem::exists(folder.spool() + ".corrupt"));
}

// ---------------------------------------------------------------- locks of others

void a_lock_of_another_program_makes_it_busy(void**) {
    TempFolder folder;
    SqliteStoreOptions options = options_of(folder);
    options.busy_ms = 150;
    SqliteStore store(options, true);
    assert_status(append_one(store), kOk);
    Shell shell(folder.spool());
    shell.run("BEGIN IMMEDIATE");
    const auto begin = steady_clock::now();
    assert_status(append_one(store, "b"), kBusy);
    const auto waited = steady_clock::now() - begin;
    assert_true(waited >= milliseconds(140) && waited < milliseconds(5000));
    assert_text(due_keys(store, kNow), "a");
    shell.run("COMMIT");
    assert_status(append_one(store, "b"), kOk);
    assert_text(due_keys(store, kNow), "a b");
}

milliseconds time_until_given_up(SqliteStore& store, StoreStatus expected,
                                 UnixMs accepted_ms = kNow) {
    const auto begin = steady_clock::now();
    std::vector<Appended> appended;
    const StoreStatus status = store.append({new_event("a", "Ok", accepted_ms)}, appended);
    assert_text(status_name(status), status_name(expected));
    return std::chrono::duration_cast<milliseconds>(steady_clock::now() - begin);
}

void one_who_queues_for_another_process_of_the_gateway_gives_up_in_time(void**) {
    TempFolder folder;
    SqliteStoreOptions options = options_of(folder);
    options.busy_ms = 20;
    options.queue_ms = 1500;
    SqliteStore store(options, true);
    assert_status(append_one(store), kOk);
    const int fd = ::open((folder.spool() + ".guard").c_str(), O_RDWR);
    assert_int_equal(::flock(fd, LOCK_EX), 0);
    assert_true(time_until_given_up(store, StoreStatus::kStalled) >= milliseconds(1500));
    // An event that has queued elsewhere before does not do so for as long again.
    assert_true(time_until_given_up(store, StoreStatus::kStalled, kNow - 1490) <
                milliseconds(1500));
    assert_int_equal(size_of(store).waiting, 1);
    ::close(fd);
    assert_status(append_one(store), kOk);
}

void another_process_of_the_gateway_that_is_slow_is_waited_for(void**) {
    TempFolder folder;
    SqliteStoreOptions options = options_of(folder);
    options.busy_ms = 20;
    options.queue_ms = 60'000;
    SqliteStore store(options, true);
    assert_status(append_one(store), kOk);
    const int fd = ::open((folder.spool() + ".guard").c_str(), O_RDWR);
    assert_int_equal(::flock(fd, LOCK_EX), 0);
    std::thread slow([fd] {
        std::this_thread::sleep_for(milliseconds(600));
        ::close(fd);
    });
    assert_status(append_one(store, "b"), kOk);
    slow.join();
    assert_text(due_keys(store, kNow), "a b");
}

void a_lock_of_another_program_is_waited_for_by_one_at_a_time(void**) {
    TempFolder folder;
    SqliteStoreOptions options = options_of(folder);
    options.busy_ms = options.queue_ms = 60'000;
    SqliteStore second(options, false);
    options.busy_ms = 1000;
    SqliteStore first(options, true);
    assert_status(append_one(first), kOk);
    Shell shell(folder.spool());
    shell.run("BEGIN IMMEDIATE");
    std::thread waits([&first] { assert_status(append_one(first, "b"), kBusy); });
    const int fd = ::open((folder.spool() + ".guard").c_str(), O_RDWR);
    while (::flock(fd, LOCK_EX | LOCK_NB) == 0) {
        ::flock(fd, LOCK_UN);
        std::this_thread::sleep_for(milliseconds(1));
    }
    ::close(fd);
    assert_true(time_until_given_up(second, StoreStatus::kBusy) < milliseconds(60'000));
    waits.join();
    shell.run("COMMIT");
    assert_status(append_one(second, "b"), kOk);
    assert_text(due_keys(first, kNow), "a b");
}

/// Runs each store in a process of its own, on a disk whose syncs take a while.
void who_queues_is_served_in_turn(void**) {
    constexpr int kProcesses = 6, kCommits = 25;
    TempFolder folder;
    std::vector<pid_t> children;
    int go[2];
    assert_int_equal(::pipe(go), 0);
    for (int i = 0; i < kProcesses; i++) {
        const pid_t child = ::fork();
        if (child == 0) {
            SqliteStoreOptions options = failing_options(folder);
            options.queue_ms = 60'000;
            SqliteStore store(options, false);
            disk_faults.sync_ms = 5;
            char start = 0;
            bool is_good = append_one(store) == StoreStatus::kOk && ::read(go[0], &start, 1) == 1;
            for (int commit = 0; commit < kCommits && is_good; commit++) {
                is_good = append_one(store, std::to_string(i)) == StoreStatus::kOk;
            }
            ::_exit(is_good ? 0 : 1);
        }
        children.push_back(child);
    }
    Shell shell(folder.spool());
    while (shell.run("SELECT count(*) FROM event") != std::to_string(kProcesses)) {
        std::this_thread::sleep_for(milliseconds(5));
    }
    assert_int_equal(::write(go[1], "xxxxxx", kProcesses), kProcesses);
    for (const pid_t child : children) {
        int status = 0;
        ::waitpid(child, &status, 0);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    ::close(go[0]);
    ::close(go[1]);
    // While all of them queue, none comes twice before another has come once; at their start and at
    // their end they are fewer.
    std::map<std::string, int> count;
    int worst = 0;
    std::istringstream keys(
        shell.run("SELECT alert_key FROM waiting WHERE alert_key <> 'a'"
                  " ORDER BY event_id"));
    for (std::string key; std::getline(keys, key);) {
        count[key]++;
        int least = kCommits, most = 0;
        for (int i = 0; i < kProcesses; i++) {
            least = std::min(least, count[std::to_string(i)]);
            most = std::max(most, count[std::to_string(i)]);
        }
        worst = std::max(worst, most - least);
    }
    print_message("# %d commits of one more than of another at most\n", worst);
    assert_true(worst <= 6);
}

void one_who_dies_in_the_queue_holds_up_nobody(void**) {
    TempFolder folder;
    SqliteStoreOptions options = options_of(folder);
    options.queue_ms = 60'000;
    SqliteStore store(options, true);
    assert_status(append_one(store), kOk);
    const int fd = ::open((folder.spool() + ".guard").c_str(), O_RDWR);
    assert_int_equal(::flock(fd, LOCK_EX), 0);
    const pid_t child = ::fork();
    if (child == 0) {
        ::close(fd);
        SqliteStore queueing(options, false);
        ::_exit(append_one(queueing) == StoreStatus::kOk ? 0 : 1);
    }
    const int probe = ::open((folder.spool() + ".guard").c_str(), O_RDWR);
    struct flock ticket = {};
    do {
        std::this_thread::sleep_for(milliseconds(1));
        ticket.l_type = F_WRLCK;
        ticket.l_whence = SEEK_SET;
        ticket.l_start = (off_t{1} << 40) + 1;
    } while (::fcntl(probe, F_OFD_GETLK, &ticket) == 0 && ticket.l_type == F_UNLCK);
    ::kill(child, SIGKILL);
    ::waitpid(child, nullptr, 0);
    ::close(fd);
    ::close(probe);
    const auto begin = steady_clock::now();
    assert_status(append_one(store), kOk);
    assert_true(steady_clock::now() - begin < milliseconds(30'000));
}

void one_who_reads_holds_up_nobody(void**) {
    TempFolder folder;
    SqliteStore store(options_of(folder), true);
    assert_status(append_one(store), kOk);
    Shell shell(folder.spool());
    shell.run("BEGIN");
    assert_text(shell.run("SELECT count(*) FROM event"), "1");
    assert_status(append_one(store), kOk);
    assert_text(shell.run("SELECT count(*) FROM event"), "1");
    shell.run("COMMIT");
    assert_text(shell.run("SELECT count(*) FROM event"), "2");
}

void one_who_keeps_a_long_wal_is_told_of_a_minute_apart(void**) {
    TempFolder folder;
    SqliteStore store(options_of(folder), true);
    assert_status(append_one(store), kOk);
    NewEvent event = new_event("a");
    event.body.assign(1'000'000, 'b');
    {
        Shell reader(folder.spool());
        assert_text(reader.run("BEGIN; SELECT count(*) FROM event"), "1");
        for (int mb = 1; mb <= 70; mb++) {
            append(store, {event});
            if (mb == 60) {
                assert_int_equal(expire(store, kNow).held_wal_bytes, 0);
            }
        }
        assert_true(expire(store, kNow).held_wal_bytes >= 64 * 1024 * 1024);
        assert_int_equal(expire(store, kNow + kMinute - 1).held_wal_bytes, 0);
        assert_true(expire(store, kNow + kMinute).held_wal_bytes >= 64 * 1024 * 1024);
    }
    assert_int_equal(expire(store, kNow + 2 * kMinute).held_wal_bytes, 0);
    assert_true(std::filesystem::file_size(folder.spool() + "-wal") < 100'000);
}

void no_call_leaves_a_snapshot_behind(void**) {
    TempFolder folder;
    SqliteStore store(options_of(folder), true), another(options_of(folder), false);
    append(store, {new_event("a"), new_event("b"), new_event("c")});
    refuse(store, due_of(store, "a"));
    (void)due_keys(store, kNow, 1);
    Search search = search_for(Search::Kind::kTried, due_of(store, "b").target_id);
    search.or_else = true;
    assert_text(keys_of(find(store, search, kNow)), "c");
    (void)find(store, search_for(Search::Kind::kHeld, search.target_id), kNow);
    (void)expire(store, kNow);
    (void)size_of(store);
    assert_status(append_one(another), kOk);
    assert_text(in_shell(folder.spool(), "PRAGMA wal_checkpoint(TRUNCATE)"), "0|0|0");
}

// ---------------------------------------------------------------- disks

/// Events are taken only as long as all that is in the WAL would have room in the database, too,
/// and some more: so what waits can leave on a full disk.
void what_waits_on_a_full_disk_can_leave(void**) {
    if (!can_mount()) {
        return;
    }
    for (const std::size_t body_bytes : {std::size_t{3'000}, std::size_t{10}}) {
        assert_true(in_process([body_bytes] {
            // In mounts of its own.
            TempFolder folder;
            if (::unshare(CLONE_NEWNS) != 0 ||
                ::mount("none", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
                ::mount("none", folder.path().c_str(), "tmpfs", 0, "size=2m") != 0) {
                return false;
            }
            SqliteStore another(options_of(folder), false), deliverers(options_of(folder), true);
            std::vector<Appended> appended;
            NewEvent event = new_event("");
            event.body.assign(body_bytes, 'b');
            int count = 0;
            StoreStatus status = StoreStatus::kOk;
            for (; status == StoreStatus::kOk; count++) {
                event.alert_key = "key" + std::to_string(count);
                status = another.append({event}, appended);
            }
            print_message("# on a disk of 2 MB: %d events\n", count - 1);
            const bool is_full =
                status == StoreStatus::kFull && count > 100 &&
                another.error().find("no room left on its disk") != std::string::npos;
            for (std::vector<DueEvent> events;
                 is_full && !(events = due(deliverers, kNow)).empty();) {
                std::vector<Settlement> settlements;
                for (const DueEvent& one : events) {
                    Settlement settlement;
                    settlement.event_id = one.event_id;
                    settlement.alert_id = one.alert_id;
                    settlement.fate = flashduty::Fate::kDelivered;
                    settlements.push_back(settlement);
                }
                if (deliverers.settle(settlements) != StoreStatus::kOk) {
                    print_message("# %s\n", std::string(deliverers.error()).c_str());
                    return false;
                }
            }
            const bool is_good = is_full && another.append({event}, appended) == StoreStatus::kOk;
            print_message("# once they have left: %s\n",
                          is_good ? "it takes more" : std::string(another.error()).c_str());
            ::umount2(folder.path().c_str(), MNT_DETACH);
            return is_good;
        }));
    }
}

void a_full_disk_takes_nothing_and_goes_on_when_there_is_room(void**) {
    TempFolder folder;
    SqliteStore store(failing_options(folder), true);
    assert_status(append_one(store, "a"), kOk);
    disk_faults.is_full = true;
    assert_status(append_one(store, "b"), kFull);
    assert_text(due_keys(store, kNow), "a");
    assert_int_equal(size_of(store).waiting, 1);
    disk_faults.is_full = false;
    assert_status(append_one(store, "c"), kOk);
    assert_text(due_keys(store, kNow), "a c");
    assert_int_equal(folder.names_with(".unsynced").size(), 0);
}

/// Unsynced data may be lost then, or there although it was not confirmed.
void after_a_failed_sync_nobody_confirms_before_a_good_one(void**) {
    for (const int fault : {0, 1, 2}) {
        const bool syncs_fail = fault < 2;
        disk_faults = {};
        TempFolder folder;
        SqliteStore store(failing_options(folder), false), another(failing_options(folder), false);
        disk_faults.is_forgetful = fault == 0;
        assert_status(append_one(store, "a"), kOk);
        assert_status(append_one(another, "b"), kOk);
        disk_faults.syncs_fail = syncs_fail;
        disk_faults.writes_fail = !syncs_fail;
        assert_status(append_one(store, "lost"), kFailed);
        assert_int_equal(folder.names_with(".unsynced").size(), 1);
        assert_status(append_one(another, "lost"), kFailed);
        assert_status(append_one(store, "lost"), kFailed);
        disk_faults.syncs_fail = disk_faults.writes_fail = false;
        assert_status(append_one(another, "c"), kOk);
        assert_int_equal(folder.names_with(".unsynced").size(), 0);
        assert_status(append_one(store, "d"), kOk);
        assert_text(due_keys(store, kNow), "a b c d");
        assert_text(in_shell(folder.spool(), "PRAGMA integrity_check"), "ok");
    }
}

void a_mark_that_is_found_has_both_files_synced_before_anything_else(void**) {
    TempFolder folder;
    SqliteStore store(failing_options(folder), false);
    assert_status(append_one(store, "a"), kOk);
    in_shell(folder.spool(), "PRAGMA wal_checkpoint(TRUNCATE)");
    std::ofstream(folder.spool() + ".unsynced") << "commit";
    disk_faults.syncs_fail = true;
    disk_faults.only = "spool.db";
    assert_status(append_one(store, "lost"), kFailed);
    disk_faults.only = "-wal";
    assert_status(append_one(store, "lost"), kFailed);
    disk_faults.syncs_fail = false;
    assert_status(append_one(store, "b"), kOk);
    assert_text(due_keys(store, kNow), "a b");
}

std::string content_of(const std::string& path) {
    std::ifstream file(path);
    std::ostringstream text;
    text << file.rdbuf();
    return text.str();
}

void a_mark_that_was_dealt_with_takes_nothing_back_when_it_is_there_again(void**) {
    for (const bool fails_again : {false, true}) {
        disk_faults = {};
        TempFolder folder;
        const std::string mark = folder.spool() + ".unsynced";
        SqliteStore store(failing_options(folder), true);
        assert_status(append_one(store, "a"), kOk);
        disk_faults.syncs_fail = true;
        assert_status(append_one(store, "nobody's"), kFailed);
        const std::string text = content_of(mark);
        disk_faults.syncs_fail = false;
        assert_status(append_one(store, "b"), kOk);
        assert_true(store.take_notice().find("1 events that were confirmed to nobody were taken"
                                             " back") != std::string::npos);
        std::ofstream(mark) << text;
        if (fails_again) {
            disk_faults.syncs_fail = true;
            assert_status(append_one(store, "c"), kFailed);
            disk_faults.syncs_fail = false;
        }
        assert_status(append_one(store, "c"), kOk);
        assert_true(store.take_notice().find("nothing is taken back") != std::string::npos);
        assert_text(due_keys(store, kNow), "a b c");
        assert_false(std::filesystem::exists(mark));
    }
}

void a_mark_of_another_database_takes_nothing_back(void**) {
    disk_faults = {};
    TempFolder folder;
    const std::string mark = folder.spool() + ".unsynced";
    {
        SqliteStore store(failing_options(folder), true);
        assert_status(append_one(store, "a"), kOk);
        disk_faults.syncs_fail = true;
        assert_status(append_one(store, "nobody's"), kFailed);
        disk_faults.syncs_fail = false;
    }
    const std::string text = content_of(mark);
    std::filesystem::rename(folder.spool(), folder.spool() + ".old");
    std::filesystem::remove(mark);
    SqliteStore store(failing_options(folder), true);
    assert_status(append_one(store, "b"), kOk);
    std::ofstream(mark) << text;
    assert_status(append_one(store, "c"), kOk);
    assert_text(due_keys(store, kNow), "b c");
}

void a_checkpoint_that_fails_counts_as_a_failed_sync(void**) {
    TempFolder folder;
    SqliteStore store(failing_options(folder), true), another(failing_options(folder), false);
    NewEvent event = new_event("a");
    event.body.assign(50'000, 'b');
    std::vector<Appended> appended;
    disk_faults.is_forgetful = true;
    assert_status(store.append(std::vector<NewEvent>(40, event), appended), kOk);
    disk_faults.syncs_fail = true;
    disk_faults.only = "spool.db";
    assert_status(store.append(std::vector<NewEvent>(40, event), appended), kFailed);
    assert_int_equal(folder.names_with(".unsynced").size(), 1);
    assert_status(append_one(another, "lost"), kFailed);
    disk_faults.syncs_fail = false;
    assert_status(append_one(another, "b"), kOk);
    assert_text(due_keys(another, kNow), "a b");
    assert_text(in_shell(folder.spool(), "PRAGMA integrity_check"), "ok");
    // The events of the commit before that checkpoint are missing: it was not confirmed.
    assert_text(in_shell(folder.spool(), "SELECT count(*) FROM event JOIN body USING (event_id)"),
                "41");
    assert_int_equal(size_of(store).waiting, 41);
}

void a_reader_in_the_way_of_the_proof_makes_it_busy(void**) {
    TempFolder folder;
    SqliteStoreOptions options = failing_options(folder);
    options.busy_ms = 50;
    SqliteStore store(options, true);
    assert_status(append_one(store), kOk);
    Shell shell(folder.spool());
    shell.run("BEGIN");
    shell.run("SELECT count(*) FROM event");
    std::ofstream(folder.spool() + ".unsynced") << "commit";
    assert_status(append_one(store), kBusy);
    assert_int_equal(folder.names_with(".unsynced").size(), 1);
    shell.run("COMMIT");
    assert_status(append_one(store), kOk);
}

void a_database_that_cannot_be_synced_is_set_aside_where_a_new_one_can(void**) {
    TempFolder folder;
    SqliteStore deliverers(failing_options(folder), true), another(failing_options(folder), false);
    const std::int64_t old_id = append(deliverers, {new_event("old")})[0].event_id;
    disk_faults.syncs_fail = true;
    disk_faults.only_spool = inode_of(folder.spool());
    assert_status(append_one(another), kFailed);
    assert_status(append_one(deliverers), kFailed);
    assert_status(append_one(deliverers), kFailed);  // too soon
    assert_int_equal(folder.names_with(".unsynced-").size(), 0);
    std::this_thread::sleep_for(milliseconds(1050));
    assert_status(append_one(another), kFailed);
    const std::vector<Appended> appended = append(deliverers, {new_event("new")});
    assert_int_equal(appended.size(), 1);
    assert_true(appended[0].event_id > old_id);
    assert_status(append_one(another, "newer"), kOk);
    assert_text(due_keys(deliverers, kNow), "new newer");
    assert_false(std::filesystem::exists(folder.spool() + ".unsynced"));
    assert_int_equal(folder.names_with(".new").size(), 0);
    std::string aside;
    for (const std::string& name : folder.names_with(".unsynced-")) {
        aside = aside.empty() ? name : aside;
    }
    // Events that could be written but not synced may be in it, too.
    assert_text(waiting_keys(folder.path() + "/" + aside).substr(0, 3), "old");
    assert_true(deliverers.take_notice().find(aside) != std::string::npos);
}

void where_no_new_one_can_be_synced_either_the_old_one_stays(void**) {
    TempFolder folder;
    SqliteStore store(failing_options(folder), true);
    assert_status(append_one(store, "a"), kOk);
    const ino_t inode = inode_of(folder.spool());
    disk_faults.syncs_fail = true;
    assert_status(append_one(store), kFailed);
    assert_status(append_one(store), kFailed);
    std::this_thread::sleep_for(milliseconds(1050));
    assert_status(append_one(store), kFailed);
    assert_true(inode_of(folder.spool()) == inode);
    assert_int_equal(folder.names_with(".new").size(), 0);
    disk_faults.syncs_fail = false;
    assert_status(append_one(store, "b"), kOk);
    assert_text(due_keys(store, kNow), "a b");
    assert_text(store.take_notice(), "");
}

void a_failed_sync_is_not_forgotten_where_no_mark_can_be_left(void**) {
    TempFolder folder;
    SqliteStore store(failing_options(folder), false);
    assert_status(append_one(store, "a"), kOk);
    // A folder stands where its mark would be.
    std::filesystem::create_directory(folder.spool() + ".unsynced");
    std::filesystem::create_directory(folder.spool() + ".unsynced/x");
    disk_faults.syncs_fail = true;
    assert_status(append_one(store), kFailed);
    std::filesystem::remove_all(folder.spool() + ".unsynced");
    assert_status(append_one(store), kFailed);
    assert_int_equal(folder.names_with(".unsynced").size(), 1);
    disk_faults.syncs_fail = false;
    // Events that others have confirmed meanwhile stay.
    assert_status(append_one(store, "b"), kOk);
    assert_true(due_keys(store, kNow).find("b") != std::string::npos);
}

// ---------------------------------------------------------------- several processes

void several_processes_append_at_the_same_time(void**) {
    constexpr int kProcesses = 4, kBatches = 40, kEvents = 4;
    TempFolder folder;
    std::vector<pid_t> children;
    for (int i = 0; i < kProcesses; i++) {
        const pid_t child = ::fork();
        if (child == 0) {
            SqliteStoreOptions options = options_of(folder);
            options.busy_ms = 60'000;
            SqliteStore store(options, i == 0);
            bool is_good = true;
            std::int64_t last = 0;
            for (int batch = 0; batch < kBatches; batch++) {
                const std::vector<Appended> appended = append(
                    store, std::vector<NewEvent>(kEvents, new_event("key" + std::to_string(i))));
                is_good = is_good && appended.size() == kEvents && appended[0].event_id > last &&
                          appended[0].has_elder == (batch > 0);
                last = appended.empty() ? last : appended.back().event_id;
            }
            ::_exit(is_good ? 0 : 1);
        }
        children.push_back(child);
    }
    for (const pid_t child : children) {
        int status = 0;
        ::waitpid(child, &status, 0);
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    }
    SqliteStore store(options_of(folder), true);
    assert_int_equal(size_of(store).waiting, kProcesses * kBatches * kEvents);
    assert_int_equal(due(store, kNow).size(), kProcesses);
    assert_text(in_shell(folder.spool(), "PRAGMA integrity_check"), "ok");
    assert_text(in_shell(folder.spool(), "SELECT count(*) FROM event"),
                std::to_string(kProcesses * kBatches * kEvents));
}

/// Says through a pipe what was confirmed, until it is killed.
[[noreturn]] void append_for_ever(const TempFolder& folder, int to) {
    SqliteStore store(options_of(folder), true);
    for (;;) {
        NewEvent event = new_event("a");
        event.body.assign(20'000, 'b');
        const std::vector<Appended> appended = append(store, {event, event, event});
        for (const Appended& one : appended) {
            if (::write(to, &one.event_id, sizeof one.event_id) != sizeof one.event_id) {
                ::_exit(1);
            }
        }
    }
}

void what_was_confirmed_outlives_a_process_that_is_killed(void**) {
    TempFolder folder;
    for (int round = 0; round < 5; round++) {
        int ends[2];
        assert_int_equal(::pipe(ends), 0);
        const pid_t child = ::fork();
        if (child == 0) {
            append_for_ever(folder, ends[1]);
        }
        ::close(ends[1]);
        std::int64_t id = 0;
        Ids confirmed;
        const auto end = steady_clock::now() + milliseconds(60 + 23 * round);
        while ((confirmed.empty() || steady_clock::now() < end) &&
               ::read(ends[0], &id, sizeof id) == sizeof id) {
            confirmed.push_back(id);
        }
        ::kill(child, SIGKILL);
        while (::read(ends[0], &id, sizeof id) == sizeof id) {
            confirmed.push_back(id);
        }
        ::close(ends[0]);
        ::waitpid(child, nullptr, 0);

        SqliteStore store(options_of(folder), true);
        const std::uint64_t waiting = size_of(store).waiting;
        Shell shell(folder.spool());
        std::set<std::string> there;
        const std::string ids = shell.run("SELECT event_id FROM event JOIN body USING (event_id)");
        for (std::size_t at = 0; at < ids.size(); at = ids.find('\n', at) + 1) {
            there.insert(ids.substr(at, ids.find('\n', at) - at));
            if (ids.find('\n', at) == std::string::npos) {
                break;
            }
        }
        for (const std::int64_t one : confirmed) {
            assert_true(there.count(std::to_string(one)) == 1);
        }
        assert_int_equal(there.size(), waiting);
        assert_int_equal(waiting % 3, 0);
        assert_text(shell.run("PRAGMA integrity_check"), "ok");
    }
}

CMUnitTest on_a_good_disk(const char* name, CMUnitTestFunction test) {
    return {name, test, begin_with_a_good_disk, nullptr, nullptr};
}

}  // namespace

#define test(name) on_a_good_disk(#name, name)

int main() {
    register_failing_vfs();
    const std::vector<CMUnitTest> tests = {
        test(all_files_are_their_owners_only),
        test(it_is_a_wal_that_is_synced_with_every_commit),
        test(what_was_written_is_there_for_the_next_one),
        test(the_wal_is_copied_before_it_gets_long),
        test(a_folder_that_is_missing_makes_it_unusable_until_it_is_there),
        test(a_folder_in_its_place_is_not_set_aside),
        test(what_may_not_be_written_is_read_only_until_it_may),
        test(a_folder_that_may_not_be_entered_is_named_with_what_to_do),
        test(a_database_that_was_deleted_is_begun_anew_by_all),
        test(a_lock_file_that_was_deleted_or_replaced_still_keeps_others_out),
        test(that_all_files_were_removed_is_said_with_what_was_in_them),
        test(no_link_is_followed),
        test(that_of_a_newer_version_is_left_alone),
        test(that_of_another_program_is_left_alone),
        test(an_empty_file_becomes_a_database),
        test(what_is_no_database_is_set_aside),
        test(two_that_are_set_aside_have_two_names),
        test(a_store_that_may_not_set_aside_leaves_that_to_one_that_may),
        test(damage_that_shows_later_is_set_aside_by_the_deliverer),
        test(whoever_dies_while_salvaging_another_one_ends_it),
        test(what_cannot_be_salvaged_for_lack_of_room_stays_until_it_can),
        test(one_page_that_cannot_be_read_takes_only_what_lies_on_it),
        test(what_was_saved_goes_on_as_it_was),
        test(a_mark_of_damage_does_not_concern_another_file),
        test(a_lock_of_another_program_makes_it_busy),
        test(one_who_queues_for_another_process_of_the_gateway_gives_up_in_time),
        test(another_process_of_the_gateway_that_is_slow_is_waited_for),
        test(a_lock_of_another_program_is_waited_for_by_one_at_a_time),
        test(who_queues_is_served_in_turn),
        test(one_who_dies_in_the_queue_holds_up_nobody),
        test(one_who_reads_holds_up_nobody),
        test(one_who_keeps_a_long_wal_is_told_of_a_minute_apart),
        test(no_call_leaves_a_snapshot_behind),
        test(what_waits_on_a_full_disk_can_leave),
        test(a_full_disk_takes_nothing_and_goes_on_when_there_is_room),
        test(after_a_failed_sync_nobody_confirms_before_a_good_one),
        test(a_mark_that_is_found_has_both_files_synced_before_anything_else),
        test(a_mark_that_was_dealt_with_takes_nothing_back_when_it_is_there_again),
        test(a_mark_of_another_database_takes_nothing_back),
        test(a_checkpoint_that_fails_counts_as_a_failed_sync),
        test(a_reader_in_the_way_of_the_proof_makes_it_busy),
        test(a_database_that_cannot_be_synced_is_set_aside_where_a_new_one_can),
        test(where_no_new_one_can_be_synced_either_the_old_one_stays),
        test(a_failed_sync_is_not_forgotten_where_no_mark_can_be_left),
        test(several_processes_append_at_the_same_time),
        test(what_was_confirmed_outlives_a_process_that_is_killed),
    };
    return run("store_failures", tests);
}
