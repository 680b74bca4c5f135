#include "event_lists.hpp"

#include <algorithm>
#include <chrono>

namespace flashduty {

namespace {

using std::chrono::steady_clock;

constexpr char kTargets[] =
    "SELECT target_id, server, location, waiting, dead, paused_ms FROM target"
    " ORDER BY waiting + dead = 0, target_id DESC LIMIT 2000";

// Columns that both lists begin with, in the same order, and those that only one of them has behind
// these.
#define WAITING_COLUMNS                                                             \
    "SELECT e.event_id, a.target_id, a.alert_key, e.status, e.title, e.arrived_ms," \
    " e.accepted_ms, e.attempts, e.last_error, a.first_id, a.due_ms"
#define DEAD_COLUMNS                                                                \
    "SELECT d.event_id, d.target_id, d.alert_key, d.status, d.title, d.arrived_ms," \
    " d.accepted_ms, d.attempts, d.reason, d.dead_ms, d.again, d.event_id < s.before_id"
#define FROM_WAITING " FROM event e JOIN alert a USING (alert_id)"
#define FROM_DEAD                                                      \
    " FROM dead d LEFT JOIN superseded s ON s.target_id = d.target_id" \
    " AND s.alert_key = d.alert_key"

/// Number of the column behind all of them.
constexpr int kEventColumn[] = {11, 12};

struct Statements {
    const char* scan;   ///< from an id on
    const char* one;    ///< by its id
    const char* whole;  ///< from an id on, with event and body
    const char* whole_one;
};

constexpr Statements kStatements[] = {
    {WAITING_COLUMNS FROM_WAITING " WHERE e.event_id > ? ORDER BY e.event_id",
     WAITING_COLUMNS FROM_WAITING " WHERE e.event_id = ?",
     WAITING_COLUMNS ", e.event, b.body" FROM_WAITING
                     " LEFT JOIN body b USING (event_id) WHERE e.event_id > ? ORDER BY e.event_id",
     WAITING_COLUMNS ", e.event, b.body" FROM_WAITING
                     " LEFT JOIN body b USING (event_id) WHERE e.event_id = ?"},
    {DEAD_COLUMNS FROM_DEAD " WHERE d.event_id > ? ORDER BY d.event_id",
     DEAD_COLUMNS FROM_DEAD " WHERE d.event_id = ?",
     DEAD_COLUMNS ", d.event, d.body" FROM_DEAD " WHERE d.event_id > ? ORDER BY d.event_id",
     DEAD_COLUMNS ", d.event, d.body" FROM_DEAD " WHERE d.event_id = ?"},
};

#undef WAITING_COLUMNS
#undef DEAD_COLUMNS
#undef FROM_WAITING
#undef FROM_DEAD

const Statements& statements_of(Pile pile) noexcept {
    return kStatements[pile == Pile::kWaiting ? 0 : 1];
}

constexpr char kTargetIds[] = "SELECT target_id FROM target";
constexpr char kAlertOfKey[] = "SELECT alert_id FROM alert WHERE target_id = ? AND alert_key = ?";
constexpr char kEventsOfAlert[] =
    "SELECT event_id FROM event INDEXED BY event_order WHERE alert_id = ? AND event_id > ?"
    " ORDER BY event_id LIMIT ?";
constexpr char kDeadOfKey[] =
    "SELECT event_id FROM dead INDEXED BY dead_alert WHERE target_id = ? AND alert_key = ?"
    " AND event_id > ? ORDER BY event_id LIMIT ?";

constexpr char kTries[] =
    "SELECT tried_ms, http_status, reason FROM attempt WHERE event_id = ?"
    " ORDER BY attempt_id DESC LIMIT 10";

constexpr char kSchema[] = "SELECT value FROM meta WHERE name = 'schema'";

void read_waiting(Query& row, const KeptClock& clock, ListedEvent& event) noexcept {
    const std::int64_t first_id = row.number(9);
    const UnixMs due_ms = row.number(10);
    if (first_id != event.event_id) {
        event.waits_for = WaitsFor::kElder;
        event.elder_id = first_id;
    } else if (due_ms >= kUntilYes) {
        event.waits_for = WaitsFor::kYes;
    } else if (due_ms >= kUntilBack) {
        event.waits_for = WaitsFor::kTarget;
    } else if (due_ms > clock.now_ms()) {
        event.waits_for = WaitsFor::kTime;
        event.next_try_ms = clock.to_wall(due_ms);
    }
}

void read_dead(Query& row, const KeptClock& clock, ListedEvent& event) noexcept {
    event.dead_ms = clock.to_wall(row.number(9));
    event.dead = row.number(11) != 0   ? DeadState::kSuperseded
                 : row.number(10) != 0 ? DeadState::kMarked
                                       : DeadState::kDead;
}

ListedEvent read_event(Query& row, const KeptClock& clock, Pile pile) noexcept {
    ListedEvent event;
    event.event_id = row.number(0);
    event.target_id = row.number(1);
    event.alert_key = row.text(2);
    event.event_status = row.text(3);
    event.title = row.text(4);
    event.accepted_ms = row.number(5) != 0 ? row.number(5) : clock.to_wall(row.number(6));
    event.attempts = static_cast<std::uint32_t>(row.number(7));
    event.reason = row.text(8);
    (pile == Pile::kWaiting ? read_waiting : read_dead)(row, clock, event);
    return event;
}

char lower(char c) noexcept {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
}

bool contains(std::string_view text, std::string_view part) noexcept {
    return std::search(text.begin(), text.end(), part.begin(), part.end(),
                       [](char a, char b) { return lower(a) == lower(b); }) != text.end();
}

/// Checks the filter on the row itself, so that nothing is copied of other events.
bool is_meant(const EventFilter& filter, const Query& row) noexcept {
    return (filter.target_id == 0 || row.number(1) == filter.target_id) &&
           (filter.key.empty() || row.text(2) == filter.key) &&
           (filter.text.empty() || contains(row.text(4), filter.text) ||
            contains(row.text(8), filter.text));
}

/// Fills one page.
class Lister {
  public:
    Lister(const KeptClock& clock, Pile pile, const EventFilter& filter, std::size_t limit) noexcept
        : clock_(clock),
          pile_(pile),
          filter_(filter),
          limit_(limit),
          until_(steady_clock::now() + std::chrono::milliseconds(kLongestLookMs)) {}

