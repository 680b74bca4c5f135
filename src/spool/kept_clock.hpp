// The clock that all users of a spool share, whatever the wall clock said when each was started. It
// is kept in the database (`clock`, see schema.cpp) with the machine's start that it counts from.
#pragma once

#include "clock.hpp"
#include "sqlite.hpp"

namespace flashduty {

/// After a start of the machine nothing dies of age for so long: the wall clock may be set late.
inline constexpr UnixMs kSpareMs = 600'000;

class KeptClock {
  public:
    explicit KeptClock(SpoolClock clock) noexcept : clock_(clock) {}

    /// Takes it from a database that was just opened. A new one gets it: as it is known here, else
    /// from the wall clock. With the first opening after a start of the machine it goes on by what
    /// the wall clock says has passed since it was last written down, and never goes back.
    void open(Connection& connection) noexcept;

    /// The time of who asks as the database has it, and the other way round.
    [[nodiscard]] UnixMs to_kept(UnixMs ms) const noexcept { return ms + shift_ms_; }
    [[nodiscard]] UnixMs from_kept(UnixMs ms) const noexcept { return ms - shift_ms_; }
    /// What the wall clock, as it goes now, said at a kept time.
    [[nodiscard]] UnixMs to_wall(UnixMs kept_ms) const noexcept;

    [[nodiscard]] UnixMs now_ms() const noexcept { return to_kept(clock_.now_ms()); }

    /// Whether note() is due: for what a start of the machine goes on from.
    [[nodiscard]] bool is_note_due(Connection& connection, UnixMs now_ms) const noexcept;
    void note(Connection& connection, UnixMs now_ms) const noexcept;

  private:
    void begin(Connection& connection, const MachineTime& machine) noexcept;

    SpoolClock clock_;
    UnixMs shift_ms_ = 0;
    std::string boot_id_;  ///< that start_ms_ is of
    UnixMs start_ms_ = 0;  ///< kept time at the machine's start
    bool is_known_ = false;
};

}  // namespace flashduty
