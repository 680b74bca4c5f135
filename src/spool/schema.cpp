#include "schema.hpp"

#include <chrono>
#include <iterator>

namespace flashduty {

namespace {

constexpr std::int64_t kApplicationId = 0x46445350;  // FDSP

// Times are milliseconds since 1970. Columns that are read in many rows stand before long ones:
// SQLite reads a row only as far as it has to.
constexpr char kVersion1[] = R"sql(
-- Where events are pushed to.
CREATE TABLE target (
    target_id INTEGER PRIMARY KEY AUTOINCREMENT,
    server    TEXT NOT NULL,
    location  TEXT NOT NULL,  -- uri without arguments
    UNIQUE (server, location)
);

-- An alert key of a target, for as long as an event of it waits. All but due_ms and tried_ms is
-- kept up by triggers on event.
CREATE TABLE alert (
    alert_id  INTEGER PRIMARY KEY AUTOINCREMENT,
    target_id INTEGER NOT NULL,
    alert_key TEXT NOT NULL,
    rank      INTEGER NOT NULL,  -- severity of the worst that waits; 1 when only Ok does
    since_ms  INTEGER NOT NULL,  -- when its first event was accepted
    first_id  INTEGER NOT NULL,  -- that event, the next to leave
    due_ms    INTEGER NOT NULL DEFAULT 0,  -- not before; from 2^60 on: when its target is back
    tried_ms  INTEGER NOT NULL DEFAULT 0,  -- with due_ms: when that was
    UNIQUE (target_id, alert_key)
);
CREATE INDEX alert_ready ON alert (target_id, rank, since_ms, first_id) WHERE due_ms = 0;
CREATE INDEX alert_held ON alert (target_id, due_ms) WHERE due_ms > 0;
CREATE INDEX alert_tried ON alert (target_id, tried_ms, first_id) WHERE due_ms > 0;

-- What waits. Of one alert the smallest event_id leaves first.
CREATE TABLE event (
    event_id    INTEGER PRIMARY KEY AUTOINCREMENT,
    alert_id    INTEGER NOT NULL,
    severity    INTEGER NOT NULL,  -- 0 Critical, 1 Warning, 2 Info, 3 Ok
    status      TEXT NOT NULL,
    title       TEXT NOT NULL,
    arguments   TEXT NOT NULL,  -- of the uri
    accepted_ms INTEGER NOT NULL,
    attempts    INTEGER NOT NULL DEFAULT 0,  -- that ended without a yes
    tried_ms    INTEGER NOT NULL DEFAULT 0,
    last_error  TEXT NOT NULL DEFAULT '',
    event       TEXT NOT NULL,  -- what is pushed, JSON
    variables   TEXT NOT NULL   -- what the push's location can ask for, JSON
);
-- Every index ends with its table's key.
CREATE INDEX event_order ON event (alert_id);
CREATE INDEX event_severity ON event (alert_id, severity);
CREATE INDEX event_age ON event (accepted_ms);

-- What BlueKing sent.
CREATE TABLE body (
    event_id INTEGER PRIMARY KEY,
    body     BLOB NOT NULL
);

-- What will not be sent any more. To have it sent again: UPDATE dead SET again = 1 WHERE ...
CREATE TABLE dead (
    event_id    INTEGER PRIMARY KEY,
    target_id   INTEGER NOT NULL,
    alert_key   TEXT NOT NULL,
    severity    INTEGER NOT NULL,
    status      TEXT NOT NULL,
    title       TEXT NOT NULL,
    arguments   TEXT NOT NULL,
    reason      TEXT NOT NULL,
    dead_ms     INTEGER NOT NULL,
    accepted_ms INTEGER NOT NULL,
    attempts    INTEGER NOT NULL,
    last_error  TEXT NOT NULL,
    bytes       INTEGER NOT NULL,            -- of its pages, about
    again       INTEGER NOT NULL DEFAULT 0,  -- 1: an operator wants it to wait again
    event       TEXT NOT NULL,
    variables   TEXT NOT NULL,
    body        BLOB NOT NULL
);
CREATE INDEX dead_age ON dead (dead_ms);
CREATE INDEX dead_alert ON dead (target_id, alert_key);
CREATE INDEX dead_again ON dead (again) WHERE again <> 0;

-- Alert keys with dead letters of which a newer event was delivered since: what is older than that
-- is not sent again, or an alert that is over would come back.
CREATE TABLE superseded (
    target_id INTEGER NOT NULL,
    alert_key TEXT NOT NULL,
    before_id INTEGER NOT NULL,
    PRIMARY KEY (target_id, alert_key)
) WITHOUT ROWID;

-- One row; counting a million events would take too long.
CREATE TABLE counter (
    waiting    INTEGER NOT NULL,
    dead       INTEGER NOT NULL,
    dead_bytes INTEGER NOT NULL,
    resync_ms  INTEGER NOT NULL DEFAULT 0  -- when a sync was last proven after one had failed
);
INSERT INTO counter (waiting, dead, dead_bytes) VALUES (0, 0, 0);

CREATE TRIGGER event_comes AFTER INSERT ON event BEGIN
    UPDATE alert
       SET rank = (SELECT CASE severity WHEN 3 THEN 1 ELSE severity END FROM event
                    WHERE alert_id = new.alert_id ORDER BY severity LIMIT 1),
           (first_id, since_ms) = (SELECT event_id, accepted_ms FROM event
                    WHERE alert_id = new.alert_id ORDER BY event_id LIMIT 1)
     WHERE alert_id = new.alert_id
       AND (first_id = 0 OR new.event_id < first_id OR
            rank <> (SELECT CASE severity WHEN 3 THEN 1 ELSE severity END FROM event
                      WHERE alert_id = new.alert_id ORDER BY severity LIMIT 1));
    UPDATE counter SET waiting = waiting + 1;
END;

-- What the tries of its first event have come to does not hold up the next one.
CREATE TRIGGER event_goes AFTER DELETE ON event BEGIN
    DELETE FROM body WHERE event_id = old.event_id;
    DELETE FROM alert
     WHERE alert_id = old.alert_id
       AND NOT EXISTS (SELECT 1 FROM event WHERE alert_id = old.alert_id);
    UPDATE alert
       SET rank = (SELECT CASE severity WHEN 3 THEN 1 ELSE severity END FROM event
                    WHERE alert_id = old.alert_id ORDER BY severity LIMIT 1),
           (first_id, since_ms) = (SELECT event_id, accepted_ms FROM event
                    WHERE alert_id = old.alert_id ORDER BY event_id LIMIT 1),
           due_ms = CASE first_id WHEN old.event_id THEN 0 ELSE due_ms END
     WHERE alert_id = old.alert_id
       AND (first_id = old.event_id OR
            rank <> (SELECT CASE severity WHEN 3 THEN 1 ELSE severity END FROM event
                      WHERE alert_id = old.alert_id ORDER BY severity LIMIT 1));
    UPDATE counter SET waiting = waiting - 1;
END;

CREATE TRIGGER dead_comes AFTER INSERT ON dead BEGIN
    UPDATE counter SET dead = dead + 1, dead_bytes = dead_bytes + new.bytes;
END;

CREATE TRIGGER dead_goes AFTER DELETE ON dead BEGIN
    UPDATE counter SET dead = dead - 1, dead_bytes = dead_bytes - old.bytes;
    DELETE FROM superseded
     WHERE target_id = old.target_id AND alert_key = old.alert_key
       AND NOT EXISTS (SELECT 1 FROM dead
                        WHERE target_id = old.target_id AND alert_key = old.alert_key);
END;

-- To look at: sqlite3 spool.db 'SELECT * FROM waiting'
CREATE VIEW waiting AS
    SELECT e.event_id, e.title, a.alert_key, e.status,
           t.server || ' ' || t.location AS target,
           strftime('%Y-%m-%d %H:%M:%S', e.accepted_ms / 1000, 'unixepoch') AS accepted,
           CASE WHEN e.event_id <> a.first_id THEN 'after ' || a.first_id
                WHEN a.due_ms = 0 THEN 'at once'
                WHEN a.due_ms >= 1 << 60 THEN 'when its target is back'
                ELSE strftime('%Y-%m-%d %H:%M:%S', a.due_ms / 1000, 'unixepoch')
           END AS next_try,
           e.attempts, e.last_error
      FROM event e JOIN alert a USING (alert_id) JOIN target t USING (target_id);

CREATE VIEW dead_letters AS
    SELECT d.event_id, d.title, d.alert_key, d.status,
           t.server || ' ' || t.location AS target, d.reason,
           strftime('%Y-%m-%d %H:%M:%S', d.dead_ms / 1000, 'unixepoch') AS time,
           CASE WHEN d.event_id < s.before_id THEN 'superseded'
                WHEN d.again THEN 'to be sent again'
                ELSE 'dead'
           END AS state,
           strftime('%Y-%m-%d %H:%M:%S', d.accepted_ms / 1000, 'unixepoch') AS accepted,
           d.attempts, d.last_error, d.event, CAST(d.body AS TEXT) AS body
      FROM dead d LEFT JOIN target t USING (target_id) LEFT JOIN superseded s
        ON s.target_id = d.target_id AND s.alert_key = d.alert_key;
)sql";

constexpr char kVersion2[] = R"sql(
CREATE TABLE meta (
    name  TEXT PRIMARY KEY,
    value NOT NULL
) WITHOUT ROWID;
INSERT INTO meta VALUES ('schema', 1);
-- Later ones without arrived_ms are of workers of 1.0.0.
INSERT INTO meta VALUES ('last_of_1', coalesce((SELECT seq FROM sqlite_sequence
                                                 WHERE name = 'event'), 0));

-- One row: the clock that all times are of but arrived_ms and those in attempt and recovery, which
-- are of the wall clock.
CREATE TABLE clock (
    boot_id  TEXT NOT NULL,     -- the start of the machine that it counts from
    start_ms INTEGER NOT NULL,  -- what it was at that start
    time_ms  INTEGER NOT NULL,  -- what it was when somebody last wrote it down
    wall_ms  INTEGER NOT NULL,  -- and what the wall clock said then
    spare_ms INTEGER NOT NULL   -- nothing dies of age before that
);

ALTER TABLE target ADD COLUMN paused_ms INTEGER NOT NULL DEFAULT 0;  -- nothing is pushed there before
ALTER TABLE event ADD COLUMN arrived_ms INTEGER NOT NULL DEFAULT 0;  -- 0: accepted_ms
ALTER TABLE event ADD COLUMN refusal TEXT NOT NULL DEFAULT '';       -- if it was refused: how
ALTER TABLE dead ADD COLUMN arrived_ms INTEGER NOT NULL DEFAULT 0;
CREATE INDEX event_of_1 ON event (event_id) WHERE arrived_ms = 0;

-- How many events and dead letters a target has: kept up by triggers, and by who moves some.
ALTER TABLE target ADD COLUMN waiting INTEGER NOT NULL DEFAULT 0;
ALTER TABLE target ADD COLUMN dead INTEGER NOT NULL DEFAULT 0;
UPDATE target SET
    waiting = (SELECT count(*) FROM alert a JOIN event USING (alert_id)
                WHERE a.target_id = target.target_id),
    dead = (SELECT count(*) FROM dead d WHERE d.target_id = target.target_id);

CREATE TRIGGER event_counts AFTER INSERT ON event BEGIN
    UPDATE target SET waiting = waiting + 1
     WHERE target_id = (SELECT target_id FROM alert WHERE alert_id = new.alert_id);
END;

CREATE TRIGGER event_uncounts BEFORE DELETE ON event BEGIN
    UPDATE target SET waiting = waiting - 1
     WHERE target_id = (SELECT target_id FROM alert WHERE alert_id = old.alert_id);
END;

CREATE TRIGGER dead_counts AFTER INSERT ON dead BEGIN
    UPDATE target SET dead = dead + 1 WHERE target_id = new.target_id;
END;

CREATE TRIGGER dead_uncounts AFTER DELETE ON dead BEGIN
    UPDATE target SET dead = dead - 1 WHERE target_id = old.target_id;
END;

-- The last tries of what waits and of what is dead.
CREATE TABLE attempt (
    attempt_id  INTEGER PRIMARY KEY,
    event_id    INTEGER NOT NULL,
    tried_ms    INTEGER NOT NULL,
    http_status INTEGER NOT NULL,  -- 0: there was no answer
    reason      TEXT NOT NULL
);
CREATE INDEX attempt_event ON attempt (event_id);

-- Marks of failed syncs that were dealt with.
CREATE TABLE recovery (
    mark         TEXT PRIMARY KEY,
    recovered_ms INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TRIGGER event_leaves AFTER DELETE ON event BEGIN
    DELETE FROM attempt
     WHERE event_id = old.event_id
       AND NOT EXISTS (SELECT 1 FROM dead WHERE event_id = old.event_id);
END;

CREATE TRIGGER dead_leaves AFTER DELETE ON dead BEGIN
    DELETE FROM attempt
     WHERE event_id = old.event_id
       AND NOT EXISTS (SELECT 1 FROM event WHERE event_id = old.event_id);
END;

DROP VIEW waiting;
CREATE VIEW waiting AS
    SELECT e.event_id, e.title, a.alert_key, e.status,
           t.server || ' ' || t.location AS target,
           strftime('%Y-%m-%d %H:%M:%S', CASE e.arrived_ms WHEN 0 THEN e.accepted_ms
                                                           ELSE e.arrived_ms END / 1000,
                    'unixepoch') AS accepted,
           CASE WHEN e.event_id <> a.first_id THEN 'after ' || a.first_id
                WHEN a.due_ms = 0 THEN 'at once'
                WHEN a.due_ms >= 1 << 61 THEN 'when another event is taken'
                WHEN a.due_ms >= 1 << 60 THEN 'when its target is back'
                ELSE strftime('%Y-%m-%d %H:%M:%S',
                              (a.due_ms + (SELECT wall_ms - time_ms FROM clock)) / 1000,
                              'unixepoch')
           END AS next_try,
           e.attempts, e.last_error
      FROM event e JOIN alert a USING (alert_id) JOIN target t USING (target_id);

DROP VIEW dead_letters;
CREATE VIEW dead_letters AS
    SELECT d.event_id, d.title, d.alert_key, d.status,
           t.server || ' ' || t.location AS target, d.reason,
           strftime('%Y-%m-%d %H:%M:%S',
                    (d.dead_ms + (SELECT wall_ms - time_ms FROM clock)) / 1000,
                    'unixepoch') AS time,
           CASE WHEN d.event_id < s.before_id THEN 'superseded'
                WHEN d.again THEN 'to be sent again'
                ELSE 'dead'
           END AS state,
           strftime('%Y-%m-%d %H:%M:%S', CASE d.arrived_ms WHEN 0 THEN d.accepted_ms
                                                           ELSE d.arrived_ms END / 1000,
                    'unixepoch') AS accepted,
           d.attempts, d.last_error, d.event, CAST(d.body AS TEXT) AS body
      FROM dead d LEFT JOIN target t USING (target_id) LEFT JOIN superseded s
        ON s.target_id = d.target_id AND s.alert_key = d.alert_key;
)sql";

// Of an edge of a fleet: see local_events.cpp. Tables of their own, so that others pay nothing.
constexpr char kVersion3[] = R"sql(
-- One row.
CREATE TABLE fleet (
    spool_id    TEXT NOT NULL,               -- stands for this spool
    local       INTEGER NOT NULL DEFAULT 0,  -- 1: new events come here, not into the shared database
    owes_report INTEGER NOT NULL DEFAULT 0   -- 1: some were pushed from here and not reported yet
);
INSERT INTO fleet (spool_id) VALUES (lower(hex(randomblob(8))));

-- Names under which the shared database may have events already.
CREATE TABLE batch (
    event_id INTEGER PRIMARY KEY,
    writer   TEXT NOT NULL,
    batch    INTEGER NOT NULL
);

-- Events that the shared database cannot hold: they are pushed from here.
CREATE TABLE unfit (
    event_id INTEGER PRIMARY KEY
);

-- The last event of each key that was delivered from here.
CREATE TABLE alone (
    target_id    INTEGER NOT NULL,
    alert_key    TEXT NOT NULL,
    event_id     INTEGER NOT NULL,
    status       TEXT NOT NULL,
    title        TEXT NOT NULL,
    arguments    TEXT NOT NULL,
    accepted_ms  INTEGER NOT NULL,
    delivered_ms INTEGER NOT NULL,
    event        TEXT NOT NULL,
    variables    TEXT NOT NULL,
    body         BLOB NOT NULL,
    PRIMARY KEY (target_id, alert_key)
) WITHOUT ROWID;
)sql";

