// Ledger of a store, for operators: read page by page, and changed a batch at a time. No call holds
// a lock or a snapshot for more than about 20 ms, however much lies there.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "event_store.hpp"

namespace flashduty {

/// Events that wait, or dead letters.
enum class Pile { kWaiting, kDead };

/// Conditions for the events that are meant.
struct EventFilter {
    std::int64_t target_id = 0;  ///< 0: any
    std::string key;             ///< all of the alert key; empty: any
    std::string text;            ///< a part of title or reason, ASCII letters in any case

    [[nodiscard]] bool is_any() const noexcept {
        return target_id == 0 && key.empty() && text.empty();
    }
};

/// Longest text of a filter: longer ones do not fit into a message to the deliverer.
inline constexpr std::size_t kMaxFilterBytes = 1024;

/// Most rows that a page of a list looks at, and for how long.
inline constexpr std::size_t kMostLookedAt = 2000;
inline constexpr std::int64_t kLongestLookMs = 12;

/// Reason why an event waits.
enum class WaitsFor {
    kTurn,    ///< its turn, nothing else
    kTime,    ///< time of its next try
    kTarget,  ///< return of its target, which is away
    kYes,     ///< a yes: it was refused, with nothing else delivered there to compare
    kElder,   ///< an older event of its key
    kCount,
};

/// State of a dead letter.
enum class DeadState {
    kDead,
    kMarked,      ///< will be sent again
    kSuperseded,  ///< a newer event of its key was delivered: it is never sent again
    kCount,
};

/// An event as it is listed. Times are of the wall clock, 0: not known.
struct ListedEvent {
    std::int64_t event_id = 0;
    std::string alert_key;
    std::string title;
    std::string event_status;
    std::int64_t target_id = 0;
    UnixMs accepted_ms = 0;
    std::uint32_t attempts = 0;
    std::string reason;  ///< reason of the last try, or of its death; empty: not tried
    WaitsFor waits_for = WaitsFor::kTurn;
    UnixMs next_try_ms = 0;     ///< with kTime
    std::int64_t elder_id = 0;  ///< with kElder: the first event of its key
    DeadState dead = DeadState::kDead;
    UnixMs dead_ms = 0;
};

/// A try that ended without a yes.
struct ListedTry {
    UnixMs time_ms = 0;
    std::uint32_t http_status = 0;  ///< 0: there was no answer
    std::string reason;
};

/// An event with everything that is stored of it.
struct WholeEvent {
    ListedEvent listed;
    std::string event;             ///< JSON to be pushed
    std::string body;              ///< BlueKing's body
    std::vector<ListedTry> tries;  ///< last tries, newest first
};

/// Part of a list.
struct EventPage {
    std::vector<ListedEvent> events;
    std::int64_t next = 0;  ///< `after` of the next page; 0: there is none
};
struct WholePage {
    std::vector<WholeEvent> events;  ///< without their tries
    std::int64_t next = 0;
};

struct ListedTarget {
    std::int64_t target_id = 0;
    std::string server;
    std::string location;
    std::uint64_t waiting = 0;
    std::uint64_t dead = 0;
    UnixMs paused_until_ms = 0;  ///< by the wall clock; 0: not paused
};

/// Facts about a store.
struct StoreFacts {
    std::string kind;  ///< software that keeps it, and its version
    std::int64_t schema = 0;
    StoreSize size;
};

/// A change of one event, or of a batch of those that a filter selects.
struct EventChange {
    enum class Kind : std::uint8_t {
        kResend,
        kDiscard,
        kDelete,
        kMove,  ///< moves all of a target's events to another one
        kCount,
    };

    Kind kind = Kind::kResend;
    std::int64_t event_id = 0;  ///< 0: the events that `filter` selects
    EventFilter filter;
    std::int64_t after = 0;  ///< start of the batch
    std::string server;      ///< with kMove: the new target
    std::string location;
};

/// Largest batch.
inline constexpr std::size_t kMaxChanged = 256;

struct EventsChanged {
    std::uint64_t done = 0;
    std::uint64_t busy = 0;           ///< under way, so not touched
    std::uint64_t superseded = 0;     ///< with kResend: never sent again
    bool is_found = true;             ///< false: no such event, or target
    std::int64_t next = 0;            ///< `after` of the next batch; 0: all is done
    std::vector<DeadLetter> dead;     ///< for the log
    std::vector<DeadLetter> deleted;  ///< for the log
    std::vector<std::int64_t> gone;   ///< events that do not wait any more where they did
    std::vector<std::int64_t> wakes;  ///< targets for which something may wait now, each once
};

/// Part of an EventStore, with its rules: one thread at a time, and a call that does not return kOk
/// has changed nothing.
class EventLedger {
  public:
    EventLedger() = default;
    EventLedger(const EventLedger&) = delete;
    EventLedger& operator=(const EventLedger&) = delete;
    virtual ~EventLedger() = default;

    // ---------------------------------------------------------------- to be looked at

    [[nodiscard]] virtual StoreStatus list_targets(std::vector<ListedTarget>& targets) noexcept = 0;

    /// Events with ids greater than `after`, at most `limit`, in the order of their ids. A page may
    /// be empty and have a next one.
    [[nodiscard]] virtual StoreStatus list(Pile pile, const EventFilter& filter, std::int64_t after,
                                           std::size_t limit, EventPage& page) noexcept = 0;

    /// `is_found` is false when there is no such event.
    [[nodiscard]] virtual StoreStatus show(Pile pile, std::int64_t event_id, WholeEvent& event,
                                           bool& is_found) noexcept = 0;

    /// Reads whole events like list(), about `most_bytes` of them, of any size.
    [[nodiscard]] virtual StoreStatus read_whole(Pile pile, std::int64_t after,
                                                 std::size_t most_bytes,
                                                 WholePage& page) noexcept = 0;

    [[nodiscard]] virtual StoreStatus facts(StoreFacts& facts) noexcept = 0;

    // ---------------------------------------------------------------- to be changed

    /// `busy` are the event_ids that are being pushed.
    [[nodiscard]] virtual StoreStatus change(const EventChange& change, UnixMs now_ms,
                                             const std::vector<std::int64_t>& busy,
                                             EventsChanged& changed) noexcept = 0;

    /// Pauses pushes to a target until `until_ms`, by the caller's clock; 0 ends the pause.
    /// `is_found` is false when there is no such target.
    [[nodiscard]] virtual StoreStatus pause(std::int64_t target_id, UnixMs until_ms,
                                            bool& is_found) noexcept = 0;

    /// Takes an edge that is gone for good off a fleet's roll.
    enum class Forgotten : std::uint8_t { kDone, kLives, kUnknown };
    [[nodiscard]] virtual StoreStatus forget_edge(const std::string& edge, Forgotten& forgotten,
                                                  std::int64_t& seen_ago_ms) noexcept {
        // A store of one edge has no roll.
        (void)edge;
        seen_ago_ms = 0;
        forgotten = Forgotten::kUnknown;
        return StoreStatus::kOk;
    }

    struct Paused {
        std::int64_t target_id = 0;
        UnixMs until_ms = 0;  ///< by the caller's clock
    };
    [[nodiscard]] virtual StoreStatus paused(UnixMs now_ms,
                                             std::vector<Paused>& paused) noexcept = 0;

    /// Reason of the last failure, like EventStore::error().
    [[nodiscard]] virtual std::string_view error() const noexcept = 0;
};

}  // namespace flashduty
