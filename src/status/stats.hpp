// The figures of the gateway as all workers keep them, in memory that they share.
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

/// How a request was answered: README, "Answers".
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

/// The result of a push from the spool whose caller did not wait for it, by its Fate.
inline constexpr std::string_view kReplayNames[] = {"delivered", "retry", "dead"};
static_assert(std::size(kReplayNames) == kFates);

/// Why a push has no HTTP status to go by.
enum class PushFailure { kTimeout, kConnect, kUnreadable, kCount };
inline constexpr std::string_view kPushFailureNames[] = {"timeout", "connect", "unreadable"};
inline constexpr std::size_t kPushFailureKinds = kCountOf<PushFailure>;
static_assert(std::size(kPushFailureNames) == kPushFailureKinds);

inline constexpr unsigned kFirstHttpStatus = 100;
inline constexpr unsigned kLastHttpStatus = 599;
inline constexpr std::size_t kHttpStatuses = kLastHttpStatus - kFirstHttpStatus + 1;

/// A part of an event that Flashduty takes only so much of.
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

/// The shape of a Prometheus histogram, its buckets not added up.
template <class Word, std::size_t Bounds>
struct Histogram {
    Word sum_ms;
    Word buckets[Bounds + 1];  ///< the last: more than any bound
};

// ---------------------------------------------------------------- parts of the figures

/// Pushes of one minute by how long they took: see minute_bucket().
inline constexpr std::size_t kMinuteBuckets = 34;

/// Each count carries in its upper half the minute that it is of, so that nobody has to clean up.
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

/// Who can do something about a target that is away.
enum class Blame : std::uint64_t {
    kNobody,    ///< it passes
    kOperator,  ///< key, licence, URL, configuration
    kStray,  ///< an operator, too, but it concerns only what came before the configuration changed
};

/// So many refusals of different alert keys in a row say that the next event is refused, too.
inline constexpr std::size_t kRefusedKeys = 3;

/// A place that pushes go to.
template <class Word>
struct Target {
    Word seen_ms;  ///< when it was last heard of; 0: it is gone
    Word is_away;
    Word since_ms;       ///< when it went away or came back; 0: it was never away
    Word pushed_ms;      ///< when the last push there without a spool has ended; 0: there was none
    Word failed_ms;      ///< when a push there has failed without a spool; 0: one was taken since
    Word next_try_ms;    ///< of one that is away with a spool
    Word is_spooled_to;  ///< the deliverer tells what is known of it
    Word is_nowhere;     ///< it stands for events whose uri is empty, which no spool takes
    Word doubt;          ///< a PushDoubt: what makes one doubt the last delivery
    Word was_doubted;    ///< and one that was said of it
    Word refusals;       ///< in a row
    Word
        refused_keys[kRefusedKeys];  ///< stand for the alert keys of those, each different; 0: none
    Word refused_ms;        ///< when the last of so many different ones was refused; 0: not so many
    Word refused_since_ms;  ///< when they were so many
    Word blame;             ///< why it is away: a Blame
    Word held;              ///< so many alerts could not go there at once since it is away
    Word told;              ///< stands for the reason that the log has of it; 0: it has none
    Sealed<Word, kNameWords> name;
    Sealed<Word, kReasonWords> reason;  ///< why it is away, or refuses
};

/// So many have a place of their own; all others share one.
inline constexpr std::size_t kTargets = 1000;

/// What is known of a target without a spool is of so long ago at most.
inline constexpr std::uint64_t kPushCountsForMs = 120 * kSecondMs;

/// One of which nobody has heard for so long is not shown any more, and its place is free.
inline constexpr std::uint64_t kForgetTargetMs = kDayMs;

/// Without a spool a push that failed is held against its target for so long, and a spool that did
/// not take an event against that.
inline constexpr std::uint64_t kFailedForMs = 30 * kSecondMs;

/// Who cannot use the spool, as bits of SpoolFigures::trouble.
/// kStranger: nobody, but another nginx delivers from it that has other server blocks.
enum class SpoolUser : std::uint64_t { kAcceptor = 1, kDeliverer = 2, kStranger = 4 };

