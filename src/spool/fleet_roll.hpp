// Roll of a fleet: which edges take part, what each says of itself, in what they differ, and what
// the leader says of all.
//
// An edge is known by its name and its local spool. It registers once a process of it has become
// the spool's deliverer, and reports every second. Times are ages by PostgreSQL's clock: no clock
// of one machine is compared with another's.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "budget.hpp"
#include "postgres_store.hpp"

namespace flashduty {

/// Where an edge's new events go, and what leaves from its local spool.
enum class EdgeMode : std::uint8_t {
    kFleet,     ///< into PostgreSQL; nothing is local
    kHolding,   ///< into the local spool, from which nothing leaves
    kAlone,     ///< into the local spool, from which the edge pushes
    kDraining,  ///< into the local spool, which is moved into PostgreSQL
    kCount,
};
[[nodiscard]] const char* edge_mode_name(EdgeMode mode) noexcept;

/// Location to push to, in a server block as an event names it.
struct EdgeLocation {
    std::string server;
    std::string location;

    bool operator==(const EdgeLocation& other) const noexcept {
        return server == other.server && location == other.location;
    }
    bool operator<(const EdgeLocation& other) const noexcept {
        return server != other.server ? server < other.server : location < other.location;
    }
};

/// Configuration of an edge: the same on all, or they drift apart.
struct EdgeSetup {
    std::string gateway;  ///< version of the module
    std::string nginx;    ///< version of nginx; may differ
    std::string version;  ///< `version=`: the operator's revision of the configuration
    Rate rate;
    std::int64_t max_size_bytes = 0;
    std::int64_t max_age_ms = 0;
    std::int64_t dead_age_ms = 0;
    std::int64_t lease_ms = 0;
    std::int64_t alone_after_ms = 0;
    std::vector<EdgeLocation> locations;
};

/// State of an edge, told every second.
struct EdgeReport {
    EdgeMode mode = EdgeMode::kFleet;
    /// Nothing waits in the local spool, nothing is being written there, and all that was pushed
    /// from there is reported.
    bool is_empty = true;
    std::uint64_t local_events = 0;
    std::int64_t local_age_ms = 0;  ///< of the oldest local event; 0: there is none
    std::uint64_t local_dead = 0;   ///< dead letters in the local spool
    /// Time of its appends in the last minute, of which 99 % were faster; 0: there were none.
    std::int64_t append_p99_ms = 0;
    std::uint64_t unknown = 0;         ///< appends without an answer since its start
    std::int64_t clock_offset_ms = 0;  ///< of PostgreSQL's clock before the edge's
};

/// An edge as the roll has it.
struct RollEdge {
    std::string name;
    std::string spool_id;
    EdgeSetup setup;
    EdgeReport state;
    std::int64_t seen_ago_ms = 0;  ///< age of its last report
    bool is_seen = false;          ///< within the last kSeenMs
    bool is_leader = false;
    std::vector<std::string> drift;  ///< differences from the leader's configuration, a line each
};

/// Age of a report from which on an edge counts as not seen.
inline constexpr std::int64_t kSeenMs = 10'000;

/// Target of pushes as the leader has it.
struct RollTarget {
    std::string server;
    std::string location;
    bool is_up = true;
    std::string reason;  ///< why not
    std::uint64_t waiting = 0;
};

/// Figures of the whole fleet, written by its leader every second.
struct FleetReport {
    std::uint64_t waiting = 0;
    std::uint64_t dead = 0;
    std::uint64_t used_bytes = 0;
    std::int64_t oldest_age_ms = 0;  ///< of the oldest waiting event; 0: none waits
    bool is_full = false;
    std::vector<RollTarget> targets;
};

/// The database, as it says.
struct FleetDatabase {
    std::string version;         ///< such as "15.18"
    std::string host;            ///< name or address that this connection leads to
    bool is_synchronous = true;  ///< false: it acknowledges what only one machine has
    int replicas = -1;           ///< synchronous ones that are connected; -1: may not be seen
    std::int64_t dead_rows = -1;
    /// Events older than a restore that wait until an operator lets them go; 0: none are held.
    std::uint64_t held_back = 0;
};

struct Fleet {
    std::vector<RollEdge> edges;  ///< by name
    std::int64_t term = 0;
    std::string leader;  ///< name of its edge; empty: there has been none
    FleetDatabase database;
    FleetReport figures;
    std::int64_t figures_age_ms = -1;  ///< -1: never written
};

/// Differences of each edge from the leader's configuration, or else the first seen edge's, go into
/// `drift`. Fills that and nothing else.
void find_drift(std::vector<RollEdge>& edges) noexcept;

/// Edges that push alone, as far as one can tell: they say so, or were not seen for as long as one
/// waits before it does.
[[nodiscard]] std::size_t count_alone(const std::vector<RollEdge>& edges) noexcept;

/// Share of the fleet's rate for the leader (`parts` of `all` edges do not push alone), or for one
/// edge that pushes alone (1 of `all`). At least 1 of what is limited.
[[nodiscard]] Rate share_of(Rate rate, std::size_t parts, std::size_t all) noexcept;

/// Point in the fleet's history that a database was acknowledged to have.
struct FleetPoint {
    std::int64_t term = 0;  ///< 0: none is known
    std::int64_t beat = 0;
};

/// Answer to an edge.
enum class RollAnswer : std::uint8_t {
    kDone,
    kTaken,  ///< another edge has this name: see error(); work alone, say so at `crit`
    kGone,   ///< it is not on the roll any more: register again
};

/// Works on the store's connection, in its thread. Calls return as the store's do.
class FleetRoll {
  public:
    /// `token`: drawn at random by the process that is the edge's deliverer.
    FleetRoll(PostgresStore& store, std::string edge, std::string spool_id,
              std::int64_t token) noexcept
        : store_(store), edge_(std::move(edge)), spool_id_(std::move(spool_id)), token_(token) {}

