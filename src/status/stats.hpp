// Counters and records of the gateway in memory that all workers share.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <string_view>
#include <type_traits>

#include "../core/enum_table.hpp"
#include "../core/fate.hpp"
#include "sealed.hpp"

namespace flashduty {

/// Milliseconds since 1970.
using StatusMs = std::uint64_t;

// ---------------------------------------------------------------- what is told apart

/// Answer to a request: README, "Answers".
enum class AnsweredAs {
    kDelivered,
    kSpooled,
    kTest,
    kPreview,
    kRefused,
    kFailed,
    kRejected,
    kCount
};
inline constexpr std::string_view kAnsweredNames[] = {"delivered", "spooled", "test",    "preview",
                                                      "refused",   "failed",  "rejected"};
inline constexpr std::size_t kAnsweredKinds = kCountOf<AnsweredAs>;
static_assert(std::size(kAnsweredNames) == kAnsweredKinds);

/// Result of a push from the spool whose caller did not wait for it, by its Fate.
inline constexpr std::string_view kReplayNames[] = {"delivered", "retry", "dead"};
static_assert(std::size(kReplayNames) == kFates);

/// Cause of a push without an HTTP status.
enum class PushFailure { kTimeout, kConnect, kUnreadable, kCount };
inline constexpr std::string_view kPushFailureNames[] = {"timeout", "connect", "unreadable"};
inline constexpr std::size_t kPushFailureKinds = kCountOf<PushFailure>;
static_assert(std::size(kPushFailureNames) == kPushFailureKinds);

inline constexpr unsigned kFirstHttpStatus = 100;
inline constexpr unsigned kLastHttpStatus = 599;
inline constexpr std::size_t kHttpStatuses = kLastHttpStatus - kFirstHttpStatus + 1;

/// Part of an event whose length Flashduty limits.
enum class CutField { kTitle, kDescription, kAlertKey, kLabels, kCount };
inline constexpr std::string_view kCutFieldNames[] = {"title_rule", "description", "alert_key",
                                                      "labels"};
inline constexpr std::size_t kCutFields = kCountOf<CutField>;
static_assert(std::size(kCutFieldNames) == kCutFields);

// ---------------------------------------------------------------- histograms

inline constexpr std::uint64_t kSecondMs = 1000;
inline constexpr std::uint64_t kMinuteMs = 60 * kSecondMs;
inline constexpr std::uint64_t kHourMs = 60 * kMinuteMs;
inline constexpr std::uint64_t kDayMs = 24 * kHourMs;

inline constexpr std::uint64_t kPushBoundsMs[] = {5,   10,   25,   50,   100,  250,
                                                  500, 1000, 2500, 5000, 10000};
inline constexpr std::uint64_t kDelayBoundsMs[] = {
    10,      25,          50,          100,          250,       500,           1000,
    2500,    5000,        10000,       30000,        kMinuteMs, 5 * kMinuteMs, 15 * kMinuteMs,
    kHourMs, 3 * kHourMs, 6 * kHourMs, 12 * kHourMs, kDayMs};

/// Prometheus histogram; buckets are not cumulative.
template <class Word, std::size_t Bounds>
struct Histogram {
    Word sum_ms;
    Word buckets[Bounds + 1];  ///< last one: above all bounds
};

// ---------------------------------------------------------------- parts of the figures

/// Pushes of one minute by duration: see minute_bucket().
inline constexpr std::size_t kMinuteBuckets = 34;

/// Upper 32 bits: minute; lower 32: count. An old minute needs no cleaning up.
template <class Word>
struct Minute {
    Word answers[kAnsweredKinds];
    Word pushes[kMinuteBuckets];
    Word replayed;  ///< delivered from the spool, their callers answered before
};

inline constexpr std::size_t kMinutes = 60;

inline constexpr std::size_t kTargetNameBytes = 192;
inline constexpr std::size_t kReasonBytes = 320;
inline constexpr std::size_t kBriefBytes = 80;

inline constexpr std::size_t kNameWords = 1 + kTargetNameBytes / sizeof(std::uint64_t);
inline constexpr std::size_t kReasonWords = 1 + kReasonBytes / sizeof(std::uint64_t);
inline constexpr std::size_t kBriefWords = 1 + kBriefBytes / sizeof(std::uint64_t);

/// Person who can fix a target that is away.
enum class Blame : std::uint64_t {
    kNobody,    ///< nobody: it passes
    kOperator,  ///< key, licence, URL, configuration
    kStray,     ///< operator; concerns only events from before the configuration changed
};

/// Refusals of different alert keys in a row after which the next event is expected to be refused,
/// too.
inline constexpr std::size_t kRefusedKeys = 3;

/// A target of pushes.
template <class Word>
struct Target {
    Word seen_ms;  ///< last sign of it; 0: it is gone
    Word is_away;
    Word since_ms;       ///< when it went away or came back; 0: it was never away
    Word pushed_ms;      ///< end of the last push without a spool; 0: there was none
    Word failed_ms;      ///< last failure without a spool; 0: one was taken since
    Word next_try_ms;    ///< while it is away, with a spool
    Word is_spooled_to;  ///< the deliverer publishes its state
    Word is_tried;       ///< the deliverer calls it away, and tries it again
    Word is_nowhere;     ///< stands for events whose uri is empty, which no spool takes
    Word doubt;          ///< PushDoubt about the last delivery
    Word was_doubted;    ///< a doubt was logged already
    Word refusals;       ///< in a row
    Word refused_keys[kRefusedKeys];  ///< hashes of their alert keys, each different; 0: none
    Word refused_ms;        ///< last refusal of kRefusedKeys different ones; 0: not so many
    Word refused_since_ms;  ///< when that number was reached
    Word blame;             ///< Blame for its being away
    Word held;              ///< alerts that could not go there at once since it is away
    Word told;              ///< hash of the reason in the log; 0: none was logged
    Sealed<Word, kNameWords> name;
    Sealed<Word, kReasonWords> reason;  ///< why it is away, or refuses
};

/// Targets with a place of their own; all others share one.
inline constexpr std::size_t kTargets = 1000;

/// Age at which the result of a push without a spool counts no more.
inline constexpr std::uint64_t kPushCountsForMs = 120 * kSecondMs;

/// Silence after which a target is no longer shown and its place is free.
inline constexpr std::uint64_t kForgetTargetMs = kDayMs;

/// Time for which a failed push without a spool counts against its target. After that nobody knows,
/// until another one ends.
inline constexpr std::uint64_t kFailedForMs = 30 * kSecondMs;

/// Users who cannot use the spool, as bits of SpoolFigures::trouble.
/// kStranger: nobody, but another nginx delivers from it that has other server blocks.
enum class SpoolUser : std::uint64_t { kAcceptor = 1, kDeliverer = 2, kStranger = 4 };

template <class Word>
struct SpoolFigures {
    Word waiting;
    Word dead;
    Word used_bytes;
    Word oldest_ms;  ///< arrival of the oldest waiting event; 0: none waits
    Word commits;
    Word tended_ms;  ///< last sign of the deliverer
    Word place;      ///< stands for its path
    Word trouble;
    Word trouble_since_ms;
    Word trouble_seen_ms;  ///< last time somebody could not use it
    Sealed<Word, kBriefWords> trouble_brief;
    Sealed<Word, kReasonWords> trouble_reason;
    Word last_error_ms;
    Sealed<Word, kReasonWords> last_error;  ///< of the last push that failed
};

// ---------------------------------------------------------------- the fleet

/// State of an edge: with the fleet, or what becomes of the events in its own spool meanwhile.
/// kUnseen: the database has not heard of it lately.
enum class EdgeState : std::uint64_t { kFleet, kHolding, kAlone, kDraining, kUnseen, kCount };
inline constexpr std::string_view kEdgeStateNames[] = {"fleet", "holding", "alone", "draining",
                                                       "unseen"};
inline constexpr std::size_t kEdgeStates = kCountOf<EdgeState>;
static_assert(std::size(kEdgeStateNames) == kEdgeStates);

/// Result for an event that reached the database behind a newer one of its key.
enum class LateResult {
    kPushed,      ///< was pushed nevertheless
    kSuperseded,  ///< became a dead letter: its alert was over
    kRepaired,    ///< was pushed alone; the end of its alert was sent once more
    kCount
};
inline constexpr std::string_view kLateNames[] = {"pushed", "superseded", "repaired"};
inline constexpr std::size_t kLateResults = kCountOf<LateResult>;
static_assert(std::size(kLateNames) == kLateResults);

inline constexpr std::uint64_t kAppendBoundsMs[] = {1, 2, 5, 10, 25, 50, 100, 250, 500, 1000};

/// Minutes whose appends are shown as one percentile.
inline constexpr std::size_t kAppendMinutes = 5;

/// Edges that are shown one by one.
inline constexpr std::size_t kEdges = 32;
inline constexpr std::size_t kEdgeWords = 80;

template <class Word>
struct FleetFigures {
    Word seen_ms;      ///< last word of this edge's agent; 0: there was none
    Word is_up;        ///< the database does what it is asked for
    Word up_since_ms;  ///< when that began or ended
    Word state;        ///< EdgeState of this edge
    Word state_since_ms;
    Word departures;  ///< times that this edge has left the fleet
    Word is_leader;
    Word term;
    Word local_events;     ///< in this edge's own spool
    Word clock_offset_ms;  ///< by which the database's clock is ahead, signed
    Word is_synchronous;   ///< a commit waits for a standby
    Word standbys;         ///< connected ones, and one more; 0: not known
    Word dead_rows;        ///< that wait for a vacuum
    Word config_differs;   ///< from that of another edge
    Word is_troubled;      ///< an operator has to do something: see `trouble`
    Word unknown;          ///< batches of which nobody could say whether they were safe
    Word late[kLateResults];
    Word edge_count[kEdgeStates];
    Histogram<Word, std::size(kAppendBoundsMs)> append;
    Word appends[kAppendMinutes][kMinuteBuckets];  ///< as Minute::pushes
    Sealed<Word, kBriefWords> name;
    Sealed<Word, kBriefWords> server;
    Sealed<Word, kReasonWords> reason;  ///< why the database is not up
    Sealed<Word, kReasonWords> trouble;
    Sealed<Word, kEdgeWords> edges[kEdges];
};

// ---------------------------------------------------------------- the last alerts

inline constexpr std::size_t kAlerts = 100;
inline constexpr std::size_t kAlertWords = 120;
/// Stands for the delay of an alert that was not delivered.
inline constexpr std::uint64_t kNoDelay = ~std::uint64_t{0};

/// Rejected requests that are remembered, each with another address or reason.
inline constexpr std::size_t kRejected = 20;
inline constexpr std::size_t kRejectedWords = 40;

/// Requests of one address that were rejected for one reason.
template <class Word>
struct Rejected {
    Word key;  ///< hash of address and reason; 0: the place is free
    Word count;
    Word time_ms;  ///< of the last request
    Sealed<Word, kRejectedWords> texts;
};

// ---------------------------------------------------------------- the figures

/// Nothing but words of one size: zeroed memory is an empty set.
template <class Word>
struct Figures {
    Word layout;  ///< see adopt()
    Word started_ms;
    Word configured_ms;     ///< when the configuration in use was loaded
    Word tested_ms;         ///< last push of an operator's test
    Word told_rejected_ms;  ///< last warning that requests are rejected

