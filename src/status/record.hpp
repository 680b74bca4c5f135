// Recording by the workers. No call waits or fails. All texts are valid UTF-8.
#pragma once

#include <string_view>

#include "../core/push_doubt.hpp"
#include "stats.hpp"

namespace flashduty {

// ---------------------------------------------------------------- requests

inline void count_received(Stats& stats) noexcept {
    stats.received.fetch_add(1, std::memory_order_relaxed);
}

void count_answer(Stats& stats, AnsweredAs answer, StatusMs now_ms) noexcept;

void count_cut(Stats& stats, CutField field) noexcept;
void count_dropped_labels(Stats& stats, std::size_t count) noexcept;

/// An alert and its result.
struct AlertFact {
    StatusMs time_ms = 0;
    AnsweredAs outcome = AnsweredAs::kFailed;
    bool has_delay = false;
    std::uint64_t delay_ms = 0;  ///< from arrival to Flashduty's yes
    std::string_view biz_id;
    std::string_view biz_name;
    std::string_view title;
    std::string_view status;
    std::string_view code;
    std::string_view request_id;
    std::string_view reason;  ///< unless delivered
};

void record_alert(Stats& stats, const AlertFact& alert) noexcept;

/// Counts a rejected request from `address`.
void record_rejected(Stats& stats, std::string_view address, std::string_view reason,
                     StatusMs now_ms) noexcept;

// ---------------------------------------------------------------- pushes

/// End of a push.
struct PushFact {
    unsigned http_status = 0;  ///< 0: no usable status came
    PushFailure failure = PushFailure::kUnreadable;
    std::uint64_t duration_ms = 0;
};

void count_push(Stats& stats, const PushFact& push, StatusMs now_ms) noexcept;

void count_delivery(Stats& stats, std::uint64_t delay_ms, StatusMs now_ms) noexcept;

void count_replay(Stats& stats, Fate fate, StatusMs now_ms) noexcept;

/// Target of a push: a server block and a uri in it without its arguments.
struct TargetName {
    std::string_view server;
    std::string_view location;
};

/// Key that stands for the name, the same in all workers.
[[nodiscard]] std::uint64_t target_key(const TargetName& name) noexcept;

/// Place of a target; nullptr when it has none, or when the shared place is about another one.
[[nodiscard]] const Target<StatsWord>* find_target(const Stats& stats, std::uint64_t key) noexcept;

/// Result of a push for its target.
struct PushNote {
    Fate fate = Fate::kDelivered;
    std::string_view reason;  ///< unless delivered
    std::string_view alert_key;
    bool is_live = true;  ///< pushed without a spool
    PushDoubt doubt = PushDoubt::kNone;
    Blame blame = Blame::kNobody;
};

/// News of a push for the log.
struct PushNews {
    bool is_doubted = false;     ///< first delivery there that raises doubt
    bool is_back = false;        ///< the log has said that the target is away
    StatusMs away_since_ms = 0;  ///< set with is_back
};

/// Notes nothing for a push from the spool that has to wait: see publish_targets(). `key` is the
/// target_key() of `name`.
PushNews note_push(Stats& stats, std::uint64_t key, const TargetName& name, const PushNote& push,
                   StatusMs now_ms) noexcept;

/// True when the log should say why this target takes nothing: false if it has said so already, in
/// any process.
[[nodiscard]] bool is_news(Stats& stats, const TargetName& name, std::string_view reason,
                           StatusMs now_ms) noexcept;

/// Counts an alert that could not go to this target at once: the more, the more its reason matters.
void count_held(Stats& stats, std::uint64_t key, const TargetName& name, StatusMs now_ms) noexcept;

/// Records an event without a target: the uri of its push is empty. `name` is where that uri
/// stands.
void note_nowhere(Stats& stats, const TargetName& name, std::string_view reason,
                  StatusMs now_ms) noexcept;

// ---------------------------------------------------------------- the spool

inline void count_commit(Stats& stats) noexcept {
    stats.spool.commits.fetch_add(1, std::memory_order_relaxed);
}

/// Figures of a spool at another path are forgotten, its trouble above all.
void begin_spool(Stats& stats, std::string_view path) noexcept;

[[nodiscard]] inline bool has_trouble(const Stats& stats, SpoolUser user) noexcept {
    return (stats.spool.trouble.load(std::memory_order_relaxed) &
            static_cast<std::uint64_t>(user)) != 0;
}

/// True while the figures are those of the spool at that path.
[[nodiscard]] bool is_spool_at(const Stats& stats, std::string_view path) noexcept;

/// Begins a user's trouble with the spool. True for the first user.
/// `brief` is a short form of the reason, to stand beside another one: `the spool's disk is full`.
[[nodiscard]] bool begin_trouble(Stats& stats, SpoolUser user, std::string_view brief,
                                 std::string_view reason, StatusMs now_ms) noexcept;

/// Ends a user's trouble. True when it was the last one.
[[nodiscard]] bool end_trouble(Stats& stats, SpoolUser user, StatusMs now_ms) noexcept;

struct SpoolFact {
    std::uint64_t waiting = 0;
    std::uint64_t dead = 0;
    std::uint64_t used_bytes = 0;
    StatusMs oldest_ms = 0;
};

/// Called by the deliverer, every second or so.
void publish_spool(Stats& stats, const SpoolFact& spool, StatusMs now_ms) noexcept;

/// Called by the deliverer, whenever a push has failed.
void publish_last_error(Stats& stats, std::string_view reason, StatusMs now_ms) noexcept;

struct TargetFact {
    TargetName name;
    bool is_away = false;
    StatusMs since_ms = 0;
    StatusMs next_try_ms = 0;
    std::string_view reason;
    Blame blame = Blame::kNobody;
};

/// Time within which a new deliverer may not know yet what the previous one knew.
inline constexpr std::uint64_t kNewDelivererMs = 10 * kSecondMs;

/// Called by the deliverer, which began at `begun_ms`, with all targets that it knows. Targets of a
/// previous deliverer count as back once this one has had time to find out. A target that was away
/// then and is now has been away all the time.
void publish_targets(Stats& stats, const TargetFact* targets, std::size_t count, StatusMs begun_ms,
                     StatusMs now_ms) noexcept;

/// True when a test may be pushed now, one a second over all workers; it counts as pushed then.
[[nodiscard]] bool may_test(Stats& stats, StatusMs now_ms) noexcept;

/// True when the log may warn now that requests are rejected, one a minute over all workers; it
/// counts as said then.
[[nodiscard]] bool may_warn_of_rejected(Stats& stats, StatusMs now_ms) noexcept;

}  // namespace flashduty
