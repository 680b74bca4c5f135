// Metrics at one moment, ready to be shown.
#pragma once

#include <string_view>

#include "../core/arena.hpp"
#include "stats.hpp"

namespace flashduty {

/// Name of all targets without a place of their own.
inline constexpr std::string_view kOtherTargets = "other";

/// A target as it is shown.
struct TargetView {
    std::string_view name;
    bool is_up = true;
    bool is_known = true;        ///< false: `is_up` is too old
    StatusMs since_ms = 0;       ///< when it came back or went away; 0: it was never away
    StatusMs failed_ms = 0;      ///< last failure of a push without a spool
    StatusMs next_try_ms = 0;    ///< while it is away, with a spool
    bool is_spooled_to = false;  ///< the deliverer publishes its state
    bool is_tried = false;       ///< the deliverer calls it away, and tries it again
    bool is_nowhere = false;     ///< stands for events whose uri is empty
    std::uint64_t refusals = 0;  ///< in a row
    StatusMs refused_ms = 0;     ///< see Target
    StatusMs refused_since_ms = 0;
    Blame blame = Blame::kNobody;
    std::uint64_t held = 0;    ///< alerts that could not go there at once since it is away
    std::string_view reason;   ///< why it is away
    std::string_view warning;  ///< why its deliveries may not be real
    std::string_view refusal;  ///< the last one, while the target is up
};

/// An alert, or a rejected request, as it is shown.
struct AlertView {
    std::uint64_t number = 0;  ///< increases
    StatusMs time_ms = 0;
    std::string_view outcome;
    bool has_delay = false;
    std::uint64_t delay_ms = 0;
    std::string_view biz_id;
    std::string_view biz_name;
    std::string_view title;
    std::string_view status;
    std::string_view code;
    std::string_view request_id;
    std::string_view reason;   ///< unless delivered
    std::string_view address;  ///< of a rejected request
    std::uint64_t count = 1;   ///< rejected requests with this address and reason
};

/// An edge of the fleet as it is shown.
struct EdgeView {
    std::string_view name;
    std::string_view version;
    std::string_view revision;
    EdgeState state = EdgeState::kFleet;
    bool is_leader = false;
    std::uint64_t local_events = 0;
    StatusMs seen_ms = 0;
    std::string_view drift;  ///< how its configuration differs; empty: it does not
};

/// The fleet as this edge sees it. Unset where there is none.
struct FleetView {
    std::string_view name;     ///< of this edge
    std::string_view server;   ///< of the database
    std::string_view reason;   ///< why that is not up
    std::string_view trouble;  ///< what an operator has to do
    EdgeState state = EdgeState::kFleet;
    bool is_heard = false;  ///< its agent has said something lately
    bool is_up = false;
    bool is_leader = false;
    std::int64_t clock_offset_ms = 0;
    const EdgeView* edges = nullptr;  ///< by name
    std::size_t edge_count = 0;
};

/// Facts from outside the counters.
struct StatusContext {
    bool has_spool = false;
    std::string_view version;  ///< of the module
    std::string_view nginx;
    StatusMs now_ms = 0;
    /// True for a target that the configuration has no more: it is shown only while the deliverer
    /// knows of events that wait for it. nullptr: all targets are shown.
    bool (*is_removed)(const void* conf, std::string_view name, bool is_nowhere) = nullptr;
    const void* conf = nullptr;
    bool has_fleet = false;
};

/// Silence of its agent after which nothing is known of an edge.
inline constexpr std::uint64_t kAgentAbsentMs = 5 * kSecondMs;

/// Texts are valid UTF-8 without control characters. Everything lives in the arena; unusable once
/// that has failed().
struct StatusView {
    StatusContext context;
    const Snapshot* figures = nullptr;
    const TargetView* targets = nullptr;  ///< by name, the others last
    std::size_t target_count = 0;
    const AlertView* alerts = nullptr;  ///< the newest first
    std::size_t alert_count = 0;
    std::string_view trouble_brief;
    std::string_view trouble;     ///< why the spool cannot be used; empty when it can
    std::string_view last_error;  ///< of the last failed push from the spool
    FleetView fleet;
};

[[nodiscard]] StatusView view_status(Arena& arena, const Stats& stats,
                                     const StatusContext& context) noexcept;

}  // namespace flashduty
