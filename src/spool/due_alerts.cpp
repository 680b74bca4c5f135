#include "due_alerts.hpp"

#include <algorithm>
#include <limits>

namespace flashduty {

namespace {

/// Wait after which an alert ranks one higher.
constexpr UnixMs kPromotionMs = UnixMs{10} * 60 * 1000;

// INDEXED BY makes SQLite fail rather than scan the whole table.
constexpr char kReady[] =
    "SELECT alert_id, first_id, since_ms, due_ms, tried_ms FROM alert INDEXED BY alert_ready"
    " WHERE target_id = ?1 AND due_ms = 0 AND rank = ?2 AND since_ms BETWEEN ?3 AND ?4"
    " ORDER BY since_ms, first_id LIMIT ?5";
constexpr char kReadyNewest[] =
    "SELECT alert_id, first_id, since_ms, due_ms, tried_ms FROM alert INDEXED BY alert_ready"
    " WHERE target_id = ?1 AND due_ms = 0 AND rank = ?2 AND since_ms BETWEEN ?3 AND ?4"
    " ORDER BY since_ms DESC, first_id DESC LIMIT ?5";
constexpr char kTried[] =
    "SELECT alert_id, first_id, since_ms, due_ms, tried_ms FROM alert INDEXED BY alert_tried"
    " WHERE target_id = ?1 AND due_ms > 0 AND tried_ms > ?2 ORDER BY tried_ms, first_id LIMIT ?3";
constexpr char kHeld[] =
    "SELECT alert_id, first_id, since_ms, due_ms, tried_ms FROM alert INDEXED BY alert_held"
    " WHERE target_id = ?1 AND due_ms > 0 AND due_ms BETWEEN ?2 AND ?3 ORDER BY due_ms LIMIT ?4";
constexpr char kHeldLast[] =
    "SELECT alert_id, first_id, since_ms, due_ms, tried_ms FROM alert INDEXED BY alert_held"
    " WHERE target_id = ?1 AND due_ms > 0 AND due_ms BETWEEN ?2 AND ?3"
    " ORDER BY due_ms DESC LIMIT ?4";
constexpr char kKey[] =
    "SELECT alert_id, first_id, since_ms, due_ms, tried_ms FROM alert WHERE alert_id = ?1"
    " AND target_id = ?2";
constexpr char kBehind[] =
    "SELECT e.alert_id, e.event_id, e.accepted_ms, a.due_ms, a.tried_ms"
    " FROM event e INDEXED BY event_order JOIN alert a USING (alert_id)"
    " WHERE e.alert_id = ?1 AND a.target_id = ?3 AND e.event_id > ?2 ORDER BY e.attempts > 0, "
    "e.event_id LIMIT 1";

using Ids = std::vector<std::int64_t>;
using Alerts = std::vector<DueAlert>;

Ids sorted(Ids ids) noexcept {
    std::sort(ids.begin(), ids.end());
    return ids;
}

/// Alerts of one rank that have waited since a time within the range.
struct Band {
    std::int64_t rank;
    UnixMs from_ms;
    UnixMs to_ms;
};

/// Order of bands: those on one line count as one rank, the oldest of them first.
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

bool is_before(const DueAlert& a, const DueAlert& b) noexcept {
    return a.since_ms != b.since_ms ? a.since_ms < b.since_ms : a.event_id < b.event_id;
}

/// A single search for alerts of a target.
class Finder {
  public:
    Finder(Connection& connection, const Search& search, UnixMs now_ms) noexcept
        : connection_(connection),
          search_(search),
          now_ms_(now_ms),
          except_(sorted(search.except)) {}

