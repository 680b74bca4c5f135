#include "spool_database.hpp"

#include <stdio.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <limits>
#include <random>
#include <system_error>
#include <utility>

#include "salvage.hpp"
#include "schema.hpp"

namespace flashduty {

namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

/// Frames by which the WAL grows before it is copied into the database. The deliverer's store does
/// so sooner, so that callers mostly do not wait for it.
constexpr int kDelivererFrames = 1000;
constexpr int kOthersFrames = 4000;

/// Size that the WAL keeps: with it some events can still be settled on a full disk.
constexpr std::int64_t kWalBytes = 32 * 1024 * 1024;
/// Largest part of a small spool that the WAL takes, where it can.
constexpr std::int64_t kWalPart = 8;
constexpr std::int64_t kFrameBytes = 4096 + 24;

/// Room on the disk that no event takes, and the largest part of a small disk.
constexpr std::uint64_t kSettlingBytes = 2 * 1024 * 1024;
constexpr std::uint64_t kSettlingPart = 4;

constexpr char kPages[] = "PRAGMA page_count";
constexpr char kFreePages[] = "PRAGMA freelist_count";
constexpr char kPageSize[] = "PRAGMA page_size";

constexpr std::int64_t kNone = std::numeric_limits<std::int64_t>::max();

/// Contents of the mark of a failed sync.
struct Unsynced {
    /// True: anything may be missing in the database, even what an earlier checkpoint had copied.
    /// False, after a commit: only the frames that it should have added to the WAL.
    bool of_checkpoint = true;
    /// Events from this id on were confirmed to nobody, but may be there.
    std::int64_t unconfirmed_from = kNone;
    /// Unique, so that a mark is dealt with once. Empty: of 1.0.0.
    std::string token;
    /// Database of the failed sync; 0: unknown.
    ino_t inode = 0;
};

constexpr char kNextId[] = "SELECT seq + 1 FROM sqlite_sequence WHERE name = 'event' AND seq > 0";

constexpr std::string_view kCorruptName = "corrupt";

constexpr std::string_view kOfCommit = "commit ";
constexpr std::string_view kOfCheckpoint = "checkpoint ";

constexpr char kIsDealtWith[] = "SELECT count(*) FROM recovery WHERE mark = ?";
constexpr char kTakeBack[] = "DELETE FROM event WHERE event_id >= ?";
constexpr char kDealWith[] = "INSERT INTO recovery (mark, recovered_ms) VALUES (?, ?)";
constexpr char kResync[] = "UPDATE counter SET resync_ms = ?";

std::string new_token() noexcept {
    std::random_device random;
    std::string token;
    for (int i = 0; i < 16; i++) {
        token += "0123456789abcdef"[random() % 16];
    }
    return token;
}

std::string text_of(const Unsynced& mark) noexcept {
    return std::string(mark.of_checkpoint ? kOfCheckpoint : kOfCommit) +
           std::to_string(mark.unconfirmed_from) + " " + mark.token + " " +
           std::to_string(mark.inode);
}

/// Assumes the worst about everything that it cannot read.
Unsynced read_mark(const SpoolFiles& files) noexcept {
    const std::string text = files.read(SpoolFiles::Mark::kUnsynced);
    Unsynced mark;
    mark.of_checkpoint = text.compare(0, kOfCommit.size(), kOfCommit) != 0;
    const std::size_t space = text.find(' ');
    char* end = nullptr;
    const std::int64_t id =
        space == std::string::npos ? 0 : std::strtoll(text.c_str() + space, &end, 10);
    if (id > 0) {
        mark.unconfirmed_from = id;
    }
    char token[17] = {};
    unsigned long long inode = 0;
    if (end != nullptr && std::sscanf(end, " %16[0-9a-f] %llu", token, &inode) == 2) {
        mark.token = token;
        mark.inode = static_cast<ino_t>(inode);
    }
    return mark;
}

constexpr milliseconds kBetweenRecoveries{1000};
/// Wait after a damaged database could not be salvaged, which may have taken long.
constexpr milliseconds kBetweenSalvages{30'000};

/// Recoveries tried before the file is given up: SQLite keeps descriptors as long as the process
/// has the file open elsewhere, and the kernel reports a failure once to each of them, however long
/// ago it was.
constexpr int kLastTries = 3;

constexpr std::string_view kAdvice = ": it and its folder must belong to the workers' user";

StoreStatus status_of(int code) noexcept {
    switch (code & 0xFF) {
        case SQLITE_BUSY:
        case SQLITE_LOCKED:
        case SQLITE_PROTOCOL:
            return StoreStatus::kBusy;
        case SQLITE_FULL:
            return StoreStatus::kFull;
        case SQLITE_READONLY:
        case SQLITE_CANTOPEN:
        case SQLITE_PERM:
        case SQLITE_AUTH:
            return StoreStatus::kReadOnly;
        case SQLITE_NOTADB:
        case SQLITE_CORRUPT:
        case SQLITE_FORMAT:
            return StoreStatus::kCorrupt;
        default:
            return StoreStatus::kFailed;
    }
}

StoreStatus status_of_system(int error) noexcept {
    switch (error) {
        case EWOULDBLOCK:
            return StoreStatus::kBusy;
        case ENOSPC:
        case EDQUOT:
            return StoreStatus::kFull;
        case EROFS:
        case EACCES:
        case EPERM:
        case ENOENT:
        case ENOTDIR:
        case EISDIR:
            return StoreStatus::kReadOnly;
        default:
            return StoreStatus::kFailed;
    }
}

std::string text_of(const FileIdentity& identity) noexcept {
    return std::to_string(identity.device) + ":" + std::to_string(identity.inode);
}

bool use_wal(Connection& connection) noexcept {
    bool is_wal = false;
    {
        Query mode = connection.query("PRAGMA journal_mode = WAL");
        is_wal = mode.next() && mode.text(0) == "wal";
    }
    connection.script(
        "PRAGMA synchronous = FULL;"
        "PRAGMA cache_size = -4096;"
        "PRAGMA mmap_size = 0;");
    return is_wal;
}

}  // namespace

StoreStatus SpoolDatabase::begin(Access access) noexcept {
    wait_from_now();
    began_anew_ = false;
    made_room_ = false;
    lost_lock_ = false;
    next_id_ = 0;
    if (access == Access::kWrite || !is_sound()) {
        StoreStatus status = lock();
        status = status == StoreStatus::kOk ? repair() : status;
        if (status != StoreStatus::kOk) {
            return status;
        }
    }
    if (access == Access::kWrite) {
        connection_.run("BEGIN IMMEDIATE");
        next_id_ = connection_.number(kNextId);
    } else {
        files_.unlock();
        connection_.run("BEGIN");
    }
    return connection_.failed()
               ? judge(access == Access::kWrite ? Doing::kWriting : Doing::kReading)
               : StoreStatus::kOk;
}

StoreStatus SpoolDatabase::end(Access access, StoreStatus status) noexcept {
    const int error = access == Access::kWrite ? files_.look_at_lock() : 0;
    lost_lock_ = error != 0;
    if (lost_lock_) {
        status = error == ESTALE
                     ? refuse(StoreStatus::kStalled, "has lost its lock to another process")
                     : refuse_system("locked", error);
    }
    if (status == StoreStatus::kOk || connection_.failed()) {
        connection_.run("COMMIT");
    } else {
        connection_.run("ROLLBACK");
    }
    if (connection_.failed()) {
        status = judge(access == Access::kWrite ? Doing::kWriting : Doing::kReading);
        return access == Access::kWrite && status == StoreStatus::kFull
                   ? make_room(SQLITE_CHECKPOINT_PASSIVE)
                   : status;
    }
    if (access == Access::kWrite && status == StoreStatus::kFull && files_.wal_bytes() > 0) {
        return make_room(SQLITE_CHECKPOINT_TRUNCATE);
    }
    return access == Access::kWrite && status == StoreStatus::kOk ? checkpoint() : status;
}

StoreStatus SpoolDatabase::checkpoint() noexcept {
    const int frames = connection_.wal_frames();
    if (frames < checkpointed_) {
        checkpointed_ = 0;  // the WAL has begun anew
    }
    const std::int64_t part = static_cast<std::int64_t>(options_.max_bytes) / kWalPart;
    const std::int64_t most = options_.may_set_aside ? kDelivererFrames : kOthersFrames;
    if (frames - checkpointed_ < std::min(most, part / kFrameBytes)) {
        return StoreStatus::kOk;
    }
    checkpointed_ = frames;
    connection_.checkpoint(SQLITE_CHECKPOINT_PASSIVE);
    if (connection_.failed() && status_of(connection_.code()) == StoreStatus::kFull) {
        connection_.forgive();  // the WAL just gets longer
    }
    return connection_.failed() ? judge(Doing::kCheckpoint) : StoreStatus::kOk;
}

/// Frees the WAL, which may have taken all the room. It begins anew once its contents are in the
/// database, which mostly takes no more room there: deleted rows leave some. On a full disk the WAL
/// keeps its size.
StoreStatus SpoolDatabase::make_room(int mode) noexcept {
    connection_.wait_until(steady_clock::now());
    made_room_ = connection_.checkpoint(mode);
    wait_from_now();
    if (connection_.failed() && status_of(connection_.code()) != StoreStatus::kFull) {
        return judge(Doing::kCheckpoint);
    }
    connection_.forgive();
    return StoreStatus::kFull;
}

std::uint64_t SpoolDatabase::used_bytes() noexcept {
    const std::int64_t pages = connection_.number(kPages) - connection_.number(kFreePages);
    return static_cast<std::uint64_t>(pages * connection_.number(kPageSize)) + files_.wal_bytes();
}

bool SpoolDatabase::has_room_for(std::uint64_t bytes) noexcept {
    const SpoolFiles::Room room = files_.room();
    if (room.all_bytes == 0) {
        return true;
    }
    const std::uint64_t reserve = std::min(kSettlingBytes, room.all_bytes / kSettlingPart);
    // Rows and indices take about twice what is in them, and pages that are free no room at all.
    const std::uint64_t growth = files_.wal_bytes() + 2 * bytes;
    const auto unused =
        static_cast<std::uint64_t>(connection_.number(kFreePages) * connection_.number(kPageSize));
    return room.free_bytes >= (growth <= unused ? reserve / 2 : reserve + growth - unused);
}

StoreStatus SpoolDatabase::empty_wal(std::uint64_t& held_bytes) noexcept {
    StoreStatus status = lock();
    status = status == StoreStatus::kOk ? repair() : status;
    if (status == StoreStatus::kOk) {
        connection_.wait_until(steady_clock::now());
        (void)connection_.checkpoint(SQLITE_CHECKPOINT_TRUNCATE);
        status = connection_.failed() ? judge(Doing::kCheckpoint) : StoreStatus::kOk;
        held_bytes = files_.wal_bytes();
    }
    files_.unlock();
    return status;
}

void SpoolDatabase::wait_from_now() noexcept {
    connection_.wait_until(steady_clock::now() + milliseconds(options_.busy_ms));
}

bool SpoolDatabase::was_replaced() const noexcept {
    FileIdentity there;
    return !files_.identify(there) || !(there == identity_);
}

bool SpoolDatabase::is_sound() const noexcept {
    return connection_.is_open() && !owes_mark_ && !was_replaced() &&
           !files_.has(SpoolFiles::Mark::kUnsynced) && !files_.has(SpoolFiles::Mark::kCorrupt);
}

// ---------------------------------------------------------------- failures

StoreStatus SpoolDatabase::refuse(StoreStatus status, std::string_view reason) noexcept {
    error_ = "\"" + options_.path + "\" " + std::string(reason);
    return status;
}

StoreStatus SpoolDatabase::refuse_system(std::string_view doing, int error) noexcept {
    const bool is_forbidden = error == EACCES || error == EPERM;
    return refuse(status_of_system(error), "cannot be " + std::string(doing) + ": " +
                                               std::generic_category().message(error) +
                                               (is_forbidden ? files_.advice() : std::string()));
}

/// Advice for a file that cannot be written.
std::string SpoolDatabase::advice() const noexcept {
    const std::string found = files_.advice();
    return found.empty() ? std::string(kAdvice) : found;
}

/// Ends the connection's failure, and returns its status. A connection that stays open is as good
/// as before.
StoreStatus SpoolDatabase::judge(Doing doing) noexcept {
    const int code = connection_.code();
    const std::string message = connection_.message();
    const StoreStatus status = status_of(code);
    connection_.forgive();
    if (connection_.is_in_transaction()) {
        connection_.run("ROLLBACK");
    }
    const bool may_stay = status == StoreStatus::kBusy || status == StoreStatus::kFull;
    if (!may_stay || connection_.failed()) {
        connection_.close();
        connection_.forgive();
    }
    if ((code & 0xFF) == SQLITE_IOERR && doing != Doing::kReading) {
        mark_unsynced(doing == Doing::kCheckpoint);
    }
    switch (status) {
        case StoreStatus::kBusy:
            if (doing != Doing::kReading && !files_.others_waited_in_vain()) {
                files_.note_vain_wait();
            }
            return refuse(status,
                          "is locked by another program: end its transaction, sqlite3's for "
                          "instance");
        case StoreStatus::kFull:
            return refuse(status, "has no room left on its disk");
        case StoreStatus::kReadOnly:
            return refuse(status, "cannot be written (" + message + ")" + advice());
        case StoreStatus::kCorrupt:
            refuse(status, "is damaged (" + message + ")");
            give_up_corrupt(message);
            return status;
        default:
            return refuse(status, "failed (" + message + ")");
    }
}

/// Marks under the lock, so that nobody writes between the failure and its mark. If the mark cannot
/// be put, others may write, and the events that they have confirmed must stay.
void SpoolDatabase::mark_unsynced(bool of_checkpoint) noexcept {
    Unsynced mark;
    if (files_.has(SpoolFiles::Mark::kUnsynced)) {
        mark = read_mark(files_);
        mark.of_checkpoint |= of_checkpoint;
    } else if (!owes_mark_) {
        mark.of_checkpoint = of_checkpoint;
        mark.unconfirmed_from = next_id_ > 0 ? next_id_ : kNone;
    }
    mark.token = new_token();
    mark.inode = identity_.inode;
    owes_mark_ = files_.put(SpoolFiles::Mark::kUnsynced, text_of(mark)) != 0;
}

/// Sets the database aside, or leaves that to the store that may.
void SpoolDatabase::give_up_corrupt(std::string_view reason) noexcept {
    const std::string error = error_;
    // Readers do not have the lock yet.
    if (lock() != StoreStatus::kOk) {
        error_ = error;
        return;
    }
    began_anew_ = was_replaced();
    if (began_anew_) {
        return;
    }
    if (options_.may_set_aside) {
        error_ = error;
        replace_damaged(identity_, reason);
    } else {
        (void)files_.put(SpoolFiles::Mark::kCorrupt, text_of(identity_));
        error_ = error + ", the deliverer will set it aside";
    }
}

bool SpoolDatabase::set_aside(std::string_view why, std::string_view reason) noexcept {
    std::string to;
    const int error = files_.set_aside(why, to);
    if (error != 0) {
        refuse_system("set aside", error);
        return false;
    }
    note("was set aside as \"" + to + "\": " + std::string(reason));
    return true;
}

/// Puts a new database with what can be read from the damaged one in its place. That may end at any
/// point, and is then done by the next deliverer: the mark keeps all others from writing, the
/// damaged database stays until the new one is whole, and that gets its name kSalvaged only then.
void SpoolDatabase::replace_damaged(const FileIdentity& damaged, std::string_view reason) noexcept {
    const std::string error = error_;
    connection_.close();
    if (files_.read(SpoolFiles::Mark::kCorrupt) != text_of(damaged)) {
        files_.remove_salvaged();  // of another one
        if (files_.put(SpoolFiles::Mark::kCorrupt, text_of(damaged)) != 0) {
            return;
        }
    }
    if (steady_clock::now() < next_salvage_) {
        error_ = error + salvage_error_;
        return;
    }
    std::string saved = "goes on with what a process that has ended could read from it";
    if (!files_.has_salvaged() && !salvage_into_new(saved)) {
        next_salvage_ = steady_clock::now() + kBetweenSalvages;
        error_ = error + salvage_error_;
        return;
    }
    if (!set_aside(kCorruptName, reason)) {
        return;
    }
    const int failed = files_.take_salvaged();
    if (failed != 0) {
        refuse_system("put in place", failed);
        return;
    }
    (void)files_.remove(SpoolFiles::Mark::kUnsynced);
    (void)files_.remove(SpoolFiles::Mark::kCorrupt);
    owes_mark_ = false;
    began_anew_ = true;
    note(saved);
}

/// Salvages the damaged database into a new one beside it; false, with the reason, when that cannot
/// be written.
bool SpoolDatabase::salvage_into_new(std::string& saved) noexcept {
    const std::string path = options_.path + ".new";
    Connection to;
    bool is_whole = open_new(to, path);
    if (is_whole) {
        Connection from;
        from.open(options_.path, options_.vfs);
        to.run("BEGIN IMMEDIATE");
        const Salvaged salvaged = salvage(from, to);
        to.run("COMMIT");
        is_whole = to.checkpoint(SQLITE_CHECKPOINT_TRUNCATE);
        saved = "goes on with what could be read from it: " + std::to_string(salvaged.events) +
                " events that wait and " + std::to_string(salvaged.dead) + " dead letters, " +
                std::to_string(salvaged.lost) + " could not be read";
    }
    std::string reason = to.failed() ? to.message() : "none can be made";
    close_new(to, path);
    if (is_whole) {
        const int error = files_.name_salvaged(path);
        reason = std::generic_category().message(error);
        is_whole = error == 0;
    }
    if (!is_whole) {
        SpoolFiles::remove_database(path);
        salvage_error_ = ", and no new one can be written with what can be read of it: " + reason;
    }
    return is_whole;
}

/// Adds a notice for the log: an act or a finding at the spool's path.
void SpoolDatabase::note(std::string_view what) noexcept {
    notice_ += (notice_.empty() ? "\"" : "; \"") + options_.path + "\" " + std::string(what);
}

// ---------------------------------------------------------------- under the lock

/// Queues for the lock. Each holder commits once and lets go: many workers on a slow disk must not
/// count as a program that locks it, and an event that went past the spool would overtake those in
/// it.
StoreStatus SpoolDatabase::lock() noexcept {
    const int error = files_.lock(steady_clock::now() + milliseconds(queue_ms_));
    wait_from_now();
    if (files_.take_lock_loss() && options_.may_set_aside) {
        note(
            "has a lock file, \".guard\", that was removed or replaced under the running gateway:"
            " leave it alone");
    }
    if (error == EWOULDBLOCK) {
        return refuse(StoreStatus::kStalled,
                      "is locked by another process of the gateway: its disk stalls or it hangs");
    }
    if (files_.others_waited_in_vain()) {
        connection_.wait_until(steady_clock::now());
    }
    return error == 0 ? StoreStatus::kOk : refuse_system("locked", error);
}

StoreStatus SpoolDatabase::repair() noexcept {
    if (connection_.is_open() && was_replaced()) {
        close_replaced();
    }
    FileIdentity there;
    if (files_.has(SpoolFiles::Mark::kCorrupt) && files_.identify(there)) {
        if (files_.read(SpoolFiles::Mark::kCorrupt) != text_of(there)) {
            // It was about another file, as long as that was there.
            files_.remove_salvaged();
            (void)files_.remove(SpoolFiles::Mark::kCorrupt);
        } else if (options_.may_set_aside) {
            refuse(StoreStatus::kCorrupt, "is damaged");
            replace_damaged(there, "it was found damaged");
            if (!began_anew_) {
                return StoreStatus::kCorrupt;
            }
        } else {
            return refuse(StoreStatus::kCorrupt, "is damaged, the deliverer will set it aside");
        }
    }
    if (owes_mark_ || files_.has(SpoolFiles::Mark::kUnsynced)) {
        return recover();
    }
    return connection_.is_open() ? StoreStatus::kOk : open();
}

/// Closes a file that somebody other than the deliverer has taken away. Its events can still be
/// counted.
void SpoolDatabase::close_replaced() noexcept {
    if (options_.may_set_aside) {
        const std::int64_t waiting = connection_.number("SELECT waiting FROM counter");
        const std::int64_t dead = connection_.number("SELECT dead FROM counter");
        note("was removed or replaced under the running gateway, with what was in it: " +
             (connection_.failed() ? "nobody knows how many events"
                                   : std::to_string(waiting) + " events that waited and " +
                                         std::to_string(dead) + " dead letters"));
        connection_.forgive();
    }
    connection_.close();
}

StoreStatus SpoolDatabase::open() noexcept {
    if (!files_.identify(identity_)) {
        const bool was_salvaged = files_.has_salvaged();
        const int error = was_salvaged ? files_.take_salvaged() : files_.create();
        if (error != 0) {
            return refuse_system("created", error);
        }
        if (was_salvaged) {
            note("goes on with what a process that has ended could read from a damaged one");
        }
        if (!files_.identify(identity_)) {
            return refuse(StoreStatus::kFailed, "has disappeared");
        }
    }
    if (files_.is_link()) {
        return refuse(StoreStatus::kReadOnly,
                      "is a symbolic link, which is not followed: name what it leads to");
    }
    checkpointed_ = 0;
    connection_.open(options_.path, options_.vfs);
    StoreStatus status = configure(connection_);
    if (connection_.failed()) {
        status = judge(Doing::kWriting);
    }
    if (status != StoreStatus::kOk) {
        connection_.close();
    }
    return status;
}

/// Status other than kOk: the reason why the connection cannot be used, unless it has failed
/// itself.
StoreStatus SpoolDatabase::configure(Connection& connection) noexcept {
    if (!connection.failed() && connection.is_read_only()) {
        return refuse(StoreStatus::kReadOnly, "cannot be written" + advice());
    }
    if (!use_wal(connection)) {
        return refuse(StoreStatus::kFailed, "cannot have a WAL where it is");
    }
    const std::int64_t part = static_cast<std::int64_t>(options_.max_bytes) / kWalPart;
    connection.script(
        ("PRAGMA journal_size_limit = " + std::to_string(std::min(kWalBytes, part))).c_str());
    switch (bring_up_to_date(connection)) {
        case SchemaState::kNewer:
            return refuse(StoreStatus::kNewer, "was made by a newer version of the gateway");
        case SchemaState::kForeign:
            return refuse(StoreStatus::kReadOnly, "is the database of another program");
        case SchemaState::kUnknown:
            return StoreStatus::kFailed;
        case SchemaState::kKnown:
            break;
    }
    clock_.open(connection);
    return StoreStatus::kOk;
}

/// Recovers from a failed sync with a new handle; the kernel has forgotten the pages that it could
/// not write.
StoreStatus SpoolDatabase::recover() noexcept {
    const StoreStatus status = recover_once();
    if (status != StoreStatus::kFailed) {
        failed_recoveries_ = 0;
        return status;
    }
    const Deadline now = steady_clock::now();
    if (failed_recoveries_++ == 0) {
        failing_since_ = now;
    }
    if (options_.may_set_aside && failed_recoveries_ > 1 &&
        now - failing_since_ >= kBetweenRecoveries) {
        return begin_anew();
    }
    return status;
}

StoreStatus SpoolDatabase::recover_once() noexcept {
    connection_.close();
    if (owes_mark_) {
        mark_unsynced(true);
    }
    const StoreStatus status = open();
    return status == StoreStatus::kOk ? prove_sync() : status;
}

/// Proves that syncs work. Whoever sees the proof finds the data after a loss of power, too.
StoreStatus SpoolDatabase::prove_sync() noexcept {
    Unsynced mark = owes_mark_ ? Unsynced{} : read_mark(files_);
    const bool is_stale = !mark.token.empty() && (mark.inode != identity_.inode ||
                                                  connection_.number(kIsDealtWith, mark.token) > 0);
    if (is_stale && !connection_.failed()) {
        note(
            "had a mark, \".unsynced\", of a failed sync that was dealt with before: nothing is"
            " taken back for it");
        mark.unconfirmed_from = kNone;
        mark.token = new_token();
        mark.inode = identity_.inode;
        const int error = files_.put(SpoolFiles::Mark::kUnsynced, text_of(mark));
        if (error != 0) {
            return refuse_system("given its mark \".unsynced\"", error);
        }
    }
    const std::int64_t taken_back = take_back(mark.unconfirmed_from, mark.token);
    if (mark.of_checkpoint) {
        connection_.run("VACUUM");  // page for page through the WAL again
    }
    // Changes something in both files, so that there is something to sync.
    connection_.run(kResync, options_.clock.to_wall(options_.clock.now_ms()));
    const bool is_done = connection_.checkpoint(SQLITE_CHECKPOINT_TRUNCATE);
    if (connection_.failed()) {
        return judge(Doing::kCheckpoint);
    }
    if (!is_done) {
        return refuse(StoreStatus::kBusy, "is being read, which holds up its checkpoint");
    }
    const int error = files_.remove(SpoolFiles::Mark::kUnsynced);
    if (error != 0) {
        return refuse_system("freed of its mark \".unsynced\"", error);
    }
    const int unsynced = files_.sync_folder();
    if (unsynced != 0) {
        return refuse_system("synced with its folder", unsynced);
    }
    owes_mark_ = false;
    if (taken_back > 0) {
        note("has had a failed sync: " + std::to_string(taken_back) +
             " events that were confirmed to nobody were taken back");
    }
    return StoreStatus::kOk;
}

/// Takes back unconfirmed events: their callers were told no, and have pushed them without the
/// spool. The change and the note that the mark is dealt with reach the disk as one.
std::int64_t SpoolDatabase::take_back(std::int64_t from_id, const std::string& token) noexcept {
    connection_.run("BEGIN IMMEDIATE");
    connection_.run(kTakeBack, from_id);
    const std::int64_t count = connection_.changes();
    if (!token.empty()) {
        connection_.run(kDealWith, token, options_.clock.to_wall(options_.clock.now_ms()));
    }
    connection_.run("COMMIT");
    return connection_.failed() ? 0 : count;
}

/// Begins a new database if one can be written: then the old file is at fault and not the disk,
/// unless the disk has just come back.
StoreStatus SpoolDatabase::begin_anew() noexcept {
    const std::string fresh = options_.path + ".new";
    connection_.close();
    if (!make_new(fresh)) {
        SpoolFiles::remove_database(fresh);
        return StoreStatus::kFailed;
    }
    StoreStatus status = StoreStatus::kFailed;
    for (int i = 0; i < kLastTries && status == StoreStatus::kFailed; i++) {
        status = recover_once();
    }
    if (status == StoreStatus::kFailed) {
        connection_.close();
        if (set_aside("unsynced", std::string(error_))) {
            (void)files_.remove(SpoolFiles::Mark::kUnsynced);
            (void)files_.remove(SpoolFiles::Mark::kCorrupt);
            owes_mark_ = false;
            began_anew_ = true;
        }
    }
    if (!began_anew_ || ::rename(fresh.c_str(), options_.path.c_str()) != 0) {
        SpoolFiles::remove_database(fresh);
        return status;
    }
    failed_recoveries_ = 0;
    const int error = files_.sync_folder();
    return error == 0 ? open() : refuse_system("synced with its folder", error);
}

bool SpoolDatabase::make_new(const std::string& path) noexcept {
    Connection connection;
    const bool is_made =
        open_new(connection, path) && connection.checkpoint(SQLITE_CHECKPOINT_TRUNCATE);
    close_new(connection, path);
    return is_made;
}

bool SpoolDatabase::open_new(Connection& connection, const std::string& path) noexcept {
    SpoolFiles::remove_database(path);
    return SpoolFiles(path).create() == 0 && connection.open(path, options_.vfs) &&
           configure(connection) == StoreStatus::kOk;
}

/// Closes a database all of which was copied out of its WAL.
void SpoolDatabase::close_new(Connection& connection, const std::string& path) noexcept {
    connection.close();
    ::remove((path + "-wal").c_str());
    ::remove((path + "-shm").c_str());
}

}  // namespace flashduty