    /// False when the row was one too many.
    bool take(Query& row) noexcept {
        if (page_.events.size() == limit_ || looked_at_ == kMostLookedAt || is_late()) {
            page_.next = last_;
            return false;
        }
        looked_at_++;
        last_ = row.number(0);
        if (is_meant(filter_, row)) {
            page_.events.push_back(read_event(row, clock_, pile_));
        }
        return true;
    }

    [[nodiscard]] EventPage page() noexcept { return std::move(page_); }

  private:
    [[nodiscard]] bool is_late() const noexcept {
        return looked_at_ % 16 == 0 && looked_at_ != 0 && steady_clock::now() >= until_;
    }

    const KeptClock& clock_;
    Pile pile_;
    const EventFilter& filter_;
    std::size_t limit_;
    steady_clock::time_point until_;
    std::size_t looked_at_ = 0;
    std::int64_t last_ = 0;
    EventPage page_;
};

using Ids = std::vector<std::int64_t>;

Ids ids_of(Query rows) noexcept {
    Ids ids;
    while (rows.next()) {
        ids.push_back(rows.number(0));
    }
    return ids;
}

/// First events of a key, in the order of their ids.
Ids find_key(Connection& connection, Pile pile, const EventFilter& filter, std::int64_t after,
             std::size_t limit) noexcept {
    const Ids targets =
        filter.target_id != 0 ? Ids{filter.target_id} : ids_of(connection.query(kTargetIds));
    const auto most = static_cast<std::int64_t>(limit);
    Ids ids;
    for (const std::int64_t target_id : targets) {
        Ids found;
        if (pile == Pile::kDead) {
            found = ids_of(connection.query(kDeadOfKey, target_id, filter.key, after, most));
        } else if (const std::int64_t alert_id =
                       connection.number(kAlertOfKey, target_id, filter.key);
                   alert_id != 0) {
            found = ids_of(connection.query(kEventsOfAlert, alert_id, after, most));
        }
        ids.insert(ids.end(), found.begin(), found.end());
    }
    std::sort(ids.begin(), ids.end());
    return ids;
}

}  // namespace

void list_targets(Connection& connection, const KeptClock& clock,
                  std::vector<ListedTarget>& targets) noexcept {
    const UnixMs now_ms = clock.now_ms();
    Query rows = connection.query(kTargets);
    while (rows.next()) {
        ListedTarget target;
        target.target_id = rows.number(0);
        target.server = rows.text(1);
        target.location = rows.text(2);
        target.waiting = static_cast<std::uint64_t>(std::max<std::int64_t>(rows.number(3), 0));
        target.dead = static_cast<std::uint64_t>(std::max<std::int64_t>(rows.number(4), 0));
        target.paused_until_ms = rows.number(5) > now_ms ? clock.to_wall(rows.number(5)) : 0;
        targets.push_back(std::move(target));
    }
    std::sort(targets.begin(), targets.end(), [](const ListedTarget& a, const ListedTarget& b) {
        return a.target_id < b.target_id;
    });
}

EventPage list_events(Connection& connection, const KeptClock& clock, Pile pile,
                      const EventFilter& filter, std::int64_t after, std::size_t limit) noexcept {
    Lister lister(clock, pile, filter, limit);
    if (filter.key.empty()) {
        Query rows = connection.query(statements_of(pile).scan, after);
        while (rows.next() && lister.take(rows)) {
        }
        return lister.page();
    }
    for (const std::int64_t id : find_key(connection, pile, filter, after, kMostLookedAt + 1)) {
        Query row = connection.query(statements_of(pile).one, id);
        if (row.next() && !lister.take(row)) {
            break;
        }
    }
    return lister.page();
}

bool show_event(Connection& connection, const KeptClock& clock, Pile pile, std::int64_t event_id,
                WholeEvent& event) noexcept {
    {
        Query row = connection.query(statements_of(pile).whole_one, event_id);
        if (!row.next()) {
            return false;
        }
        event.listed = read_event(row, clock, pile);
        const int column = kEventColumn[pile == Pile::kWaiting ? 0 : 1];
        event.event = row.text(column);
        event.body = row.text(column + 1);
    }
    Query tries = connection.query(kTries, event_id);
    while (tries.next()) {
        event.tries.push_back({tries.number(0), static_cast<std::uint32_t>(tries.number(1)),
                               std::string(tries.text(2))});
    }
    return true;
}

WholePage read_whole(Connection& connection, const KeptClock& clock, Pile pile, std::int64_t after,
                     std::size_t most_bytes) noexcept {
    const auto until = steady_clock::now() + std::chrono::milliseconds(kLongestLookMs);
    const int column = kEventColumn[pile == Pile::kWaiting ? 0 : 1];
    WholePage page;
    std::size_t bytes = 0;
    Query rows = connection.query(statements_of(pile).whole, after);
    while (rows.next()) {
        if (!page.events.empty() && (bytes >= most_bytes || steady_clock::now() >= until)) {
            page.next = page.events.back().listed.event_id;
            break;
        }
        WholeEvent event;
        event.listed = read_event(rows, clock, pile);
        event.event = rows.text(column);
        event.body = rows.text(column + 1);
        bytes += event.event.size() + event.body.size();
        page.events.push_back(std::move(event));
    }
    return page;
}

std::int64_t schema_of(Connection& connection) noexcept { return connection.number(kSchema); }

}  // namespace flashduty
