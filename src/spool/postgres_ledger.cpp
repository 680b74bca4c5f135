#include "postgres_ledger.hpp"

#include <algorithm>

#include "fleet_roll.hpp"
#include "postgres_store.hpp"

namespace flashduty {

namespace {

// Times that operators see are of PostgreSQL's clock, which is the fleet's.

constexpr char kTargets[] =
    "SELECT t.target_id, t.server, t.location,"
    " greatest(coalesce(c.events, 0) + coalesce(w.events, 0), 0)::bigint,"
    " coalesce(c.dead, 0), t.paused_ms"
    " FROM (SELECT * FROM target ORDER BY target_id DESC LIMIT 2000) t"
    " LEFT JOIN counter c USING (target_id)"
    " LEFT JOIN (SELECT target_id, sum(events) AS events FROM writer_sum GROUP BY target_id) w"
    " USING (target_id) ORDER BY t.target_id";

// Columns that both lists begin with, in the same order, and those that only one of them has behind
// these.
#define WAITING_COLUMNS                                                                   \
    " e.event_id, a.target_id, a.alert_key, e.status, e.title, e.arrived_ms, e.attempts," \
    " e.last_error AS reason, a.first_id, a.due_ms, 0 AS state"
#define DEAD_COLUMNS                                                                      \
    " d.event_id, d.target_id, d.alert_key, d.status, d.title, d.arrived_ms, d.attempts," \
    " d.reason, 0 AS first_id, d.dead_ms, CASE WHEN d.event_id < s.before_id THEN 2"      \
    " WHEN d.again <> 0 THEN 1 ELSE 0 END AS state"
#define FROM_WAITING " FROM event e JOIN alert a USING (alert_id)"
#define FROM_DEAD                                                      \
    " FROM dead d LEFT JOIN superseded s ON s.target_id = d.target_id" \
    " AND s.alert_key = d.alert_key"

/// Number of the column behind all of them.
constexpr int kNextColumn = 11;

// $1 after, $2 target or 0, $3 text in lower case, $4 most, $5 key. Rows that are not meant are
// left out, but for the last of those that may be looked at, and one more where there is one.
#define LOWER(text) \
    "translate(" text ", 'ABCDEFGHIJKLMNOPQRSTUVWXYZ', 'abcdefghijklmnopqrstuvwxyz')"
#define PAGE(rows) \
    "SELECT * FROM (SELECT *, row_number() OVER (ORDER BY event_id) AS n,"            \
    " ($2::bigint = 0 OR target_id = $2::bigint) AND ($3 = ''"                        \
    " OR position($3 IN " LOWER("title") ") > 0 OR position($3 IN " LOWER("reason") ") > 0)" \
    " AS is_meant FROM (" rows " ORDER BY event_id LIMIT $4::bigint + 1) r) p"        \
    " WHERE is_meant OR n >= $4::bigint ORDER BY event_id"

struct Statements {
    const char* scan;   ///< from an id on
    const char* key;    ///< of a key, from an id on
    const char* whole;  ///< from an id on, with event and body; $2 most
    const char* one;    ///< one whole event
};

constexpr Statements kStatements[] = {
    {PAGE("SELECT" WAITING_COLUMNS FROM_WAITING " WHERE e.event_id > $1::bigint AND $5 = ''"),
     PAGE("SELECT" WAITING_COLUMNS " FROM target t JOIN alert a ON a.target_id = t.target_id"
          " AND a.alert_key = $5 JOIN event e USING (alert_id) WHERE e.event_id > $1::bigint"),
     "SELECT" WAITING_COLUMNS ", e.event, encode(e.body, 'hex')" FROM_WAITING
     " WHERE e.event_id > $1::bigint ORDER BY e.event_id LIMIT $2::bigint",
     "SELECT" WAITING_COLUMNS ", e.event, encode(e.body, 'hex')" FROM_WAITING
     " WHERE e.event_id = $1::bigint"},
    {PAGE("SELECT" DEAD_COLUMNS FROM_DEAD " WHERE d.event_id > $1::bigint AND $5 = ''"),
     PAGE("SELECT" DEAD_COLUMNS " FROM target t JOIN dead d ON d.target_id = t.target_id"
          " AND d.alert_key = $5 LEFT JOIN superseded s ON s.target_id = d.target_id"
          " AND s.alert_key = d.alert_key WHERE d.event_id > $1::bigint"),
     "SELECT" DEAD_COLUMNS ", d.event, encode(d.body, 'hex')" FROM_DEAD
     " WHERE d.event_id > $1::bigint ORDER BY d.event_id LIMIT $2::bigint",
     "SELECT" DEAD_COLUMNS ", d.event, encode(d.body, 'hex')" FROM_DEAD
     " WHERE d.event_id = $1::bigint"},
};

const Statements& statements_of(Pile pile) noexcept {
    return kStatements[pile == Pile::kWaiting ? 0 : 1];
}

constexpr char kTries[] =
    "SELECT tried_ms, http_status, reason FROM attempt WHERE event_id = $1::bigint"
    " ORDER BY event_id DESC, attempt_id DESC LIMIT 10";
constexpr char kFacts[] =
    "SELECT current_setting('server_version'), value FROM meta WHERE name = 'schema'";

constexpr char kResend[] =
    "SELECT kind, event_id, target_id FROM send_dead_again($1::bigint, $2::bigint[], $3::bigint,"
    " $4::bigint[])";
constexpr char kDiscard[] =
    "SELECT kind, event_id, target_id, alert_key FROM discard($1::bigint, $2::bigint[],"
    " $3::bigint, $4::bigint[], $5)";
constexpr char kDelete[] =
    "SELECT event_id, alert_key, reason FROM delete_dead($1::bigint, $2::bigint[])";
constexpr char kHasNoRoom[] = "SELECT has_no_room_for_dead($1::bigint, $2::bigint)";
constexpr char kHasTarget[] = "SELECT count(*) FROM target WHERE target_id = $1::bigint";
constexpr char kTargetOf[] = "SELECT (targets_of(ARRAY[$1], ARRAY[$2]))[1]";
constexpr char kNewestAlert[] = "SELECT coalesce(max(alert_id), 0) FROM alert";
constexpr char kForgetEdge[] = "SELECT answer, seen_ago_ms FROM forget_edge($1, $2::bigint)";
constexpr char kMoveWaiting[] =
    "SELECT kind, number FROM move_waiting($1::bigint, $2::bigint, $3::bigint, $4::bigint,"
    " $5::bigint[], $6::integer)";
constexpr char kMoveDead[] = "SELECT move_dead($1::bigint, $2::bigint, $3::bigint, $4::integer)";
constexpr char kPause[] = "SELECT pause_target($1::bigint, $2::bigint, $3::bigint)";
constexpr char kPaused[] =
    "SELECT target_id, paused_ms FROM target WHERE paused_ms > $1::bigint ORDER BY target_id";

constexpr char kDiscarded[] = "discarded by the operator";
/// Most whole events that are read at a time.
constexpr std::int64_t kMostWhole = 64;

std::uint64_t count_of(std::int64_t number) noexcept {
    return static_cast<std::uint64_t>(std::max<std::int64_t>(number, 0));
}

void read_waiting(const PgRows& rows, int row, UnixMs server_ms, ListedEvent& event) noexcept {
    const std::int64_t first_id = rows.number(row, 8);
    const UnixMs due_ms = rows.number(row, 9);
    if (first_id != event.event_id) {
        event.waits_for = WaitsFor::kElder;
        event.elder_id = first_id;
    } else if (due_ms >= kUntilYes) {
        event.waits_for = WaitsFor::kYes;
    } else if (due_ms >= kUntilBack) {
        event.waits_for = WaitsFor::kTarget;
    } else if (due_ms > server_ms) {
        event.waits_for = WaitsFor::kTime;
        event.next_try_ms = due_ms;
    }
}

void read_dead(const PgRows& rows, int row, UnixMs, ListedEvent& event) noexcept {
    event.dead_ms = rows.number(row, 9);
    constexpr DeadState kStates[] = {DeadState::kDead, DeadState::kMarked, DeadState::kSuperseded};
    event.dead = kStates[rows.number(row, 10)];
}

ListedEvent event_of(const PgRows& rows, int row, Pile pile, UnixMs server_ms) noexcept {
    ListedEvent event;
    event.event_id = rows.number(row, 0);
    event.target_id = rows.number(row, 1);
    event.alert_key = rows.text(row, 2);
    event.event_status = rows.text(row, 3);
    event.title = rows.text(row, 4);
    event.accepted_ms = rows.number(row, 5);
    event.attempts = static_cast<std::uint32_t>(rows.number(row, 6));
    event.reason = rows.text(row, 7);
    (pile == Pile::kWaiting ? read_waiting : read_dead)(rows, row, server_ms, event);
    return event;
}

std::string from_hex(std::string_view hex) noexcept {
    const auto digit = [](char c) { return c <= '9' ? c - '0' : c - 'a' + 10; };
    std::string bytes;
    bytes.reserve(hex.size() / 2);
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
        bytes += static_cast<char>(digit(hex[i]) * 16 + digit(hex[i + 1]));
    }
    return bytes;
}

WholeEvent whole_of(const PgRows& rows, int row, Pile pile, UnixMs server_ms) noexcept {
    WholeEvent event;
    event.listed = event_of(rows, row, pile, server_ms);
    event.event = rows.text(row, kNextColumn);
    event.body = from_hex(rows.text(row, kNextColumn + 1));
    return event;
}

std::string lower(std::string text) noexcept {
    for (char& c : text) {
        c = c >= 'A' && c <= 'Z' ? static_cast<char>(c + ('a' - 'A')) : c;
    }
    return text;
}

void add_once(std::vector<std::int64_t>& ids, std::int64_t id) noexcept {
    if (std::find(ids.begin(), ids.end(), id) == ids.end()) {
        ids.push_back(id);
    }
}

}  // namespace

