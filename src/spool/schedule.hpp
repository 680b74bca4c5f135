// Schedule of pushes for each target: order of tries, back-off and budget. Knows no clock, no store
// and no network.
//
// A key is untried until its first event was tried, then held until that event is delivered or
// dead: see Search. While a target is well, untried keys leave as its window and its budget allow,
// and held keys are tried now and then, all together with one push in ten. While it is away only
// probes leave. A held key that fails again says nothing about its target once another key was
// delivered since: so an event that Flashduty cannot digest takes no target away twice.
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

/// Most pushes of untried keys under way to one target, including those whose end is not written
/// down yet.
inline constexpr std::size_t kMaxWindow = 64;

/// Most pushes under way of each other kind: probes, held keys, refused ones.
inline constexpr std::size_t kMaxOpen = 8;

inline constexpr std::size_t kMaxInFlight = kMaxWindow + 3 * kMaxOpen;

/// A time that never comes.
inline constexpr UnixMs kNever = std::numeric_limits<UnixMs>::max();

/// A search for the store to make.
struct Ask {
    /// Purpose of the search.
    enum class Kind : std::uint8_t {
        kPlain,    ///< untried keys of a target that is well
        kArrival,  ///< a probe, because something has arrived
        kProbe,    ///< a probe whose turn it is
        kHeld,     ///< keys that were not taken, of a target that is well
        kRetry,    ///< refused keys, beside a yes
        kNext,     ///< the event behind one that was refused again
    };

    Kind kind = Kind::kPlain;
    Search search;
};

/// End of a push.
struct PushEnded {
    Fate fate = Fate::kWaits;
    Place place = 0;
    UnixMs retry_after_ms = 0;     ///< wait that the answer asked for; 0: none
    bool is_too_frequent = false;  ///< the answer says that there are too many
};

/// A target that went away or came back.
struct TargetChange {
    enum class Kind { kNone, kAway, kBack };

    Kind kind = Kind::kNone;
    UnixMs since_ms = 0;  ///< with kBack: when it went away
};

/// A target as the status shows it.
struct TargetState {
    std::int64_t target_id = 0;
    bool is_away = false;
    UnixMs since_ms = 0;       ///< when it went away or came back; 0: it was never away
    UnixMs next_probe_ms = 0;  ///< 0 when it is not away
    std::size_t in_flight = 0;
    std::size_t refused = 0;  ///< events that wait because nothing was delivered there to compare
    UnixMs refused_ms = 0;    ///< since when events wait so
};

/// Used by one deliverer. All times are of one clock, which never goes back.
class Schedule {
  public:
    /// `seed` feeds the jitter.
    Schedule(Rate rate, std::uint64_t seed) noexcept;

    // ---------------------------------------------------------------- what is known

    /// Notes that something new may wait for this target.
    void wake(std::int64_t target_id) noexcept;

    /// Notes that an event has come in whose key is untried.
    void arrived(std::int64_t target_id, UnixMs now_ms) noexcept;

    /// Tries a target for an operator: its events may leave now, whatever they waited for.
    void probe_now(std::int64_t target_id, UnixMs now_ms) noexcept;

    /// False when arrivals for this target wait for certain: it is away and cannot be probed within
    /// a second, or its budget is spent.
    [[nodiscard]] bool may_leave(std::int64_t target_id, UnixMs now_ms) const noexcept;

    /// Counts pushes that another process has sent to a target, oldest first.
    void spent(std::int64_t target_id, std::size_t count, UnixMs left_ms) noexcept;
    /// Counts so many for each target that is not known yet.
    void spent_anywhere(std::size_t count, UnixMs left_ms) noexcept;

    /// Changes the rate of all targets. What has left counts.
    void set_rate(Rate rate) noexcept;

    /// Notes a delivery there that was no event of the store: a test.
    void hear_yes(std::int64_t target_id, Place place, UnixMs now_ms) noexcept;

    /// Forgets events that wait no more, without a push.
    void forget(const std::vector<std::int64_t>& event_ids) noexcept;

    /// All known targets, in the order of their ids.
    [[nodiscard]] std::vector<TargetState> targets() const noexcept;

    // ---------------------------------------------------------------- asking the store

    /// Searches for the store to make now. None for a target that has nothing, may get nothing now,
    /// or whose last ask is not answered() yet.
    [[nodiscard]] std::vector<Ask> asks(UnixMs now_ms) noexcept;

    /// Takes `found` events of an ask. Returns how many of them, from the first, the caller must
    /// report as started() now: all, unless the target has changed meanwhile; the others will be
    /// asked for again. Fewer found than asked for: nothing else is due there before wake() or
    /// settled(), or before next_look_ms().
    [[nodiscard]] std::size_t answered(const Ask& ask, std::size_t found, const Held& held,
                                       UnixMs now_ms) noexcept;

    /// The store could not be asked: the search is repeated a moment later.
    void not_answered(const Ask& ask) noexcept;

    /// Fewer were started() than answered() has returned: the rest will be asked for again.
    void not_started(const Ask& ask) noexcept;

    // ---------------------------------------------------------------- pushes

    /// An event of an ask leaves now.
    void started(Ask::Kind kind, const DueEvent& event, UnixMs now_ms) noexcept;

    /// Outcome of a push: what to write down, and whether the target has changed.
    struct Ended {
        Fate fate = Fate::kWaits;  ///< kRefused: finally
        UnixMs due_ms = 0;         ///< for Settlement::due_ms
        bool is_compared = true;   ///< false: refused, with nothing delivered to compare
        TargetChange change;
    };
    [[nodiscard]] Ended ended(std::int64_t target_id, std::int64_t alert_id, const PushEnded& end,
                              UnixMs now_ms) noexcept;

