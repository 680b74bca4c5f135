#include "clock.hpp"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

namespace flashduty {

namespace {

UnixMs read_ms(clockid_t clock) noexcept {
    struct timespec now = {};
    ::clock_gettime(clock, &now);
    return static_cast<UnixMs>(now.tv_sec) * 1000 + now.tv_nsec / 1'000'000;
}

/// Id that the kernel makes anew with each start of the machine.
std::string boot_id() noexcept {
    const int fd = ::open("/proc/sys/kernel/random/boot_id", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return {};
    }
    char text[64];
    const ssize_t size = ::read(fd, text, sizeof text);
    ::close(fd);
    const std::string id(text, size > 0 ? static_cast<std::size_t>(size) : 0);
    return id.substr(0, id.find('\n'));
}

}  // namespace

MachineTime machine_time() noexcept {
    return {boot_id(), read_ms(CLOCK_BOOTTIME), read_ms(CLOCK_REALTIME)};
}

SpoolClock::SpoolClock(Read read) noexcept : read_(read) {
    const MachineTime now = read_();
    base_ms_ = now.wall_ms - now.boot_ms;
}

// Reads the clock alone: the boot's id is not needed here.
UnixMs SpoolClock::boot_ms() const noexcept {
    return read_ == machine_time ? read_ms(CLOCK_BOOTTIME) : read_().boot_ms;
}

UnixMs SpoolClock::wall_ms() const noexcept {
    return read_ == machine_time ? read_ms(CLOCK_REALTIME) : read_().wall_ms;
}

UnixMs SpoolClock::now_ms() const noexcept { return base_ms_ + boot_ms(); }

UnixMs SpoolClock::to_wall(UnixMs ms) const noexcept {
    return ms - base_ms_ + wall_ms() - boot_ms();
}

}  // namespace flashduty
