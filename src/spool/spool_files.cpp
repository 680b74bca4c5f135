#include "spool_files.hpp"

#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <time.h>
#include <unistd.h>

#include <cerrno>
#include <thread>

#include "lock_file.hpp"

namespace flashduty {

namespace {

constexpr mode_t kOwnerOnly = S_IRUSR | S_IWUSR;
/// The database, and the files that SQLite keeps beside it.
constexpr const char* kParts[] = {"", "-wal", "-shm"};

/// Follows no link: somebody who may write the folder must not lead its owner elsewhere.
int open_file(const std::string& name, int flags) noexcept {
    int fd;
    do {
        fd = ::open(name.c_str(), flags | O_CLOEXEC | O_NOFOLLOW, kOwnerOnly);
    } while (fd < 0 && errno == EINTR);
    return fd;
}

bool exists(const std::string& name) noexcept {
    struct stat info;
    return ::lstat(name.c_str(), &info) == 0;
}

bool is_any_taken(const std::string& name) noexcept {
    for (const char* part : kParts) {
        if (exists(name + part)) {
            return true;
        }
    }
    return false;
}

/// Folder of a file; its own name is cut off.
std::string folder_of(const std::string& path) noexcept {
    const std::size_t slash = path.rfind('/');
    return slash == std::string::npos ? "." : path.substr(0, slash == 0 ? 1 : slash);
}

/// User of this process, by name where it has one.
std::string read_user() noexcept {
    const uid_t uid = ::geteuid();
    char text[1024];
    struct passwd entry;
    struct passwd* found = nullptr;
    return ::getpwuid_r(uid, &entry, text, sizeof text, &found) == 0 && found != nullptr
               ? found->pw_name
               : std::to_string(uid);
}

/// `20251231T235959`, UTC.
std::string time_stamp() noexcept {
    const time_t now = ::time(nullptr);
    struct tm parts = {};
    ::gmtime_r(&now, &parts);
    char text[32];
    const std::size_t size = ::strftime(text, sizeof text, "%Y%m%dT%H%M%S", &parts);
    return {text, size};
}

}  // namespace

int SpoolFiles::lock(Deadline deadline) noexcept {
    using std::chrono::microseconds;
    bool is_drawn = false, is_queueing = false;
    std::uint64_t vain_waits_before = 0;
    others_waited_in_vain_ = false;
    for (;;) {
        int error = lock_fd_ < 0 ? open_lock() : 0;
        if (error != 0) {
            return error;
        }
        if (!is_drawn) {
            ticket_.draw(lock_fd_);
            is_drawn = true;
        }
        const Ticket::Turn turn = ticket_.turn();
        error = turn == Ticket::Turn::kNow ? try_lock() : EWOULDBLOCK;
        if (error == 0) {
            others_waited_in_vain_ = is_queueing && vain_waits() != vain_waits_before;
            return 0;
        }
        if (error == ESTALE) {
            is_drawn = false;
            continue;
        }
        if (error != EWOULDBLOCK || std::chrono::steady_clock::now() >= deadline) {
            ticket_.give_back();
            return error;
        }
        if (!is_queueing) {
            is_queueing = true;
            vain_waits_before = vain_waits();
        }
        std::this_thread::sleep_for(microseconds(turn == Ticket::Turn::kLater ? 1000 : 200));
    }
}

/// ESTALE when the lock's file has been replaced.
int SpoolFiles::try_lock() noexcept {
    if (::flock(lock_fd_, LOCK_EX | LOCK_NB) != 0) {
        return errno == EINTR ? EWOULDBLOCK : errno;
    }
    const int error = look_at_lock();
    if (error == ESTALE) {
        has_lost_lock_ = true;
        close_lock();
    } else if (error != 0) {
        ::flock(lock_fd_, LOCK_UN);
    }
    return error;
}

int SpoolFiles::look_at_lock() const noexcept {
    return look_at_lock_file(lock_fd_, name_of_lock().c_str());
}

void SpoolFiles::unlock() noexcept {
    if (lock_fd_ >= 0) {
        ::flock(lock_fd_, LOCK_UN);
    }
    ticket_.give_back();
}

bool SpoolFiles::identify(FileIdentity& identity) const noexcept {
    struct stat info;
    if (::lstat(path_.c_str(), &info) != 0) {
        return false;
    }
    identity = {info.st_dev, info.st_ino};
    return true;
}

bool SpoolFiles::is_link() const noexcept {
    struct stat info;
    return ::lstat(path_.c_str(), &info) == 0 && S_ISLNK(info.st_mode);
}

/// Sets aside what an earlier database has left: a stray WAL would be taken for the new one's.
int SpoolFiles::clear_place() const noexcept {
    std::string to;
    return is_any_taken(path_) ? set_aside("stray", to) : 0;
}

int SpoolFiles::create() const noexcept {
    const int error = clear_place();
    if (error != 0) {
        return error;
    }
    const int fd = open_file(path_, O_RDWR | O_CREAT | O_EXCL);
    if (fd < 0) {
        return errno;
    }
    ::close(fd);
    return sync_folder();
}

int SpoolFiles::sync_folder() const noexcept {
    const std::size_t slash = path_.rfind('/');
    // `/.`: the folder itself may be reached by links.
    const std::string folder = slash == std::string::npos ? "." : path_.substr(0, slash + 1) + ".";
    const int fd = open_file(folder, O_RDONLY | O_DIRECTORY);
    if (fd < 0) {
        return errno;
    }
    const int error = ::fsync(fd) == 0 ? 0 : errno;
    ::close(fd);
    return error;
}

std::string SpoolFiles::advice() const noexcept {
    const std::string folder = folder_of(path_);
    std::string fault;
    std::string cure;
    if (::faccessat(AT_FDCWD, folder.c_str(), W_OK | X_OK, AT_EACCESS) != 0) {
        if (errno != EACCES) {
            return {};
        }
        fault = "its folder \"" + folder + "\" cannot be entered or written by";
        cure = ", chmod 700";
    } else {
        for (const std::string& name : {path_, path_ + "-wal", path_ + "-shm", name_of_lock(),
                                        name_of(Mark::kUnsynced), name_of(Mark::kCorrupt)}) {
            if (exists(name) && ::faccessat(AT_FDCWD, name.c_str(), R_OK | W_OK, AT_EACCESS) != 0 &&
                errno == EACCES) {
                fault = "\"" + name + "\" cannot be written by";
                cure = " " + path_ + "*, chmod 600";
                break;
            }
        }
        if (fault.empty()) {
            return {};
        }
    }
    const std::string user = read_user();
    return ": " + fault + " the user of the workers, " + user + ": chown " + user + cure;
}

std::uint64_t SpoolFiles::wal_bytes() const noexcept {
    struct stat info;
    return ::lstat((path_ + "-wal").c_str(), &info) == 0 ? static_cast<std::uint64_t>(info.st_size)
                                                         : 0;
}

SpoolFiles::Room SpoolFiles::room() const noexcept {
    struct statvfs info;
    if (::statvfs(path_.c_str(), &info) != 0) {
        return {};
    }
    return {std::uint64_t{info.f_bavail} * info.f_frsize,
            std::uint64_t{info.f_blocks} * info.f_frsize};
}

bool SpoolFiles::has(Mark mark) const noexcept { return exists(name_of(mark)); }

std::string SpoolFiles::read(Mark mark) const noexcept {
    const int fd = open_file(name_of(mark), O_RDONLY);
    if (fd < 0) {
        return {};
    }
    char text[256];
    const ssize_t size = ::read(fd, text, sizeof text);
    ::close(fd);
    return size <= 0 ? std::string() : std::string(text, static_cast<std::size_t>(size));
}

int SpoolFiles::put(Mark mark, std::string_view text) const noexcept {
    const int fd = open_file(name_of(mark), O_WRONLY | O_CREAT | O_TRUNC);
    if (fd < 0) {
        return errno;
    }
    const ssize_t size = ::write(fd, text.data(), text.size());
    const int error = size == static_cast<ssize_t>(text.size()) ? 0 : size < 0 ? errno : ENOSPC;
    ::close(fd);
    return error;
}

int SpoolFiles::remove(Mark mark) const noexcept {
    return ::unlink(name_of(mark).c_str()) == 0 || errno == ENOENT ? 0 : errno;
}

int SpoolFiles::set_aside(std::string_view why, std::string& to) const noexcept {
    const std::string stem = path_ + "." + std::string(why) + "-" + time_stamp();
    to = stem;
    for (int number = 2; is_any_taken(to); number++) {
        to = stem + "-" + std::to_string(number);
    }
    // The database first: parts left behind by an early end are stray, and found.
    for (const char* part : kParts) {
        if (::rename((path_ + part).c_str(), (to + part).c_str()) != 0 && errno != ENOENT) {
            return errno;
        }
    }
    return 0;
}

bool SpoolFiles::has_salvaged() const noexcept { return exists(name_of_salvaged()); }

int SpoolFiles::name_salvaged(const std::string& path) const noexcept {
    return ::rename(path.c_str(), name_of_salvaged().c_str()) == 0 ? sync_folder() : errno;
}

int SpoolFiles::take_salvaged() const noexcept {
    const int error = clear_place();
    if (error != 0) {
        return error;
    }
    return ::rename(name_of_salvaged().c_str(), path_.c_str()) == 0 ? sync_folder() : errno;
}

void SpoolFiles::remove_salvaged() const noexcept { ::unlink(name_of_salvaged().c_str()); }

void SpoolFiles::remove_database(const std::string& path) noexcept {
    for (const char* part : kParts) {
        ::unlink((path + part).c_str());
    }
}

/// Counts vain waits in the lock's file.
void SpoolFiles::note_vain_wait() const noexcept {
    const std::uint64_t count = vain_waits() + 1;
    // If that fails, the next store waits too.
    (void)!::pwrite(lock_fd_, &count, sizeof count, 0);
}

std::uint64_t SpoolFiles::vain_waits() const noexcept {
    std::uint64_t count = 0;
    return ::pread(lock_fd_, &count, sizeof count, 0) == sizeof count ? count : 0;
}

std::string SpoolFiles::name_of_lock() const noexcept { return path_ + ".guard"; }

int SpoolFiles::open_lock() noexcept {
    lock_fd_ = open_file(name_of_lock(), O_RDWR | O_CREAT);
    return lock_fd_ < 0 ? errno : 0;
}

void SpoolFiles::close_lock() noexcept {
    ticket_.give_back();
    if (lock_fd_ >= 0) {
        ::close(lock_fd_);
        lock_fd_ = -1;
    }
}

std::string SpoolFiles::name_of(Mark mark) const noexcept {
    return path_ + (mark == Mark::kUnsynced ? ".unsynced" : ".corrupt");
}

}  // namespace flashduty