std::string_view PostgresLedger::error() const noexcept { return store_.error(); }

// -------------------------------------------------------------------- to be looked at

StoreStatus PostgresLedger::list_targets(std::vector<ListedTarget>& targets) noexcept {
    PgRows rows;
    const StoreStatus status = store_.ask(kTargets, {}, rows);
    targets.clear();
    for (int i = 0; status == StoreStatus::kOk && i < rows.count(); i++) {
        const UnixMs paused_ms = rows.number(i, 5);
        targets.push_back({rows.number(i, 0), std::string(rows.text(i, 1)),
                           std::string(rows.text(i, 2)), count_of(rows.number(i, 3)),
                           count_of(rows.number(i, 4)),
                           paused_ms > store_.server_now_ms() ? paused_ms : 0});
    }
    return status;
}

StoreStatus PostgresLedger::list(Pile pile, const EventFilter& filter, std::int64_t after,
                                 std::size_t limit, EventPage& page) noexcept {
    page = {};
    const Statements& statements = statements_of(pile);
    // A filter by nothing but a target may have much to pass over, as one by a text has.
    const std::size_t most = filter.is_any() ? std::min(limit, kMostLookedAt) : kMostLookedAt;
    PgValues values;
    values.add(after).add(filter.target_id).add(lower(filter.text));
    values.add(static_cast<std::int64_t>(most)).add(filter.key);
    PgRows rows;
    const StoreStatus status =
        store_.ask(filter.key.empty() ? statements.scan : statements.key, values, rows);
    std::int64_t last = after;
    for (int i = 0; status == StoreStatus::kOk && i < rows.count(); i++) {
        const auto place = static_cast<std::size_t>(rows.number(i, kNextColumn));
        if (place > most || page.events.size() == limit) {
            page.next = last;
            break;
        }
        last = rows.number(i, 0);
        if (rows.flag(i, kNextColumn + 1)) {
            page.events.push_back(event_of(rows, i, pile, store_.server_now_ms()));
        }
    }
    return status;
}

