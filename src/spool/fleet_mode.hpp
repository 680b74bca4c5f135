// Modes of a fleet's edge, for the events in its own spool. Knows no clock, no database and no
// network.
//
// One bit in that spool, `local`, makes all workers of the edge agree. A worker that cannot tell
// whether the shared database has its events writes them to the spool and sets the bit; while it is
// set all workers do so, so that nothing overtakes within the edge. Whoever takes the last event
// out clears it in the same transaction. This machine derives the next work of the one process with
// the spool's lock.
#pragma once

#include <cstddef>
#include <cstdint>

#include "steady.hpp"

namespace flashduty {

enum class LocalWork : std::uint8_t {
    kNone,    ///< nothing is there; new events go to the shared database
    kHold,    ///< the database may be failing over: nothing leaves
    kPush,    ///< it is away: push as an edge without a fleet does
    kFinish,  ///< it is back: begin no push, wait for those under way
    kReport,  ///< tell the fleet which keys were pushed meanwhile
    kDrain,   ///< move what is there into the database, in its order
};

class FleetMode {
  public:
    /// `alone_after_ms`: time that the database has to be away before anything is pushed past it.
    /// `owes_report`: the previous process has pushed events alone that are not reported yet.
    FleetMode(SteadyMs alone_after_ms, bool owes_report, SteadyMs now_ms) noexcept
        : alone_after_ms_(alone_after_ms), away_since_ms_(now_ms), owes_report_(owes_report) {}

    // ---------------------------------------------------------------- what is known

    /// Sets the bit as last read from the spool; also called when the spool has become empty.
    void found(bool is_local) noexcept { is_local_ = is_local; }

    /// The database has done what it was asked for, and says that the data is safe.
    void answered() noexcept;
    /// The database has not done it, or nobody knows.
    void failed(SteadyMs now_ms) noexcept;

    /// A push leaves past the database.
    void push_started() noexcept;
    void push_ended() noexcept;

    /// The fleet knows all events that were pushed alone.
    void reported() noexcept { owes_report_ = false; }

    // ---------------------------------------------------------------- what follows

    [[nodiscard]] LocalWork work(SteadyMs now_ms) noexcept;

    /// Time when work() may change by itself; kNever when it does not.
    static constexpr SteadyMs kNever = INT64_MAX;
    [[nodiscard]] SteadyMs next_change_ms() const noexcept;

  private:
    /// Good answers in a row that are needed after something was pushed alone: a database that
    /// comes and goes must not make an edge and the others deliver in turns.
    static constexpr unsigned kEnough = 5;

    [[nodiscard]] bool is_trusted() const noexcept { return good_ >= (owes_report_ ? kEnough : 1); }

    SteadyMs alone_after_ms_;
    SteadyMs away_since_ms_;  ///< no good answer since then
    unsigned good_ = 0;       ///< good answers in a row
    bool is_local_ = false;
    bool is_alone_ = false;
    bool owes_report_;
    std::size_t in_flight_ = 0;
};

}  // namespace flashduty
