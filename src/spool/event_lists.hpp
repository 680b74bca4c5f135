// Lists of the events in the database, for operators: see EventLedger.
#pragma once

#include "event_ledger.hpp"
#include "kept_clock.hpp"
#include "sqlite.hpp"

namespace flashduty {

void list_targets(Connection& connection, const KeptClock& clock,
                  std::vector<ListedTarget>& targets) noexcept;

[[nodiscard]] EventPage list_events(Connection& connection, const KeptClock& clock, Pile pile,
                                    const EventFilter& filter, std::int64_t after,
                                    std::size_t limit) noexcept;

/// False when there is no such event.
[[nodiscard]] bool show_event(Connection& connection, const KeptClock& clock, Pile pile,
                              std::int64_t event_id, WholeEvent& event) noexcept;

[[nodiscard]] WholePage read_whole(Connection& connection, const KeptClock& clock, Pile pile,
                                   std::int64_t after, std::size_t most_bytes) noexcept;

[[nodiscard]] std::int64_t schema_of(Connection& connection) noexcept;

}  // namespace flashduty