/// Steps from each version to the next. They only add: an older gateway may still be at work on the
/// same file.
constexpr const char* kSteps[] = {kVersion1, kVersion2, kVersion3};
static_assert(std::size(kSteps) == kSchemaVersion);

/// `PRAGMA user_version`: the oldest gateway that can use a database of this one. 1.0.0 looks at
/// nothing else.
constexpr std::int64_t kOldestUser = 1;

/// Version of the schema: 0 when there is none.
std::int64_t schema_version(Connection& connection) noexcept {
    constexpr char kHasMeta[] = "SELECT count(*) FROM sqlite_master WHERE name = 'meta'";
    constexpr char kSchema[] = "SELECT value FROM meta WHERE name = 'schema'";
    const std::int64_t user_version = connection.number("PRAGMA user_version");
    return user_version == 0 || connection.number(kHasMeta) == 0 ? user_version
                                                                 : connection.number(kSchema);
}

SchemaState look(Connection& connection, std::int64_t& version) noexcept {
    const std::int64_t application = connection.number("PRAGMA application_id");
    const std::int64_t user_version = connection.number("PRAGMA user_version");
    const std::int64_t has_tables = connection.number("SELECT count(*) FROM sqlite_master");
    if (connection.failed()) {
        return SchemaState::kUnknown;
    }
    if (application != kApplicationId &&
        (application != 0 || user_version != 0 || has_tables != 0)) {
        return SchemaState::kForeign;
    }
    if (user_version > kOldestUser) {
        return SchemaState::kNewer;
    }
    version = schema_version(connection);
    return connection.failed() ? SchemaState::kUnknown : SchemaState::kKnown;
}

