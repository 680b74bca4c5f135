// What workers tell the figures. Nobody waits here for anybody, and no call fails. All texts are
// valid UTF-8.
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

/// An alert and what became of it.
struct AlertFact {
    StatusMs time_ms = 0;
    AnsweredAs outcome = AnsweredAs::kFailed;
    bool has_delay = false;
    std::uint64_t delay_ms = 0;  ///< from its arrival to Flashduty's yes
    std::string_view biz_id;
    std::string_view biz_name;
    std::string_view title;
    std::string_view status;
    std::string_view code;
    std::string_view request_id;
    std::string_view reason;  ///< unless delivered
};

void record_alert(Stats& stats, const AlertFact& alert) noexcept;

/// A request from that address was rejected.
void record_rejected(Stats& stats, std::string_view address, std::string_view reason,
                     StatusMs now_ms) noexcept;

// ---------------------------------------------------------------- pushes

/// How a push has ended.
struct PushFact {
    unsigned http_status = 0;  ///< 0: what came was none to go by
    PushFailure failure = PushFailure::kUnreadable;
    std::uint64_t duration_ms = 0;
};

void count_push(Stats& stats, const PushFact& push, StatusMs now_ms) noexcept;

void count_delivery(Stats& stats, std::uint64_t delay_ms, StatusMs now_ms) noexcept;

void count_replay(Stats& stats, Fate fate, StatusMs now_ms) noexcept;

/// Where a push goes to: a server block and a uri in it without its arguments.
struct TargetName {
    std::string_view server;
    std::string_view location;
};

/// Stands for the name, in all workers.
[[nodiscard]] std::uint64_t target_key(const TargetName& name) noexcept;

/// The place of a target; nullptr when it has none, or that of others tells of another one.
[[nodiscard]] const Target<StatsWord>* find_target(const Stats& stats, std::uint64_t key) noexcept;

/// What a push says of its target.
struct PushNote {
    Fate fate = Fate::kDelivered;
    std::string_view reason;  ///< unless delivered
    std::string_view alert_key;
    bool is_live = true;  ///< pushed without a spool
    PushDoubt doubt = PushDoubt::kNone;
    Blame blame = Blame::kNobody;
};

/// What of a push the log is to say.
struct PushNews {
    bool is_doubted = false;     ///< the first delivery there that makes one doubt it
    bool is_back = false;        ///< the log has said that the target is away
    StatusMs away_since_ms = 0;  ///< with is_back
};

/// Of a push from the spool that has to wait nothing is noted here: see publish_targets(). `key` is
/// the target_key() of `name`.
PushNews note_push(Stats& stats, std::uint64_t key, const TargetName& name, const PushNote& push,
                   StatusMs now_ms) noexcept;

/// True when the log is to say why that target takes nothing: not again what it has said already,
/// be it in another process.
[[nodiscard]] bool is_news(Stats& stats, const TargetName& name, std::string_view reason,
                           StatusMs now_ms) noexcept;

/// An alert that could not go to that target at once: the more, the more its reason matters.
void count_held(Stats& stats, std::uint64_t key, const TargetName& name, StatusMs now_ms) noexcept;

/// An event has nowhere to go: the uri of its push is empty. `name` is where that uri stands.
void note_nowhere(Stats& stats, const TargetName& name, std::string_view reason,
                  StatusMs now_ms) noexcept;

// ---------------------------------------------------------------- the spool

inline void count_commit(Stats& stats) noexcept {
    stats.spool.commits.fetch_add(1, std::memory_order_relaxed);
}

/// Somebody cannot use the spool. True for the first who says so.
/// `brief` is a short form of the reason, to stand beside another one: `the spool's disk is full`.
[[nodiscard]] bool begin_trouble(Stats& stats, SpoolUser user, std::string_view brief,
                                 std::string_view reason, StatusMs now_ms) noexcept;

/// They can. True when somebody could not before, and nobody is left who cannot.
[[nodiscard]] bool end_trouble(Stats& stats, SpoolUser user, StatusMs now_ms) noexcept;

struct SpoolFact {
    std::uint64_t waiting = 0;
    std::uint64_t dead = 0;
    std::uint64_t used_bytes = 0;
    StatusMs oldest_ms = 0;
};

/// By the deliverer, every second or so.
void publish_spool(Stats& stats, const SpoolFact& spool, StatusMs now_ms) noexcept;

/// By the deliverer, whenever a push has failed.
void publish_last_error(Stats& stats, std::string_view reason) noexcept;

struct TargetFact {
    TargetName name;
    bool is_away = false;
    StatusMs since_ms = 0;
    StatusMs next_try_ms = 0;
    std::string_view reason;
    Blame blame = Blame::kNobody;
};

/// A deliverer that has begun lately does not know yet what another one knew before it.
inline constexpr std::uint64_t kNewDelivererMs = 10 * kSecondMs;

/// By the deliverer, which began at `begun_ms`: all targets that it knows. Those that one before it
/// knew count as back when it has had time to find out. One that was away then and is now, was all
/// the time.
void publish_targets(Stats& stats, const TargetFact* targets, std::size_t count, StatusMs begun_ms,
                     StatusMs now_ms) noexcept;

}  // namespace flashduty
