// Look at a file whose lock is held: others take the lock of the file that has its name now.
#pragma once

#include <sys/stat.h>

#include <cerrno>

namespace flashduty {

/// 0 when the open file `fd` still has that name, ESTALE when it was removed or replaced, else the
/// errno that keeps this process from seeing which: such a file may well be in its place.
[[nodiscard]] inline int look_at_lock_file(int fd, const char* path) noexcept {
    struct stat held, there;
    if (::fstat(fd, &held) != 0) {
        return errno;
    }
    if (::lstat(path, &there) != 0) {
        return errno == ENOENT ? ESTALE : errno;
    }
    return held.st_dev == there.st_dev && held.st_ino == there.st_ino ? 0 : ESTALE;
}

}  // namespace flashduty
