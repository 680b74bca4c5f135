#include "postgres_schema.hpp"

#include <string>

#include "postgres_sql.hpp"

namespace flashduty {

namespace {

constexpr char kVersions[] =
    "SELECT (SELECT value FROM meta WHERE name = 'schema'),"
    " (SELECT value FROM meta WHERE name = 'oldest_user')";
constexpr char kHasMeta[] =
    "SELECT count(*) FROM pg_catalog.pg_class c JOIN pg_catalog.pg_namespace n"
    " ON n.oid = c.relnamespace WHERE n.nspname = $1 AND c.relname = 'meta'";

PostgresSchema look(PgConnection& connection, const std::string& schema,
                    PgDeadline deadline) noexcept {
    PgRows rows;
    if (connection.run(kHasMeta, PgValues().add(schema), rows, deadline) != PgStatus::kOk) {
        return PostgresSchema::kUnknown;
    }
    if (rows.number(0, 0) == 0) {
        return PostgresSchema::kMissing;
    }
    const PgStatus status = connection.run(kVersions, {}, rows, deadline);
    if (status != PgStatus::kOk) {
        // Without a right to the schema its tables seem not to be there.
        return status == PgStatus::kRefused ? PostgresSchema::kForbidden : PostgresSchema::kUnknown;
    }
    if (rows.number(0, 1) > kPostgresSchemaVersion) {
        return PostgresSchema::kNewer;
    }
    return rows.number(0, 0) < kPostgresSchemaVersion ? PostgresSchema::kMissing
                                                      : PostgresSchema::kKnown;
}

}  // namespace

std::string postgres_schema_sql() noexcept {
    return std::string(kPostgresEvents) + kPostgresRoll + kPostgresLedger +
           "\nINSERT INTO meta VALUES ('schema', 1), ('oldest_user', 1);\n";
}

PostgresSchema bring_up_to_date(PgConnection& connection, const std::string& schema,
                                PgDeadline deadline) noexcept {
    const PostgresSchema found = look(connection, schema, deadline);
    if (found != PostgresSchema::kMissing) {
        return found;
    }
    // An edge makes the tables, the others wait for it: 0x666c6475 is only a number of ours.
    const std::string script =
        "BEGIN; SET LOCAL lock_timeout = '2s'; SELECT pg_advisory_xact_lock(1718379637);"
        " CREATE SCHEMA IF NOT EXISTS \"" +
        schema + "\"; " + postgres_schema_sql() + "COMMIT";
    PgRows rows;
    const PgStatus status = connection.script(script.c_str(), rows, deadline);
    if (status != PgStatus::kRefused) {
        return status == PgStatus::kOk ? PostgresSchema::kKnown : PostgresSchema::kUnknown;
    }
    // Another edge may have been faster, or the role may have no right to.
    const std::string reason = connection.error();
    (void)connection.script("ROLLBACK", rows, deadline);
    const PostgresSchema then = look(connection, schema, deadline);
    if (then == PostgresSchema::kMissing) {
        connection.set_error(reason);
    }
    return then;
}

}  // namespace flashduty
