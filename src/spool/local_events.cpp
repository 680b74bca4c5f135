#include "local_events.hpp"

#include <string>

namespace flashduty {

namespace {

/// Limits of a batch, as those of an append.
constexpr std::size_t kMostEvents = 256;
constexpr std::size_t kMostBytes = 4 * 1024 * 1024;

// Events that wait are local even where the bit says nothing: an edge that joins a fleet has it.
#define FLASHDUTY_HAS_MORE \
    "EXISTS (SELECT 1 FROM event WHERE event_id NOT IN (SELECT event_id FROM unfit))"
constexpr char kHasMore[] = "SELECT " FLASHDUTY_HAS_MORE;
constexpr char kIsLocal[] = "SELECT local OR " FLASHDUTY_HAS_MORE " FROM fleet";
constexpr char kState[] =
    "SELECT local OR " FLASHDUTY_HAS_MORE
    ","
    " owes_report OR EXISTS (SELECT 1 FROM alone), spool_id,"
    " (SELECT waiting FROM counter), (SELECT dead FROM counter),"
    " (SELECT min(accepted_ms) FROM event), (SELECT count(*) FROM unfit) FROM fleet";

constexpr char kFirst[] =
    "SELECT e.event_id, coalesce(b.writer, ''), coalesce(b.batch, 0), t.server, t.location,"
    " e.arguments, a.alert_key, e.status, e.title, e.event, e.variables, y.body, e.accepted_ms"
    " FROM event e LEFT JOIN batch b USING (event_id) JOIN alert a USING (alert_id)"
    " JOIN target t USING (target_id) JOIN body y USING (event_id)"
    " WHERE e.event_id NOT IN (SELECT event_id FROM unfit) ORDER BY e.event_id LIMIT ?";

constexpr char kKeep[] =
    "INSERT INTO alone (target_id, alert_key, event_id, status, title, arguments, accepted_ms,"
    " delivered_ms, event, variables, body)"
    " SELECT a.target_id, a.alert_key, e.event_id, e.status, e.title, e.arguments, e.accepted_ms,"
    // The last word on a key may have to be sent again, its body is of no use for that.
    " ?2, e.event, e.variables, x'' FROM event e JOIN alert a USING (alert_id)"
    " WHERE e.event_id = ?1"
    " ON CONFLICT (target_id, alert_key) DO UPDATE SET event_id = excluded.event_id,"
    " status = excluded.status, title = excluded.title, arguments = excluded.arguments,"
    " accepted_ms = excluded.accepted_ms, delivered_ms = excluded.delivered_ms,"
    " event = excluded.event, variables = excluded.variables, body = excluded.body"
    " WHERE excluded.event_id > alone.event_id";

#define FLASHDUTY_ALONE                                                                     \
    "SELECT o.event_id, t.server, t.location, o.arguments, o.alert_key, o.status, o.title," \
    " o.event, o.variables, o.body, o.accepted_ms, o.delivered_ms"

constexpr char kAlone[] =
    FLASHDUTY_ALONE " FROM alone o JOIN target t USING (target_id) ORDER BY o.event_id LIMIT ?";
// An event of which nobody knows whether it has left.
constexpr char kWaiting[] =
    "SELECT e.event_id, t.server, t.location, e.arguments, a.alert_key, e.status, e.title,"
    " e.event, e.variables, y.body, e.accepted_ms, e.accepted_ms"
    " FROM alert a JOIN event e ON e.event_id = a.first_id JOIN target t USING (target_id)"
    " JOIN body y USING (event_id) ORDER BY e.event_id";

constexpr char kReported[] =
    "DELETE FROM alone WHERE event_id <= ?3 AND alert_key = ?2 AND target_id ="
    " (SELECT target_id FROM target WHERE server = ?1 AND location = ?4)";

NewEvent event_of(const Query& row, const KeptClock& clock, int column) noexcept {
    NewEvent event;
    std::string* const texts[] = {&event.server,    &event.location,     &event.arguments,
                                  &event.alert_key, &event.event_status, &event.title,
                                  &event.event,     &event.variables,    &event.body};
    for (std::string* text : texts) {
        *text = row.text(column++);
    }
    event.accepted_ms = clock.from_kept(row.number(column));
    return event;
}

void read_rows(Query& rows, const KeptClock& clock, bool is_certain,
               std::vector<AloneEvent>& events) noexcept {
    while (rows.next()) {
        AloneEvent one;
        one.event_id = rows.number(0);
        one.event = event_of(rows, clock, 1);
        one.delivered_ms = clock.from_kept(rows.number(11));
        one.is_certain = is_certain;
        events.push_back(std::move(one));
    }
}

}  // namespace

LocalState look_at_local(Connection& connection) noexcept {
    LocalState state;
    Query row = connection.query(kState);
    if (row.next()) {
        state.is_local = row.number(0) != 0;
        state.owes_report = row.number(1) != 0;
        state.spool_id = row.text(2);
        state.waiting = static_cast<std::uint64_t>(row.number(3));
        state.dead = static_cast<std::uint64_t>(row.number(4));
        state.oldest_ms = row.number(5);
        state.unfit = static_cast<std::uint64_t>(row.number(6));
    }
    return state;
}

bool is_local(Connection& connection) noexcept { return connection.number(kIsLocal) != 0; }

void set_local(Connection& connection, bool is_local) noexcept {
    connection.run("UPDATE fleet SET local = ?1 WHERE local <> ?1", std::int64_t{is_local});
}

void name_event(Connection& connection, std::int64_t event_id, const BatchId& id) noexcept {
    connection.run("INSERT OR REPLACE INTO batch (event_id, writer, batch) VALUES (?, ?, ?)",
                   event_id, id.writer, id.batch);
}

LocalBatch take_first_batch(Connection& connection, const KeptClock& clock,
                            const BatchId& name) noexcept {
    LocalBatch batch;
    std::size_t bytes = 0;
    {
        Query rows = connection.query(kFirst, static_cast<std::int64_t>(kMostEvents));
        while (rows.next()) {
            const BatchId id = {std::string(rows.text(1)), rows.number(2)};
            NewEvent event = event_of(rows, clock, 3);
            bytes += event.event.size() + event.variables.size() + event.body.size();
            const bool is_of_it = batch.events.empty() ||
                                  (id.writer == batch.id.writer && id.batch == batch.id.batch);
            // A batch that has a name stays whole.
            if (!is_of_it || (!batch.events.empty() && id.writer.empty() && bytes > kMostBytes)) {
                break;
            }
            batch.id = id;
            batch.event_ids.push_back(rows.number(0));
            batch.events.push_back(std::move(event));
        }
    }
    if (!batch.events.empty() && batch.id.writer.empty()) {
        batch.id = name;
        for (const std::int64_t event_id : batch.event_ids) {
            name_event(connection, event_id, batch.id);
        }
    }
    return batch;
}

bool remove_moved(Connection& connection, const std::vector<std::int64_t>& event_ids,
                  const std::vector<std::int64_t>& unfit) noexcept {
    for (const std::int64_t event_id : unfit) {
        connection.run("INSERT OR IGNORE INTO unfit (event_id) VALUES (?)", event_id);
    }
    for (const std::int64_t event_id : event_ids) {
        connection.run(
            "DELETE FROM event WHERE event_id = ? AND event_id NOT IN (SELECT event_id FROM unfit)",
            event_id);
        connection.run("DELETE FROM batch WHERE event_id = ?", event_id);
    }
    const bool has_more = connection.number(kHasMore) != 0;
    if (!has_more) {
        connection.run("DELETE FROM batch");
        connection.run("DELETE FROM unfit WHERE event_id NOT IN (SELECT event_id FROM event)");
        set_local(connection, false);
    }
    return has_more;
}

void keep_delivered(Connection& connection, std::int64_t event_id, UnixMs delivered_ms) noexcept {
    connection.run(kKeep, event_id, delivered_ms);
}

std::vector<AloneEvent> read_alone(Connection& connection, const KeptClock& clock,
                                   bool with_waiting, std::size_t most) noexcept {
    std::vector<AloneEvent> events;
    {
        Query rows = connection.query(kAlone, static_cast<std::int64_t>(most));
        read_rows(rows, clock, true, events);
    }
    if (with_waiting) {
        Query rows = connection.query(kWaiting);
        read_rows(rows, clock, false, events);
    }
    return events;
}

bool remove_reported(Connection& connection, const std::vector<AloneEvent>& events) noexcept {
    for (const AloneEvent& one : events) {
        connection.run(kReported, one.event.server, one.event.alert_key, one.event_id,
                       one.event.location);
    }
    const bool has_more = connection.number("SELECT EXISTS (SELECT 1 FROM alone)") != 0;
    if (!has_more) {
        connection.run("UPDATE fleet SET owes_report = 0");
    }
    return has_more;
}

}  // namespace flashduty
