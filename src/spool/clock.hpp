// Clock by which events age: it runs while the machine runs or sleeps, and ignores steps of the
// wall clock.
#pragma once

#include <cstdint>
#include <string>

namespace flashduty {

/// Milliseconds since about 1970, by the SpoolClock of the caller.
using UnixMs = std::int64_t;

/// Readings of a machine's clocks.
struct MachineTime {
    std::string boot_id;  ///< start of the machine that `boot_ms` counts from; empty: unknown
    UnixMs boot_ms = 0;
    UnixMs wall_ms = 0;
};

[[nodiscard]] MachineTime machine_time() noexcept;

/// Clock of one process: the wall clock at its start, plus the time that has passed since.
class SpoolClock {
  public:
    using Read = MachineTime (*)() noexcept;

    /// Tests replace `read`.
    explicit SpoolClock(Read read = machine_time) noexcept;

    [[nodiscard]] UnixMs now_ms() const noexcept;
    /// Wall clock's reading at a time of this clock, by the wall clock as it is set now.
    [[nodiscard]] UnixMs to_wall(UnixMs ms) const noexcept;
    /// Offset of this clock from the time since the machine's start.
    [[nodiscard]] UnixMs base_ms() const noexcept { return base_ms_; }
    [[nodiscard]] MachineTime machine() const noexcept { return read_(); }

  private:
    [[nodiscard]] UnixMs boot_ms() const noexcept;
    [[nodiscard]] UnixMs wall_ms() const noexcept;

    Read read_;
    UnixMs base_ms_;
};

}  // namespace flashduty
