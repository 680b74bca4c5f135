#include "dead_letters.hpp"

#include <algorithm>
#include <string>

#include "duration.hpp"

namespace flashduty {

namespace {

/// Most events handled in one transaction, and most rows read for that.
constexpr std::int64_t kStep = 200;
constexpr std::int64_t kLook = 2000;

// Sizes are in whole pages of 4096 bytes, as rows of that size take up.
constexpr char kBury[] =
    "INSERT INTO dead (event_id, target_id, alert_key, severity, status, title, arguments, reason,"
    " dead_ms, accepted_ms, arrived_ms, attempts, last_error, bytes, event, variables, body)"
    " SELECT e.event_id, a.target_id, a.alert_key, e.severity, e.status, e.title, e.arguments, ?2,"
    " ?3, e.accepted_ms, e.arrived_ms, e.attempts, e.last_error,"
    " (length(CAST(e.event AS BLOB)) + length(CAST(e.variables AS BLOB))"
    " + length(CAST(e.arguments AS BLOB)) + coalesce(length(b.body), 0) + 5119) / 4096 * 4096,"
    " e.event, e.variables, coalesce(b.body, x'')"
    " FROM event e JOIN alert a USING (alert_id) LEFT JOIN body b USING (event_id)"
    " WHERE e.event_id = ?1";
constexpr char kRemove[] = "DELETE FROM event WHERE event_id = ?";

constexpr char kAlertOfEvent[] =
    "SELECT alert_id, target_id, alert_key FROM event JOIN alert USING (alert_id)"
    " WHERE event_id = ?";
constexpr char kOlderOnes[] =
    "SELECT event_id FROM event WHERE alert_id = ? AND event_id < ? ORDER BY event_id";
constexpr char kSupersede[] =
    "INSERT INTO superseded (target_id, alert_key, before_id)"
    " SELECT ?1, ?2, ?3 WHERE EXISTS (SELECT 1 FROM dead"
    " WHERE target_id = ?1 AND alert_key = ?2 AND event_id < ?3)"
    " ON CONFLICT (target_id, alert_key) DO UPDATE SET before_id = max(before_id, "
    "excluded.before_id)";

constexpr char kFirstNewer[] =
    "SELECT min(event_id) FROM"
    " (SELECT event_id, accepted_ms FROM dead WHERE target_id = ?1 AND alert_key = ?2 UNION ALL"
    " SELECT event_id, accepted_ms FROM event JOIN alert USING (alert_id)"
    " WHERE target_id = ?1 AND alert_key = ?2) WHERE accepted_ms > ?3";
constexpr char kNextId[] = "SELECT seq + 1 FROM sqlite_sequence WHERE name = 'event'";

constexpr char kSpareTime[] = "SELECT spare_ms FROM clock";
constexpr char kTooOld[] =
    "SELECT event_id, alert_key, last_error, refusal FROM event INDEXED BY event_age JOIN alert"
    " USING (alert_id) WHERE accepted_ms < ? ORDER BY accepted_ms LIMIT ?";
constexpr char kOldestDead[] =
    "SELECT event_id, alert_key, reason, dead_ms, bytes FROM dead INDEXED BY dead_age"
    " ORDER BY dead_ms, event_id LIMIT ?";
constexpr char kMarked[] =
    "SELECT d.event_id, a.first_id, d.event_id < s.before_id FROM dead d INDEXED BY dead_again"
    " LEFT JOIN alert a ON a.target_id = d.target_id AND a.alert_key = d.alert_key"
    " LEFT JOIN superseded s ON s.target_id = d.target_id AND s.alert_key = d.alert_key"
    " WHERE d.again <> 0 ORDER BY d.again, d.event_id LIMIT ?";

constexpr char kMarkedOne[] =
    "SELECT d.target_id, d.alert_key, d.event_id < s.before_id FROM dead d LEFT JOIN superseded s"
    " ON s.target_id = d.target_id AND s.alert_key = d.alert_key"
    " WHERE d.event_id = ? AND d.again <> 0";
constexpr char kLetter[] =
    "SELECT d.target_id, d.alert_key, a.alert_id, d.event_id < s.before_id FROM dead d"
    " LEFT JOIN alert a ON a.target_id = d.target_id AND a.alert_key = d.alert_key"
    " LEFT JOIN superseded s ON s.target_id = d.target_id AND s.alert_key = d.alert_key"
    " WHERE d.event_id = ?";
constexpr char kMark[] = "UPDATE dead SET again = 1 WHERE event_id = ?";
constexpr char kUnmark[] = "UPDATE dead SET again = 0 WHERE event_id = ?";
constexpr char kReviveBody[] =
    "INSERT INTO body (event_id, body) SELECT event_id, body FROM dead WHERE event_id = ?";
constexpr char kRevive[] =
    "INSERT INTO event (event_id, alert_id, severity, status, title, arguments, accepted_ms,"
    " arrived_ms, event, variables)"
    " SELECT event_id, ?2, severity, status, title, arguments, ?3,"
    " CASE arrived_ms WHEN 0 THEN accepted_ms ELSE arrived_ms END, event, variables"
    " FROM dead WHERE event_id = ?1";
constexpr char kDeleteDead[] = "DELETE FROM dead WHERE event_id = ?";
constexpr char kDueAtOnce[] = "UPDATE alert SET due_ms = 0 WHERE alert_id = ?";

constexpr char kOf1[] =
    "SELECT event_id FROM event INDEXED BY event_of_1 WHERE arrived_ms = 0 AND event_id >"
    " (SELECT value FROM meta WHERE name = 'last_of_1') LIMIT ?";
constexpr char kTakeFrom1[] =
    "UPDATE event SET arrived_ms = accepted_ms, accepted_ms = max(?2, min(?3, accepted_ms - ?4))"
    " WHERE event_id = ?1 AND arrived_ms = 0";
constexpr char kSinceOf1[] =
    "UPDATE alert SET since_ms = (SELECT accepted_ms FROM event WHERE event_id = ?1)"
    " WHERE first_id = ?1 AND alert_id = (SELECT alert_id FROM event WHERE event_id = ?1)";

/// Shortest time that a dead letter is kept: somebody must be able to see it.
constexpr UnixMs kLeastDeadMs = 3'600'000;

using Ids = std::vector<std::int64_t>;

bool has(const Ids& ids, std::int64_t id) noexcept {
    return std::find(ids.begin(), ids.end(), id) != ids.end();
}

/// Keeps the reason of a refusal: being too old says less.
std::string reason_of_age(const std::string& too_old, std::string_view last_error,
                          std::string_view refusal) noexcept {
    if (!refusal.empty()) {
        return std::string(refusal);
    }
    return last_error.empty() ? too_old : too_old + ": " + std::string(last_error);
}

void look_for_old(Connection& connection, const Limits& limits, UnixMs now_ms, const Ids& busy,
                  Chores& chores) noexcept {
    const std::string reason = "not delivered within " + duration(limits.max_age_ms);
    // Events of 1.0.0 get their age first.
    if (!chores.of_1.empty() || now_ms < connection.number(kSpareTime) ||
        has_no_room_for_dead(connection, limits, now_ms)) {
        return;
    }
    Query rows = connection.query(kTooOld, now_ms - limits.max_age_ms,
                                  kStep + static_cast<std::int64_t>(busy.size()));
    while (rows.next()) {
        if (has(busy, rows.number(0))) {
            continue;
        }
        chores.too_old.push_back({rows.number(0), std::string(rows.text(1)),
                                  reason_of_age(reason, rows.text(2), rows.text(3))});
    }
    chores.has_more |= chores.too_old.size() >= kStep;
}

void look_for_surplus(Connection& connection, const Limits& limits, UnixMs now_ms,
                      Chores& chores) noexcept {
    std::int64_t bytes = connection.number("SELECT dead_bytes FROM counter");
    Query rows = connection.query(kOldestDead, kStep);
    while (rows.next()) {
        const bool is_old = rows.number(3) < now_ms - limits.dead_age_ms;
        const bool is_young = rows.number(3) > now_ms - kLeastDeadMs;
        if (is_young || (!is_old && bytes <= limits.dead_bytes)) {
            return;
        }
        bytes -= rows.number(4);
        const std::string why = is_old ? "dead for " + duration(limits.dead_age_ms)
                                       : "dead letters take more than half of max_size";
        chores.to_delete.push_back({rows.number(0), std::string(rows.text(1)),
                                    why + ", it was: " + std::string(rows.text(2))});
    }
    chores.has_more |= chores.to_delete.size() >= kStep;
}

/// Skips a dead letter whose key is on its way: that event may supersede it, so it has to wait.
void look_for_marked(Connection& connection, const Ids& busy, Chores& chores) noexcept {
    Query rows = connection.query(kMarked, kLook);
    while (rows.next() && chores.marked.size() < kStep) {
        const bool is_superseded = rows.number(2) != 0;
        if (is_superseded || rows.is_null(1) || !has(busy, rows.number(1))) {
            chores.marked.push_back(rows.number(0));
        }
    }
    chores.has_more |= chores.marked.size() >= kStep;
}

void look_for_some_of_1(Connection& connection, Chores& chores) noexcept {
    Query rows = connection.query(kOf1, kStep);
    while (rows.next()) {
        chores.of_1.push_back(rows.number(0));
    }
    chores.has_more |= chores.of_1.size() >= kStep;
}

/// Events of 1.0.0 came since the last look, whatever their clock said.
void take_from_1(Connection& connection, const KeptClock& clock, const Chores& chores,
                 UnixMs now_ms) noexcept {
    for (const std::int64_t event_id : chores.of_1) {
        connection.run(kTakeFrom1, event_id, chores.of_1_from_ms, now_ms,
                       clock.to_wall(now_ms) - now_ms);
        connection.run(kSinceOf1, event_id);
    }
}

/// Makes a dead letter wait again, under its old id and so in its old place.
void bring_back(Connection& connection, std::int64_t event_id, std::int64_t alert_id,
                UnixMs now_ms) noexcept {
    connection.run(kReviveBody, event_id);
    connection.run(kRevive, event_id, alert_id, now_ms);
    connection.run(kDeleteDead, event_id);
    connection.run(kDueAtOnce, alert_id);
}

/// Lets a marked dead letter wait again, unless it is superseded.
void revive(Connection& connection, std::int64_t event_id, UnixMs now_ms, Tended& tended) noexcept {
    std::int64_t target_id = 0, alert_id = 0;
    {
        Query letter = connection.query(kMarkedOne, event_id);
        if (!letter.next()) {
            return;
        }
        if (letter.number(2) == 0) {
            bool is_new = false;
            target_id = letter.number(0);
            alert_id = alert_of(connection, target_id, letter.text(1), is_new);
        }
    }
    if (alert_id == 0) {
        connection.run(kUnmark, event_id);
        return;
    }
    bring_back(connection, event_id, alert_id, now_ms);
    tended.requeued++;
    if (!has(tended.requeued_targets, target_id)) {
        tended.requeued_targets.push_back(target_id);
    }
}

}  // namespace

bool bury(Connection& connection, std::int64_t event_id, UnixMs now_ms,
          std::string_view reason) noexcept {
    connection.run(kBury, event_id, reason, now_ms);
    const bool is_there = connection.changes() > 0;
    connection.run(kRemove, event_id);
    return is_there;
}

void take_delivered(Connection& connection, std::int64_t event_id, UnixMs now_ms) noexcept {
    std::int64_t alert_id = 0, target_id = 0;
    std::string alert_key;
    {
        Query alert = connection.query(kAlertOfEvent, event_id);
        if (!alert.next()) {
            return;
        }
        alert_id = alert.number(0);
        target_id = alert.number(1);
        alert_key = alert.text(2);
    }
    Ids older;
    {
        Query rows = connection.query(kOlderOnes, alert_id, event_id);
        while (rows.next()) {
            older.push_back(rows.number(0));
        }
    }
    for (const std::int64_t id : older) {
        bury(connection, id, now_ms, "a newer event of its key was delivered meanwhile");
    }
    connection.run(kRemove, event_id);
    connection.run(kSupersede, target_id, alert_key, event_id);
}

void supersede_older(Connection& connection, std::int64_t target_id, std::string_view alert_key,
                     UnixMs accepted_ms) noexcept {
    const std::int64_t newer = connection.number(kFirstNewer, target_id, alert_key, accepted_ms);
    connection.run(kSupersede, target_id, alert_key,
                   newer == 0 ? connection.number(kNextId) : newer);
}

bool has_no_room_for_dead(Connection& connection, const Limits& limits, UnixMs now_ms) noexcept {
    constexpr char kHasOld[] =
        "SELECT EXISTS (SELECT 1 FROM dead INDEXED BY dead_age WHERE dead_ms <= ?)";
    return connection.number("SELECT dead_bytes FROM counter") >= limits.dead_bytes &&
           connection.number(kHasOld, now_ms - kLeastDeadMs) == 0;
}

Chores look_for_chores(Connection& connection, const KeptClock& clock, const Limits& limits,
                       UnixMs now_ms, const Ids& busy) noexcept {
    Chores chores;
    chores.is_clock_due = clock.is_note_due(connection, now_ms);
    look_for_some_of_1(connection, chores);
    look_for_old(connection, limits, now_ms, busy, chores);
    look_for_surplus(connection, limits, now_ms, chores);
    look_for_marked(connection, busy, chores);
    return chores;
}

void tend(Connection& connection, const KeptClock& clock, const Chores& chores, UnixMs now_ms,
          Tended& tended) noexcept {
    take_from_1(connection, clock, chores, now_ms);
    if (chores.is_clock_due) {
        clock.note(connection, now_ms);
    }
    for (const std::int64_t event_id : chores.marked) {
        revive(connection, event_id, now_ms, tended);
    }
    for (const DeadLetter& letter : chores.too_old) {
        if (bury(connection, letter.event_id, now_ms, letter.reason)) {
            tended.dead.push_back(letter);
        }
    }
    for (const DeadLetter& letter : chores.to_delete) {
        if (delete_dead(connection, letter.event_id)) {
            tended.deleted.push_back(letter);
        }
    }
    tended.has_more = chores.has_more;
}

Resent resend(Connection& connection, std::int64_t event_id, UnixMs now_ms, const Ids& busy,
              std::int64_t& target_id) noexcept {
    std::int64_t alert_id = 0;
    std::string alert_key;
    {
        Query letter = connection.query(kLetter, event_id);
        if (!letter.next()) {
            return Resent::kNone;
        }
        if (letter.number(3) != 0) {
            return Resent::kSuperseded;
        }
        target_id = letter.number(0);
        alert_key = letter.text(1);
        alert_id = letter.number(2);
    }
    if (alert_id != 0 && has(busy, alert_id)) {
        connection.run(kMark, event_id);
        return Resent::kMarked;
    }
    bool is_new = false;
    bring_back(connection, event_id, alert_of(connection, target_id, alert_key, is_new), now_ms);
    return Resent::kWaits;
}

bool delete_dead(Connection& connection, std::int64_t event_id) noexcept {
    connection.run(kDeleteDead, event_id);
    return connection.changes() > 0;
}

std::int64_t alert_of(Connection& connection, std::int64_t target_id, std::string_view alert_key,
                      bool& is_new) noexcept {
    const std::int64_t known = connection.number(
        "SELECT alert_id FROM alert WHERE target_id = ? AND alert_key = ?", target_id, alert_key);
    is_new = known == 0;
    if (!is_new) {
        return known;
    }
    connection.run(
        "INSERT INTO alert (target_id, alert_key, rank, since_ms, first_id) VALUES (?, ?, 0, 0, 0)",
        target_id, alert_key);
    return connection.last_id();
}

}  // namespace flashduty
