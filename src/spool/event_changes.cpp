#include "event_changes.hpp"

#include <algorithm>
#include <chrono>
#include <string>

#include "dead_letters.hpp"

namespace flashduty {

namespace {

using Ids = std::vector<std::int64_t>;
using std::chrono::steady_clock;

/// Longest time that a batch changes events, its commit not counted.
constexpr std::chrono::milliseconds kLongestChange{20};

constexpr char kDiscarded[] = "discarded by the operator";

constexpr char kAlertOfEvent[] = "SELECT alert_id FROM event WHERE event_id = ?";
constexpr char kKeyOfEvent[] =
    "SELECT a.target_id, a.alert_key FROM event e JOIN alert a USING (alert_id)"
    " WHERE e.event_id = ?";
constexpr char kKeyOfDead[] = "SELECT alert_key, reason FROM dead WHERE event_id = ?";

constexpr char kTarget[] = "SELECT target_id FROM target WHERE server = ? AND location = ?";
constexpr char kIsTarget[] = "SELECT count(*) FROM target WHERE target_id = ?";
constexpr char kNewTarget[] = "INSERT INTO target (server, location) VALUES (?, ?)";

constexpr char kNewestAlert[] = "SELECT max(alert_id) FROM alert";
constexpr char kAlerts[] =
    "SELECT alert_id, alert_key FROM alert WHERE target_id = ? AND alert_id <= ? LIMIT ?";
constexpr char kAlertOfKey[] = "SELECT alert_id FROM alert WHERE target_id = ? AND alert_key = ?";
constexpr char kCountEvents[] = "SELECT count(*) FROM event WHERE alert_id = ?";
constexpr char kMoveAlert[] =
    "UPDATE alert SET target_id = ?2, due_ms = 0, tried_ms = 0 WHERE alert_id = ?1";
constexpr char kMerge[] =
    "UPDATE event SET alert_id = ?2 WHERE event_id IN (SELECT event_id FROM event"
    " WHERE alert_id = ?1 ORDER BY event_id LIMIT ?3)";
constexpr char kDropEmpty[] =
    "DELETE FROM alert WHERE alert_id = ?1"
    " AND NOT EXISTS (SELECT 1 FROM event WHERE alert_id = ?1)";
constexpr char kRecount[] =
    "UPDATE alert SET due_ms = 0, rank = (SELECT CASE severity WHEN 3 THEN 1 ELSE severity END"
    " FROM event WHERE alert_id = ?1 ORDER BY severity LIMIT 1),"
    " (first_id, since_ms) = (SELECT event_id, accepted_ms FROM event WHERE alert_id = ?1"
    " ORDER BY event_id LIMIT 1) WHERE alert_id = ?1";
constexpr char kRefusedOfAlert[] =
    "SELECT event_id FROM event WHERE alert_id = ? AND refusal <> ''";
constexpr char kAddWaiting[] = "UPDATE target SET waiting = waiting + ?2 WHERE target_id = ?1";

constexpr char kDeadOfTarget[] =
    "SELECT event_id, alert_key FROM dead INDEXED BY dead_alert WHERE target_id = ? LIMIT ?";
constexpr char kMoveDead[] = "UPDATE dead SET target_id = ?2 WHERE event_id = ?1";
constexpr char kAddDead[] = "UPDATE target SET dead = dead + ?2 WHERE target_id = ?1";
constexpr char kMoveSuperseded[] =
    "INSERT INTO superseded (target_id, alert_key, before_id)"
    " SELECT ?2, alert_key, before_id FROM superseded WHERE target_id = ?1 AND alert_key = ?3"
    " ON CONFLICT (target_id, alert_key) DO UPDATE SET"
    " before_id = max(before_id, excluded.before_id)";
constexpr char kDropSuperseded[] =
    "DELETE FROM superseded WHERE target_id = ?1 AND alert_key = ?2"
    " AND NOT EXISTS (SELECT 1 FROM dead WHERE target_id = ?1 AND alert_key = ?2)";

bool has(const Ids& ids, std::int64_t id) noexcept {
    return std::find(ids.begin(), ids.end(), id) != ids.end();
}

void add_once(Ids& ids, std::int64_t id) noexcept {
    if (!has(ids, id)) {
        ids.push_back(id);
    }
}

/// Keys of events that are on their way.
Ids alerts_of(Connection& connection, const Ids& event_ids) noexcept {
    Ids alert_ids;
    for (const std::int64_t event_id : event_ids) {
        const std::int64_t alert_id = connection.number(kAlertOfEvent, event_id);
        if (alert_id != 0) {
            add_once(alert_ids, alert_id);
        }
    }
    return alert_ids;
}

// ---------------------------------------------------------------- one event

bool resend_one(Connection& connection, std::int64_t event_id, UnixMs now_ms, const Ids& busy_keys,
                EventsChanged& changed) noexcept {
    std::int64_t target_id = 0;
    switch (resend(connection, event_id, now_ms, busy_keys, target_id)) {
        case Resent::kNone:
            return false;
        case Resent::kSuperseded:
            changed.superseded++;
            return true;
        case Resent::kWaits:
            add_once(changed.wakes, target_id);
            break;
        case Resent::kMarked:
            break;
    }
    changed.done++;
    return true;
}

bool discard_one(Connection& connection, std::int64_t event_id, UnixMs now_ms,
                 EventsChanged& changed) noexcept {
    DeadLetter letter;
    letter.event_id = event_id;
    letter.reason = kDiscarded;
    std::int64_t target_id = 0;
    {
        Query event = connection.query(kKeyOfEvent, event_id);
        if (!event.next()) {
            return false;
        }
        target_id = event.number(0);
        letter.alert_key = event.text(1);
    }
    bury(connection, event_id, now_ms, kDiscarded);
    changed.dead.push_back(std::move(letter));
    changed.gone.push_back(event_id);
    add_once(changed.wakes, target_id);
    changed.done++;
    return true;
}

bool delete_one(Connection& connection, std::int64_t event_id, EventsChanged& changed) noexcept {
    DeadLetter letter;
    letter.event_id = event_id;
    {
        Query dead = connection.query(kKeyOfDead, event_id);
        if (!dead.next()) {
            return false;
        }
        letter.alert_key = dead.text(0);
        letter.reason = "by the operator, it was: " + std::string(dead.text(1));
    }
    delete_dead(connection, event_id);
    changed.deleted.push_back(std::move(letter));
    changed.done++;
    return true;
}

// ---------------------------------------------------------------- moves

struct Key {
    std::int64_t id;  ///< id of an alert, or of a dead letter
    std::string alert_key;
};

std::vector<Key> keys_of(Query rows) noexcept {
    std::vector<Key> keys;
    while (rows.next()) {
        keys.push_back({rows.number(0), std::string(rows.text(1))});
    }
    return keys;
}

/// A move from one target to another.
class Mover {
  public:
    Mover(Connection& connection, std::int64_t from, std::int64_t to, Ids busy_keys,
          EventsChanged& changed) noexcept
        : connection_(connection),
          from_(from),
          to_(to),
          busy_keys_(std::move(busy_keys)),
          changed_(changed),
          until_(steady_clock::now() + kLongestChange) {}

