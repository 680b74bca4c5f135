// Which alerts of a target may leave, and in which order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "event_store.hpp"
#include "sqlite.hpp"

namespace flashduty {

/// An alert_id's event that is to leave, mostly its first.
struct DueAlert {
    std::int64_t alert_id = 0;
    std::int64_t event_id = 0;
    UnixMs since_ms = 0;
    UnixMs due_ms = 0;
    UnixMs tried_ms = 0;
};

/// At most `search.most`, in their order. Every statement goes by an index and reads no more rows
/// than it gives, those of `search.except` included.
[[nodiscard]] std::vector<DueAlert> find_alerts(Connection& connection, const Search& search,
                                                UnixMs now_ms) noexcept;

/// What is held of a target and not due.
[[nodiscard]] Held look_at_held(Connection& connection, std::int64_t target_id,
                                UnixMs now_ms) noexcept;

}  // namespace flashduty
