// The files of a spool other than what SQLite does with them: a lock, marks that all its users see,
// and new names for what is no good any more.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>

#include "sqlite.hpp"

namespace flashduty {

/// Which file that is, whatever it is called.
struct FileIdentity {
    dev_t device = 0;
    ino_t inode = 0;

    bool operator==(const FileIdentity& other) const noexcept {
        return device == other.device && inode == other.inode;
    }
};

/// Functions that can fail give an errno, 0 when they did not.
class SpoolFiles {
  public:
    enum class Mark {
        kUnsynced,  ///< a sync has failed, and none was proven since
        kCorrupt,   ///< the database is damaged; holds which file that is
    };

    explicit SpoolFiles(std::string path) noexcept : path_(std::move(path)) {}
    ~SpoolFiles() { close_lock(); }
    SpoolFiles(const SpoolFiles&) = delete;
    SpoolFiles& operator=(const SpoolFiles&) = delete;

    [[nodiscard]] const std::string& path() const noexcept { return path_; }

    /// Keeps out all other users of the spool who do the same; EWOULDBLOCK at the deadline.
    [[nodiscard]] int lock(Deadline deadline) noexcept;
    void unlock() noexcept;

    /// Under the lock: tells those who queue for it that another program's lock was waited for in
    /// vain.
    void note_vain_wait() const noexcept;
    /// Whether one of the others did so while this one queued.
    [[nodiscard]] bool others_waited_in_vain() const noexcept { return others_waited_in_vain_; }

    /// False when there is no database.
    [[nodiscard]] bool identify(FileIdentity& identity) const noexcept;
    /// Makes an empty database, for its owner only, which its WAL takes over from it. Under the
    /// lock: to close a file lets go all locks that SQLite may have on it elsewhere in this
    /// process.
    [[nodiscard]] int create() const noexcept;
    [[nodiscard]] int sync_folder() const noexcept;

    [[nodiscard]] bool has(Mark mark) const noexcept;
    [[nodiscard]] std::string read(Mark mark) const noexcept;
    [[nodiscard]] int put(Mark mark, std::string_view text) const noexcept;
    [[nodiscard]] int remove(Mark mark) const noexcept;

    /// Gives the database and what SQLite keeps beside it a new name: `to`, with `why` and the
    /// time.
    [[nodiscard]] int set_aside(std::string_view why, std::string& to) const noexcept;
    /// Removes what a database of that path left.
    static void remove_database(const std::string& path) noexcept;

  private:
    [[nodiscard]] int open_lock() noexcept;
    void close_lock() noexcept;
    [[nodiscard]] std::uint64_t vain_waits() const noexcept;
    [[nodiscard]] std::string name_of(Mark mark) const noexcept;

    std::string path_;
    int lock_fd_ = -1;
    bool others_waited_in_vain_ = false;
};

}  // namespace flashduty
