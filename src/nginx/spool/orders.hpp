// Orders of operators to the deliverer: one after the other, each in a thread together with the
// other work.
#pragma once

#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "../../spool/event_ledger.hpp"
#include "../../spool/line_message.hpp"

namespace flashduty {

class Line;

/// Targets to which nothing is pushed for a time. Kept in the store, so that a deliverer knows the
/// pauses of its predecessor.
class Pauses {
  public:
    void set(const std::vector<EventLedger::Paused>& paused) noexcept;
    /// `until_ms` 0 ends a pause.
    void set(std::int64_t target_id, UnixMs until_ms) noexcept;
    [[nodiscard]] bool has(std::int64_t target_id, UnixMs now_ms) const noexcept;

  private:
    std::unordered_map<std::int64_t, UnixMs> until_ms_;  ///< by target_id
};

/// An order that a thread carries out.
struct OrderJob {
    Line* line;  ///< line of the answer; nullptr: nobody waits for it any more, or another edge
    std::string channel;  ///< that edge's; empty: none
    Order order;
    UnixMs now_ms = 0;
    std::vector<std::int64_t> busy;  ///< event_ids

    StoreStatus status = StoreStatus::kOk;
    std::string error;
    EventsChanged changed;

    /// Runs in the thread.
    void work(EventLedger* ledger) noexcept;
    /// Answer to the order.
    [[nodiscard]] OrderDone done() const noexcept;
    /// End of the pause, with Order::Kind::kPause.
    [[nodiscard]] UnixMs until_ms() const noexcept { return now_ms + order.pause_ms; }
};

}  // namespace flashduty
