// Place of a PostgreSQL store for the tests of every store.
#pragma once

#include "postgres_schema.hpp"
#include "postgres_store.hpp"
#include "postgres_support.hpp"
#include "store_support.hpp"

/// A schema in the server of the tests, emptied for each.
class PostgresPlace {
  public:
    /// Changes with each transaction that writes.
    static constexpr char kVersion[] =
        "SELECT (SELECT string_agg(xmin::text, ' ' ORDER BY event_id) FROM dead),"
        " (SELECT string_agg(xmin::text, ' ' ORDER BY event_id) FROM event),"
        " (SELECT string_agg(xmin::text, ' ' ORDER BY alert_id) FROM alert),"
        " (SELECT string_agg(xmin::text, ' ' ORDER BY writer) FROM writer),"
        " (SELECT string_agg(xmin::text, ' ' ORDER BY target_id) FROM counter)";
    static constexpr char kTidy[] = "SELECT";
    /// As of SqlitePlace.
    static constexpr char kLeft[] =
        "SELECT s.events, s.dead, s.dead_bytes, (SELECT count(*) FROM alert WHERE first_id > 0),"
        " (SELECT count(*) FROM event), (SELECT count(*) FROM superseded) FROM sums() s";
    /// Keys whose counts are not those of their events, and sums that are not.
    static constexpr char kIsSound[] =
        "SELECT (SELECT count(*) FROM alert a WHERE"
        " a.critical <> (SELECT count(*) FROM event e"
        " WHERE e.alert_id = a.alert_id AND severity = 0)"
        " OR a.critical + a.warning + a.info + a.ok <>"
        " (SELECT count(*) FROM event e WHERE e.alert_id = a.alert_id)"
        " OR a.first_id <>"
        " coalesce((SELECT min(event_id) FROM event e WHERE e.alert_id = a.alert_id), 0)),"
        " s.events - (SELECT count(*) FROM event),"
        " s.bytes - (SELECT coalesce(sum(bytes), 0) FROM event),"
        " s.dead - (SELECT count(*) FROM dead),"
        " s.dead_bytes - (SELECT coalesce(sum(bytes), 0) FROM dead),"
        " (SELECT count(*) FROM attempt),"
        " (SELECT count(*) FROM target t WHERE"
        " coalesce((SELECT sum(events) FROM writer_sum w WHERE w.target_id = t.target_id), 0)"
        " + coalesce((SELECT events FROM counter c WHERE c.target_id = t.target_id), 0)"
        " <> (SELECT count(*) FROM event e JOIN alert a USING (alert_id)"
        " WHERE a.target_id = t.target_id)) FROM sums() s";
    static constexpr char kSound[] = "0|0|0|0|0|0|0";
    static constexpr std::uint64_t kSequences = 40;
    static constexpr char kSchema[] = "place";
    static constexpr char kAlerts[] = "SELECT count(*) FROM alert WHERE first_id > 0";
    static constexpr char kKind[] = "PostgreSQL 1";
    static constexpr std::int64_t kSchemaVersion = flashduty::kPostgresSchemaVersion;

    PostgresPlace() {
        if (machine.boot_id.empty()) {
            start_machine();
        }
        // Removes what a failed test may have left.
        (void)run("SET synchronous_commit = off");
        (void)run("ALTER SYSTEM RESET synchronous_standby_names");
        (void)run("SELECT pg_reload_conf()");
        (void)run(
            "TRUNCATE target, writer, writer_sum, counter, alert, event, dead, attempt, superseded,"
            " last_delivered, repair, past_term, edge, edge_setup RESTART IDENTITY;"
            " UPDATE meta SET value = 0 WHERE name = 'held_before_ms';"
            " DELETE FROM figures; INSERT INTO figures DEFAULT VALUES;"
            " UPDATE term SET term = 1, edge_id = 0, agent_id = 0;"
            " UPDATE beat SET term = 1, beat = -1");
    }

    struct {
        std::uint64_t max_size_bytes = flashduty::PostgresStoreOptions{}.max_size_bytes;
        std::int64_t max_age_ms = flashduty::PostgresStoreOptions{}.max_age_ms;
        std::int64_t dead_age_ms = flashduty::PostgresStoreOptions{}.dead_age_ms;
    } limits;

    [[nodiscard]] flashduty::PostgresStoreOptions options() const {
        flashduty::PostgresStoreOptions options;
        options.server.conninfo = PostgresServer::instance().conninfo();
        options.server.schema = kSchema;
        options.max_size_bytes = limits.max_size_bytes;
        options.max_age_ms = limits.max_age_ms;
        options.dead_age_ms = limits.dead_age_ms;
        options.clock = flashduty::SpoolClock(read_machine);
        options.clock_offset_ms = 0;
        // A busy machine is not what these tests are about.
        options.timeout_ms = options.work_timeout_ms = options.connect_timeout_ms = 30'000;
        return options;
    }

    EventStore& store() { return store_ == nullptr ? reopen() : *store_; }
    EventStore& reopen() {
        store_ = std::make_unique<flashduty::PostgresStore>(options());
        return *store_;
    }

    std::string run(const std::string& sql) { return PostgresServer::instance().run(sql, kSchema); }

  private:
    std::unique_ptr<flashduty::PostgresStore> store_;
};
