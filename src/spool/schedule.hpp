// What may leave for which target, and when: order of tries, back-off and budget. Knows no clock,
// no store and no network.
//
// A key is untried until its first event was tried, then held until that is delivered or dead: see
// Search. While a target is well, untried keys leave as its window and its budget let them, and
// what is held is tried now and then, all together with one push in ten. While it is away nothing
// leaves but probes. That a held key fails again says nothing about its target once another one was
// delivered since: so what Flashduty cannot digest takes no target away twice.
#pragma once

#include <cstddef>
#include <cstdint>
#include <limits>
#include <map>
#include <optional>
#include <vector>

#include "../core/fate.hpp"
#include "budget.hpp"
#include "event_store.hpp"
#include "refusals.hpp"

namespace flashduty {

/// So many pushes of untried keys are under way to one target at most, those included whose end is
/// not written down.
inline constexpr std::size_t kMaxWindow = 64;

/// And so many of each other kind: probes, keys that are held, refused ones.
inline constexpr std::size_t kMaxOpen = 8;

inline constexpr std::size_t kMaxInFlight = kMaxWindow + 3 * kMaxOpen;

/// A time that does not come.
inline constexpr UnixMs kNever = std::numeric_limits<UnixMs>::max();

/// What to ask the store for.
struct Ask {
    /// Why.
    enum class Kind : std::uint8_t {
        kPlain,    ///< untried keys of a target that is well
        kArrival,  ///< a probe, since something has arrived
        kProbe,    ///< a probe whose turn it is
        kHeld,     ///< keys that were not taken, of a target that is well
        kRetry,    ///< refused ones, beside a yes
        kNext,     ///< the event behind one that is refused again
    };

    Kind kind = Kind::kPlain;
    Search search;
};

/// How a push has ended.
struct PushEnded {
    Fate fate = Fate::kWaits;
    Place place = 0;
    UnixMs retry_after_ms = 0;     ///< what the answer asked for; 0: nothing
    bool is_too_frequent = false;  ///< it says that there are too many
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
    std::size_t refused = 0;  ///< events that wait, with nothing delivered there to compare
    UnixMs refused_ms = 0;    ///< since when
};

/// Used by one deliverer. All times are of one clock, which does not go back.
class Schedule {
  public:
    /// `seed` is what the jitter is drawn from.
    Schedule(Rate rate, std::uint64_t seed) noexcept;

    // ---------------------------------------------------------------- what is known

    /// Something new may wait for that target.
    void wake(std::int64_t target_id) noexcept;

    /// An event of a key has come in that nothing was tried of.
    void arrived(std::int64_t target_id, UnixMs now_ms) noexcept;

    /// False when what has arrived for that target waits for certain: it is away and cannot be
    /// probed within a second, or its budget is spent.
    [[nodiscard]] bool may_leave(std::int64_t target_id, UnixMs now_ms) const noexcept;

    /// Something that was not in the store was delivered there, a test.
    void hear_yes(std::int64_t target_id, Place place, UnixMs now_ms) noexcept;

    /// These events wait no more, without a push.
    void forget(const std::vector<std::int64_t>& event_ids) noexcept;

    /// All targets that are known, in the order of their ids.
    [[nodiscard]] std::vector<TargetState> targets() const noexcept;

    // ---------------------------------------------------------------- asking the store

    /// What to ask the store for now; nothing for a target that has nothing, may get nothing now,
    /// or for which the last ask is not answered() yet.
    [[nodiscard]] std::vector<Ask> asks(UnixMs now_ms) noexcept;

    /// The store had `found` events for an ask. Gives how many of them, from the first, are to be
    /// started() now: all, unless the target has changed meanwhile; the others will be asked for
    /// again. Fewer than were asked for: nothing else is due there before wake() or settled(), or
    /// before next_look_ms() says so.
    [[nodiscard]] std::size_t answered(const Ask& ask, std::size_t found, const Held& held,
                                       UnixMs now_ms) noexcept;

