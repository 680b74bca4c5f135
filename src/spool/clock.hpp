// The time that events age by: it passes while the machine runs or sleeps, and no step of the wall
// clock touches it.
#pragma once

#include <cstdint>
#include <string>

namespace flashduty {

/// Milliseconds since 1970, about: by the SpoolClock of who asks.
using UnixMs = std::int64_t;

/// What a machine's clocks say.
struct MachineTime {
    std::string boot_id;  ///< which start of the machine `boot_ms` counts from; empty: not known
    UnixMs boot_ms = 0;
    UnixMs wall_ms = 0;
};

[[nodiscard]] MachineTime machine_time() noexcept;

/// Of one process: what the wall clock said at its start, and what has passed since.
class SpoolClock {
  public:
    using Read = MachineTime (*)() noexcept;

    /// `read` is another one in tests.
    explicit SpoolClock(Read read = machine_time) noexcept;

    [[nodiscard]] UnixMs now_ms() const noexcept;
    /// What the wall clock, as it goes now, said at a time of this one.
    [[nodiscard]] UnixMs to_wall(UnixMs ms) const noexcept;
    /// What lies between its time and that since the machine's start.
    [[nodiscard]] UnixMs base_ms() const noexcept { return base_ms_; }
    [[nodiscard]] MachineTime machine() const noexcept { return read_(); }

  private:
    [[nodiscard]] UnixMs boot_ms() const noexcept;
    [[nodiscard]] UnixMs wall_ms() const noexcept;

    Read read_;
    UnixMs base_ms_;
};

}  // namespace flashduty
