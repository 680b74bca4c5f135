#include "due_alerts.hpp"

#include <algorithm>
#include <limits>

namespace flashduty {

namespace {

/// An alert that has waited that long ranks one higher.
constexpr UnixMs kPromotionMs = UnixMs{10} * 60 * 1000;

// That it is told which index to use makes SQLite fail rather than look at everything.
constexpr char kReady[] =
    "SELECT alert_id, first_id, since_ms FROM alert INDEXED BY alert_ready"
    " WHERE target_id = ?1 AND due_ms = 0 AND rank = ?2 AND since_ms BETWEEN ?3 AND ?4"
    " ORDER BY since_ms, first_id LIMIT ?5";
// Few: those whose last try has failed.
constexpr char kRetries[] =
    "SELECT alert_id, first_id, since_ms FROM alert INDEXED BY alert_held"
    " WHERE target_id = ?1 AND due_ms > 0 AND due_ms BETWEEN ?6 AND ?7 AND rank = ?2"
    " AND since_ms BETWEEN ?3 AND ?4 ORDER BY since_ms, first_id LIMIT ?5";
constexpr char kTried[] =
    "SELECT alert_id, first_id, since_ms FROM alert INDEXED BY alert_tried"
    " WHERE target_id = ?1 AND due_ms > 0 ORDER BY tried_ms, first_id LIMIT ?2";

using Ids = std::vector<std::int64_t>;

Ids sorted(Ids ids) noexcept {
    std::sort(ids.begin(), ids.end());
    return ids;
}

/// Alerts of one rank that have waited since a time within that range.
struct Band {
    std::int64_t rank;
    UnixMs from_ms;
    UnixMs to_ms;
};

/// What goes before what: bands of one line are one rank, the oldest of both first.
struct Bands {
    static constexpr UnixMs kEver = std::numeric_limits<UnixMs>::min();
    static constexpr UnixMs kNever = std::numeric_limits<UnixMs>::max();

    explicit Bands(UnixMs now_ms) noexcept : old_ms(now_ms - kPromotionMs) {}

    UnixMs old_ms;
    std::vector<Band> in_order[3] = {
        {{0, kEver, kNever}, {1, kEver, old_ms}},
        {{1, old_ms + 1, kNever}, {2, kEver, old_ms}},
        {{2, old_ms + 1, kNever}},
    };
};

/// Adds those that are not busy.
void take(Query rows, const Ids& busy, std::vector<DueAlert>& alerts) noexcept {
    while (rows.next()) {
        if (!std::binary_search(busy.begin(), busy.end(), rows.number(0))) {
            alerts.push_back({rows.number(0), rows.number(1), rows.number(2)});
        }
    }
}

bool is_before(const DueAlert& a, const DueAlert& b) noexcept {
    return a.since_ms != b.since_ms ? a.since_ms < b.since_ms : a.event_id < b.event_id;
}

}  // namespace

std::vector<DueAlert> due_alerts(Connection& connection, std::int64_t target_id, UnixMs now_ms,
                                 std::size_t most, const Ids& busy) noexcept {
    const Ids busy_ids = sorted(busy);
    std::vector<DueAlert> alerts;
    for (const std::vector<Band>& bands : Bands(now_ms).in_order) {
        if (alerts.size() >= most || connection.failed()) {
            break;
        }
        const std::size_t begin = alerts.size();
        const auto limit = static_cast<std::int64_t>(most - begin + busy.size());
        for (const auto& [rank, from_ms, to_ms] : bands) {
            take(connection.query(kReady, target_id, rank, from_ms, to_ms, limit), busy_ids,
                 alerts);
            take(connection.query(kRetries, target_id, rank, from_ms, to_ms, limit, UnixMs{1},
                                  now_ms),
                 busy_ids, alerts);
            take(connection.query(kRetries, target_id, rank, from_ms, to_ms, limit,
                                  now_ms + kLongestHoldMs + 1, kUntilBack - 1),
                 busy_ids, alerts);
        }
        std::sort(alerts.begin() + static_cast<std::ptrdiff_t>(begin), alerts.end(), is_before);
    }
    alerts.resize(std::min(alerts.size(), most));
    return alerts;
}

std::vector<DueAlert> longest_untried(Connection& connection, std::int64_t target_id,
                                      const Ids& busy) noexcept {
    std::vector<DueAlert> alerts;
    take(connection.query(kTried, target_id, static_cast<std::int64_t>(busy.size() + 1)),
         sorted(busy), alerts);
    alerts.resize(std::min<std::size_t>(alerts.size(), 1));
    return alerts;
}

}  // namespace flashduty