    // ---------------------------------------------------------------- of the edge's deliverer

    /// A name is free when it is this spool's, or when its edge is not seen. An agent that has lost
    /// its name to another one gets it back only when that is not seen any more.
    [[nodiscard]] StoreStatus register_edge(const EdgeSetup& setup, RollAnswer& answer) noexcept;

    /// Tells that the edge lives. kOk is a good beat: PostgreSQL says that it is safe.
    [[nodiscard]] StoreStatus report(const EdgeReport& state, RollAnswer& answer) noexcept;

    /// Edges on the roll, and the time by which PostgreSQL's clock is ahead, by the last report().
    [[nodiscard]] std::size_t edges() const noexcept { return edges_; }
    [[nodiscard]] std::int64_t clock_offset_ms() const noexcept { return clock_offset_ms_; }

    /// State of the database at the last report(). To be kept over restarts, so that one that was
    /// restored from a backup, or has failed over to a standby without it, is known.
    [[nodiscard]] FleetPoint point() const noexcept { return point_; }
    void remember(FleetPoint point) noexcept { point_ = point; }
    /// True once after a report() to a database that has gone back behind that point. What is older
    /// than 10 minutes waits there until let_go_held_back(): say so at `crit`.
    [[nodiscard]] bool take_gone_back() noexcept { return std::exchange(has_gone_back_, false); }

    /// Writes the leader's figures; nothing when the store's term is over.
    [[nodiscard]] StoreStatus write_figures(const FleetReport& figures) noexcept;

    // ---------------------------------------------------------------- of everybody

    [[nodiscard]] StoreStatus read(Fleet& fleet) noexcept;

    /// Lets all that go which waits because the database has gone back.
    [[nodiscard]] StoreStatus let_go_held_back() noexcept;

    /// Reason of the last kTaken, and of the last call that was not kOk.
    [[nodiscard]] const std::string& error() const noexcept { return error_; }

  private:
    [[nodiscard]] StoreStatus ask(const char* sql, const PgValues& values, PgRows& rows) noexcept;
    [[nodiscard]] RollAnswer answer_of(const PgRows& rows) noexcept;

    PostgresStore& store_;
    std::string edge_;
    std::string spool_id_;
    std::int64_t token_;
    bool was_registered_ = false;
    std::size_t edges_ = 1;
    std::int64_t clock_offset_ms_ = 0;
    FleetPoint point_;
    bool has_gone_back_ = false;
    std::string error_;
};

}  // namespace flashduty
