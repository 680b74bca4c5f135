// What may leave for which target, and when: order of tries, back-off and budget. Knows no clock,
// no store and no network.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <map>
#include <queue>
#include <unordered_map>
#include <vector>

#include "budget.hpp"
#include "event_store.hpp"

namespace flashduty {

/// So many pushes are under way to one target at most, those included whose end is not written
/// down.
inline constexpr std::size_t kMaxInFlight = 64;

/// A time that does not come.
inline constexpr UnixMs kNever = std::numeric_limits<UnixMs>::max();

/// What to ask the store for.
struct Ask {
    std::int64_t target_id = 0;
    std::size_t most = 0;
    bool is_probe = false;  ///< EventStore::probe() rather than due(); `most` is 1
    /// What to give as `busy`: the keys that are busy, and those that are not to be tried now since
    /// they were not taken before.
    std::vector<std::int64_t> except;
};

/// A target that went away or came back.
struct TargetChange {
    enum class Kind { kNone, kAway, kBack };

    Kind kind = Kind::kNone;
    UnixMs since_ms = 0;  ///< with kBack: when it had gone away
};

/// A target as the status shows it.
struct TargetState {
    std::int64_t target_id = 0;
    bool is_away = false;
    UnixMs since_ms = 0;       ///< when it went away or came back; 0: it was never away
    UnixMs next_probe_ms = 0;  ///< 0 when it is not away
    std::size_t in_flight = 0;
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
    [[nodiscard]] bool may_leave(std::int64_t target_id, UnixMs now_ms) const noexcept;

    /// All targets that are known, in the order of their ids.
    [[nodiscard]] std::vector<TargetState> targets() const noexcept;

    // ---------------------------------------------------------------- asking the store

    /// What to ask the store for now; nothing for a target that has nothing, may get nothing now,
    /// or for which the last asks are not answered() yet.
    [[nodiscard]] std::vector<Ask> asks(UnixMs now_ms) noexcept;

    /// The store had `found` events for an ask. Gives how many of them, from the first, are to be
    /// started() now: all, unless the target has changed meanwhile; the others will be asked for
    /// again. Fewer than were asked for: nothing else is due there before wake() or settled(), or
    /// before next_look_ms() says so.
    [[nodiscard]] std::size_t answered(const Ask& ask, std::size_t found, UnixMs now_ms) noexcept;

    /// The store could not be asked: the same will be asked for again, a moment later.
    void not_answered(const Ask& ask) noexcept;

    // ---------------------------------------------------------------- pushes

    /// An event of that alert_id leaves for the target now.
    void started(std::int64_t target_id, std::int64_t alert_id, UnixMs now_ms) noexcept;

    /// Its push has ended. `retry_after_ms`: what the answer asked for, 0 for none. Gives with
    /// Fate::kWaits when its key may be tried again, for Settlement::due_ms, and whether the target
    /// has changed by that; when it is back, EventStore::settle() is to be told.
    struct Ended {
        UnixMs due_ms = 0;
        TargetChange change;
    };
    [[nodiscard]] Ended ended(std::int64_t target_id, std::int64_t alert_id, Fate fate,
                              UnixMs retry_after_ms, UnixMs now_ms) noexcept;

    /// That is written down: the key's next event may leave.
    void settled(std::int64_t target_id, std::int64_t alert_id) noexcept;

    /// The keys that are busy: started and not settled.
    [[nodiscard]] std::vector<std::int64_t> busy(std::int64_t target_id) const noexcept;
    [[nodiscard]] std::size_t busy_count() const noexcept;

    // ---------------------------------------------------------------- time

    /// When to call asks() again if nothing else happens before; kNever when nothing waits.
    [[nodiscard]] UnixMs next_look_ms(UnixMs now_ms) const noexcept;

    /// When the next probe of a target that is away will be; 0 when it is not away.
    [[nodiscard]] UnixMs next_probe_ms(std::int64_t target_id) const noexcept;

  private:
    /// To a target of which nothing is known yet, or that is just back.
    static constexpr std::size_t kFirstWindow = 4;

    /// A key that is busy.
    struct Push {
        std::int64_t alert_id;
        std::uint64_t era;  ///< of its target, when it started
        bool is_probe;
        bool has_ended;
    };

    /// A key of which nothing was taken lately.
    struct Suspect {
        unsigned eras = 0;  ///< in so many of its target it was not taken
        std::uint64_t last_era = 0;
        UnixMs last_ms = 0;
        UnixMs held_until_ms = 0;  ///< only a probe may take it before
    };

    struct Target {
        explicit Target(Rate rate) noexcept : budget(rate) {}

        Budget budget;
        std::vector<Push> pushes;

        bool is_wanted = false;  ///< the store may have something that it was not asked for
        bool is_asked = false;
        UnixMs asked_ms = 0;      ///< when last
        UnixMs ask_again_ms = 0;  ///< not before, after the store could not be asked

        std::uint64_t era = 0;              ///< a new one begins when it comes back
        std::size_t window = kFirstWindow;  ///< so many pushes of this era are busy at most
        std::size_t successes = 0;          ///< since the window has grown

        bool is_away = false;
        UnixMs since_ms = 0;
        unsigned failed_probes = 0;
        UnixMs next_probe_ms = 0;
        UnixMs quiet_until_ms = 0;       ///< what Retry-After asked for
        bool has_only_suspects = false;  ///< the store had nothing else for a probe

        std::unordered_map<std::int64_t, Suspect> suspects;  ///< by alert_id
        /// When suspects are held no longer: the next first.
        std::priority_queue<UnixMs, std::vector<UnixMs>, std::greater<>> held_until_ms;
    };

    /// A wait with full jitter, after so many doublings.
    UnixMs draw_wait_ms(unsigned doublings) noexcept;

    Target& target_of(std::int64_t target_id) noexcept;
    [[nodiscard]] const Target* find(std::int64_t target_id) const noexcept;

    /// How many more may be busy.
    static std::size_t slots(const Target& target) noexcept;
    /// How many may leave now.
    static std::size_t room(const Target& target, UnixMs now_ms) noexcept;
    static std::size_t ask(Target& target, UnixMs now_ms) noexcept;
    static std::vector<std::int64_t> busy_of(const Target& target) noexcept;
    static std::vector<std::int64_t> except(const Target& target, UnixMs now_ms) noexcept;
    static UnixMs next_look_ms(const Target& target, UnixMs now_ms) noexcept;
    void forget_idle(UnixMs now_ms) noexcept;

    TargetChange succeed(Target& target, const Push& push, UnixMs now_ms) noexcept;
    void come_back(Target& target, UnixMs now_ms) noexcept;
    Ended fail(Target& target, const Push& push, UnixMs retry_after_ms, UnixMs now_ms) noexcept;
    static Suspect& suspect_of(Target& target, std::int64_t alert_id, UnixMs now_ms) noexcept;
    void hold(Target& target, Suspect& suspect, UnixMs now_ms) noexcept;

    Rate rate_;
    std::uint64_t random_;
    std::map<std::int64_t, Target> targets_;
    std::int64_t first_asked_ = 0;  ///< the target that was first when last some were asked for
};

}  // namespace flashduty
