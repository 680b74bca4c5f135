// Store of events that wait on disk.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "../core/fate.hpp"
#include "clock.hpp"

namespace flashduty {

/// An event to be stored.
struct NewEvent {
    std::string server;        ///< its server block: a listen and its server_name
    std::string location;      ///< uri of its push in that server, without arguments
    std::string arguments;     ///< arguments of that uri
    std::string alert_key;     ///< events of one key and target never overtake each other
    std::string event_status;  ///< `Critical`, `Warning`, `Info` or `Ok`
    std::string title;
    std::string event;      ///< JSON to be pushed
    std::string variables;  ///< JSON for variables of the push's location
    std::string body;       ///< BlueKing's body
    UnixMs accepted_ms = 0;
};

/// Bit of ids that stand for rows of a fleet's database where both kinds are used: in messages
/// between processes, and among callers that wait.
inline constexpr std::int64_t kShared = std::int64_t{1} << 62;

[[nodiscard]] constexpr bool is_shared(std::int64_t id) noexcept { return (id & kShared) != 0; }

/// Result of a NewEvent.
struct Appended {
    /// Grows in the order of the commits. 0: the store cannot hold this event, whatever is tried;
    /// only where it is shared with others.
    std::int64_t event_id = 0;
    std::int64_t target_id = 0;  ///< stands for its server and location
    bool has_elder = false;      ///< another event of its key and target waits before it
};

/// A key with an event that was delivered past the store.
struct DeliveredKey {
    std::string server;
    std::string location;
    std::string alert_key;
    UnixMs accepted_ms = 0;
};

/// An event that may leave: the first waiting one of its key.
struct DueEvent {
    std::int64_t event_id = 0;
    std::int64_t alert_id = 0;  ///< stands for its key and target while an event of it waits
    std::int64_t target_id = 0;
    std::string server;
    std::string location;
    std::string arguments;
    std::string alert_key;
    std::string event_status;
    std::string title;
    std::string event;
    std::string variables;
    UnixMs accepted_ms = 0;
    std::uint32_t attempts = 0;  ///< tries that ended without a yes
    UnixMs tried_ms = 0;         ///< last try of its key; 0: untried
    bool is_refused = false;     ///< was refused before
    std::int64_t term = 0;       ///< of the fleet's leader when it came; 0: there is no fleet
};

/// Offsets, added to the time of a key's last try: the key waits for its target to be back; or its
/// first event is refused and waits for another event to be delivered.
inline constexpr UnixMs kUntilBack = std::int64_t{1} << 60;
inline constexpr UnixMs kUntilYes = std::int64_t{1} << 61;

/// Longest hold of a key. A key that seems to be held for longer was held by a clock that has been
/// put back since, and is due.
inline constexpr UnixMs kLongestHoldMs = 600'000;

/// A search among the keys of a target. A key is *untried* when its first event was not tried yet,
/// else *held*: Settlement::due_ms says until when, or for what.
struct Search {
    enum class Kind : std::uint8_t {
        kDue,      ///< untried, in their order: see docs/delivery.md, "Budget"
        kWorst,    ///< the newest untried one of the highest rank
        kNewest,   ///< the newest untried one
        kTried,    ///< the held one that was tried longest ago
        kHeld,     ///< keys that wait for their target, last tried first, then the due ones
        kRefused,  ///< keys whose event was refused up to `until_ms`, in that order
        kKeys,     ///< `keys`
        kNext,     ///< the first event of `keys` that was not tried, else the first, behind
                   ///< `after_event_id`
    };

