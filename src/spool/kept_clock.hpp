// Clock that all users of a spool share, whatever the wall clock said when each was started. Kept
// in the database (`clock`, see schema.cpp) with the machine's start that it counts from.
#pragma once

#include "clock.hpp"
#include "sqlite.hpp"

namespace flashduty {

/// Time after a start of the machine in which nothing dies of age: the wall clock may be set late.
inline constexpr UnixMs kSpareMs = 600'000;

class KeptClock {
  public:
    explicit KeptClock(SpoolClock clock) noexcept : clock_(clock) {}

    /// Reads the clock from a database that was just opened. A new database gets it from this
    /// object, else from the wall clock. The first opening after a start of the machine adds the
    /// time that, by the wall clock, has passed since the clock was last written down; it never
    /// goes back.
    void open(Connection& connection) noexcept;

    /// Converts between the caller's clock and the database's.
    [[nodiscard]] UnixMs to_kept(UnixMs ms) const noexcept { return ms + shift_ms_; }
    [[nodiscard]] UnixMs from_kept(UnixMs ms) const noexcept { return ms - shift_ms_; }
    /// Wall clock's reading at a kept time, by the wall clock as it is set now.
    [[nodiscard]] UnixMs to_wall(UnixMs kept_ms) const noexcept;

    [[nodiscard]] UnixMs now_ms() const noexcept { return to_kept(clock_.now_ms()); }

    /// True when note() is due, from which the clock goes on after a start of the machine.
    [[nodiscard]] bool is_note_due(Connection& connection, UnixMs now_ms) const noexcept;
    void note(Connection& connection, UnixMs now_ms) const noexcept;

  private:
    void begin(Connection& connection, const MachineTime& machine) noexcept;

    SpoolClock clock_;
    UnixMs shift_ms_ = 0;
    std::string boot_id_;  ///< boot that start_ms_ belongs to
    UnixMs start_ms_ = 0;  ///< kept time at the machine's start
    bool is_known_ = false;
};

}  // namespace flashduty
