// Helpers of the store tests: a folder of their own, events, and a look into the database past the
// store.
#pragma once

#include <sqlite3.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <filesystem>

#include "sqlite_store.hpp"
#include "support.hpp"

using flashduty::Appended;
using flashduty::DueEvent;
using flashduty::EventStore;
using flashduty::Held;
using flashduty::NewEvent;
using flashduty::Search;
using flashduty::Settlement;
using flashduty::SqliteStore;
using flashduty::SqliteStoreOptions;
using flashduty::StoreSize;
using flashduty::StoreStatus;
using flashduty::Tended;
using flashduty::UnixMs;

using Ids = std::vector<std::int64_t>;

inline constexpr UnixMs kSecond = 1000;
inline constexpr UnixMs kMinute = 60 * kSecond;
inline constexpr UnixMs kHour = 60 * kMinute;
inline constexpr UnixMs kNow = 1'700'000'000'000;

#define assert_status(actual, expected) \
    assert_text(status_name((actual)), status_name(flashduty::StoreStatus::expected))

inline const char* status_name(StoreStatus status) {
    constexpr const char* kNames[] = {"ok",      "busy",   "full",    "read-only", "newer",
                                      "corrupt", "failed", "stalled", "away",      "unknown"};
    return kNames[static_cast<std::size_t>(status)];
}

/// Removed with all that is in it.
class TempFolder {
  public:
    explicit TempFolder(std::string in = "/tmp") : path_(std::move(in) + "/store_test_XXXXXX") {
        if (::mkdtemp(path_.data()) == nullptr) {
            std::abort();
        }
    }
    ~TempFolder() {
        std::error_code error;
        std::filesystem::remove_all(path_, error);
    }
    TempFolder(const TempFolder&) = delete;
    TempFolder& operator=(const TempFolder&) = delete;

    [[nodiscard]] const std::string& path() const { return path_; }
    [[nodiscard]] std::string spool() const { return path_ + "/spool.db"; }
    /// The names of its files that contain `text`.
    [[nodiscard]] std::vector<std::string> names_with(std::string_view text) const {
        std::vector<std::string> names;
        for (const auto& entry : std::filesystem::directory_iterator(path_)) {
            const std::string name = entry.path().filename().string();
            if (name.find(text) != std::string::npos) {
                names.push_back(name);
            }
        }
        std::sort(names.begin(), names.end());
        return names;
    }

  private:
    std::string path_;
};

/// The database as an operator sees it.
class Shell {
  public:
    explicit Shell(const std::string& path) {
        if (sqlite3_open(path.c_str(), &database_) != SQLITE_OK) {
            std::abort();
        }
        sqlite3_busy_timeout(database_, 5000);
    }
    ~Shell() { sqlite3_close(database_); }
    Shell(const Shell&) = delete;
    Shell& operator=(const Shell&) = delete;

    /// Rows with `\n`, columns with `|` between them.
    std::string run(const std::string& sql) {
        std::string text;
        char* error = nullptr;
        if (sqlite3_exec(database_, sql.c_str(), add_row, &text, &error) != SQLITE_OK) {
            text = std::string("error: ") + error;
            sqlite3_free(error);
        }
        return text;
    }

  private:
    static int add_row(void* to, int count, char** values, char**) {
        auto& text = *static_cast<std::string*>(to);
        text += text.empty() ? "" : "\n";
        for (int i = 0; i < count; i++) {
            text += std::string(i == 0 ? "" : "|") + (values[i] == nullptr ? "" : values[i]);
        }
        return 0;
    }

    sqlite3* database_ = nullptr;
};

inline std::string in_shell(const std::string& path, const std::string& sql) {
    return Shell(path).run(sql);
}

/// The machine of these tests, whose clocks go as they are told to.
inline flashduty::MachineTime machine;

inline flashduty::MachineTime read_machine() noexcept { return machine; }

inline void start_machine() { machine = {"a start", kNow, kNow}; }

inline SqliteStoreOptions options_of(const TempFolder& folder) {
    if (machine.boot_id.empty()) {
        start_machine();
    }
    SqliteStoreOptions options;
    options.clock = flashduty::SpoolClock(read_machine);
    options.path = folder.spool();
    options.busy_ms = 2000;
    return options;
}

inline NewEvent new_event(std::string key, std::string status = "Warning",
                          UnixMs accepted_ms = kNow) {
    NewEvent event;
    event.server = "*:8080 gateway";
    event.location = "/flashduty";
    event.arguments = "a=1";
    event.alert_key = std::move(key);
    event.event_status = std::move(status);
    event.title = "CPU is high";
    event.event = R"({"title_rule":"CPU is high"})";
    event.variables = R"({"blueking_level":"2"})";
    event.body = R"({"type":"x"})";
    event.accepted_ms = accepted_ms;
    return event;
}