    Kind kind = Kind::kDue;
    std::int64_t target_id = 0;
    std::size_t most = 1;
    /// With kWorst and kNewest: a held key when there is no untried one; with kTried the other way
    /// round.
    bool or_else = false;
    /// Fallback to held keys: those that were tried after this come first.
    UnixMs tried_after_ms = 0;
    UnixMs until_ms = 0;
    std::int64_t after_event_id = 0;
    std::vector<std::int64_t> keys;    ///< alert_ids
    std::vector<std::int64_t> except;  ///< alert_ids to leave out
};

/// Other held keys of the target; filled by Search::Kind::kHeld.
struct Held {
    UnixMs next_ms = 0;        ///< when the next one is due; 0: none is
    bool has_refused = false;  ///< some wait for a yes
};

/// Result of a push.
struct Settlement {
    std::int64_t event_id = 0;
    std::int64_t alert_id = 0;
    Fate fate = Fate::kWaits;
    UnixMs settled_ms = 0;
    UnixMs due_ms = 0;   ///< with kWaits: when its key may be tried again, or what it waits for
    std::string reason;  ///< one sentence, unless delivered
    std::uint32_t http_status = 0;  ///< status of the answer; 0: there was none
};

/// An event that will not be sent any more, for the log.
struct DeadLetter {
    std::int64_t event_id = 0;
    std::string alert_key;
    std::string reason;
};

/// Result of tending; to be repeated at once when there is more.
struct Tended {
    std::vector<DeadLetter> dead;     ///< too old to be delivered
    std::vector<DeadLetter> deleted;  ///< dead letters that made room or were too old
    std::size_t requeued = 0;         ///< dead letters that wait again, as an operator has asked
    std::vector<std::int64_t> requeued_targets;  ///< each once, and of those that are repaired
    std::size_t repaired = 0;  ///< last words on keys that are sent again, in a fleet
    /// Bytes that a reader keeps in the log before the database, if many; at most once a minute.
    std::uint64_t held_wal_bytes = 0;
    bool has_more = false;
};

struct StoreSize {
    std::uint64_t used_bytes = 0;  ///< the pages in use, and the log before the database
    std::uint64_t waiting = 0;     ///< events
    std::uint64_t dead = 0;        ///< dead letters
    UnixMs oldest_ms = 0;          ///< acceptance of the oldest waiting event; 0: none waits
};

enum class StoreStatus {
    kOk,
    kBusy,      ///< another program holds it locked for too long
    kFull,      ///< max_size, or the disk
    kReadOnly,  ///< it may not be written
    kNewer,     ///< a newer version of the gateway has made it
    kCorrupt,   ///< no database, or a damaged one
    kFailed,    ///< any other error of the disk, a failed sync above all
    kStalled,   ///< its other users hold it for longer than one may queue
    kAway,      ///< the database cannot be reached
    kUnknown,   ///< may have been done: the database gave no answer in time, or one with a warning
};

class EventLedger;

/// Place where events wait. One object serves one thread at a time; several processes may each have
/// one for the same place. A call that does not return kOk has changed nothing, unless it returns
/// kUnknown, and error() says why; it may be repeated at any time, and recovers when the cause is
/// gone.
class EventStore {
  public:
    virtual ~EventStore() = default;

    /// Writes all events down in one commit, in their order. With kOk they are on disk, synced.
    /// Without any events it tells whether one could be written, by writing something else.
    [[nodiscard]] virtual StoreStatus append(const std::vector<NewEvent>& events,
                                             std::vector<Appended>& appended) noexcept = 0;

    /// Targets with waiting events.
    [[nodiscard]] virtual StoreStatus targets(std::vector<std::int64_t>& target_ids) noexcept = 0;

    /// Adds to `due` the first events of the keys that the search finds; Search::Kind::kHeld fills
    /// `held`.
    [[nodiscard]] virtual StoreStatus find(const Search& search, UnixMs now_ms,
                                           std::vector<DueEvent>& due, Held& held) noexcept = 0;

    /// Writes down the results of events in one commit. A delivered event supersedes all older ones
    /// of its key that wait, are dead letters or were made to wait again.
    [[nodiscard]] virtual StoreStatus settle(
        const std::vector<Settlement>& settlements) noexcept = 0;

    /// Supersedes the dead letters of these keys, as a delivered event of theirs does.
    [[nodiscard]] virtual StoreStatus supersede(const std::vector<DeliveredKey>& keys) noexcept = 0;

    /// Makes dead letters of events that are too old and not among `busy` (event_ids); deletes dead
    /// letters that are too old or too many; lets those wait again that an operator has marked.
    /// Some at a time.
    [[nodiscard]] virtual StoreStatus expire(UnixMs now_ms, const std::vector<std::int64_t>& busy,
                                             Tended& tended) noexcept = 0;

    [[nodiscard]] virtual StoreStatus size(StoreSize& size) noexcept = 0;

    /// Events that the last settle() should have made dead letters: there was no room for them, and
    /// no dead letter may be deleted yet, so they wait.
    [[nodiscard]] virtual std::vector<std::int64_t> take_postponed() noexcept = 0;

    /// Reason of the last call that was not kOk: a sentence for the log, of one line.
    [[nodiscard]] virtual std::string_view error() const noexcept = 0;

    /// News since the last call that somebody has to know, such as a database that was set aside: a
    /// sentence for the log; mostly empty.
    [[nodiscard]] virtual std::string take_notice() noexcept = 0;

    /// Ledger of the same place for operators, under this object's rules; nullptr: it has none.
    [[nodiscard]] virtual EventLedger* ledger() noexcept { return nullptr; }
};

/// User of a store: there are many acceptors and one deliverer, which alone may take a damaged
/// place out of use.
enum class StoreUser { kAcceptor, kDeliverer };

/// Makes the stores of one place, each for one user.
class StoreFactory {
  public:
    virtual ~StoreFactory() = default;

    [[nodiscard]] virtual std::unique_ptr<EventStore> make(StoreUser user) const noexcept = 0;
};

}  // namespace flashduty