/// Begins the ids of a new database at the time of day. It must not use the ids of a database whose
/// place it takes: pushes that are still under way belong to those. No database counts as fast as
/// the clock.
void begin_ids(Connection& connection) noexcept {
    const std::int64_t now_us = std::chrono::duration_cast<std::chrono::microseconds>(
                                    std::chrono::system_clock::now().time_since_epoch())
                                    .count();
    connection.run(
        "INSERT INTO sqlite_sequence (name, seq)"
        " VALUES ('target', ?1), ('alert', ?1), ('event', ?1)",
        now_us);
}

}  // namespace

std::int64_t severity_of(std::string_view event_status) noexcept {
    constexpr std::string_view kStatuses[] = {"Critical", "Warning", "Info", "Ok"};
    for (std::size_t i = 0; i < std::size(kStatuses); i++) {
        if (event_status == kStatuses[i]) {
            return static_cast<std::int64_t>(i);
        }
    }
    return 1;
}

SchemaState bring_up_to_date(Connection& connection) noexcept {
    std::int64_t version = 0;
    SchemaState state = look(connection, version);
    if (state != SchemaState::kKnown || version >= kSchemaVersion) {
        return state;
    }
    connection.run("BEGIN IMMEDIATE");
    state = look(connection, version);  // another process may have been faster
    if (state == SchemaState::kKnown && version < kSchemaVersion) {
        for (std::int64_t step = version; step < kSchemaVersion; step++) {
            connection.script(kSteps[step]);
        }
        if (version == 0) {
            begin_ids(connection);
        }
        connection.run("UPDATE meta SET value = ? WHERE name = 'schema'",
                       std::int64_t{kSchemaVersion});
        static_assert(kApplicationId == 0x46445350 && kOldestUser == 1);
        connection.script("PRAGMA application_id = 0x46445350; PRAGMA user_version = 1");
    }
    connection.run("COMMIT");
    return connection.failed() ? SchemaState::kUnknown : state;
}

}  // namespace flashduty