StoreStatus PostgresLedger::show(Pile pile, std::int64_t event_id, WholeEvent& event,
                                 bool& is_found) noexcept {
    event = {};
    PgRows rows, tries;
    StoreStatus status = store_.ask(statements_of(pile).one, PgValues().add(event_id), rows);
    is_found = status == StoreStatus::kOk && rows.count() > 0;
    if (!is_found) {
        return status;
    }
    event = whole_of(rows, 0, pile, store_.server_now_ms());
    status = store_.ask(kTries, PgValues().add(event_id), tries);
    for (int i = 0; status == StoreStatus::kOk && i < tries.count(); i++) {
        event.tries.push_back({tries.number(i, 0), static_cast<std::uint32_t>(tries.number(i, 1)),
                               std::string(tries.text(i, 2))});
    }
    return status;
}

StoreStatus PostgresLedger::read_whole(Pile pile, std::int64_t after, std::size_t most_bytes,
                                       WholePage& page) noexcept {
    page = {};
    PgRows rows;
    const StoreStatus status =
        store_.ask(statements_of(pile).whole, PgValues().add(after).add(kMostWhole), rows);
    std::size_t bytes = 0;
    for (int i = 0; status == StoreStatus::kOk && i < rows.count(); i++) {
        if (!page.events.empty() && bytes >= most_bytes) {
            page.next = page.events.back().listed.event_id;
            return status;
        }
        page.events.push_back(whole_of(rows, i, pile, store_.server_now_ms()));
        bytes += page.events.back().event.size() + page.events.back().body.size();
    }
    if (rows.count() == kMostWhole) {
        page.next = page.events.back().listed.event_id;
    }
    return status;
}

