#include "postgres_check.hpp"

#include <algorithm>
#include <chrono>

#include "postgres_schema.hpp"

namespace flashduty {

namespace {

using Clock = std::chrono::steady_clock;

/// Oldest server whose SQL is used.
constexpr int kLeastServer = 130000;
/// Answer of a second connection, beside an open transaction of the first.
constexpr std::chrono::milliseconds kPoolerAnswer{2'000};

constexpr char kScript[] = "run conf.example/fleet.sql with psql as the owner of the database";

// Rights that the role lacks, as a list for people.
constexpr char kMissingRights[] =
    "SELECT string_agg(m.name, ', ' ORDER BY m.name) FROM ("
    " SELECT c.relname::text AS name FROM pg_catalog.pg_class c"
    " WHERE c.relnamespace = $1::regnamespace AND c.relkind = 'r'"
    " AND NOT (has_table_privilege(c.oid, 'SELECT') AND has_table_privilege(c.oid, 'INSERT')"
    " AND has_table_privilege(c.oid, 'UPDATE') AND has_table_privilege(c.oid, 'DELETE'))"
    " UNION ALL SELECT c.relname::text FROM pg_catalog.pg_class c"
    " WHERE c.relnamespace = $1::regnamespace AND c.relkind = 'S'"
    " AND NOT (has_sequence_privilege(c.oid, 'USAGE') AND has_sequence_privilege(c.oid, 'UPDATE'))"
    " UNION ALL SELECT p.proname::text || '()' FROM pg_catalog.pg_proc p"
    " WHERE p.pronamespace = $1::regnamespace AND NOT has_function_privilege(p.oid, 'EXECUTE')) m";

// Everything that the gateway needs of an engine, in a transaction that is rolled back.
constexpr char kTrial[] =
    "SELECT count(*) FROM append('self-test/' || gen_random_uuid()::text, 1, 1::bigint << 62, true,"
    " ARRAY['self-test', 'self-test'], ARRAY['/', '/'], ARRAY['a', 'a'],"
    " ARRAY[0, 3]::smallint[], ARRAY['Critical', 'Ok'], ARRAY['', ''], ARRAY['', ''],"
    " ARRAY[1, 2]::bigint[], ARRAY['{}', '{}'], ARRAY['{}', '{}'], ARRAY['', '']::bytea[],"
    " ARRAY[true, true])";
constexpr char kTrialSettle[] =
    "SELECT settle((SELECT term FROM term), 1::bigint << 62, 1,"
    " ARRAY[e.event_id], ARRAY[0]::smallint[], ARRAY[1]::bigint[], ARRAY[0]::bigint[], ARRAY[''],"
    " ARRAY[200]) FROM event e JOIN alert a ON a.first_id = e.event_id JOIN target t USING"
    " (target_id) WHERE t.server = 'self-test'";
constexpr char kTrialLeft[] =
    "SELECT count(*) FILTER (WHERE e.severity = 3 AND a.first_id = e.event_id AND a.ok = 1"
    " AND a.critical = 0), count(*), (SELECT count(*) FROM last_delivered l JOIN target t USING"
    " (target_id) WHERE t.server = 'self-test')"
    " FROM event e JOIN alert a USING (alert_id) JOIN target t USING (target_id)"
    " WHERE t.server = 'self-test'";

/// True for SQLSTATEs that pass and say nothing of the database: a term that ends meanwhile, a
/// transaction that was aborted, no room, a lock, a server that leaves or only reads.
bool passes(std::string_view state) noexcept {
    constexpr std::string_view kClasses[] = {"FD", "25", "40", "53", "55", "57"};
    return std::find(std::begin(kClasses), std::end(kClasses), state.substr(0, 2)) !=
           std::end(kClasses);
}

/// Check of a database, by two connections.
class Checker {
  public:
    Checker(const PgOptions& options, PgDeadline deadline) noexcept
        : options_(options), deadline_(deadline), first_(options), second_(options) {}

    DatabaseCheck run() noexcept {
        if (reach() && look_at_server() && look_at_tables() && look_at_rights() &&
            look_for_pooler() && try_out()) {
            check_.fitness = DatabaseFitness::kFit;
        }
        return std::move(check_);
    }

  private:
    bool is_unfit(std::string reason) noexcept {
        check_.fitness = DatabaseFitness::kUnfit;
        check_.reason = "PostgreSQL: " + std::move(reason);
        return false;
    }
    bool is_away(const std::string& reason) noexcept {
        check_.reason = "PostgreSQL: " + reason;
        return false;
    }
    [[nodiscard]] std::string schema() const noexcept { return "\"" + options_.schema + "\""; }

    /// Runs a statement on the first connection; false with a reason when that fails.
    bool ask(const char* sql, const PgValues& values, const std::string& or_else) noexcept {
        const PgStatus status = first_.run(sql, values, rows_, deadline_);
        if (status == PgStatus::kRefused && !passes(first_.sql_state())) {
            return is_unfit(or_else + first_.error());
        }
        return status == PgStatus::kOk || is_away(first_.error());
    }

    bool reach() noexcept {
        if (first_.connect(deadline_)) {
            return true;
        }
        return first_.is_unfit() ? is_unfit(first_.error()) : is_away(first_.error());
    }

    bool look_at_server() noexcept {
        if (!ask("SELECT version(), current_setting('synchronous_standby_names') <> '',"
                 " current_user, current_setting('server_version')",
                 {}, "it is not PostgreSQL enough: ")) {
            return false;
        }
        version_ = rows_.text(0, 0);
        check_.is_synchronous = rows_.flag(0, 1);
        role_ = rows_.text(0, 2);
        return first_.server_version() >= kLeastServer ||
               is_unfit("version " + std::string(rows_.text(0, 3)) +
                        " is too old: the fleet needs 13 or newer");
    }

    bool look_at_tables() noexcept {
        switch (bring_up_to_date(first_, options_.schema, deadline_)) {
            case PostgresSchema::kKnown:
                return true;
            case PostgresSchema::kNewer:
                return is_unfit("schema " + schema() +
                                " is of a newer version of the gateway: upgrade this one");
            case PostgresSchema::kMissing:
                return is_unfit("schema " + schema() + " lacks tables, and they may not be made: " +
                                first_.error() + "; " + kScript);
            case PostgresSchema::kForbidden:
                return is_unfit("role \"" + role_ + "\" may not use schema " + schema() + ": " +
                                first_.error() + "; " + kScript);
            case PostgresSchema::kUnknown:
                break;
        }
        return is_away(first_.error());
    }

    bool look_at_rights() noexcept {
        if (!ask(kMissingRights, PgValues().add(schema()), "it is not PostgreSQL enough: ")) {
            return false;
        }
        const std::string_view missing = rows_.text(0, 0);
        return missing.empty() || is_unfit("role \"" + role_ + "\" lacks rights in schema " +
                                           schema() + ": " + std::string(missing) + "; " + kScript);
    }

    /// The first connection must have the same server process while the second holds one: behind a
    /// pooler that gives one for a transaction only it has not.
    bool look_for_pooler() noexcept {
        constexpr char kProcess[] = "SELECT pg_backend_pid()";
        if (!ask(kProcess, {}, "")) {
            return false;
        }
        const std::int64_t process = rows_.number(0, 0);
        const PgDeadline soon = std::min(deadline_, Clock::now() + kPoolerAnswer);
        PgRows ignored;
        if (!second_.connect(deadline_)) {
            return is_away(second_.error());
        }
        if (second_.run("BEGIN ISOLATION LEVEL READ COMMITTED", {}, ignored, soon) !=
                PgStatus::kOk ||
            second_.run(kProcess, {}, ignored, soon) != PgStatus::kOk) {
            return is_away(second_.error());
        }
        const PgStatus status = first_.run(kProcess, {}, rows_, soon);
        if (status != PgStatus::kOk) {
            return is_away(
                first_.error() +
                ", beside another connection: is a pooler in transaction mode before it?");
        }
        if (rows_.number(0, 0) != process) {
            return is_unfit(
                "a pooler in transaction mode stands before it: connect to PostgreSQL itself, or "
                "by a pooler in session mode");
        }
        return second_.run("ROLLBACK", {}, ignored, deadline_) == PgStatus::kOk ||
               is_away(second_.error());
    }

    bool try_out() noexcept {
        const std::string not_enough =
            "it is not PostgreSQL enough (" + version_.substr(0, version_.find(" on ")) + "): ";
        bool is_good = ask("BEGIN ISOLATION LEVEL READ COMMITTED", {}, not_enough) &&
                       ask(kTrial, {}, not_enough);
        is_good = is_good && ask(kTrialSettle, {}, not_enough) && ask(kTrialLeft, {}, not_enough);
        if (is_good &&
            (rows_.number(0, 0) != 1 || rows_.number(0, 1) != 1 || rows_.number(0, 2) != 1)) {
            is_good = is_unfit(not_enough + "a trial of its triggers went wrong");
        }
        PgRows ignored;
        (void)first_.run("ROLLBACK", {}, ignored, deadline_);
        return is_good;
    }

    const PgOptions& options_;
    PgDeadline deadline_;
    PgConnection first_;
    PgConnection second_;
    PgRows rows_;
    std::string version_;
    std::string role_;
    DatabaseCheck check_;
};

}  // namespace

DatabaseCheck check_database(const PgOptions& options, PgDeadline deadline) noexcept {
    return Checker(options, deadline).run();
}

}  // namespace flashduty
