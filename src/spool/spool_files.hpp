// Files of a spool apart from SQLite's own work on them: a lock, marks that all its users see, and
// new names for a damaged database.
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "sqlite.hpp"
#include "ticket.hpp"

namespace flashduty {

/// Identity of a file, whatever it is called.
struct FileIdentity {
    dev_t device = 0;
    ino_t inode = 0;

    bool operator==(const FileIdentity& other) const noexcept {
        return device == other.device && inode == other.inode;
    }
};

/// Functions that can fail return an errno, 0 for success.
class SpoolFiles {
  public:
    enum class Mark {
        kUnsynced,  ///< a sync has failed, and no later one was proven
        kCorrupt,   ///< the database is damaged; the text names its identity
    };

    explicit SpoolFiles(std::string path) noexcept : path_(std::move(path)) {}
    ~SpoolFiles() { close_lock(); }
    SpoolFiles(const SpoolFiles&) = delete;
    SpoolFiles& operator=(const SpoolFiles&) = delete;

    [[nodiscard]] const std::string& path() const noexcept { return path_; }

    /// Excludes all other users of the spool who take this lock, first come, first served;
    /// EWOULDBLOCK at the deadline.
    [[nodiscard]] int lock(Deadline deadline) noexcept;
    void unlock() noexcept;
    /// Under the lock: 0 when others would still find it. ESTALE when somebody has removed or
    /// replaced its file: they hold another one.
    [[nodiscard]] int look_at_lock() const noexcept;
    /// True when the lock's file was removed or replaced since the last call.
    [[nodiscard]] bool take_lock_loss() noexcept { return std::exchange(has_lost_lock_, false); }

    /// Under the lock: tells the others in the queue that another program's lock was waited for in
    /// vain.
    void note_vain_wait() const noexcept;
    /// True when another user noted a vain wait while this one queued.
    [[nodiscard]] bool others_waited_in_vain() const noexcept { return others_waited_in_vain_; }

    /// False when there is no database. A link is identified itself, not its target.
    [[nodiscard]] bool identify(FileIdentity& identity) const noexcept;
    [[nodiscard]] bool is_link() const noexcept;
    /// Makes an empty database, for its owner only; its WAL takes the mode over from it. Under the
    /// lock: closing a file releases all locks that SQLite may have on it elsewhere in this
    /// process.
    [[nodiscard]] int create() const noexcept;
    [[nodiscard]] int sync_folder() const noexcept;
    /// Rights that this process's user lacks, and what to do, to stand behind a reason; empty when
    /// it lacks none.
    [[nodiscard]] std::string advice() const noexcept;
    /// Size of what SQLite has not copied into the database yet.
    [[nodiscard]] std::uint64_t wal_bytes() const noexcept;
    /// Room on its disk.
    struct Room {
        std::uint64_t free_bytes = 0;
        std::uint64_t all_bytes = 0;  ///< 0: unknown
    };
    [[nodiscard]] Room room() const noexcept;

    [[nodiscard]] bool has(Mark mark) const noexcept;
    [[nodiscard]] std::string read(Mark mark) const noexcept;
    [[nodiscard]] int put(Mark mark, std::string_view text) const noexcept;
    [[nodiscard]] int remove(Mark mark) const noexcept;

    /// Renames the database and the files beside it; `to` is the new name, with `why` and the time.
    [[nodiscard]] int set_aside(std::string_view why, std::string& to) const noexcept;
    /// True when there is a database that was salvaged from a damaged one, whole but not in its
    /// place.
    [[nodiscard]] bool has_salvaged() const noexcept;
    /// Makes the database of that path, which is whole, the salvaged one.
    [[nodiscard]] int name_salvaged(const std::string& path) const noexcept;
    /// Puts it in its place, where no database is.
    [[nodiscard]] int take_salvaged() const noexcept;
    void remove_salvaged() const noexcept;
    /// Removes the files of the database of that path.
    static void remove_database(const std::string& path) noexcept;

  private:
    [[nodiscard]] int try_lock() noexcept;
    [[nodiscard]] std::string name_of_lock() const noexcept;
    [[nodiscard]] int open_lock() noexcept;
    void close_lock() noexcept;
    [[nodiscard]] std::uint64_t vain_waits() const noexcept;
    [[nodiscard]] std::string name_of(Mark mark) const noexcept;
    [[nodiscard]] int clear_place() const noexcept;
    [[nodiscard]] std::string name_of_salvaged() const noexcept { return path_ + ".salvaged"; }

    std::string path_;
    int lock_fd_ = -1;
    Ticket ticket_;  ///< at lock_fd_
    bool others_waited_in_vain_ = false;
    bool has_lost_lock_ = false;
};

}  // namespace flashduty
