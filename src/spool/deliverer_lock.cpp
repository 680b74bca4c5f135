#include "deliverer_lock.hpp"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>

#include "lock_file.hpp"

namespace flashduty {

namespace {

/// FNV-1a hash of a name, as a place in a file.
std::int64_t place_of(std::string_view name) noexcept {
    std::uint64_t hash = 14695981039346656037U;
    for (const char c : name) {
        hash = (hash ^ static_cast<unsigned char>(c)) * 1099511628211U;
    }
    return static_cast<std::int64_t>(hash >> 2);
}

struct flock lock_of(short type, std::int64_t place) noexcept {
    struct flock lock = {};
    lock.l_type = type;
    lock.l_whence = SEEK_SET;
    lock.l_start = static_cast<off_t>(place);
    lock.l_len = 1;
    return lock;
}

}  // namespace

DelivererLock::DelivererLock(std::string_view spool) noexcept
    : path_(std::string(spool) + std::string(kSuffix)) {
    const std::size_t slash = spool.rfind('/');
    folder_ = slash == std::string_view::npos ? "." : std::string(spool.substr(0, slash + 1));
    place_ = place_of(spool.substr(slash == std::string_view::npos ? 0 : slash + 1));
}

int DelivererLock::take() noexcept {
    has_met_other_ = false;
    int error = take_file();
    if (error != 0) {
        return error;
    }
    error = take_folder();
    if (error == EWOULDBLOCK) {
        has_met_other_ = true;
        close_file();
    }
    return error;
}

void DelivererLock::give_up() noexcept {
    if (folder_fd_ != -1) {
        (void)::close(folder_fd_);
        folder_fd_ = -1;
    }
    close_file();
}

void DelivererLock::close_file() noexcept {
    if (file_fd_ != -1) {
        (void)::close(file_fd_);
        file_fd_ = -1;
    }
}

/// ESTALE also when there is no open file.
int DelivererLock::look_at_file() const noexcept {
    return file_fd_ == -1 ? ESTALE : look_at_lock_file(file_fd_, path_.c_str());
}

/// Takes the lock of the file that is there now.
int DelivererLock::take_file() noexcept {
    int error = look_at_file();
    if (error != 0 && error != ESTALE) {
        return error;
    }
    if (error == ESTALE) {
        close_file();
        file_fd_ =
            ::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, S_IRUSR | S_IWUSR);
        if (file_fd_ == -1) {
            return errno;
        }
    }
    if (::flock(file_fd_, LOCK_EX | LOCK_NB) != 0) {
        return errno;
    }
    error = look_at_file();
    if (error == ESTALE) {
        close_file();
        return EWOULDBLOCK;  // somebody is replacing it: try later
    }
    return error;
}

/// Takes the folder's lock. A folder can only be opened for reading and so has only shared locks:
/// if two processes come at the same time, each meets the other and neither gets it. A file system
/// without such locks has only the file's lock.
int DelivererLock::take_folder() noexcept {
    if (folder_fd_ == -1) {
        folder_fd_ = ::open(folder_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (folder_fd_ == -1) {
            return errno;
        }
    }
    struct flock mine = lock_of(F_RDLCK, place_);
    if (::fcntl(folder_fd_, F_OFD_SETLK, &mine) != 0) {
        return 0;
    }
    struct flock others = lock_of(F_WRLCK, place_);
    if (::fcntl(folder_fd_, F_OFD_GETLK, &others) != 0 || others.l_type == F_UNLCK) {
        return 0;
    }
    mine = lock_of(F_UNLCK, place_);
    (void)::fcntl(folder_fd_, F_OFD_SETLK, &mine);
    return EWOULDBLOCK;
}

DelivererLock::State DelivererLock::look() noexcept {
    if (look_at_file() == 0) {
        return State::kHeld;
    }
    switch (take_file()) {
        case 0:
            return State::kRestored;
        case EWOULDBLOCK:
            return State::kLost;
        default:
            return State::kHeld;  // nobody can see or take it: the next look() tries again
    }
}

}  // namespace flashduty