    /// The store could not be asked: the same will be asked for again, a moment later.
    void not_answered(const Ask& ask) noexcept;

    /// Not all that were to be started() were: they will be asked for again.
    void not_started(const Ask& ask) noexcept;

    // ---------------------------------------------------------------- pushes

    /// An event that was asked for leaves now.
    void started(Ask::Kind kind, const DueEvent& event, UnixMs now_ms) noexcept;

    /// Its push has ended. Gives what is to be written down of it, and whether the target has
    /// changed by that.
    struct Ended {
        Fate fate = Fate::kWaits;  ///< kRefused: for good
        UnixMs due_ms = 0;         ///< for Settlement::due_ms
        bool is_compared = true;   ///< false: refused, with nothing delivered to compare
        TargetChange change;
    };
    [[nodiscard]] Ended ended(std::int64_t target_id, std::int64_t alert_id, const PushEnded& end,
                              UnixMs now_ms) noexcept;

    /// That is written down: the key's next event may leave.
    void settled(std::int64_t target_id, std::int64_t alert_id) noexcept;

    /// The keys that are busy: started and not settled.
    [[nodiscard]] std::vector<std::int64_t> busy(std::int64_t target_id) const noexcept;
    [[nodiscard]] std::size_t busy_count() const noexcept;

    // ---------------------------------------------------------------- time

    /// When to call asks() again if nothing else happens before; kNever when nothing waits.
    [[nodiscard]] UnixMs next_look_ms(UnixMs now_ms) const noexcept;

    /// How many of a target's events are refused with nothing delivered to compare.
    [[nodiscard]] std::size_t refused(std::int64_t target_id) const noexcept;

    /// When the next probe of a target that is away will be; 0 when it is not away.
    [[nodiscard]] UnixMs next_probe_ms(std::int64_t target_id) const noexcept;

  private:
    /// To a target of which nothing is known yet, or that is just back.
    static constexpr std::size_t kFirstWindow = 8;

    /// A key that is busy.
    struct Push {
        Ask::Kind kind;
        std::int64_t alert_id;
        std::int64_t event_id;
        UnixMs started_ms;
        UnixMs tried_ms;  ///< of its key, before this; 0: untried
        std::uint32_t attempts;
        bool is_refused;    ///< before
        std::uint64_t era;  ///< of its target, when it started
        bool has_ended;
        UnixMs due_ms;  ///< once it has ended: see Ended
    };

    /// An event that was refused once more: the one behind it follows.
    struct Behind {
        std::int64_t alert_id;
        std::int64_t event_id;
        bool is_settled;
    };

    struct Target {
        explicit Target(Rate rate) noexcept : budget(rate) {}

        Budget budget;
        std::vector<Push> pushes;

        bool is_wanted = false;  ///< the store may have untried keys that it was not asked for
        bool is_asked = false;
        UnixMs asked_ms = 0;      ///< when last
        UnixMs ask_again_ms = 0;  ///< not before, after the store could not be asked
        UnixMs pushed_ms = 0;     ///< when last something has left

        std::size_t arrivals = 0;  ///< that may be probes
        UnixMs arrived_ms = 0;     ///< the last of them

        std::uint64_t era = 0;              ///< a new one begins when it comes back
        std::size_t window = kFirstWindow;  ///< so many plain pushes of this era are busy at most
        std::size_t successes = 0;          ///< since the window has grown
        UnixMs yes_ms = 0;                  ///< when last something was delivered
        UnixMs yes_started_ms = 0;          ///< when the latest start of what was