    [[nodiscard]] Alerts find() noexcept {
        switch (search_.kind) {
            case Search::Kind::kDue:
                take_due();
                break;
            case Search::Kind::kWorst:
            case Search::Kind::kNewest:
                take_newest();
                if (alerts_.empty() && search_.or_else) {
                    take_tried();
                }
                break;
            case Search::Kind::kTried:
                take_tried();
                if (alerts_.empty() && search_.or_else) {
                    take_newest();
                }
                break;
            case Search::Kind::kHeld:
                take_held();
                break;
            case Search::Kind::kRefused:
                take(connection_.query(kHeld, search_.target_id, kUntilYes,
                                       kUntilYes + search_.until_ms, limit()));
                break;
            case Search::Kind::kKeys:
                take_keys();
                break;
            case Search::Kind::kNext:
                for (const std::int64_t alert_id : search_.keys) {
                    take(connection_.query(kBehind, alert_id, search_.after_event_id,
                                           search_.target_id));
                }
                break;
        }
        alerts_.resize(std::min(alerts_.size(), search_.most));
        return std::move(alerts_);
    }

  private:
    /// Rows to read so that enough remain without `except`.
    [[nodiscard]] std::int64_t limit() const noexcept {
        return static_cast<std::int64_t>(search_.most + except_.size());
    }

    void take(Query rows) noexcept {
        while (rows.next()) {
            if (!std::binary_search(except_.begin(), except_.end(), rows.number(0))) {
                alerts_.push_back({rows.number(0), rows.number(1), rows.number(2), rows.number(3),
                                   rows.number(3) == 0 ? 0 : rows.number(4)});
            }
        }
    }

    [[nodiscard]] bool needs_more() const noexcept {
        return alerts_.size() < search_.most && !connection_.failed();
    }

    void take_due() noexcept {
        for (const std::vector<Band>& bands : Bands(now_ms_).in_order) {
            if (!needs_more()) {
                return;
            }
            const auto begin = static_cast<std::ptrdiff_t>(alerts_.size());
            for (const auto& [rank, from_ms, to_ms] : bands) {
                take(connection_.query(kReady, search_.target_id, rank, from_ms, to_ms, limit()));
            }
            std::sort(alerts_.begin() + begin, alerts_.end(), is_before);
        }
    }

    void take_newest() noexcept {
        for (const std::vector<Band>& bands : Bands(now_ms_).in_order) {
            if (search_.kind == Search::Kind::kWorst && !alerts_.empty()) {
                break;
            }
            for (const auto& [rank, from_ms, to_ms] : bands) {
                take(connection_.query(kReadyNewest, search_.target_id, rank, from_ms, to_ms,
                                       limit()));
            }
        }
        std::sort(alerts_.begin(), alerts_.end(),
                  [](const DueAlert& a, const DueAlert& b) { return is_before(b, a); });
    }

    void take_tried() noexcept {
        take(connection_.query(kTried, search_.target_id, search_.tried_after_ms, limit()));
        if (alerts_.empty() && search_.tried_after_ms > 0) {
            take(connection_.query(kTried, search_.target_id, UnixMs{0}, limit()));
        }
    }

    void take_held() noexcept {
        take(connection_.query(kHeldLast, search_.target_id, kUntilBack, kUntilYes - 1, limit()));
        if (needs_more()) {
            take(connection_.query(kHeld, search_.target_id, UnixMs{1}, now_ms_, limit()));
        }
        if (needs_more()) {
            take(connection_.query(kHeld, search_.target_id, now_ms_ + kLongestHoldMs + 1,
                                   kUntilBack - 1, limit()));
        }
    }

    void take_keys() noexcept {
        for (const std::int64_t alert_id : search_.keys) {
            take(connection_.query(kKey, alert_id, search_.target_id));
        }
    }

    Connection& connection_;
    const Search& search_;
    UnixMs now_ms_;
    Ids except_;
    Alerts alerts_;
};

}  // namespace

Alerts find_alerts(Connection& connection, const Search& search, UnixMs now_ms) noexcept {
    return Finder(connection, search, now_ms).find();
}

Held look_at_held(Connection& connection, std::int64_t target_id, UnixMs now_ms) noexcept {
    constexpr std::int64_t kOne = 1;
    Held held;
    {
        Query next = connection.query(kHeld, target_id, now_ms + 1, kUntilBack - 1, kOne);
        held.next_ms = next.next() ? std::min(next.number(3), now_ms + kLongestHoldMs) : 0;
    }
    Query refused = connection.query(kHeld, target_id, kUntilYes, Bands::kNever, kOne);
    held.has_refused = refused.next();
    return held;
}

}  // namespace flashduty