    /// Moves some of the waiting keys, up to the alert_id `newest`; false when none of them can be
    /// moved any more.
    bool move_waiting(std::int64_t newest) noexcept {
        const std::uint64_t before = changed_.done;
        std::uint64_t busy = 0;
        const auto limit = static_cast<std::int64_t>(kMaxChanged + busy_keys_.size());
        for (const Key& key : keys_of(connection_.query(kAlerts, from_, newest, limit))) {
            const std::int64_t there = connection_.number(kAlertOfKey, to_, key.alert_key);
            if (has(busy_keys_, key.id) || (there != 0 && has(busy_keys_, there))) {
                busy += count(key.id);
            } else if (changed_.done - before < kMaxChanged && steady_clock::now() < until_) {
                move_key(key.id, there, kMaxChanged - (changed_.done - before));
            }
        }
        if (changed_.done == before) {
            changed_.busy += busy;
        }
        return changed_.done != before;
    }

    bool move_dead() noexcept {
        const auto most = static_cast<std::int64_t>(kMaxChanged);
        std::int64_t moved = 0;
        for (const Key& key : keys_of(connection_.query(kDeadOfTarget, from_, most))) {
            if (steady_clock::now() >= until_) {
                break;
            }
            connection_.run(kMoveSuperseded, from_, to_, key.alert_key);
            connection_.run(kMoveDead, key.id, to_);
            connection_.run(kDropSuperseded, from_, key.alert_key);
            moved++;
        }
        connection_.run(kAddDead, from_, -moved);
        connection_.run(kAddDead, to_, moved);
        changed_.done += static_cast<std::uint64_t>(moved);
        return moved != 0;
    }

