#include "postgres_sql.hpp"

namespace flashduty {

// Times are milliseconds since 1970 by the clock of PostgreSQL.
//
// Every change of alerts locks their rows in the order of target_id and alert_key before, so that
// nobody waits in a circle; then those of counter, by target_id. Counts that every append changed
// would make all of them wait for each other's commit: each writer has its own, and their sum is
// taken when it is asked for.
//
// Functions are VOLATILE, so that each of their statements sees what was committed before it.
const char kPostgresEvents[] = R"sql(
CREATE TABLE meta (
    name  text PRIMARY KEY,
    value bigint NOT NULL
);

-- Where events are pushed to.
CREATE TABLE target (
    target_id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    server    text NOT NULL,
    location  text NOT NULL,              -- uri without arguments
    paused_ms bigint NOT NULL DEFAULT 0,  -- nothing is pushed there before
    UNIQUE (server, location)
);

-- Who appends: makes a batch that is appended twice harmless.
CREATE TABLE writer (
    writer  text PRIMARY KEY,
    batch   bigint NOT NULL,  -- the last
    seen_ms bigint NOT NULL
) WITH (fillfactor = 50);
CREATE INDEX writer_seen ON writer (seen_ms);

-- What it has appended for each target, as far as that is not in counter yet.
CREATE TABLE writer_sum (
    writer    text NOT NULL,
    target_id bigint NOT NULL,
    events    bigint NOT NULL,
    bytes     bigint NOT NULL,
    PRIMARY KEY (writer, target_id)
) WITH (fillfactor = 50);

-- An alert key of a target. Kept for a while when nothing of it waits any more.
CREATE TABLE alert (
    alert_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    target_id bigint NOT NULL,
    alert_key text NOT NULL,
    critical  integer NOT NULL DEFAULT 0,  -- events that wait, by severity
    warning   integer NOT NULL DEFAULT 0,
    info      integer NOT NULL DEFAULT 0,
    ok        integer NOT NULL DEFAULT 0,
    rank      smallint NOT NULL GENERATED ALWAYS AS
        (CASE WHEN critical > 0 THEN 0 WHEN warning > 0 THEN 1 WHEN info > 0 THEN 2 ELSE 1 END)
        STORED,                               -- of the worst that waits; 1 when only Ok does
    first_id  bigint NOT NULL DEFAULT 0,      -- the next to leave; 0: nothing waits
    since_ms  bigint NOT NULL DEFAULT 0,      -- when that was accepted
    due_ms    bigint NOT NULL DEFAULT 0,      -- not before; from 2^60 on: when its target is back
    tried_ms  bigint NOT NULL DEFAULT 0,      -- with due_ms: when that was
    done_ms   bigint NOT NULL DEFAULT 0,      -- when the last has left, delivered or not
    UNIQUE (target_id, alert_key)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000,
        autovacuum_vacuum_cost_delay = 0);
CREATE INDEX alert_ready ON alert (target_id, rank, since_ms, first_id)
    WHERE first_id > 0 AND due_ms = 0;
CREATE INDEX alert_held ON alert (target_id, due_ms) WHERE first_id > 0 AND due_ms > 0;
CREATE INDEX alert_tried ON alert (target_id, tried_ms, first_id)
    WHERE first_id > 0 AND due_ms > 0;
CREATE INDEX alert_done ON alert (done_ms) WHERE first_id = 0;

-- What waits. Of one alert the smallest event_id leaves first.
CREATE SEQUENCE event_id;
CREATE TABLE event (
    event_id    bigint PRIMARY KEY,
    alert_id    bigint NOT NULL REFERENCES alert,
    term        bigint NOT NULL,             -- of the leader when it came
    severity    smallint NOT NULL,           -- 0 Critical, 1 Warning, 2 Info, 3 Ok
    status      text NOT NULL,
    title       text NOT NULL,
    arguments   text NOT NULL,               -- of the uri
    accepted_ms bigint NOT NULL,
    arrived_ms  bigint NOT NULL,             -- accepted_ms, before an operator had it sent again
    attempts    integer NOT NULL DEFAULT 0,  -- that ended without a yes
    tried_ms    bigint NOT NULL DEFAULT 0,
    last_error  text NOT NULL DEFAULT '',
    refusal     text NOT NULL DEFAULT '',    -- if it was refused: how
    bytes       integer NOT NULL,            -- of its pages, about
    late        boolean NOT NULL DEFAULT false,  -- waited on its edge before it came
    own_id      boolean NOT NULL DEFAULT false,  -- its key is BlueKing's id of the alert
    event       text NOT NULL,               -- what is pushed, JSON
    variables   text NOT NULL,               -- what the push's location can ask for, JSON
    body        bytea NOT NULL               -- what BlueKing sent
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000,
        autovacuum_vacuum_cost_delay = 0);
CREATE INDEX event_order ON event (alert_id, event_id);
CREATE INDEX event_age ON event (accepted_ms, event_id);
CREATE INDEX event_late ON event (alert_id) WHERE late;

-- The last word that Flashduty has on a key, to be sent again where an older one came after it.
CREATE TABLE last_delivered (
    target_id    bigint NOT NULL,
    alert_key    text NOT NULL,
    event_id     bigint NOT NULL,
    severity     smallint NOT NULL,
    accepted_ms  bigint NOT NULL,
    delivered_ms bigint NOT NULL,
    own_id       boolean NOT NULL,
    status       text NOT NULL,
    title        text NOT NULL,
    arguments    text NOT NULL,
    event        text NOT NULL,  -- empty: not known
    variables    text NOT NULL,
    PRIMARY KEY (target_id, alert_key)
) WITH (fillfactor = 70, autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000,
        autovacuum_vacuum_cost_delay = 0);
CREATE INDEX last_delivered_age ON last_delivered (delivered_ms);

-- Keys whose last word is to be sent again.
CREATE TABLE repair (
    target_id bigint NOT NULL,
    alert_key text NOT NULL,
    behind    bigint NOT NULL,  -- an event of it that was on its way then, perhaps
    PRIMARY KEY (target_id, alert_key)
);

-- What will not be sent any more. To have it sent again: UPDATE dead SET again = 1 WHERE ...
CREATE TABLE dead (
    event_id    bigint PRIMARY KEY,
    target_id   bigint NOT NULL,
    alert_key   text NOT NULL,
    severity    smallint NOT NULL,
    status      text NOT NULL,
    title       text NOT NULL,
    arguments   text NOT NULL,
    reason      text NOT NULL,
    dead_ms     bigint NOT NULL,
    accepted_ms bigint NOT NULL,
    arrived_ms  bigint NOT NULL,
    attempts    integer NOT NULL,
    last_error  text NOT NULL,
    bytes       integer NOT NULL,
    again       smallint NOT NULL DEFAULT 0,  -- 1: an operator wants it to wait again
    event       text NOT NULL,
    variables   text NOT NULL,
    body        bytea NOT NULL
);
CREATE INDEX dead_age ON dead (dead_ms, event_id);
CREATE INDEX dead_alert ON dead (target_id, alert_key);
CREATE INDEX dead_again ON dead (again, event_id) WHERE again <> 0;

-- The last tries of what waits and of what is dead.
CREATE TABLE attempt (
    attempt_id  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id    bigint NOT NULL,
    tried_ms    bigint NOT NULL,
    http_status integer NOT NULL,  -- 0: there was no answer
    reason      text NOT NULL
);
CREATE INDEX attempt_event ON attempt (event_id, attempt_id);

-- Alert keys with dead letters of which a newer event was delivered since: what is older than that
-- is not sent again, or an alert that is over would come back.
CREATE TABLE superseded (
    target_id bigint NOT NULL,
    alert_key text NOT NULL,
    before_id bigint NOT NULL,
    PRIMARY KEY (target_id, alert_key)
);

-- How much each target has. Only the leader and operators change it.
CREATE TABLE counter (
    target_id  bigint PRIMARY KEY,
    events     bigint NOT NULL DEFAULT 0,  -- what waits, less what is in writer_sum
    bytes      bigint NOT NULL DEFAULT 0,
    dead       bigint NOT NULL DEFAULT 0,
    dead_bytes bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 20);

-- Who delivers. Two rows, so that a beat does not queue behind a settlement.
CREATE TABLE term (
    one      boolean PRIMARY KEY DEFAULT true CHECK (one),
    term     bigint NOT NULL,
    edge_id  bigint NOT NULL,
    agent_id bigint NOT NULL,
    edge     text NOT NULL
);
INSERT INTO term VALUES (true, 1, 0, 0, '');
CREATE TABLE beat (
    one   boolean PRIMARY KEY DEFAULT true CHECK (one),
    term  bigint NOT NULL,
    beat  bigint NOT NULL,
    spent text NOT NULL DEFAULT ''  -- what of the rate is used, for the next leader
) WITH (fillfactor = 10);
INSERT INTO beat VALUES (true, 1, -1);
-- How far each term has come, to know a database that has gone back. -1: its leader has let go.
CREATE TABLE past_term (
    term bigint PRIMARY KEY,
    beat bigint NOT NULL
);
-- Events accepted before that wait until an operator lets them go.
INSERT INTO meta VALUES ('held_before_ms', 0);

CREATE FUNCTION now_ms() RETURNS bigint LANGUAGE sql AS $$
    SELECT (extract(epoch FROM clock_timestamp()) * 1000)::bigint
$$;

-- Whole pages of 4096 bytes.
CREATE FUNCTION bytes_of(arguments text, event text, variables text, body bytea) RETURNS integer
LANGUAGE sql IMMUTABLE AS $$
    SELECT (octet_length(arguments) + octet_length(event) + octet_length(variables)
            + octet_length(body) + 5119) / 4096 * 4096
$$;

-- What each change begins with. Nothing rests on settings of the session.
CREATE FUNCTION begin_change(p_term bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    IF current_setting('transaction_isolation') <> 'read committed' THEN
        RAISE EXCEPTION 'the transaction is not READ COMMITTED' USING ERRCODE = 'FD003';
    END IF;
    PERFORM set_config('synchronous_commit', 'on', true);
    IF p_term <> 0 THEN
        PERFORM FROM term WHERE term = p_term FOR SHARE;
        IF NOT FOUND THEN
            RAISE EXCEPTION 'term % is over', p_term USING ERRCODE = 'FD002';
        END IF;
    END IF;
END
$$;

CREATE FUNCTION sums(OUT events bigint, OUT bytes bigint, OUT dead bigint, OUT dead_bytes bigint)
LANGUAGE sql AS $$
    SELECT (c.events + w.events)::bigint, (c.bytes + w.bytes)::bigint, c.dead::bigint,
           c.dead_bytes::bigint
      FROM (SELECT coalesce(sum(events), 0) AS events, coalesce(sum(bytes), 0) AS bytes,
                   coalesce(sum(dead), 0) AS dead, coalesce(sum(dead_bytes), 0) AS dead_bytes
              FROM counter) c,
           (SELECT coalesce(sum(events), 0) AS events, coalesce(sum(bytes), 0) AS bytes
              FROM writer_sum) w
$$;

-- Adds to the counts of targets; those that are not there are made.
CREATE FUNCTION count_for(p_targets bigint[], p_events bigint[], p_bytes bigint[],
                          p_dead bigint[], p_dead_bytes bigint[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO counter AS c (target_id, events, bytes, dead, dead_bytes)
    SELECT * FROM unnest(p_targets, p_events, p_bytes, p_dead, p_dead_bytes)
             AS u (target_id, events, bytes, dead, dead_bytes)
     ORDER BY u.target_id
        ON CONFLICT (target_id) DO UPDATE
           SET events = c.events + excluded.events, bytes = c.bytes + excluded.bytes,
               dead = c.dead + excluded.dead, dead_bytes = c.dead_bytes + excluded.dead_bytes
$$;

CREATE FUNCTION event_goes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    -- An operator's DELETE has not locked them.
    PERFORM FROM alert a WHERE a.alert_id IN (SELECT alert_id FROM gone)
      ORDER BY a.target_id, a.alert_key FOR UPDATE;
    UPDATE alert a
       SET critical = a.critical - g.critical, warning = a.warning - g.warning,
           info = a.info - g.info, ok = a.ok - g.ok, done_ms = now_ms(),
           first_id = coalesce(n.event_id, 0), since_ms = coalesce(n.accepted_ms, 0),
           -- What the tries of its first event have come to does not hold up the next one.
           due_ms = CASE WHEN n.event_id = a.first_id THEN a.due_ms ELSE 0 END
      FROM (SELECT b.alert_id, b.first_id,
                   count(*) FILTER (WHERE n.severity = 0) AS critical,
                   count(*) FILTER (WHERE n.severity = 1) AS warning,
                   count(*) FILTER (WHERE n.severity = 2) AS info,
                   count(*) FILTER (WHERE n.severity = 3) AS ok
              FROM gone n JOIN alert b USING (alert_id) GROUP BY b.alert_id, b.first_id) g
      -- One row of the index, however many there are, and past those that are dead before it.
      LEFT JOIN LATERAL (SELECT e.event_id, e.accepted_ms FROM event e
                          WHERE e.alert_id = g.alert_id AND e.event_id >= g.first_id
                          ORDER BY e.alert_id, e.event_id LIMIT 1) n ON true
     WHERE a.alert_id = g.alert_id;
    PERFORM count_for(array_agg(g.target_id), array_agg(-g.events), array_agg(-g.bytes),
                      array_agg(0::bigint), array_agg(0::bigint))
       FROM (SELECT a.target_id, count(*) AS events, sum(n.bytes) AS bytes
               FROM gone n JOIN alert a USING (alert_id) GROUP BY a.target_id) g;
    DELETE FROM attempt t USING gone g
     WHERE t.event_id = g.event_id
       AND NOT EXISTS (SELECT FROM dead d WHERE d.event_id = g.event_id);
    RETURN NULL;
END
$$;
CREATE TRIGGER event_goes AFTER DELETE ON event REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION event_goes();

CREATE FUNCTION dead_comes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM count_for(array_agg(n.target_id), array_agg(0::bigint), array_agg(0::bigint),
                      array_agg(n.dead), array_agg(n.bytes))
       FROM (SELECT target_id, count(*) AS dead, sum(bytes) AS bytes
               FROM new_ones GROUP BY target_id) n;
    RETURN NULL;
END
$$;
CREATE TRIGGER dead_comes AFTER INSERT ON dead REFERENCING NEW TABLE AS new_ones
    FOR EACH STATEMENT EXECUTE FUNCTION dead_comes();

CREATE FUNCTION dead_goes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM count_for(array_agg(g.target_id), array_agg(0::bigint), array_agg(0::bigint),
                      array_agg(-g.dead), array_agg(-g.bytes))
       FROM (SELECT target_id, count(*) AS dead, sum(bytes) AS bytes
               FROM gone GROUP BY target_id) g;
    DELETE FROM superseded s USING gone g
     WHERE s.target_id = g.target_id AND s.alert_key = g.alert_key
       AND NOT EXISTS (SELECT FROM dead d
                        WHERE d.target_id = g.target_id AND d.alert_key = g.alert_key);
    DELETE FROM attempt t USING gone g
     WHERE t.event_id = g.event_id
       AND NOT EXISTS (SELECT FROM event e WHERE e.event_id = g.event_id);
    RETURN NULL;
END
$$;
CREATE TRIGGER dead_goes AFTER DELETE ON dead REFERENCING OLD TABLE AS gone
    FOR EACH STATEMENT EXECUTE FUNCTION dead_goes();

-- Locks alerts, and makes those that are not there, which then have no event yet.
CREATE FUNCTION lock_alerts(p_targets bigint[], p_keys text[]) RETURNS void LANGUAGE sql AS $$
    INSERT INTO alert AS a (target_id, alert_key, done_ms)
    SELECT k.target_id, k.alert_key, now_ms()
      FROM (SELECT DISTINCT u.target_id, u.alert_key
              FROM unnest(p_targets, p_keys) AS u (target_id, alert_key)) k
     ORDER BY k.target_id, k.alert_key
        ON CONFLICT (target_id, alert_key) DO UPDATE SET done_ms = a.done_ms WHERE false
$$;

-- Adds them to the counts of their alerts.
CREATE FUNCTION count_in(p_events bigint[]) RETURNS void LANGUAGE sql AS $$
    UPDATE alert a
       SET critical = a.critical + n.critical, warning = a.warning + n.warning,
           info = a.info + n.info, ok = a.ok + n.ok,
           due_ms = CASE WHEN a.first_id > 0 AND a.first_id < n.first_id THEN a.due_ms ELSE 0 END,
           first_id = CASE WHEN a.first_id > 0 AND a.first_id < n.first_id THEN a.first_id
                           ELSE n.first_id END,
           since_ms = CASE WHEN a.first_id > 0 AND a.first_id < n.first_id THEN a.since_ms
                           ELSE n.since_ms END
      FROM (SELECT alert_id, min(event_id) AS first_id,
                   (array_agg(accepted_ms ORDER BY event_id))[1] AS since_ms,
                   count(*) FILTER (WHERE severity = 0) AS critical,
                   count(*) FILTER (WHERE severity = 1) AS warning,
                   count(*) FILTER (WHERE severity = 2) AS info,
                   count(*) FILTER (WHERE severity = 3) AS ok
              FROM event WHERE event_id = ANY (p_events) GROUP BY alert_id) n
     WHERE a.alert_id = n.alert_id
$$;

-- Gives each its target, in their order; makes those that are not there.
CREATE FUNCTION targets_of(p_servers text[], p_locations text[]) RETURNS bigint[]
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO target (server, location)
    SELECT DISTINCT u.server, u.location FROM unnest(p_servers, p_locations) AS u (server, location)
     WHERE NOT EXISTS (SELECT FROM target t
                        WHERE t.server = u.server AND t.location = u.location)
     ORDER BY u.server, u.location ON CONFLICT DO NOTHING;
    RETURN (SELECT array_agg(t.target_id ORDER BY u.n)
              FROM unnest(p_servers, p_locations) WITH ORDINALITY AS u (server, location, n)
              JOIN target t ON t.server = u.server AND t.location = u.location);
END
$$;

-- True when the first of two events of a key is a later word on it than the second. A new firing
-- has a new id of BlueKing's, so an Ok is the last word on one. Times, which are only compared for
-- events that came late, have to be clearly apart before an Ok counts as old.
CREATE FUNCTION is_later(p_own_id boolean, p_severity smallint, p_accepted bigint,
                         p_than_severity smallint, p_than_accepted bigint) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT CASE WHEN p_than_severity = 3
                THEN p_severity <> 3 AND NOT p_own_id AND p_accepted > p_than_accepted + 2000
                WHEN p_severity = 3 AND p_own_id THEN true
                ELSE p_accepted > p_than_accepted END
$$;

-- One batch of a writer. Gives nothing when it is there already; its row is locked then all the
-- same, so that the end of this call says that it is safe. Late events have waited on their edge:
-- of these, the superseded are dead letters now.
CREATE FUNCTION append(p_writer text, p_batch bigint, p_max_bytes bigint, p_is_late boolean,
    p_servers text[], p_locations text[], p_keys text[], p_severities smallint[],
    p_statuses text[], p_titles text[], p_arguments text[], p_accepted bigint[], p_events text[],
    p_variables text[], p_bodies bytea[], p_own_ids boolean[])
RETURNS TABLE (event_id bigint, target_id bigint, has_elder boolean, is_superseded boolean,
               is_synchronous boolean)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_targets bigint[];
    v_alerts bigint[];
    v_elders boolean[];
    v_ids bigint[];
    v_superseded bigint[] := '{}';
BEGIN
    PERFORM begin_change(0);
    INSERT INTO writer AS w (writer, batch, seen_ms) VALUES (p_writer, p_batch, now_ms())
        ON CONFLICT (writer) DO UPDATE SET batch = excluded.batch, seen_ms = excluded.seen_ms
         WHERE w.batch < excluded.batch;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF EXISTS (SELECT FROM sums() s WHERE s.bytes + s.dead_bytes >= p_max_bytes) THEN
        RAISE EXCEPTION 'it holds % bytes, its max_size', p_max_bytes USING ERRCODE = 'FD001';
    END IF;
    IF cardinality(p_keys) = 0 THEN
        RETURN;
    END IF;
    v_targets := targets_of(p_servers, p_locations);
    PERFORM lock_alerts(v_targets, p_keys);
    SELECT array_agg(a.alert_id ORDER BY u.n),
           array_agg(a.first_id > 0 OR u.nth > 1 ORDER BY u.n)
      INTO v_alerts, v_elders
      FROM (SELECT *, row_number() OVER (PARTITION BY k.target_id, k.alert_key ORDER BY k.n) AS nth
              FROM unnest(v_targets, p_keys) WITH ORDINALITY AS k (target_id, alert_key, n)) u
      JOIN alert a ON a.target_id = u.target_id AND a.alert_key = u.alert_key;
    -- Drawn behind the locks: within a key ids grow in the order of the commits, over all edges.
    SELECT array_agg(nextval('event_id') ORDER BY g) INTO v_ids
      FROM generate_series(1, cardinality(p_keys)) g;
    INSERT INTO event (event_id, alert_id, term, severity, status, title, arguments, accepted_ms,
                       arrived_ms, bytes, late, own_id, event, variables, body)
    SELECT u.id, u.alert_id, (SELECT term FROM term), u.severity, u.status, u.title, u.arguments,
           u.accepted, u.accepted, bytes_of(u.arguments, u.event, u.variables, u.body), p_is_late,
           u.own_id, u.event, u.variables, u.body
      FROM unnest(v_ids, v_alerts, p_severities, p_statuses, p_titles, p_arguments, p_accepted,
                  p_events, p_variables, p_bodies, p_own_ids)
        AS u (id, alert_id, severity, status, title, arguments, accepted, event, variables, body,
              own_id);
    PERFORM count_in(v_ids);
    INSERT INTO writer_sum AS w (writer, target_id, events, bytes)
    SELECT p_writer, n.target_id, count(*), sum(e.bytes)
      FROM unnest(v_ids, v_targets) AS n (event_id, target_id) JOIN event e USING (event_id)
     GROUP BY n.target_id
        ON CONFLICT (writer, target_id)
           DO UPDATE SET events = w.events + excluded.events, bytes = w.bytes + excluded.bytes;
    IF p_is_late THEN
        v_superseded := supersede_late(v_ids);
    END IF;
    RETURN QUERY
    SELECT u.event_id, u.target_id, u.has_elder, u.event_id = ANY (v_superseded),
           current_setting('synchronous_standby_names') <> ''
      FROM unnest(v_ids, v_targets, v_elders) AS u (event_id, target_id, has_elder);
END
$$;

-- The last batch of a writer that is safe; nothing when there is none.
CREATE FUNCTION last_batch(p_writer text) RETURNS SETOF bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM begin_change(0);
    -- Changed, so that the end of this call waits until the row is safe.
    RETURN QUERY UPDATE writer SET seen_ms = now_ms() WHERE writer = p_writer RETURNING batch;
END
$$;

-- Makes dead letters of events that wait, and gives those that did.
CREATE FUNCTION bury(p_events bigint[], p_reasons text[], p_now bigint) RETURNS SETOF bigint
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO dead (event_id, target_id, alert_key, severity, status, title, arguments, reason,
                      dead_ms, accepted_ms, arrived_ms, attempts, last_error, bytes, event,
                      variables, body)
    SELECT e.event_id, a.target_id, a.alert_key, e.severity, e.status, e.title, e.arguments,
           u.reason, p_now, e.accepted_ms, e.arrived_ms, e.attempts, e.last_error, e.bytes, e.event,
           e.variables, e.body
      FROM unnest(p_events, p_reasons) AS u (event_id, reason)
      JOIN event e ON e.event_id = u.event_id JOIN alert a ON a.alert_id = e.alert_id;
    RETURN QUERY DELETE FROM event e WHERE e.event_id = ANY (p_events) RETURNING e.event_id;
END
$$;

CREATE FUNCTION supersede(p_target bigint, p_key text, p_before bigint) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO superseded AS s (target_id, alert_key, before_id)
    SELECT p_target, p_key, p_before
     WHERE EXISTS (SELECT FROM dead
                    WHERE target_id = p_target AND alert_key = p_key AND event_id < p_before)
        ON CONFLICT (target_id, alert_key)
           DO UPDATE SET before_id = greatest(s.before_id, excluded.before_id)
$$;

-- The last word on a key is to be sent again, behind what is on its way.
CREATE FUNCTION repair_key(p_target bigint, p_key text, p_behind bigint) RETURNS void
LANGUAGE sql AS $$
    INSERT INTO repair AS m (target_id, alert_key, behind) VALUES (p_target, p_key, p_behind)
        ON CONFLICT (target_id, alert_key)
           DO UPDATE SET behind = greatest(m.behind, excluded.behind)
$$;

-- Makes dead letters of late events whose key has had a later word, and gives these. The edge may
-- have pushed one before, so that later word is sent again.
CREATE FUNCTION supersede_late(p_events bigint[]) RETURNS bigint[] LANGUAGE plpgsql AS $$
DECLARE
    v_ids bigint[];
    k record;
BEGIN
    SELECT array_agg(e.event_id) INTO v_ids
      FROM unnest(p_events) AS u (event_id) JOIN event e USING (event_id)
      JOIN alert a USING (alert_id)
      JOIN last_delivered d ON d.target_id = a.target_id AND d.alert_key = a.alert_key
     WHERE e.late AND is_later(e.own_id OR d.own_id, d.severity, d.accepted_ms, e.severity,
                               e.accepted_ms);
    IF v_ids IS NULL THEN
        RETURN '{}';
    END IF;
    FOR k IN SELECT a.target_id, a.alert_key, max(e.event_id) AS last_id
               FROM event e JOIN alert a USING (alert_id) WHERE e.event_id = ANY (v_ids)
              GROUP BY a.target_id, a.alert_key LOOP
        PERFORM repair_key(k.target_id, k.alert_key, 0);
    END LOOP;
    PERFORM bury(v_ids, array_fill('it came late: a newer event of its key was delivered'::text,
                                   ARRAY[cardinality(v_ids)]), now_ms());
    PERFORM supersede(d.target_id, d.alert_key, d.event_id + 1)
       FROM dead d WHERE d.event_id = ANY (v_ids) ORDER BY d.event_id;
    RETURN v_ids;
END
$$;

-- Delivered events go, and with each the chance of all older ones of its key. Gives late ones of
-- these keys that are dead letters now.
CREATE FUNCTION take_delivered(p_events bigint[], p_now bigint) RETURNS bigint[]
LANGUAGE plpgsql AS $$
DECLARE
    v_older bigint[];
    v_alerts bigint[];
    v_late bigint[];
BEGIN
    SELECT array_agg(o.event_id) INTO v_older
      FROM unnest(p_events) AS u (event_id) JOIN event e USING (event_id)
      JOIN alert a ON a.alert_id = e.alert_id AND a.first_id < e.event_id
      JOIN event o ON o.alert_id = a.alert_id AND o.event_id >= a.first_id
                  AND o.event_id < e.event_id
     WHERE o.event_id <> ALL (p_events);
    IF v_older IS NOT NULL THEN
        PERFORM bury(v_older,
                     array_fill('a newer event of its key was delivered meanwhile'::text,
                                ARRAY[cardinality(v_older)]), p_now);
    END IF;
    INSERT INTO superseded AS s (target_id, alert_key, before_id)
    SELECT a.target_id, a.alert_key, max(e.event_id)
      FROM unnest(p_events) AS u (event_id) JOIN event e USING (event_id)
      JOIN alert a USING (alert_id)
     WHERE EXISTS (SELECT FROM dead d WHERE d.target_id = a.target_id
                      AND d.alert_key = a.alert_key AND d.event_id < e.event_id)
     GROUP BY a.target_id, a.alert_key
        ON CONFLICT (target_id, alert_key)
           DO UPDATE SET before_id = greatest(s.before_id, excluded.before_id);
    WITH gone AS (
        DELETE FROM event e WHERE e.event_id = ANY (p_events)
        RETURNING e.event_id, e.alert_id, e.severity, e.accepted_ms, e.own_id, e.status, e.title,
                  e.arguments, e.event, e.variables),
    kept AS (
        INSERT INTO last_delivered AS l (target_id, alert_key, event_id, severity, accepted_ms,
            delivered_ms, own_id, status, title, arguments, event, variables)
        SELECT DISTINCT ON (a.target_id, a.alert_key) a.target_id, a.alert_key, g.event_id,
               g.severity, g.accepted_ms, now_ms(), g.own_id, g.status, g.title, g.arguments,
               g.event, g.variables
          FROM gone g JOIN alert a USING (alert_id)
         ORDER BY a.target_id, a.alert_key, g.event_id DESC
            ON CONFLICT (target_id, alert_key) DO UPDATE
               SET event_id = excluded.event_id, severity = excluded.severity,
                   accepted_ms = excluded.accepted_ms, delivered_ms = excluded.delivered_ms,
                   own_id = excluded.own_id, status = excluded.status, title = excluded.title,
                   arguments = excluded.arguments, event = excluded.event,
                   variables = excluded.variables)
    SELECT array_agg(alert_id) INTO v_alerts FROM gone;
    SELECT array_agg(e.event_id) INTO v_late
      FROM event e WHERE e.alert_id = ANY (v_alerts) AND e.late;
    RETURN CASE WHEN v_late IS NULL THEN '{}' ELSE supersede_late(v_late) END;
END
$$;

-- What a push came to that was not taken.
CREATE FUNCTION note_try(p_event bigint, p_now bigint, p_reason text, p_http integer,
                         p_is_refused boolean) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE event SET attempts = attempts + 1, tried_ms = p_now, last_error = p_reason,
                     refusal = CASE WHEN p_is_refused THEN p_reason ELSE refusal END
     WHERE event_id = p_event;
    IF FOUND THEN
        INSERT INTO attempt (event_id, tried_ms, http_status, reason)
        VALUES (p_event, p_now, p_http, p_reason);
        -- The last ten are kept.
        DELETE FROM attempt
         WHERE event_id = p_event
           AND attempt_id <= (SELECT attempt_id FROM attempt WHERE event_id = p_event
                               ORDER BY event_id DESC, attempt_id DESC OFFSET 10 LIMIT 1);
    END IF;
END
$$;

-- Dead letters take all that they may, and none may be deleted yet: somebody must be able to see it.
CREATE FUNCTION has_no_room_for_dead(p_now bigint, p_dead_bytes bigint) RETURNS boolean
LANGUAGE sql AS $$
    SELECT c.dead_bytes >= p_dead_bytes
           AND NOT EXISTS (SELECT FROM dead d WHERE d.dead_ms <= p_now - 3600000)
      FROM sums() c
$$;

-- Fates: 0 delivered, 1 waits, 2 refused. Gives rows of `kind` 'p' for the events that should have
-- become dead letters and wait for there to be room for them, 'l' for late ones that are dead now.
CREATE FUNCTION settle(p_term bigint, p_dead_bytes bigint, p_room_ms bigint, p_events bigint[],
    p_fates smallint[], p_settled bigint[], p_due bigint[], p_reasons text[], p_http integer[])
RETURNS TABLE (kind text, event_id bigint, alert_key text, reason text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    s record;
    v_due bigint;
    v_late bigint[] := '{}';
BEGIN
    PERFORM begin_change(p_term);
    PERFORM FROM alert a
      WHERE a.alert_id IN (SELECT e.alert_id FROM event e WHERE e.event_id = ANY (p_events))
      ORDER BY a.target_id, a.alert_key FOR UPDATE;
    IF 0 = ALL (p_fates) AND cardinality(p_fates) > 0 THEN
        v_late := take_delivered(p_events, p_settled[1]);
    ELSE
        FOR s IN SELECT * FROM unnest(p_events, p_fates, p_settled, p_due, p_reasons, p_http)
                            AS u (event_id, fate, settled, due, reason, http) LOOP
            IF s.fate = 0 THEN
                v_late := v_late || take_delivered(ARRAY[s.event_id], s.settled);
                CONTINUE;
            END IF;
            PERFORM note_try(s.event_id, s.settled, s.reason, s.http,
                             s.fate = 2 OR s.due >= (1::bigint << 61));
            v_due := s.due;
            IF s.fate = 2 THEN
                IF NOT has_no_room_for_dead(s.settled, p_dead_bytes) THEN
                    PERFORM bury(ARRAY[s.event_id], ARRAY[s.reason], s.settled);
                    CONTINUE;
                END IF;
                v_due := s.settled + p_room_ms;
                RETURN QUERY SELECT 'p', s.event_id, ''::text, ''::text;
            END IF;
            UPDATE alert SET due_ms = v_due, tried_ms = s.settled
             WHERE alert_id = (SELECT e.alert_id FROM event e WHERE e.event_id = s.event_id);
        END LOOP;
    END IF;
    IF cardinality(v_late) > 0 THEN
        RETURN QUERY SELECT 'l', d.event_id, d.alert_key, d.reason FROM dead d
                      WHERE d.event_id = ANY (v_late) ORDER BY d.event_id;
    END IF;
END
$$;

-- Dead letters of a key that came before an event which was delivered past the tables.
CREATE FUNCTION supersede_dead(p_target bigint, p_key text, p_accepted bigint) RETURNS void
LANGUAGE plpgsql AS $$
DECLARE
    v_newer bigint;
BEGIN
    SELECT min(n.event_id) INTO v_newer
      FROM (SELECT d.event_id FROM dead d WHERE d.target_id = p_target
               AND d.alert_key = p_key AND d.accepted_ms > p_accepted
            UNION ALL
            SELECT e.event_id FROM event e JOIN alert a USING (alert_id)
             WHERE a.target_id = p_target AND a.alert_key = p_key
               AND e.accepted_ms > p_accepted) n;
    PERFORM supersede(p_target, p_key, coalesce(v_newer, nextval('event_id')));
END
$$;

-- What was delivered past the tables is newer than all that had come before it.
CREATE FUNCTION supersede_older(p_term bigint, p_servers text[], p_locations text[], p_keys text[],
                                p_accepted bigint[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    k record;
BEGIN
    PERFORM begin_change(p_term);
    FOR k IN SELECT t.target_id, u.alert_key, u.accepted
               FROM unnest(p_servers, p_locations, p_keys, p_accepted)
                 AS u (server, location, alert_key, accepted)
               JOIN target t ON t.server = u.server AND t.location = u.location
              ORDER BY 1, 2 LOOP
        PERFORM supersede_dead(k.target_id, k.alert_key, k.accepted);
    END LOOP;
END
$$;

-- What edges have pushed alone, whole, of each key the last: the last word on it, or one to be
-- repaired. Gives what waited here and is dead now.
CREATE FUNCTION report_alone(p_edge text, p_servers text[], p_locations text[], p_keys text[],
    p_severities smallint[], p_statuses text[], p_titles text[], p_arguments text[],
    p_accepted bigint[], p_pushed bigint[], p_events text[], p_variables text[],
    p_own_ids boolean[], p_are_certain boolean[])
RETURNS TABLE (event_id bigint, alert_key text, reason text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    r record;
    d last_delivered%ROWTYPE;
    v_targets bigint[];
    v_old bigint[];
    v_behind bigint;
    v_reason text := 'a newer event of its key was delivered by edge "' || p_edge || '" alone';
BEGIN
    PERFORM begin_change(0);
    IF cardinality(p_keys) = 0 THEN
        RETURN;
    END IF;
    v_targets := targets_of(p_servers, p_locations);
    PERFORM lock_alerts(v_targets, p_keys);
    FOR r IN SELECT * FROM unnest(v_targets, p_keys, p_severities, p_statuses, p_titles,
                                  p_arguments, p_accepted, p_pushed, p_events, p_variables,
                                  p_own_ids, p_are_certain)
                        AS u (target_id, alert_key, severity, status, title, arguments, accepted,
                              pushed, event, variables, own_id, is_certain) LOOP
        SELECT * INTO d FROM last_delivered l
         WHERE l.target_id = r.target_id AND l.alert_key = r.alert_key FOR UPDATE;
        IF FOUND AND is_later(r.own_id OR d.own_id, d.severity, d.accepted_ms, r.severity,
                              r.accepted) THEN
            PERFORM repair_key(r.target_id, r.alert_key, 0);
            CONTINUE;
        END IF;
        CONTINUE WHEN NOT r.is_certain;
        IF FOUND AND d.delivered_ms > r.pushed - 2000 AND d.accepted_ms <> r.accepted THEN
            -- The older one may have come after it.
            PERFORM repair_key(r.target_id, r.alert_key, 0);
        END IF;
        INSERT INTO last_delivered AS l (target_id, alert_key, event_id, severity, accepted_ms,
            delivered_ms, own_id, status, title, arguments, event, variables)
        VALUES (r.target_id, r.alert_key, nextval('event_id'), r.severity, r.accepted, now_ms(),
                r.own_id, r.status, r.title, r.arguments, r.event, r.variables)
            ON CONFLICT (target_id, alert_key) DO UPDATE
               SET event_id = excluded.event_id, severity = excluded.severity,
                   accepted_ms = excluded.accepted_ms, delivered_ms = excluded.delivered_ms,
                   own_id = excluded.own_id, status = excluded.status, title = excluded.title,
                   arguments = excluded.arguments, event = excluded.event,
                   variables = excluded.variables;
        SELECT array_agg(e.event_id ORDER BY e.event_id), min(a.first_id) INTO v_old, v_behind
          FROM alert a JOIN event e USING (alert_id)
         WHERE a.target_id = r.target_id AND a.alert_key = r.alert_key
           AND is_later(r.own_id OR e.own_id, r.severity, r.accepted, e.severity, e.accepted_ms);
        IF v_old IS NOT NULL THEN
            -- The first of them may be on its way.
            PERFORM repair_key(r.target_id, r.alert_key, v_behind);
            PERFORM bury(v_old, array_fill(v_reason, ARRAY[cardinality(v_old)]), now_ms());
            RETURN QUERY SELECT o.event_id, r.alert_key, v_reason
                           FROM unnest(v_old) AS o (event_id);
        END IF;
        PERFORM supersede_dead(r.target_id, r.alert_key, r.accepted);
    END LOOP;
END
$$;

-- Sends the last word on keys again where nothing of them waits or is on its way. Their alerts are
-- locked.
CREATE FUNCTION send_again(p_busy bigint[], p_now bigint, p_step integer)
RETURNS TABLE (event_id bigint, target_id bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    m record;
    v_alert alert%ROWTYPE;
    v_id bigint;
BEGIN
    FOR m IN SELECT n.target_id, n.alert_key, n.behind FROM repair n
              ORDER BY n.target_id, n.alert_key LIMIT p_step LOOP
        SELECT * INTO v_alert FROM alert a
         WHERE a.target_id = m.target_id AND a.alert_key = m.alert_key;
        -- What waits is a later word still.
        CONTINUE WHEN m.behind = ANY (p_busy) OR v_alert.first_id > 0;
        DELETE FROM repair n WHERE n.target_id = m.target_id AND n.alert_key = m.alert_key;
        v_id := nextval('event_id');
        INSERT INTO event (event_id, alert_id, term, severity, status, title, arguments,
                           accepted_ms, arrived_ms, bytes, own_id, event, variables, body)
        SELECT v_id, v_alert.alert_id, (SELECT term FROM term), l.severity, l.status, l.title,
               l.arguments, p_now, l.accepted_ms, bytes_of(l.arguments, l.event, l.variables, ''),
               l.own_id, l.event, l.variables, ''
          FROM last_delivered l
         WHERE l.target_id = m.target_id AND l.alert_key = m.alert_key AND l.event <> '';
        IF FOUND THEN
            PERFORM count_in(ARRAY[v_id]);
            PERFORM count_for(ARRAY[m.target_id], ARRAY[1::bigint], ARRAY[e.bytes::bigint],
                              ARRAY[0::bigint], ARRAY[0::bigint])
               FROM event e WHERE e.event_id = v_id;
            RETURN QUERY SELECT v_id, m.target_id;
        END IF;
    END LOOP;
END
$$;

-- Lets dead letters wait again that an operator has marked, under their old ids and so in their old
-- places, unless they are superseded.
CREATE FUNCTION revive(p_events bigint[], p_now bigint)
RETURNS TABLE (event_id bigint, target_id bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_ids bigint[];
    v_targets bigint[];
    v_keys text[];
BEGIN
    SELECT array_agg(d.event_id), array_agg(d.target_id), array_agg(d.alert_key)
      INTO v_ids, v_targets, v_keys
      FROM dead d LEFT JOIN superseded s
        ON s.target_id = d.target_id AND s.alert_key = d.alert_key
     WHERE d.event_id = ANY (p_events) AND d.again <> 0
       AND d.event_id >= coalesce(s.before_id, 0);
    UPDATE dead d SET again = 0
     WHERE d.event_id = ANY (p_events) AND NOT d.event_id = ANY (coalesce(v_ids, '{}'));
    IF v_ids IS NULL THEN
        RETURN;
    END IF;
    PERFORM lock_alerts(v_targets, v_keys);
    INSERT INTO event (event_id, alert_id, term, severity, status, title, arguments, accepted_ms,
                       arrived_ms, bytes, event, variables, body)
    SELECT d.event_id, a.alert_id, (SELECT term FROM term), d.severity, d.status, d.title,
           d.arguments, p_now, d.arrived_ms, d.bytes, d.event, d.variables, d.body
      FROM dead d JOIN alert a ON a.target_id = d.target_id AND a.alert_key = d.alert_key
     WHERE d.event_id = ANY (v_ids);
    PERFORM count_in(v_ids);
    PERFORM count_for(array_agg(n.target_id), array_agg(n.events), array_agg(n.bytes),
                      array_agg(0::bigint), array_agg(0::bigint))
       FROM (SELECT d.target_id, count(*) AS events, sum(d.bytes) AS bytes FROM dead d
              WHERE d.event_id = ANY (v_ids) GROUP BY d.target_id) n;
    UPDATE alert a SET due_ms = 0
      FROM unnest(v_targets, v_keys) AS k (target_id, alert_key)
     WHERE a.target_id = k.target_id AND a.alert_key = k.alert_key AND a.due_ms > 0;
    DELETE FROM dead d WHERE d.event_id = ANY (v_ids);
    RETURN QUERY SELECT * FROM unnest(v_ids, v_targets);
END
$$;

-- Some of what is to be tended. Gives rows of `kind` 'd' for what is dead now, 'x' for dead letters
-- that were deleted, 'a' for what waits again, 's' for a last word that is sent again, 'm' when
-- there is more.
CREATE FUNCTION tend(p_term bigint, p_now bigint, p_busy bigint[], p_max_age bigint,
    p_dead_age bigint, p_dead_bytes bigint, p_age_reason text, p_dead_reason text,
    p_bytes_reason text, p_step integer)
RETURNS TABLE (kind text, event_id bigint, target_id bigint, alert_key text, reason text)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_old bigint[];
    v_old_keys text[];
    v_old_reasons text[];
    v_surplus bigint[];
    v_marked bigint[];
    v_has_more boolean;
BEGIN
    SELECT array_agg(o.event_id), array_agg(a.alert_key), array_agg(
               CASE WHEN o.refusal <> '' THEN o.refusal
                    WHEN o.last_error <> '' THEN p_age_reason || ': ' || o.last_error
                    ELSE p_age_reason END)
      INTO v_old, v_old_keys, v_old_reasons
      FROM (SELECT e.event_id, e.alert_id, e.refusal, e.last_error FROM event e
             WHERE e.accepted_ms < p_now - p_max_age AND e.event_id <> ALL (p_busy)
               AND NOT has_no_room_for_dead(p_now, p_dead_bytes)
             ORDER BY e.accepted_ms, e.event_id LIMIT p_step) o
      JOIN alert a USING (alert_id);
    SELECT array_agg(o.event_id ORDER BY o.dead_ms, o.event_id) INTO v_surplus
      FROM (SELECT d.event_id, d.dead_ms,
                   c.dead_bytes - coalesce(sum(d.bytes) OVER (
                       ORDER BY d.dead_ms, d.event_id
                       ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS left_bytes
              FROM (SELECT event_id, dead_ms, bytes FROM dead
                     ORDER BY dead_ms, event_id LIMIT p_step) d, sums() c) o
     WHERE o.dead_ms <= p_now - 3600000
       AND (o.dead_ms < p_now - p_dead_age OR o.left_bytes > p_dead_bytes);
    -- One whose key is on its way at the moment may be superseded by that, and has to wait.
    SELECT array_agg(o.event_id) INTO v_marked
      FROM (SELECT d.event_id FROM dead d
              LEFT JOIN alert a ON a.target_id = d.target_id AND a.alert_key = d.alert_key
              LEFT JOIN superseded s ON s.target_id = d.target_id AND s.alert_key = d.alert_key
             WHERE d.again <> 0 AND (d.event_id < s.before_id OR a.first_id IS NULL
                                     OR a.first_id <> ALL (p_busy))
             ORDER BY d.again, d.event_id LIMIT p_step) o;
    IF v_old IS NULL AND v_surplus IS NULL AND v_marked IS NULL
       AND NOT EXISTS (SELECT FROM repair) THEN
        RETURN;
    END IF;
    PERFORM begin_change(p_term);
    PERFORM lock_alerts(array_agg(k.target_id), array_agg(k.alert_key))
       FROM ((SELECT n.target_id, n.alert_key FROM repair n
               ORDER BY n.target_id, n.alert_key LIMIT p_step)
             UNION SELECT d.target_id, d.alert_key FROM dead d WHERE d.event_id = ANY (v_marked)
             UNION SELECT a.target_id, a.alert_key FROM event e JOIN alert a USING (alert_id)
                    WHERE e.event_id = ANY (v_old)) k;
    RETURN QUERY
    SELECT 's', r.event_id, r.target_id, ''::text, ''::text
      FROM send_again(p_busy, p_now, p_step) r;
    RETURN QUERY
    SELECT 'a', r.event_id, r.target_id, ''::text, ''::text FROM revive(v_marked, p_now) r;
    RETURN QUERY
    SELECT 'd', b.event_id, 0::bigint, u.alert_key, u.reason
      FROM bury(v_old, v_old_reasons, p_now) AS b (event_id)
      JOIN unnest(v_old, v_old_keys, v_old_reasons) AS u (event_id, alert_key, reason)
        USING (event_id);
    RETURN QUERY
    WITH gone AS (DELETE FROM dead d WHERE d.event_id = ANY (v_surplus)
                  RETURNING d.event_id, d.alert_key, d.reason, d.dead_ms)
    SELECT 'x', g.event_id, 0::bigint, g.alert_key,
           CASE WHEN g.dead_ms < p_now - p_dead_age THEN p_dead_reason ELSE p_bytes_reason END
           || ', it was: ' || g.reason
      FROM gone g ORDER BY array_position(v_surplus, g.event_id);
    v_has_more := coalesce(greatest(cardinality(v_old), cardinality(v_surplus),
                                    cardinality(v_marked)), 0) >= p_step;
    IF v_has_more THEN
        RETURN QUERY SELECT 'm', 0::bigint, 0::bigint, ''::text, ''::text;
    END IF;
END
$$;

-- Forgets what is of no use any more: writers that were not seen for so long, keys of which nothing
-- has waited since, last words when no edge can have an older one. Some of each. Orphans are events
-- that no key leads to, among the oldest: there are none.
CREATE FUNCTION forget(p_term bigint, p_writers_before bigint, p_alerts_before bigint,
                       p_step integer, OUT has_more boolean, OUT orphans bigint)
LANGUAGE plpgsql AS $$
DECLARE
    v_writers text[];
    v_deleted integer;
    v_alerts integer;
    v_words integer;
    v_words_before bigint;
    v_none text;
BEGIN
    PERFORM begin_change(p_term);
    -- Sums of those who are silent move to the counters.
    SELECT array_agg(w.writer) INTO v_writers
      FROM (SELECT writer FROM writer
             WHERE seen_ms < now_ms() - 60000 AND writer IN (SELECT s.writer FROM writer_sum s)
             ORDER BY writer LIMIT p_step FOR UPDATE SKIP LOCKED) w;
    IF v_writers IS NOT NULL THEN
        WITH folded AS (DELETE FROM writer_sum s WHERE s.writer = ANY (v_writers) RETURNING s.*)
        SELECT count_for(array_agg(f.target_id), array_agg(f.events), array_agg(f.bytes),
                         array_agg(0::bigint), array_agg(0::bigint))
          FROM (SELECT target_id, sum(events)::bigint AS events, sum(bytes)::bigint AS bytes
                  FROM folded GROUP BY target_id) f INTO v_none;
    END IF;
    DELETE FROM writer
     WHERE writer IN (SELECT writer FROM writer WHERE seen_ms < p_writers_before
                       ORDER BY seen_ms LIMIT p_step FOR UPDATE SKIP LOCKED)
       AND seen_ms < p_writers_before
       AND NOT EXISTS (SELECT FROM writer_sum s WHERE s.writer = writer.writer);
    GET DIAGNOSTICS v_deleted = ROW_COUNT;
    -- The condition stands twice: an append may have revived a key meanwhile.
    DELETE FROM alert
     WHERE alert_id IN (SELECT alert_id FROM alert WHERE first_id = 0 AND done_ms < p_alerts_before
                         ORDER BY done_ms LIMIT p_step FOR UPDATE SKIP LOCKED)
       AND first_id = 0 AND done_ms < p_alerts_before;
    GET DIAGNOSTICS v_alerts = ROW_COUNT;
    -- A minute for what was on its way into the spool of an edge when that said that it was empty.
    v_words_before := greatest(least(p_alerts_before,
        coalesce((SELECT min(e.empty_ms) - 60000 FROM edge e), p_alerts_before)),
        p_writers_before);
    DELETE FROM last_delivered
     WHERE (target_id, alert_key) IN (SELECT l.target_id, l.alert_key FROM last_delivered l
                                       WHERE l.delivered_ms < v_words_before
                                       ORDER BY l.delivered_ms LIMIT p_step)
       AND delivered_ms < v_words_before;
    GET DIAGNOSTICS v_words = ROW_COUNT;
    DELETE FROM past_term
     WHERE term < (SELECT t.term FROM past_term t ORDER BY t.term DESC OFFSET 1000 LIMIT 1);
    has_more := greatest(cardinality(v_writers), v_deleted, v_alerts, v_words) >= p_step;
    SELECT count(*) INTO orphans
      FROM (SELECT e.event_id, e.alert_id FROM event e ORDER BY e.event_id LIMIT 100) o
      LEFT JOIN alert a USING (alert_id)
     WHERE a.alert_id IS NULL OR a.first_id = 0 OR a.first_id > o.event_id;
END
$$;

-- Ids never go back, whatever of the database was lost: no database counts as fast as a clock in
-- microseconds. Only far ahead, as others draw numbers meanwhile.
CREATE FUNCTION advance_ids() RETURNS void LANGUAGE sql AS $$
    SELECT setval('event_id', now_ms() * 1000 + 1000000) FROM event_id
     WHERE last_value + 1000000 < now_ms() * 1000
$$;
-- The same for one who has seen an id that this database has not given.
CREATE FUNCTION guard_ids(p_seen bigint) RETURNS void LANGUAGE sql AS $$
    SELECT setval('event_id', greatest(p_seen, now_ms() * 1000) + 1000000) FROM event_id
     WHERE last_value < p_seen
$$;
SELECT setval('event_id', now_ms() * 1000);

-- Nothing older than ten minutes leaves until an operator says so.
CREATE FUNCTION hold_back() RETURNS void LANGUAGE sql AS $$
    UPDATE meta SET value = greatest(value, now_ms() - 600000) WHERE name = 'held_before_ms'
$$;

-- False when a beat that was acknowledged is not in this database: it was restored, or is a standby
-- that had not got it.
CREATE FUNCTION has_beat(p_term bigint, p_beat bigint) RETURNS boolean LANGUAGE sql AS $$
    SELECT p_term = 0
           OR EXISTS (SELECT FROM beat b
                       WHERE b.term = p_term AND (b.beat >= p_beat OR b.beat = -1))
           OR EXISTS (SELECT FROM past_term t
                       WHERE t.term = p_term AND (t.beat >= p_beat OR t.beat = -1))
           OR coalesce(p_term < (SELECT min(t.term) FROM past_term t), false)
$$;

-- Ends the sessions of the last leader that a session waits for: one whose machine is gone holds
-- its locks until its keepalives fail.
CREATE FUNCTION end_blockers(p_pid integer) RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*)
      FROM unnest(pg_blocking_pids(p_pid)) AS b (pid) JOIN pg_stat_activity s USING (pid), term t
     WHERE s.application_name = left('flashduty/' || t.edge, 63) AND pg_terminate_backend(b.pid)
$$;

-- Who delivers, and whether it lives: see lease.hpp.
CREATE FUNCTION look_at_term(OUT term bigint, OUT beat bigint, OUT edge_id bigint,
                             OUT agent_id bigint) LANGUAGE sql AS $$
    SELECT b.term, b.beat, t.edge_id, t.agent_id FROM term t, beat b
$$;

-- A new term, if the beat still is what it was: by the term alone, a beat that is under way would
-- make two leaders. Never one that was given before, even if the last ones were lost in a failover.
CREATE FUNCTION take_term(p_term bigint, p_beat bigint, p_edge_id bigint, p_agent_id bigint,
                          p_edge text) RETURNS SETOF bigint LANGUAGE plpgsql AS $$
DECLARE
    v_term bigint;
BEGIN
    PERFORM begin_change(0);
    UPDATE beat SET term = greatest(term + 1, now_ms()), beat = 0
     WHERE term = p_term AND beat = p_beat RETURNING term INTO v_term;
    IF FOUND THEN
        INSERT INTO past_term VALUES (p_term, p_beat)
            ON CONFLICT (term) DO UPDATE SET beat = excluded.beat;
        PERFORM advance_ids();
        -- A settlement under way is waited for here.
        UPDATE term SET term = v_term, edge_id = p_edge_id, agent_id = p_agent_id, edge = p_edge;
        RETURN NEXT v_term;
    END IF;
END
$$;

-- Gives the new beat; nothing when the term is over. -1 lets go of it.
CREATE FUNCTION beat_again(p_term bigint, p_beat bigint, p_agent_id bigint, p_lets_go boolean,
                           p_spent text)
RETURNS SETOF bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM begin_change(0);
    IF NOT has_beat(p_term, p_beat) THEN
        PERFORM hold_back();
    END IF;
    RETURN QUERY
    UPDATE beat b SET beat = CASE WHEN p_lets_go THEN -1 ELSE b.beat + 1 END, spent = p_spent
     WHERE b.term = p_term
       AND EXISTS (SELECT FROM term t WHERE t.term = p_term AND t.agent_id = p_agent_id)
    RETURNING b.beat;
END
$$;

-- To look at: SELECT * FROM flashduty.waiting
CREATE FUNCTION time_of(ms bigint) RETURNS text LANGUAGE sql IMMUTABLE AS $$
    SELECT to_char(to_timestamp(ms / 1000) AT TIME ZONE 'UTC', 'YYYY-MM-DD HH24:MI:SS')
$$;

CREATE VIEW waiting AS
    SELECT e.event_id, e.title, a.alert_key, e.status, t.server || ' ' || t.location AS target,
           time_of(e.arrived_ms) AS accepted,
           CASE WHEN e.event_id <> a.first_id THEN 'after ' || a.first_id
                WHEN a.due_ms = 0 THEN 'at once'
                WHEN a.due_ms >= 1::bigint << 61 THEN 'when another event is taken'
                WHEN a.due_ms >= 1::bigint << 60 THEN 'when its target is back'
                ELSE time_of(a.due_ms)
           END AS next_try,
           e.attempts, e.last_error
      FROM event e JOIN alert a USING (alert_id) JOIN target t USING (target_id);

CREATE VIEW dead_letters AS
    SELECT d.event_id, d.title, d.alert_key, d.status, t.server || ' ' || t.location AS target,
           d.reason, time_of(d.dead_ms) AS time,
           CASE WHEN d.event_id < s.before_id THEN 'superseded'
                WHEN d.again <> 0 THEN 'to be sent again'
                ELSE 'dead'
           END AS state,
           time_of(d.arrived_ms) AS accepted, d.attempts, d.last_error, d.event,
           encode(d.body, 'escape') AS body
      FROM dead d LEFT JOIN target t USING (target_id) LEFT JOIN superseded s
        ON s.target_id = d.target_id AND s.alert_key = d.alert_key;
)sql";

}  // namespace flashduty