    Word received;
    Word answers[kAnsweredKinds];
    Word replays[kFates];
    Word push_statuses[kHttpStatuses];
    Word push_failures[kPushFailureKinds];
    Histogram<Word, std::size(kPushBoundsMs)> push_duration;
    Histogram<Word, std::size(kDelayBoundsMs)> delivery_delay;
    Word cut[kCutFields];
    Word dropped_labels;
    Word last_delivery_ms;

    Minute<Word> minutes[kMinutes];
    SpoolFigures<Word> spool;
    FleetFigures<Word> fleet;
    Target<Word> other;  ///< shared by all targets without a place: the last one that failed
    Word other_key;      ///< target_key() of that one; 0: there was none

    Word alerts_begun;  ///< alerts written, or begun to be
    Sealed<Word, kAlertWords> alerts[kAlerts];
    Rejected<Word> rejected[kRejected];
};

using StatsWord = std::atomic<std::uint64_t>;

/// Counters in the memory that workers share.
struct Stats : Figures<StatsWord> {
    /// target_key() of each target. A search starts at the key's place and ends at the first 0; no
    /// place becomes 0 again.
    StatsWord target_keys[kTargets];
    Target<StatsWord> targets[kTargets];
};

/// A copy of the counters.
using Snapshot = Figures<std::uint64_t>;

static_assert(std::is_trivially_default_constructible_v<Stats>);
static_assert(std::is_standard_layout_v<Figures<StatsWord>> &&
              std::is_standard_layout_v<Target<StatsWord>>);
static_assert(StatsWord::is_always_lock_free && sizeof(Figures<StatsWord>) == sizeof(Snapshot) &&
              sizeof(Target<StatsWord>) == sizeof(Target<std::uint64_t>));

/// Initializes zeroed memory, or takes over the memory of the previous configuration. Contents from
/// a module with another layout are cleared.
void adopt(Stats& stats, StatusMs now_ms) noexcept;

/// Copies word by word: not a snapshot of one moment.
void take_snapshot(const Stats& stats, Snapshot& snapshot) noexcept;
void take_snapshot(const Target<StatsWord>& target, Target<std::uint64_t>& copy) noexcept;

// ---------------------------------------------------------------- minutes

/// Count of `minute` (since 1970) in a counter of Minute; 0 if the counter is of another minute.
[[nodiscard]] constexpr std::uint64_t count_of_minute(std::uint64_t counter,
                                                      std::uint64_t minute) noexcept {
    return counter >> 32 == minute ? counter & 0xFFFFFFFF : 0;
}

/// Two buckets for each power of two: 0, 1, 2, 3, 4, 6, 8, 12, 16, ... ms and more.
[[nodiscard]] constexpr std::size_t minute_bucket(std::uint64_t duration_ms) noexcept {
    std::size_t log2 = 0;
    while (duration_ms >> log2 > 1) {
        log2++;
    }
    const std::size_t half = log2 == 0 ? duration_ms & 1 : duration_ms >> (log2 - 1) & 1;
    const std::size_t bucket = 2 * log2 + half;
    return bucket < kMinuteBuckets ? bucket : kMinuteBuckets - 1;
}

/// Shortest duration in the bucket.
[[nodiscard]] constexpr std::uint64_t least_ms_of_bucket(std::size_t bucket) noexcept {
    const std::size_t log2 = bucket / 2;
    return log2 == 0 ? bucket : (2 + bucket % 2) << (log2 - 1);
}

}  // namespace flashduty