StoreStatus PostgresLedger::facts(StoreFacts& facts) noexcept {
    PgRows rows;
    const StoreStatus status = store_.ask(kFacts, {}, rows);
    if (status != StoreStatus::kOk) {
        return status;
    }
    facts.kind = "PostgreSQL " + std::string(rows.text(0, 0));
    facts.schema = rows.number(0, 1);
    return store_.size(facts.size);
}

// -------------------------------------------------------------------- to be changed

StoreStatus PostgresLedger::resend(const Ids& ids, UnixMs now_ms, const Ids& busy,
                                   EventsChanged& changed) noexcept {
    PgValues values;
    values.add(store_.term()).add(ids).add(store_.to_server(now_ms)).add(busy);
    PgRows rows;
    const StoreStatus status = store_.ask(kResend, values, rows);
    for (int i = 0; status == StoreStatus::kOk && i < rows.count(); i++) {
        const std::string_view kind = rows.text(i, 0);
        if (kind == "s") {
            changed.superseded++;
            continue;
        }
        changed.done++;
        if (kind == "w") {
            add_once(changed.wakes, rows.number(i, 2));
        }
    }
    changed.is_found = status == StoreStatus::kOk && rows.count() > 0;
    return status;
}

StoreStatus PostgresLedger::discard(const Ids& ids, UnixMs now_ms, const Ids& busy,
                                    EventsChanged& changed) noexcept {
    const UnixMs server_ms = store_.to_server(now_ms);
    PgRows rows;
    StoreStatus status =
        store_.ask(kHasNoRoom, PgValues().add(server_ms).add(store_.dead_bytes()), rows);
    if (status == StoreStatus::kOk && rows.flag(0, 0)) {
        return store_.refuse(StoreStatus::kFull,
                             "PostgreSQL: it has no room for more dead letters: delete some");
    }
    PgValues values;
    values.add(store_.term()).add(ids).add(server_ms).add(busy).add(std::string_view(kDiscarded));
    status = status == StoreStatus::kOk ? store_.ask(kDiscard, values, rows) : status;
    for (int i = 0; status == StoreStatus::kOk && i < rows.count(); i++) {
        if (rows.text(i, 0) == "b") {
            changed.busy++;
            continue;
        }
        changed.dead.push_back({rows.number(i, 1), std::string(rows.text(i, 3)), kDiscarded});
        changed.gone.push_back(rows.number(i, 1));
        add_once(changed.wakes, rows.number(i, 2));
        changed.done++;
    }
    changed.is_found = status == StoreStatus::kOk && rows.count() > 0;
    return status;
}

StoreStatus PostgresLedger::delete_dead(const Ids& ids, EventsChanged& changed) noexcept {
    PgRows rows;
    const StoreStatus status = store_.ask(kDelete, PgValues().add(store_.term()).add(ids), rows);
    for (int i = 0; status == StoreStatus::kOk && i < rows.count(); i++) {
        changed.deleted.push_back({rows.number(i, 0), std::string(rows.text(i, 1)),
                                   "by the operator, it was: " + std::string(rows.text(i, 2))});
        changed.done++;
    }
    changed.is_found = changed.done > 0;
    return status;
}

StoreStatus PostgresLedger::change_some(EventChange::Kind kind, const Ids& ids, UnixMs now_ms,
                                        const Ids& busy, EventsChanged& changed) noexcept {
    switch (kind) {
        case EventChange::Kind::kResend:
            return resend(ids, now_ms, busy, changed);
        case EventChange::Kind::kDiscard:
            return discard(ids, now_ms, busy, changed);
        case EventChange::Kind::kDelete:
        case EventChange::Kind::kMove:
        case EventChange::Kind::kCount:
            break;
    }
    return delete_dead(ids, changed);
}

StoreStatus PostgresLedger::move_waiting(std::int64_t from, std::int64_t to, std::int64_t newest,
                                         const Ids& busy, EventsChanged& changed) noexcept {
    PgValues values;
    values.add(store_.term()).add(from).add(to).add(newest).add(busy);
    values.add(static_cast<std::int64_t>(kMaxChanged));
    PgRows rows;
    const StoreStatus status = store_.ask(kMoveWaiting, values, rows);
    std::uint64_t waiting = 0;
    for (int i = 0; status == StoreStatus::kOk && i < rows.count(); i++) {
        const std::string_view kind = rows.text(i, 0);
        if (kind == "g") {
            changed.gone.push_back(rows.number(i, 1));
        } else if (kind == "m") {
            changed.done = count_of(rows.number(i, 1));
        } else {
            waiting = count_of(rows.number(i, 1));
        }
    }
    if (changed.done > 0) {
        changed.wakes.push_back(to);
    } else {
        changed.busy = waiting;
    }
    changed.next = changed.done > 0 ? newest : -1;
    return status;
}

