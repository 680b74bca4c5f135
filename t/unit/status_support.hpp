// Helpers of the status tests: counters in zeroed memory, and their output.
#pragma once

#include "health.hpp"
#include "prometheus.hpp"
#include "reasons.hpp"
#include "record.hpp"
#include "status_json.hpp"
#include "support.hpp"

/// A whole number of minutes, in 2026.
inline constexpr flashduty::StatusMs kNow = 1'790'000'040'000;
static_assert(kNow % flashduty::kMinuteMs == 0);

/// The gateway began an hour ago.
struct Board {
    Board() : memory(new flashduty::Stats{}), stats(*memory) {
        flashduty::adopt(stats, kNow - flashduty::kHourMs);
    }

    std::unique_ptr<flashduty::Stats> memory;
    flashduty::Stats& stats;
    HeapArena arena;

    [[nodiscard]] flashduty::StatusView view(flashduty::StatusMs now_ms = kNow,
                                             bool has_spool = false) {
        return flashduty::view_status(arena, stats, {has_spool, "1.2.3", "1.22.1", now_ms});
    }
    [[nodiscard]] std::string json(flashduty::StatusMs now_ms = kNow, bool has_spool = false) {
        return std::string(flashduty::write_status_json(arena, view(now_ms, has_spool)));
    }
    [[nodiscard]] std::string prometheus(bool has_spool = false) {
        return std::string(flashduty::write_prometheus(arena, view(kNow, has_spool)));
    }
};

inline void push_to(flashduty::Stats& stats, const flashduty::TargetName& target, bool is_taken,
                    std::string_view reason, flashduty::StatusMs now_ms) {
    const flashduty::Fate fate = is_taken ? flashduty::Fate::kDelivered : flashduty::Fate::kWaits;
    flashduty::note_push(stats, flashduty::target_key(target), target, {fate, reason, "key", true},
                         now_ms);
}

/// An event of that key is refused there.
inline void refuse_at(flashduty::Stats& stats, const flashduty::TargetName& target,
                      std::string_view alert_key, flashduty::StatusMs now_ms) {
    flashduty::note_push(stats, flashduty::target_key(target), target,
                         {flashduty::Fate::kRefused, "title too long", alert_key, true}, now_ms);
}

/// Begins trouble; its brief form is `the spool is ill`.
inline bool trouble_begins(flashduty::Stats& stats, flashduty::SpoolUser user,
                           std::string_view reason, flashduty::StatusMs now_ms) {
    return flashduty::begin_trouble(stats, user, "the spool is ill", reason, now_ms);
}

/// Part of `text` from `start` on, as long as `expected` is.
inline std::string from(const std::string& text, const std::string& start, std::size_t size_bytes) {
    const std::size_t at = text.find(start);
    return at == std::string::npos ? "no " + start : text.substr(at, size_bytes);
}

#define assert_holds(text, part) assert_text(from(text, part, std::string_view(part).size()), part)