/// Appends and gives what became of each; empty when that failed.
inline std::vector<Appended> append(EventStore& store, const std::vector<NewEvent>& events) {
    std::vector<Appended> appended;
    if (store.append(events, appended) == StoreStatus::kOk) {
        return appended;
    }
    print_error("%s\n", std::string(store.error()).c_str());
    return {};
}

/// The events that are looked for, of one target.
inline std::vector<DueEvent> find(EventStore& store, const Search& search, UnixMs now_ms) {
    std::vector<DueEvent> events;
    Held held;
    assert_status(store.find(search, now_ms, events, held), kOk);
    return events;
}

inline Search search_for(Search::Kind kind, std::int64_t target_id, std::size_t most = 1,
                         const Ids& except = {}) {
    Search search;
    search.kind = kind;
    search.target_id = target_id;
    search.most = most;
    search.except = except;
    return search;
}

inline std::vector<DueEvent> due(EventStore& store, UnixMs now_ms, std::size_t most = 100,
                                 const Ids& busy = {}) {
    Ids targets;
    std::vector<DueEvent> events;
    assert_status(store.targets(targets), kOk);
    for (const std::int64_t target : targets) {
        const auto found = find(store, search_for(Search::Kind::kDue, target, most, busy), now_ms);
        events.insert(events.end(), found.begin(), found.end());
    }
    return events;
}

inline std::string keys_of(const std::vector<DueEvent>& events) {
    std::string keys;
    for (const DueEvent& event : events) {
        keys += (keys.empty() ? "" : " ") + event.alert_key;
    }
    return keys;
}

inline std::string due_keys(EventStore& store, UnixMs now_ms, std::size_t most = 100,
                            const Ids& busy = {}) {
    return keys_of(due(store, now_ms, most, busy));
}

/// Held events of all targets that are due.
inline std::vector<DueEvent> held(EventStore& store, UnixMs now_ms) {
    Ids targets;
    std::vector<DueEvent> events;
    assert_status(store.targets(targets), kOk);
    for (const std::int64_t target : targets) {
        const auto found = find(store, search_for(Search::Kind::kHeld, target, 100), now_ms);
        events.insert(events.end(), found.begin(), found.end());
    }
    return events;
}

inline std::string held_keys(EventStore& store, UnixMs now_ms) {
    return keys_of(held(store, now_ms));
}

/// The first event of that key, which must be due.
inline DueEvent due_of(EventStore& store, std::string_view key, UnixMs now_ms = kNow) {
    for (const DueEvent& event : due(store, now_ms)) {
        if (event.alert_key == key) {
            return event;
        }
    }
    print_error("nothing of %s is due\n", std::string(key).c_str());
    _fail(__FILE__, __LINE__);
    return {};
}

inline void settle(EventStore& store, const DueEvent& event, flashduty::Fate fate,
                   UnixMs settled_ms = kNow, UnixMs due_ms = 0, std::string reason = {}) {
    Settlement settlement;
    settlement.event_id = event.event_id;
    settlement.alert_id = event.alert_id;
    settlement.fate = fate;
    settlement.settled_ms = settled_ms;
    settlement.due_ms = due_ms;
    settlement.reason = std::move(reason);
    assert_status(store.settle({settlement}), kOk);
}

inline void deliver(EventStore& store, const DueEvent& event) {
    settle(store, event, flashduty::Fate::kDelivered);
}
inline void refuse(EventStore& store, const DueEvent& event, std::string reason = "refused") {
    settle(store, event, flashduty::Fate::kRefused, kNow, 0, std::move(reason));
}
inline void retry(EventStore& store, const DueEvent& event, UnixMs due_ms,
                  UnixMs settled_ms = kNow) {
    settle(store, event, flashduty::Fate::kWaits, settled_ms, due_ms, "HTTP 503");
}

inline StoreSize size_of(EventStore& store) {
    StoreSize size;
    assert_status(store.size(size), kOk);
    return size;
}

inline Tended expire(EventStore& store, UnixMs now_ms, const Ids& busy = {}) {
    Tended tended;
    assert_status(store.expire(now_ms, busy, tended), kOk);
    return tended;
}

/// Runs `work` in a process of its own and gives whether it returned true.
template <class Work>
bool in_process(Work work) {
    const pid_t child = ::fork();
    if (child == 0) {
        ::_exit(work() ? 0 : 1);
    }
    int status = 0;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
