// Permissions of a fleet for a deliverer, and reports of the deliverer to it. Called in the worker.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "../../spool/event_store.hpp"
#include "../../spool/line_message.hpp"

namespace flashduty {

class Line;

/// A target as a deliverer has it.
struct ServedTarget {
    std::string server;
    std::string location;
    bool is_up = true;
    std::string reason;  ///< why not
};

class Gate {
  public:
    virtual ~Gate() = default;

    /// True when a push may begin, or its bytes may leave, now.
    [[nodiscard]] virtual bool may_push() noexcept = 0;
    /// Why nothing leaves: a sentence for callers, who hear it at once; empty: it is not known for
    /// long, so they wait.
    [[nodiscard]] virtual std::string why_not() noexcept { return {}; }
    /// True when an event may leave that was written down under this term: a leader before may have
    /// bytes of it under way.
    [[nodiscard]] virtual bool may_push_of(std::int64_t) noexcept { return true; }

    /// True when one more push to this target is within the fleet's rate.
    [[nodiscard]] virtual bool may_spend(std::int64_t) noexcept { return true; }
    virtual void on_push(std::int64_t) noexcept {}  ///< a push to this target begins
    virtual void on_settled() noexcept {}           ///< a push is written down
    virtual void on_store(StoreStatus, const std::string&) noexcept {}  ///< end of a job
    /// True when the figures of its store are shown.
    [[nodiscard]] virtual bool is_shown() noexcept { return true; }
    /// Called every second or so.
    virtual void on_figures(const StoreSize&, std::vector<ServedTarget>&&) noexcept {}

    /// Events of the shared database that workers have written down; their ids have lost their bit.
    virtual void on_woken(Line&, const std::vector<Woken>&) noexcept {}
    virtual void on_own_woken() noexcept {}  ///< workers have written events down in its store
    virtual void on_line_end(Line&) noexcept {}
    /// An operator's order to the fleet. False when it is for this deliverer.
    virtual bool on_order(Line&, const Order&) noexcept { return false; }
    /// The result of an order of another edge.
    virtual void on_order_done(const std::string&, const OrderDone&) noexcept {}
    virtual void on_leave() noexcept {}  ///< the worker is told to leave
    /// The verdict of an event that hear() has told of.
    virtual void tell(const PushVerdict&) noexcept {}
};

}  // namespace flashduty
