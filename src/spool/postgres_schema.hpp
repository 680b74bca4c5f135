// Tables of a fleet, which operators may read: see postgres_*_sql.cpp.
#pragma once

#include "postgres.hpp"

namespace flashduty {

inline constexpr int kPostgresSchemaVersion = 1;

/// Kind of a database.
enum class PostgresSchema : std::uint8_t {
    kKnown,      ///< it has the newest tables, or has them now
    kNewer,      ///< only newer gateways can use it
    kMissing,    ///< it has no tables, or old ones, and may not be given any: see
                 ///< PgConnection::error()
    kForbidden,  ///< the role may not use the schema: see PgConnection::error()
    kUnknown,    ///< the connection has failed
};

/// Makes the tables that a database does not have yet.
[[nodiscard]] PostgresSchema bring_up_to_date(PgConnection& connection, const std::string& schema,
                                              PgDeadline deadline) noexcept;

/// Script for psql where the gateway's role must not make tables, without the schema's name.
[[nodiscard]] std::string postgres_schema_sql() noexcept;

}  // namespace flashduty