        bool is_away = false;
        UnixMs since_ms = 0;
        unsigned probes = 0;     ///< since it is away
        unsigned doublings = 0;  ///< of the wait, one with each probe whose turn it was
        unsigned turn = 0;
        unsigned arrival_turn = 0;
        UnixMs probed_ms = 0;       ///< when last
        UnixMs waited_from_ms = 0;  ///< when the last one left whose turn it was
        UnixMs wait_ms = 0;         ///< from its end to the next
        UnixMs next_probe_ms = 0;
        UnixMs quiet_until_ms = 0;    ///< what Retry-After asked for
        UnixMs arrivals_wait_ms = 0;  ///< until then, after too many pushes

        UnixMs held_look_ms = 0;  ///< when something that is held may be due
        UnixMs held_ms = 0;       ///< when last one left
        std::size_t held_window = 1;
        int held_credit = 0;        ///< earned by other pushes, may be owed
        bool may_try_held = false;  ///< one, whatever the credit

        Refusals refusals;
        UnixMs refused_ms = 0;             ///< since when some wait
        UnixMs idle_asked_ms = 0;          ///< for one of them, when nothing else leaves
        bool has_unknown_refused = false;  ///< of before this process
        std::uint64_t yes_count = 0;       ///< tells whether those were looked for since the last
        std::uint64_t yes_looked = 0;
        std::optional<Behind> behind;
    };

    /// Something that may be asked for from a time on.
    struct Option {
        UnixMs ready_ms = kNever;
        Ask::Kind kind = Ask::Kind::kPlain;
        std::size_t most = 0;
    };

    /// With full jitter, after so many probes.
    UnixMs draw_wait_ms(unsigned doublings, UnixMs away_ms) noexcept;
    UnixMs draw_between_ms(UnixMs least_ms, UnixMs most_ms) noexcept;

    Target& target_of(std::int64_t target_id) noexcept;
    [[nodiscard]] const Target* find(std::int64_t target_id) const noexcept;
    void forget_idle(UnixMs now_ms) noexcept;

    // When what may be asked for.
    static std::size_t open(const Target& target, Ask::Kind kind, UnixMs since_ms) noexcept;
    static std::size_t slots(const Target& target) noexcept;
    static UnixMs stalled_ms(const Target& target) noexcept;
    static UnixMs probe_gate_ms(const Target& target) noexcept;
    static UnixMs arrival_ms(const Target& target, UnixMs now_ms) noexcept;
    static UnixMs held_turn_ms(const Target& target) noexcept;
    static std::size_t held_more(const Target& target) noexcept;
    static UnixMs refused_probe_ms(const Target& target) noexcept;
    static std::size_t room(const Target& target, Ask::Kind kind, UnixMs now_ms) noexcept;
    static std::vector<Option> options(const Target& target, UnixMs now_ms) noexcept;
    static std::optional<Ask> choose(Target& target, std::int64_t target_id,
                                     UnixMs now_ms) noexcept;
    static void fill(Ask& ask, Target& target, UnixMs now_ms) noexcept;
    static std::vector<std::int64_t> busy_of(const Target& target) noexcept;
    static UnixMs next_look_ms(const Target& target, UnixMs now_ms) noexcept;

    // What an end comes to.
    static bool is_ill(const Target& target, UnixMs tried_ms) noexcept;
    TargetChange succeed(Target& target, const Push& push, UnixMs now_ms) noexcept;
    static void come_back(Target& target, UnixMs now_ms) noexcept;
    Ended fail(Target& target, const Push& push, const PushEnded& end, UnixMs now_ms) noexcept;
    Ended refuse(Target& target, const Push& push, UnixMs now_ms) noexcept;
    TargetChange go_away(Target& target, UnixMs now_ms) noexcept;
    static void set_next_probe(Target& target, UnixMs at_ms) noexcept;
    static void end_probe(Target& target, const Push& push, UnixMs now_ms) noexcept;
    UnixMs hold(Target& target, const Push& push, bool is_ill, UnixMs now_ms) noexcept;

    Rate rate_;
    std::uint64_t random_;
    std::map<std::int64_t, Target> targets_;
    std::int64_t first_asked_ = 0;  ///< the target that was first when last some were asked for
};

}  // namespace flashduty
