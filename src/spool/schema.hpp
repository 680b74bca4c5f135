// Tables of the spool, which operators may read: see schema.cpp.
#pragma once

#include <cstdint>

#include "event_store.hpp"
#include "sqlite.hpp"

namespace flashduty {

/// The `severity` of an event and the `rank` of an alert: see schema.cpp.
[[nodiscard]] std::int64_t severity_of(std::string_view event_status) noexcept;

/// Version of the tables, in `meta`.
inline constexpr int kSchemaVersion = 3;

/// Kind of a database.
enum class SchemaState {
    kKnown,    ///< it has all tables that are needed, or has them now
    kNewer,    ///< a newer version has made it, and leaves it to none as old as this
    kForeign,  ///< it belongs to another program
    kUnknown,  ///< the connection has failed
};

/// Makes the tables that a database does not have yet.
[[nodiscard]] SchemaState bring_up_to_date(Connection& connection) noexcept;

}  // namespace flashduty
