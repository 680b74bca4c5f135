// The database of a spool, opened when it is needed: what a commit that was confirmed rests on, and
// the way back from everything that can happen to a file.
//
// Several processes use one. All that write do so under one lock (SpoolFiles::lock), which is what
// makes these simple:
// - One that finds a mark, or another file under the path than its own, does so before it writes;
//   none can come before it has committed. So none confirms anything between a failed sync and the
//   proof of a good one, nor in a file that was set aside.
// - No checkpoint runs while another process commits. SQLite before 3.51.3 can damage a database
//   when that happens (https://sqlite.org/wal.html#walresetbug).
// What only reads goes without.
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
        std::int64_t busy_ms = 150;      ///< how long to wait for the locks of other programs
        std::int64_t queue_ms = 10'000;  ///< and for those who use the spool too
        bool may_set_aside = false;      ///< else leaves a mark for one that may
        const char* vfs = nullptr;       ///< SQLite's by that name; the usual one
        std::uint64_t max_bytes = std::uint64_t{1} << 30;  ///< more is not to be in it
        SpoolClock clock{};
    };

    explicit SpoolDatabase(Options options) noexcept
        : options_(std::move(options)),
          files_(options_.path),
          clock_(options_.clock),
          queue_ms_(options_.queue_ms) {}

    /// `work` gets the connection and gives a StoreStatus; it is done in one transaction, and
    /// leaves nothing behind unless it gives kOk and the connection has not failed. It may be done
    /// twice.
    template <class Work>
    [[nodiscard]] StoreStatus read(Work work) noexcept {
        return transact(Access::kRead, work);
    }
    /// With kOk it is synced. Gives up to queue for others `queue_ms` after the call, or as the
    /// options say.
    template <class Work>
    [[nodiscard]] StoreStatus write(Work work, std::int64_t queue_ms = -1) noexcept {
        queue_ms_ = queue_ms < 0 ? options_.queue_ms : queue_ms;
        const StoreStatus status = transact(Access::kWrite, work);
        queue_ms_ = options_.queue_ms;
        return status;
    }

    /// In a `work`: the pages in use and the WAL. A `work` that finds too much of it gives kFull;
    /// it is done again when room could be made.
    [[nodiscard]] std::uint64_t used_bytes() noexcept;
    [[nodiscard]] std::uint64_t wal_bytes() const noexcept { return files_.wal_bytes(); }
    /// Copies all of the WAL into the database and gives its room back; what is left of it when a
    /// reader is in the way is `held_bytes`.
    [[nodiscard]] StoreStatus empty_wal(std::uint64_t& held_bytes) noexcept;

    /// In a `work`: the clock of the times in the database.
    [[nodiscard]] const KeptClock& clock() const noexcept { return clock_; }

    /// Gives `status` with a reason, which is what the spool's path does: `"/path" ...`.
    StoreStatus refuse(StoreStatus status, std::string_view reason) noexcept;
    [[nodiscard]] std::string_view error() const noexcept { return error_; }
    /// What was set aside since the last call, for the log; mostly empty.
    [[nodiscard]] std::string take_notice() noexcept { return std::exchange(notice_, {}); }

  private:
    enum class Access { kRead, kWrite };
    /// What failed: only reading is harmless.
    enum class Doing { kReading, kWriting, kCheckpoint };

    template <class Work>
    StoreStatus transact(Access access, Work& work) noexcept {
        const StoreStatus status = transact_once(access, work);
        const bool is_mended = lost_lock_ || (status == StoreStatus::kCorrupt && began_anew_) ||
                               (status == StoreStatus::kFull && made_room_);
        return is_mended ? transact_once(access, work) : status;
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

    // Under the lock:
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
    void set_aside(std::string_view why, std::string_view reason) noexcept;
    void take_over(const std::string& damaged) noexcept;
    void give_up_corrupt(std::string_view reason) noexcept;
    void mark_unsynced(bool of_checkpoint) noexcept;
    void close_replaced() noexcept;
    void note(std::string_view what) noexcept;

    /// For the locks of other programs.
    void wait_from_now() noexcept;
    [[nodiscard]] bool is_sound() const noexcept;
    [[nodiscard]] bool was_replaced() const noexcept;
    StoreStatus judge(Doing doing) noexcept;
    StoreStatus refuse_system(std::string_view doing, int error) noexcept;

    Options options_;
    SpoolFiles files_;
    Connection connection_;
    KeptClock clock_;
    FileIdentity identity_;  ///< of the file that is open
    int checkpointed_ = 0;   ///< frames of the WAL
    bool is_taking_over_ = false;
    bool began_anew_ = false;  ///< the file that was found damaged is no longer there
    bool made_room_ = false;   ///< on a disk that was found full
    bool lost_lock_ = false;   ///< before it could commit
    std::int64_t queue_ms_;
    bool owes_mark_ = false;     ///< of a failed sync: it could not be put yet
    std::int64_t next_id_ = 0;   ///< of an event that is being written; 0: none is
    int failed_recoveries_ = 0;  ///< in a row
    Deadline failing_since_;
    std::string error_;
    std::string notice_;
};

}  // namespace flashduty
