// Queries of LocalSpool, within a transaction.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "kept_clock.hpp"
#include "local_spool.hpp"
#include "sqlite.hpp"

namespace flashduty {

[[nodiscard]] LocalState look_at_local(Connection& connection) noexcept;
[[nodiscard]] bool is_local(Connection& connection) noexcept;
void set_local(Connection& connection, bool is_local) noexcept;

/// Notes the name under which the shared database may have an event.
void name_event(Connection& connection, std::int64_t event_id, const BatchId& id) noexcept;

[[nodiscard]] LocalBatch take_first_batch(Connection& connection, const KeptClock& clock,
                                          const BatchId& name) noexcept;

/// Removes what was moved, and marks what cannot be. False when nothing else is left: the edge is
/// local no more.
bool remove_moved(Connection& connection, const std::vector<std::int64_t>& event_ids,
                  const std::vector<std::int64_t>& unfit) noexcept;

/// Keeps an event that was delivered, before it goes.
void keep_delivered(Connection& connection, std::int64_t event_id, UnixMs delivered_ms) noexcept;

[[nodiscard]] std::vector<AloneEvent> read_alone(Connection& connection, const KeptClock& clock,
                                                 bool with_waiting, std::size_t most) noexcept;

/// Removes what was reported, unless there is something newer of its key. False when nothing is
/// left.
bool remove_reported(Connection& connection, const std::vector<AloneEvent>& events) noexcept;

}  // namespace flashduty
