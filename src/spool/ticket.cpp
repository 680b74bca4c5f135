#include "ticket.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <chrono>
#include <thread>

namespace flashduty {

namespace {

/// Place in the file of the last number drawn, behind what SpoolFiles keeps there.
constexpr off_t kLastAt = 8;
/// Places far behind the end of the file: the byte that is locked while a number is drawn, and the
/// byte of number 0.
constexpr off_t kDoorAt = off_t{1} << 40;
constexpr off_t kFirstAt = kDoorAt + 1;

/// Tries before giving up: a process holds the door no longer than it takes to read and write a
/// number, unless it is stopped.
constexpr int kTriesAtDoor = 2000;
constexpr std::chrono::microseconds kAtDoor{50};

struct flock lock_of(short type, off_t at, off_t count) noexcept {
    struct flock lock = {};
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    lock.l_start = at;
    lock.l_len = count;
    return lock;
}

// Locks belong to an open file, not to a process: two stores of one process have a place each.
bool set(int fd, short type, off_t at) noexcept {
    struct flock lock = lock_of(type, at, 1);
    return ::fcntl(fd, F_OFD_SETLK, &lock) == 0;
}

bool enter(int fd) noexcept {
    for (int i = 0; i < kTriesAtDoor; i++) {
        if (set(fd, F_WRLCK, kDoorAt)) {
            return true;
        }
        std::this_thread::sleep_for(kAtDoor);
    }
    return false;
}

/// True when somebody holds one of the first `count` numbers.
bool is_any_held(int fd, std::int64_t count) noexcept {
    if (count <= 0) {
        return false;  // a length of 0 would mean: to the end
    }
    struct flock lock = lock_of(F_WRLCK, kFirstAt, count);
    return ::fcntl(fd, F_OFD_GETLK, &lock) == 0 && lock.l_type != F_UNLCK;
}

}  // namespace

void Ticket::draw(int fd) noexcept {
    give_back();
    if (!enter(fd)) {
        return;
    }
    std::int64_t last = 0;
    const bool has_last = ::pread(fd, &last, sizeof last, kLastAt) == sizeof last;
    number_ = has_last && last > 0 ? last + 1 : 1;
    if (::pwrite(fd, &number_, sizeof number_, kLastAt) == sizeof number_ &&
        set(fd, F_WRLCK, kFirstAt + number_)) {
        fd_ = fd;
    }
    (void)set(fd, F_UNLCK, kDoorAt);
}

void Ticket::give_back() noexcept {
    if (fd_ != -1) {
        (void)set(fd_, F_UNLCK, kFirstAt + number_);
        fd_ = -1;
    }
}

Ticket::Turn Ticket::turn() const noexcept {
    if (fd_ == -1 || !is_any_held(fd_, number_)) {
        return Turn::kNow;
    }
    return is_any_held(fd_, number_ - 1) ? Turn::kLater : Turn::kNext;
}

}  // namespace flashduty