  private:
    std::uint64_t count(std::int64_t alert_id) noexcept {
        return static_cast<std::uint64_t>(connection_.number(kCountEvents, alert_id));
    }

    /// Moves a key, and keeps its alert up to date: the triggers on event do not do so for an
    /// UPDATE.
    void move_key(std::int64_t alert_id, std::int64_t there, std::uint64_t most) noexcept {
        auto moved = static_cast<std::int64_t>(count(alert_id));
        {
            Query refused = connection_.query(kRefusedOfAlert, alert_id);
            while (refused.next()) {
                changed_.gone.push_back(refused.number(0));
            }
        }
        if (there == 0) {
            connection_.run(kMoveAlert, alert_id, to_);
        } else {
            connection_.run(kMerge, alert_id, there, static_cast<std::int64_t>(most));
            moved = std::min(moved, static_cast<std::int64_t>(most));
            connection_.run(kDropEmpty, alert_id);
            connection_.run(kRecount, alert_id);
            connection_.run(kRecount, there);
        }
        connection_.run(kAddWaiting, from_, -moved);
        connection_.run(kAddWaiting, to_, moved);
        changed_.done += static_cast<std::uint64_t>(moved);
        add_once(changed_.wakes, to_);
    }

    Connection& connection_;
    std::int64_t from_;
    std::int64_t to_;
    Ids busy_keys_;
    EventsChanged& changed_;
    steady_clock::time_point until_;
};

std::int64_t target_of(Connection& connection, const EventChange& change) noexcept {
    const std::int64_t known = connection.number(kTarget, change.server, change.location);
    if (known != 0) {
        return known;
    }
    connection.run(kNewTarget, change.server, change.location);
    return connection.last_id();
}

}  // namespace

std::size_t change_events(Connection& connection, EventChange::Kind kind, const Ids& ids,
                          UnixMs now_ms, const Ids& busy, EventsChanged& changed) noexcept {
    const auto until = steady_clock::now() + kLongestChange;
    const Ids busy_keys = kind == EventChange::Kind::kResend ? alerts_of(connection, busy) : Ids{};
    std::size_t looked_at = 0;
    changed.is_found = false;
    for (const std::int64_t id : ids) {
        if (looked_at != 0 && steady_clock::now() >= until) {
            break;
        }
        looked_at++;
        bool is_there = false;
        if (kind == EventChange::Kind::kResend) {
            is_there = resend_one(connection, id, now_ms, busy_keys, changed);
        } else if (kind == EventChange::Kind::kDelete) {
            is_there = delete_one(connection, id, changed);
        } else if (has(busy, id)) {
            is_there = true;
            changed.busy++;
        } else {
            is_there = discard_one(connection, id, now_ms, changed);
        }
        changed.is_found |= is_there;
    }
    return looked_at;
}

/// `after` is the newest alert_id that is moved, and -1 once only dead letters are left.
void move_events(Connection& connection, const EventChange& change, const Ids& busy,
                 EventsChanged& changed) noexcept {
    const std::int64_t from = change.filter.target_id;
    changed.is_found = connection.number(kIsTarget, from) != 0;
    if (!changed.is_found) {
        return;
    }
    const std::int64_t to = target_of(connection, change);
    if (to == from) {
        return;
    }
    Mover mover(connection, from, to, alerts_of(connection, busy), changed);
    if (change.after >= 0) {
        const std::int64_t newest =
            change.after != 0 ? change.after : connection.number(kNewestAlert);
        changed.next = newest != 0 && mover.move_waiting(newest) ? newest : -1;
    } else {
        changed.next = mover.move_dead() ? -1 : 0;
    }
}

}  // namespace flashduty