    /// The outcome is written down: the key's next event may leave.
    void settled(std::int64_t target_id, std::int64_t alert_id) noexcept;

    /// Busy keys: started and not settled.
    [[nodiscard]] std::vector<std::int64_t> busy(std::int64_t target_id) const noexcept;
    [[nodiscard]] std::size_t busy_count() const noexcept;

    // ---------------------------------------------------------------- time

    /// Time to call asks() again if nothing else happens before; kNever when nothing waits.
    [[nodiscard]] UnixMs next_look_ms(UnixMs now_ms) const noexcept;

    /// Number of the target's events that are refused with nothing delivered to compare.
    [[nodiscard]] std::size_t refused(std::int64_t target_id) const noexcept;

    /// Time of the next probe of a target that is away; 0 when it is not away.
    [[nodiscard]] UnixMs next_probe_ms(std::int64_t target_id) const noexcept;

  private:
    /// Window of a target that is new or just back.
    static constexpr std::size_t kFirstWindow = 8;

    /// A busy key.
    struct Push {
        Ask::Kind kind;
        std::int64_t alert_id;
        std::int64_t event_id;
        UnixMs started_ms;
        UnixMs tried_ms;  ///< last try of its key before this; 0: untried
        std::uint32_t attempts;
        bool is_refused;    ///< was refused before
        std::uint64_t era;  ///< era of its target at the start
        bool has_ended;
        UnixMs due_ms;  ///< set once it has ended: see Ended
    };

    /// An event that was refused once more: the event behind it follows.
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
        UnixMs asked_ms = 0;      ///< last time
        UnixMs ask_again_ms = 0;  ///< not before this, after the store could not be asked
        UnixMs pushed_ms = 0;     ///< when something has left last

        std::size_t arrivals = 0;  ///< events that may be probes
        UnixMs arrived_ms = 0;     ///< last of them

        std::uint64_t era = 0;              ///< a new era begins when the target comes back
        std::size_t window = kFirstWindow;  ///< most plain pushes of this era that may be busy
        std::size_t successes = 0;          ///< since the window last grew
        UnixMs yes_ms = 0;                  ///< last delivery
        UnixMs yes_started_ms = 0;          ///< latest start of a push that was delivered
        std::size_t failures = 0;           ///< of keys that are not ill, since then

        /// Keys that each took it away for a moment, with others delivered since, but not they.
        std::vector<std::int64_t> suspects;
        UnixMs suspected_ms = 0;  ///< when others were last delivered in spite of a failure
        std::int64_t opener = 0;  ///< key that took it away; 0: none did

        bool is_away = false;
        UnixMs since_ms = 0;
        unsigned probes = 0;     ///< since it went away
        unsigned doublings = 0;  ///< of the wait, one for each scheduled probe
        unsigned turn = 0;
        unsigned arrival_turn = 0;
        UnixMs probed_ms = 0;       ///< last probe
        UnixMs waited_from_ms = 0;  ///< start of the last scheduled probe
        UnixMs wait_ms = 0;         ///< wait from its end to the next one
        UnixMs next_probe_ms = 0;
        UnixMs quiet_until_ms = 0;    ///< end of the wait that Retry-After asked for
        UnixMs arrivals_wait_ms = 0;  ///< after too many pushes, arrivals wait until then

        UnixMs held_look_ms = 0;  ///< when a held key may be due
        UnixMs held_ms = 0;       ///< when a held key has left last
        std::size_t held_window = 1;
        int held_credit = 0;        ///< earned by other pushes; may be negative
        bool may_try_held = false;  ///< one may be tried, whatever the credit

        Refusals refusals;
        UnixMs refused_ms = 0;             ///< since when some events wait
        UnixMs idle_asked_ms = 0;          ///< last ask for one of them while nothing else left
        bool has_unknown_refused = false;  ///< some were refused before this process began
        std::uint64_t yes_count = 0;       ///< deliveries; compared with yes_looked
        std::uint64_t yes_looked = 0;
        std::optional<Behind> behind;
    };

    /// A search that may be asked for from a time on.
    struct Option {
        UnixMs ready_ms = kNever;
        Ask::Kind kind = Ask::Kind::kPlain;
        std::size_t most = 0;
    };

    /// Draws a wait with full jitter, after `doublings` scheduled probes.
    UnixMs draw_wait_ms(unsigned doublings, UnixMs away_ms) noexcept;
    UnixMs draw_between_ms(UnixMs least_ms, UnixMs most_ms) noexcept;

    Target& target_of(std::int64_t target_id) noexcept;
    [[nodiscard]] const Target* find(std::int64_t target_id) const noexcept;
    void forget_idle(UnixMs now_ms) noexcept;

    // Times from which each kind may be asked for.
    static std::size_t open(const Target& target, Ask::Kind kind, UnixMs since_ms) noexcept;
    static std::size_t slots(const Target& target, UnixMs now_ms) noexcept;
    static UnixMs overtaken_ms(const Target& target, UnixMs now_ms) noexcept;
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

    // Consequences of a push's end.
    static bool is_ill(const Target& target, UnixMs tried_ms) noexcept;
    static void hear_of_suspects(Target& target, const Push& push, UnixMs now_ms) noexcept;
    static bool is_believed(Target& target, UnixMs now_ms) noexcept;
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
    std::size_t spent_anywhere_ = 0;
    UnixMs spent_anywhere_ms_ = 0;
    std::int64_t first_asked_ = 0;  ///< first target of the last round of asks
};

}  // namespace flashduty