template <class Word>
struct SpoolFigures {
    Word waiting;
    Word dead;
    Word used_bytes;
    Word oldest_ms;  ///< when the first that waits was accepted; 0: none waits
    Word commits;
    Word tended_ms;  ///< when the deliverer has last shown that it is there
    Word trouble;
    Word trouble_since_ms;
    Word trouble_seen_ms;  ///< when somebody could not use it, the last time
    Sealed<Word, kBriefWords> trouble_brief;
    Sealed<Word, kReasonWords> trouble_reason;
    Sealed<Word, kReasonWords> last_error;  ///< of the last push that failed
};

inline constexpr std::size_t kAlerts = 100;
inline constexpr std::size_t kAlertWords = 120;
/// In place of the delay of an alert that was not delivered.
inline constexpr std::uint64_t kNoDelay = ~std::uint64_t{0};

/// So many rejected requests are remembered, of which address and reason differ.
inline constexpr std::size_t kRejected = 20;
inline constexpr std::size_t kRejectedWords = 40;

/// Requests of one address that were rejected for one reason.
template <class Word>
struct Rejected {
    Word key;  ///< stands for address and reason; 0: nobody has this place
    Word count;
    Word time_ms;  ///< of the last one
    Sealed<Word, kRejectedWords> texts;
};

// ---------------------------------------------------------------- the figures

/// Words of one size, and nothing but words: zeroed memory is one without figures.
template <class Word>
struct Figures {
    Word layout;  ///< see adopt()
    Word started_ms;

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
    Target<Word> other;  ///< of all targets without a place of their own: the last that failed
    Word other_key;      ///< stands for its name; 0: there was none

    Word alerts_begun;  ///< so many were written, or begun to be
    Sealed<Word, kAlertWords> alerts[kAlerts];
    Rejected<Word> rejected[kRejected];
};

using StatsWord = std::atomic<std::uint64_t>;

/// In the memory that workers share.
struct Stats : Figures<StatsWord> {
    /// What stands for the name of each target, by which it is found from that place on: the first
    /// 0 ends the search, and no place becomes 0 again.
    StatsWord target_keys[kTargets];
    Target<StatsWord> targets[kTargets];
};

/// A copy of the figures.
using Snapshot = Figures<std::uint64_t>;

static_assert(std::is_trivially_default_constructible_v<Stats>);
static_assert(std::is_standard_layout_v<Figures<StatsWord>> &&
              std::is_standard_layout_v<Target<StatsWord>>);
static_assert(StatsWord::is_always_lock_free && sizeof(Figures<StatsWord>) == sizeof(Snapshot) &&
              sizeof(Target<StatsWord>) == sizeof(Target<std::uint64_t>));

/// Makes zeroed memory fit for use, or that of the configuration before: what a module of another
/// layout has left there is forgotten.
void adopt(Stats& stats, StatusMs now_ms) noexcept;

/// Each word as it is when its turn comes.
void take_snapshot(const Stats& stats, Snapshot& snapshot) noexcept;
void take_snapshot(const Target<StatsWord>& target, Target<std::uint64_t>& copy) noexcept;

// ---------------------------------------------------------------- minutes

/// The count of `minute`, which counts from 1970, in what a counter of Minute holds.
[[nodiscard]] constexpr std::uint64_t count_of_minute(std::uint64_t counter,
                                                      std::uint64_t minute) noexcept {
    return counter >> 32 == minute ? counter & 0xFFFFFFFF : 0;
}

/// Each power of two in two halves: 0, 1, 2, 3, 4, 6, 8, 12, 16, ... ms and more.
[[nodiscard]] constexpr std::size_t minute_bucket(std::uint64_t duration_ms) noexcept {
    std::size_t log2 = 0;
    while (duration_ms >> log2 > 1) {
        log2++;
    }
    const std::size_t half = log2 == 0 ? duration_ms & 1 : duration_ms >> (log2 - 1) & 1;
    const std::size_t bucket = 2 * log2 + half;
    return bucket < kMinuteBuckets ? bucket : kMinuteBuckets - 1;
}

/// The least duration that is counted there.
[[nodiscard]] constexpr std::uint64_t least_ms_of_bucket(std::size_t bucket) noexcept {
    const std::size_t log2 = bucket / 2;
    return log2 == 0 ? bucket : (2 + bucket % 2) << (log2 - 1);
}

}  // namespace flashduty
