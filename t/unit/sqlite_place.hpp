// Place of a SQLite store for the tests of every store.
#pragma once

#include "schema.hpp"
#include "store_support.hpp"

/// A folder with a spool, which is opened when it is first asked for.
class SqlitePlace {
  public:
    /// Changes with each commit.
    static constexpr char kVersion[] = "PRAGMA data_version";
    /// Makes what is there take no more than it needs.
    static constexpr char kTidy[] = "PRAGMA wal_checkpoint(TRUNCATE)";
    /// Events and dead letters as they are counted, the bytes of the latter, then keys with events,
    /// bodies of events, and keys of which something was superseded.
    static constexpr char kLeft[] =
        "SELECT waiting, dead, dead_bytes, (SELECT count(*) FROM alert),"
        " (SELECT count(*) FROM body), (SELECT count(*) FROM superseded) FROM counter";
    static constexpr char kIsSound[] = "PRAGMA integrity_check";
    static constexpr char kSound[] = "ok";
    static constexpr std::uint64_t kSequences = 10'000;
    static constexpr char kAlerts[] = "SELECT count(*) FROM alert";
    static constexpr char kKind[] = "SQLite 3.";
    static constexpr std::int64_t kSchemaVersion = flashduty::kSchemaVersion;

    struct {
        std::uint64_t max_size_bytes = SqliteStoreOptions{}.max_size_bytes;
        std::int64_t max_age_ms = SqliteStoreOptions{}.max_age_ms;
        std::int64_t dead_age_ms = SqliteStoreOptions{}.dead_age_ms;
    } limits;

    EventStore& store() { return store_ == nullptr ? reopen() : *store_; }
    EventStore& reopen() {
        options_.max_size_bytes = limits.max_size_bytes;
        options_.max_age_ms = limits.max_age_ms;
        options_.dead_age_ms = limits.dead_age_ms;
        store_ = std::make_unique<SqliteStore>(options_, true);
        return *store_;
    }

    /// Runs SQL as an operator does: rows with `\n`, columns with `|` between them.
    std::string run(const std::string& sql) {
        if (shell_ == nullptr) {
            shell_ = std::make_unique<Shell>(folder_.spool());
        }
        return shell_->run(sql);
    }

  private:
    // A folder where a sync costs nothing, if there is one.
    TempFolder folder_{::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"};
    SqliteStoreOptions options_ = options_of(folder_);
    std::unique_ptr<EventStore> store_;
    std::unique_ptr<Shell> shell_;
};
