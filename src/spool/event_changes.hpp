// Changes of operators in the database: see EventLedger.
#pragma once

#include "event_ledger.hpp"
#include "sqlite.hpp"

namespace flashduty {

/// Changes those of `ids` (event_ids) that it can: every kind but moves. Stops early when that
/// takes long, and returns how many it has looked at.
[[nodiscard]] std::size_t change_events(Connection& connection, EventChange::Kind kind,
                                        const std::vector<std::int64_t>& ids, UnixMs now_ms,
                                        const std::vector<std::int64_t>& busy,
                                        EventsChanged& changed) noexcept;

/// Moves some of a target's events to another target.
void move_events(Connection& connection, const EventChange& change,
                 const std::vector<std::int64_t>& busy, EventsChanged& changed) noexcept;

}  // namespace flashduty
