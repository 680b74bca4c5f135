// Which alerts of a target may leave, and in which order.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "event_store.hpp"
#include "sqlite.hpp"

namespace flashduty {

/// An alert_id's first event.
struct DueAlert {
    std::int64_t alert_id = 0;
    std::int64_t event_id = 0;
    UnixMs since_ms = 0;
};

/// At most `most` of those that are due and not among `busy`, in their order.
[[nodiscard]] std::vector<DueAlert> due_alerts(Connection& connection, std::int64_t target_id,
                                               UnixMs now_ms, std::size_t most,
                                               const std::vector<std::int64_t>& busy) noexcept;

/// The one of those not among `busy` that was tried longest ago, when none is due.
[[nodiscard]] std::vector<DueAlert> longest_untried(Connection& connection, std::int64_t target_id,
                                                    const std::vector<std::int64_t>& busy) noexcept;

}  // namespace flashduty