/// `after` is the newest alert_id that is moved, and -1 once only dead letters are left.
StoreStatus PostgresLedger::move(const EventChange& change, const Ids& busy,
                                 EventsChanged& changed) noexcept {
    const std::int64_t from = change.filter.target_id;
    PgRows rows;
    StoreStatus status = store_.ask(kHasTarget, PgValues().add(from), rows);
    changed.is_found = status == StoreStatus::kOk && rows.number(0, 0) != 0;
    if (!changed.is_found) {
        return status;
    }
    status = store_.ask(kTargetOf, PgValues().add(change.server).add(change.location), rows);
    const std::int64_t to = status == StoreStatus::kOk ? rows.number(0, 0) : 0;
    if (status != StoreStatus::kOk || to == from) {
        return status;
    }
    if (change.after < 0) {
        PgValues values;
        values.add(store_.term()).add(from).add(to).add(static_cast<std::int64_t>(kMaxChanged));
        status = store_.ask(kMoveDead, values, rows);
        changed.done = status == StoreStatus::kOk ? count_of(rows.number(0, 0)) : 0;
        changed.next = changed.done > 0 ? -1 : 0;
        return status;
    }
    std::int64_t newest = change.after;
    if (newest == 0) {
        status = store_.ask(kNewestAlert, {}, rows);
        newest = status == StoreStatus::kOk ? rows.number(0, 0) : 0;
    }
    return status == StoreStatus::kOk ? move_waiting(from, to, newest, busy, changed) : status;
}

StoreStatus PostgresLedger::change(const EventChange& change, UnixMs now_ms,
                                   const std::vector<std::int64_t>& busy,
                                   EventsChanged& changed) noexcept {
    changed = {};
    StoreStatus status = StoreStatus::kOk;
    if (change.kind == EventChange::Kind::kMove) {
        status = move(change, busy, changed);
    } else if (change.event_id != 0) {
        status = change_some(change.kind, {change.event_id}, now_ms, busy, changed);
    } else {
        const Pile pile = change.kind == EventChange::Kind::kDiscard ? Pile::kWaiting : Pile::kDead;
        EventPage page;
        status = list(pile, change.filter, change.after, kMaxChanged, page);
        Ids ids;
        for (const ListedEvent& event : page.events) {
            ids.push_back(event.event_id);
        }
        if (status == StoreStatus::kOk && !ids.empty()) {
            status = change_some(change.kind, ids, now_ms, busy, changed);
        }
        changed.next = page.next;
    }
    if (status != StoreStatus::kOk) {
        changed = {};
    }
    return status;
}

StoreStatus PostgresLedger::pause(std::int64_t target_id, UnixMs until_ms,
                                  bool& is_found) noexcept {
    PgValues values;
    values.add(store_.term()).add(target_id);
    values.add(until_ms == 0 ? until_ms : store_.to_server(until_ms));
    PgRows rows;
    const StoreStatus status = store_.ask(kPause, values, rows);
    is_found = status == StoreStatus::kOk && rows.flag(0, 0);
    return status;
}

StoreStatus PostgresLedger::forget_edge(const std::string& edge, Forgotten& forgotten,
                                        std::int64_t& seen_ago_ms) noexcept {
    PgRows rows;
    const StoreStatus status = store_.ask(kForgetEdge, PgValues().add(edge).add(kSeenMs), rows);
    if (status == StoreStatus::kOk) {
        const std::string_view answer = rows.text(0, 0);
        forgotten = answer == "done"    ? Forgotten::kDone
                    : answer == "taken" ? Forgotten::kLives
                                        : Forgotten::kUnknown;
        seen_ago_ms = rows.number(0, 1);
    }
    return status;
}

StoreStatus PostgresLedger::paused(UnixMs now_ms, std::vector<Paused>& paused) noexcept {
    paused.clear();
    PgRows rows;
    const StoreStatus status = store_.ask(kPaused, PgValues().add(store_.to_server(now_ms)), rows);
    for (int i = 0; status == StoreStatus::kOk && i < rows.count(); i++) {
        paused.push_back({rows.number(i, 0), store_.from_server(rows.number(i, 1))});
    }
    return status;
}

}  // namespace flashduty
