// Recording of what an edge's agent and its workers know of their fleet. No call waits or fails.
// All texts are valid UTF-8.
#pragma once

#include <string_view>

#include "stats.hpp"

namespace flashduty {

/// Batch that was appended to the database: whoever appends tells.
void count_append(Stats& stats, std::uint64_t duration_ms, StatusMs now_ms) noexcept;

/// Batch of which nobody could say whether it was safe.
void count_unknown(Stats& stats) noexcept;

void count_late(Stats& stats, LateResult result, std::uint64_t count) noexcept;

/// This edge, and the database as it sees it.
struct FleetFact {
    std::string_view name;    ///< of the edge
    std::string_view server;  ///< that is connected: `db1:5432`; empty: never was one
    bool is_up = false;       ///< the last call did what it was asked for
    std::string_view reason;  ///< why it is not up
    /// Task for an operator, as the edge works alone until then: a schema that is too new,
    /// two edges of one name.
    std::string_view trouble;
    EdgeState state = EdgeState::kFleet;
    bool is_leader = false;
    std::uint64_t term = 0;
    std::uint64_t local_events = 0;
    std::int64_t clock_offset_ms = 0;  ///< by which the database's clock is ahead
    bool is_synchronous = false;       ///< synchronous_standby_names is set
    bool knows_standbys = false;       ///< the role may look at pg_stat_replication
    std::uint64_t standbys = 0;
    std::uint64_t dead_rows = 0;
};

/// Called by the agent, every second or so, and whenever something of it changes.
void publish_fleet(Stats& stats, const FleetFact& fleet, StatusMs now_ms) noexcept;

/// An edge as it has registered, this one too.
struct EdgeFact {
    std::string_view name;
    std::string_view version;   ///< of the module
    std::string_view revision;  ///< of the configuration, as the operator calls it
    EdgeState state = EdgeState::kFleet;
    bool is_leader = false;
    std::uint64_t local_events = 0;
    StatusMs seen_ms = 0;    ///< by this edge's clock
    std::string_view drift;  ///< how its configuration differs from this edge's; empty: it does not
};

/// Called by the agent, every second or so, with all that are registered.
void publish_edges(Stats& stats, const EdgeFact* edges, std::size_t count) noexcept;

}  // namespace flashduty
