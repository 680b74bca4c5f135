// The files of a spool other than what SQLite does with them: a lock, marks that all its users see,
// and new names for what is no good any more.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "sqlite.hpp"
#include "ticket.hpp"

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

    /// Keeps out all other users of the spool who do the same, first come, first served;
    /// EWOULDBLOCK at the deadline.
    [[nodiscard]] int lock(Deadline deadline) noexcept;
    void unlock() noexcept;
    /// Under the lock: whether others would still find it. If somebody has removed or replaced its
    /// file they hold another one.
    [[nodiscard]] bool is_lock_in_place() const noexcept;
    /// Whether that was so since the last call.
    [[nodiscard]] bool take_lock_loss() noexcept { return std::exchange(has_lost_lock_, false); }

    /// Under the lock: tells those who queue for it that another program's lock was waited for in
    /// vain.
    void note_vain_wait() const noexcept;
    /// Whether one of the others did so while this one queued.
    [[nodiscard]] bool others_waited_in_vain() const noexcept { return others_waited_in_vain_; }

    /// False when there is no database. A link is what it is, not what it leads to.
    [[nodiscard]] bool identify(FileIdentity& identity) const noexcept;
    [[nodiscard]] bool is_link() const noexcept;
    /// Makes an empty database, for its owner only, which its WAL takes over from it. Under the
    /// lock: to close a file lets go all locks that SQLite may have on it elsewhere in this
    /// process.
    [[nodiscard]] int create() const noexcept;
    [[nodiscard]] int sync_folder() const noexcept;
    /// What SQLite has not put into the database yet takes that much room.
    [[nodiscard]] std::uint64_t wal_bytes() const noexcept;

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
    [[nodiscard]] int try_lock() noexcept;
    [[nodiscard]] std::string name_of_lock() const noexcept;
    [[nodiscard]] int open_lock() noexcept;
    void close_lock() noexcept;
    [[nodiscard]] std::uint64_t vain_waits() const noexcept;
    [[nodiscard]] std::string name_of(Mark mark) const noexcept;

    std::string path_;
    int lock_fd_ = -1;
    Ticket ticket_;  ///< at lock_fd_
    bool others_waited_in_vain_ = false;
    bool has_lost_lock_ = false;
};

}  // namespace flashduty
