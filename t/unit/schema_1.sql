-- The tables as 1.0.0 makes them, and an event that it has written.
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

INSERT INTO sqlite_sequence (name, seq) VALUES ('target', 100), ('alert', 100), ('event', 100);
PRAGMA application_id = 0x46445350;
PRAGMA user_version = 1;
PRAGMA journal_mode = WAL;
INSERT INTO target (server, location) VALUES ('*:8080 gateway', '/flashduty');
