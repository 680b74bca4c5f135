// What an edge of a fleet does with what waits in its own spool. Knows no clock, no database and no
// network.
//
// One bit lies in that spool, so that all workers of the edge agree: `local`. A worker that cannot
// tell whether the shared database has its events writes them there and sets it; as long as it is
// set all of them do, so that nothing overtakes within the edge. Whoever takes the last event out
// clears it in the same transaction. What follows from it for the one process that has the spool's
// lock is here.
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
    /// `alone_after_ms`: for how long the database has to be away before anything is pushed past
    /// it. `owes_report`: what was pushed alone by the process before this one is not reported yet.
    FleetMode(SteadyMs alone_after_ms, bool owes_report, SteadyMs now_ms) noexcept
        : alone_after_ms_(alone_after_ms), away_since_ms_(now_ms), owes_report_(owes_report) {}

    // ---------------------------------------------------------------- what is known

    /// What the bit was when the spool was last looked at, at its emptying too.
    void found(bool is_local) noexcept { is_local_ = is_local; }

    /// The database has done what it was asked for, and says that it is safe.
    void answered() noexcept;
    /// It has not, or nobody knows.
    void failed(SteadyMs now_ms) noexcept;

    /// Something leaves past the database.
    void push_started() noexcept;
    void push_ended() noexcept;

    /// The fleet knows all that was pushed alone.
    void reported() noexcept { owes_report_ = false; }

    // ---------------------------------------------------------------- what follows

    [[nodiscard]] LocalWork work(SteadyMs now_ms) noexcept;

    /// When work() may change by itself; kNever when it does not.
    static constexpr SteadyMs kNever = INT64_MAX;
    [[nodiscard]] SteadyMs next_change_ms() const noexcept;

  private:
    /// So many good answers in a row are asked for where something was pushed alone: one that comes
    /// and goes must not have an edge deliver in turns with the others.
    static constexpr unsigned kEnough = 5;

    [[nodiscard]] bool is_trusted() const noexcept { return good_ >= (owes_report_ ? kEnough : 1); }

    SteadyMs alone_after_ms_;
    SteadyMs away_since_ms_;  ///< with no good answer since
    unsigned good_ = 0;       ///< answers in a row
    bool is_local_ = false;
    bool is_alone_ = false;
    bool owes_report_;
    std::size_t in_flight_ = 0;
};

}  // namespace flashduty
