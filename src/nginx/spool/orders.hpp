// What operators order of the deliverer: one order after the other, each in a thread together with
// what else there is to do.
#pragma once

#include <deque>
#include <string>
#include <unordered_map>
#include <vector>

#include "../../spool/event_ledger.hpp"
#include "../../spool/line_message.hpp"

namespace flashduty {

class Line;

/// Targets to which nothing is pushed for a time. Kept in the store, so that a deliverer knows of
/// those of the one before it.
class Pauses {
  public:
    void set(const std::vector<EventLedger::Paused>& paused) noexcept;
    /// 0: not any more.
    void set(std::int64_t target_id, UnixMs until_ms) noexcept;
    [[nodiscard]] bool has(std::int64_t target_id, UnixMs now_ms) const noexcept;

  private:
    std::unordered_map<std::int64_t, UnixMs> until_ms_;  ///< by target_id
};

/// An order that a thread carries out.
struct OrderJob {
    Line* line;  ///< who is to be answered; nullptr: nobody any more
    Order order;
    UnixMs now_ms = 0;
    std::vector<std::int64_t> busy;  ///< event_ids

    StoreStatus status = StoreStatus::kOk;
    std::string error;
    EventsChanged changed;

    /// In the thread.
    void work(EventLedger* ledger) noexcept;
    /// What is to be answered.
    [[nodiscard]] OrderDone done() const noexcept;
    /// With Order::Kind::kPause: until when.
    [[nodiscard]] UnixMs until_ms() const noexcept { return now_ms + order.pause_ms; }
};

}  // namespace flashduty
