// Database of a spool, opened when needed: the base of every confirmed commit, and the recovery
// from everything that can happen to a file.
//
// Several processes use it. All writers hold one lock (SpoolFiles::lock), which makes these rules
// simple:
// - A process that finds a mark, or another file under the path than its own, deals with it before
//   it writes; no other can do so until it has committed. So nobody confirms anything between a
//   failed sync and the proof of a good one, nor in a file that was set aside.
// - No checkpoint runs while another process commits. SQLite before 3.51.3 can damage a database
//   when that happens (https://sqlite.org/wal.html#walresetbug).
// Readers do not take the lock.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>

#include "event_store.hpp"
#include "kept_clock.hpp"
#include "spool_files.hpp"
#include "sqlite.hpp"

namespace flashduty {

class SpoolDatabase {
  public:
    struct Options {
        std::string path;
        std::int64_t busy_ms = 150;      ///< wait for the locks of other programs
        std::int64_t queue_ms = 10'000;  ///< wait for other users of the spool
        bool may_set_aside = false;      ///< false: leaves a mark for the store that may
        const char* vfs = nullptr;       ///< name of a VFS; nullptr: SQLite's usual one
        std::uint64_t max_bytes = std::uint64_t{1} << 30;  ///< limit of its size
        SpoolClock clock{};
    };

    explicit SpoolDatabase(Options options) noexcept
        : options_(std::move(options)),
          files_(options_.path),
          clock_(options_.clock),
          queue_ms_(options_.queue_ms) {}

    /// Runs `work`, which gets the connection and returns a StoreStatus, in one transaction that
    /// leaves nothing behind unless it returns kOk and the connection has not failed. `work` may
    /// run twice.
    template <class Work>
    [[nodiscard]] StoreStatus read(Work work) noexcept {
        return transact(Access::kRead, work);
    }
    /// Runs `work` and writes; with kOk it is synced. Stops queueing for others `queue_ms` after
    /// the call, or as the options say.
    template <class Work>
    [[nodiscard]] StoreStatus write(Work work, std::int64_t queue_ms = -1) noexcept {
        queue_ms_ = queue_ms < 0 ? options_.queue_ms : queue_ms;
        const StoreStatus status = transact(Access::kWrite, work);
        queue_ms_ = options_.queue_ms;
        return status;
    }

    /// Size of the pages in use and the WAL, within a `work`. A `work` that finds it too large
    /// returns kFull; it is run again when room could be made.
    [[nodiscard]] std::uint64_t used_bytes() noexcept;
    [[nodiscard]] std::uint64_t wal_bytes() const noexcept { return files_.wal_bytes(); }
    /// False when, with `bytes` more, its disk might lack the room to copy the WAL into the
    /// database and to settle what waits: then nothing could leave.
    [[nodiscard]] bool has_room_for(std::uint64_t bytes) noexcept;
    /// Copies the whole WAL into the database and frees its room; `held_bytes` is the rest of it
    /// when a reader is in the way.
    [[nodiscard]] StoreStatus empty_wal(std::uint64_t& held_bytes) noexcept;

    /// Clock of the times in the database, within a `work`.
    [[nodiscard]] const KeptClock& clock() const noexcept { return clock_; }

    /// Returns `status`, and sets the reason: `reason` is a predicate of the spool's path, `"/path"
    /// ...`.
    StoreStatus refuse(StoreStatus status, std::string_view reason) noexcept;
    [[nodiscard]] std::string_view error() const noexcept { return error_; }
    /// News since the last call, for the log: databases that were set aside; mostly empty.
    [[nodiscard]] std::string take_notice() noexcept { return std::exchange(notice_, {}); }

  private:
    enum class Access { kRead, kWrite };
    /// Kind of access that failed: only reading is harmless.
    enum class Doing { kReading, kWriting, kCheckpoint };

    template <class Work>
    StoreStatus transact(Access access, Work& work) noexcept {
        const StoreStatus status = transact_once(access, work);
        const bool is_fixed = lost_lock_ || (status == StoreStatus::kCorrupt && began_anew_) ||
                              (status == StoreStatus::kFull && made_room_);
        return is_fixed ? transact_once(access, work) : status;
    }
    template <class Work>
    StoreStatus transact_once(Access access, Work& work) noexcept {
        StoreStatus status = begin(access);
        if (status == StoreStatus::kOk) {
            status = end(access, work(connection_));
        }
        files_.unlock();
        return status;
    }

    StoreStatus begin(Access access) noexcept;
    StoreStatus end(Access access, StoreStatus status) noexcept;
    StoreStatus checkpoint() noexcept;
    StoreStatus make_room(int mode) noexcept;

    // Called under the lock:
    StoreStatus lock() noexcept;
    StoreStatus repair() noexcept;
    StoreStatus open() noexcept;
    StoreStatus configure(Connection& connection) noexcept;
    StoreStatus recover() noexcept;
    StoreStatus recover_once() noexcept;
    StoreStatus prove_sync() noexcept;
    std::int64_t take_back(std::int64_t from_id, const std::string& token) noexcept;
    StoreStatus begin_anew() noexcept;
    bool make_new(const std::string& path) noexcept;
    bool open_new(Connection& connection, const std::string& path) noexcept;
    static void close_new(Connection& connection, const std::string& path) noexcept;
    bool set_aside(std::string_view why, std::string_view reason) noexcept;
    void replace_damaged(const FileIdentity& damaged, std::string_view reason) noexcept;
    bool salvage_into_new(std::string& saved) noexcept;
    void give_up_corrupt(std::string_view reason) noexcept;
    void mark_unsynced(bool of_checkpoint) noexcept;
    void close_replaced() noexcept;
    void note(std::string_view what) noexcept;

    /// Sets the deadline for the locks of other programs.
    void wait_from_now() noexcept;
    [[nodiscard]] bool is_sound() const noexcept;
    [[nodiscard]] bool was_replaced() const noexcept;
    StoreStatus judge(Doing doing) noexcept;
    StoreStatus refuse_system(std::string_view doing, int error) noexcept;
    [[nodiscard]] std::string advice() const noexcept;

    Options options_;
    SpoolFiles files_;
    Connection connection_;
    KeptClock clock_;
    FileIdentity identity_;    ///< file that is open
    int checkpointed_ = 0;     ///< frames of the WAL that were copied
    bool began_anew_ = false;  ///< the damaged file is no longer there
    bool made_room_ = false;   ///< on a disk that was full
    bool lost_lock_ = false;   ///< lost before the commit
    std::int64_t queue_ms_;
    bool owes_mark_ = false;     ///< a failed sync has no mark yet: it could not be put
    std::int64_t next_id_ = 0;   ///< id of an event that is being written; 0: none is
    int failed_recoveries_ = 0;  ///< in a row
    Deadline failing_since_;
    Deadline next_salvage_;
    std::string salvage_error_;
    std::string error_;
    std::string notice_;
};

}  // namespace flashduty
