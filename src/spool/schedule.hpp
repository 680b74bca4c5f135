// What may leave for which target, and when: order of tries, back-off and budget. Knows no clock,
// no store and no network.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "event_store.hpp"

namespace flashduty {

/// What is sent to one target at most; 0: no limit.
struct Rate {
    std::uint32_t per_second = 100;
    std::uint32_t per_minute = 1000;
};

/// What a push came to, as far as its target is concerned.
enum class PushResult {
    kTaken,     ///< delivered
    kRefused,   ///< the event is refused and will never be taken; the target is well
    kNotTaken,  ///< passing, or an operator's matter: it stays where it is
};

/// What to ask the store for.
struct Ask {
    std::int64_t target_id = 0;
    std::size_t most = 0;
    bool is_probe = false;  ///< EventStore::probe() rather than due(); `most` is 1
};

/// A target that went away or came back.
struct TargetChange {
    enum class Kind { kNone, kAway, kBack };

    Kind kind = Kind::kNone;
    UnixMs since_ms = 0;  ///< with kBack: when it had gone away
};

/// Used by one deliverer. All times are of one clock, which does not go back.
class Schedule {
  public:
    /// `seed` is what the jitter is drawn from.
    Schedule(Rate rate, std::uint64_t seed) noexcept;

    // ---------------------------------------------------------------- what is known

    /// Something new may wait for that target.
    void wake(std::int64_t target_id) noexcept;

    /// False when what is new for that target waits for certain: it is away, or its budget is
    /// spent.
    [[nodiscard]] bool may_leave(std::int64_t target_id, UnixMs now_ms) noexcept;

    // ---------------------------------------------------------------- asking the store

    /// What to ask the store for now; nothing for a target that has nothing, may get nothing now,
    /// or for which the last asks are not answered() yet.
    [[nodiscard]] std::vector<Ask> asks(UnixMs now_ms) noexcept;

    /// What the store had for an ask: that many events, each of which is started() now. Fewer than
    /// were asked for: nothing else is due there before wake(), or before a time passes that
    /// ended() gave.
    void answered(const Ask& ask, std::size_t found, UnixMs now_ms) noexcept;

    /// The store could not be asked: the same will be asked for again.
    void not_answered(const Ask& ask) noexcept;

    // ---------------------------------------------------------------- pushes

    /// An event of that alert_id leaves for the target now.
    void started(std::int64_t target_id, std::int64_t alert_id, UnixMs now_ms) noexcept;

    /// Its push has ended. `retry_after_ms`: what the answer asked for, 0 for none. Gives with
    /// kNotTaken when its key may be tried again, for Settlement::due_ms, and whether the target
    /// has changed by that; when it is back, EventStore::settle() is to be told.
    struct Ended {
        UnixMs due_ms = 0;
        TargetChange change;
    };
    [[nodiscard]] Ended ended(std::int64_t target_id, std::int64_t alert_id, PushResult result,
                              UnixMs retry_after_ms, UnixMs now_ms) noexcept;

    /// That is written down: the key's next event may leave.
    void settled(std::int64_t target_id, std::int64_t alert_id) noexcept;

    /// The keys that are busy: started and not settled.
    [[nodiscard]] std::vector<std::int64_t> busy(std::int64_t target_id) const noexcept;
    [[nodiscard]] std::size_t busy_count() const noexcept;

    // ---------------------------------------------------------------- time

    /// When to call asks() again if nothing else happens before; far away when nothing waits.
    [[nodiscard]] UnixMs next_look_ms(UnixMs now_ms) const noexcept;

    /// When the next probe of a target that is away will be; 0 when it is not away.
    [[nodiscard]] UnixMs next_probe_ms(std::int64_t target_id) const noexcept;
};

}  // namespace flashduty
