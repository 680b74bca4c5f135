// Search for the alerts of a target that may leave, in their order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "event_store.hpp"
#include "sqlite.hpp"

namespace flashduty {

/// An event to push, with its alert_id; mostly the first event of that alert.
struct DueAlert {
    std::int64_t alert_id = 0;
    std::int64_t event_id = 0;
    UnixMs since_ms = 0;
    UnixMs due_ms = 0;
    UnixMs tried_ms = 0;
};

/// At most `search.most`, in their order. Each statement uses an index and reads no more rows than
/// it gives, those of `search.except` included.
[[nodiscard]] std::vector<DueAlert> find_alerts(Connection& connection, const Search& search,
                                                UnixMs now_ms) noexcept;

/// Held alerts of a target that are not due yet.
[[nodiscard]] Held look_at_held(Connection& connection, std::int64_t target_id,
                                UnixMs now_ms) noexcept;

}  // namespace flashduty
