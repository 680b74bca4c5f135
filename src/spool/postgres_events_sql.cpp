#include "postgres_sql.hpp"

namespace flashduty {

// Times are milliseconds since 1970 by the clock of PostgreSQL.
//
// Every change of alerts locks their rows in the order of target_id and alert_key before, so that
// nobody waits in a circle. Counts that every append changed would make all of them wait for each
// other's commit: each writer has its own, and their sum is taken when it is asked for.
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
    location  text NOT NULL,  -- uri without arguments
    UNIQUE (server, location)
);

-- Who appends: makes a batch that is appended twice harmless.
CREATE TABLE writer (
    writer  text PRIMARY KEY,
    batch   bigint NOT NULL,  -- the last
    seen_ms bigint NOT NULL,
    events  bigint NOT NULL,  -- that it has appended
    bytes   bigint NOT NULL,
    is_open boolean NOT NULL DEFAULT true  -- false: its sums are in counter
) WITH (fillfactor = 50);
CREATE INDEX writer_open ON writer (seen_ms) WHERE is_open;

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
    done_id   bigint NOT NULL DEFAULT 0,      -- the last that was delivered
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
    event       text NOT NULL,               -- what is pushed, JSON
    variables   text NOT NULL,               -- what the push's location can ask for, JSON
    body        bytea NOT NULL               -- what BlueKing sent
) WITH (autovacuum_vacuum_scale_factor = 0.02, autovacuum_vacuum_threshold = 1000,
        autovacuum_vacuum_cost_delay = 0);
CREATE INDEX event_order ON event (alert_id, event_id);
CREATE INDEX event_age ON event (accepted_ms, event_id);

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

-- One row, which only the leader and operators change.
CREATE TABLE counter (
    one        boolean PRIMARY KEY DEFAULT true CHECK (one),
    events     bigint NOT NULL DEFAULT 0,  -- what waits, less what open writers have appended
    bytes      bigint NOT NULL DEFAULT 0,
    dead       bigint NOT NULL DEFAULT 0,
    dead_bytes bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 10);
INSERT INTO counter DEFAULT VALUES;

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

CREATE FUNCTION waiting_sums(OUT events bigint, OUT bytes bigint) LANGUAGE sql AS $$
    SELECT c.events + coalesce(sum(w.events), 0)::bigint,
           c.bytes + coalesce(sum(w.bytes), 0)::bigint
      FROM counter c LEFT JOIN writer w ON w.is_open GROUP BY c.events, c.bytes
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
      FROM (SELECT alert_id, count(*) FILTER (WHERE severity = 0) AS critical,
                   count(*) FILTER (WHERE severity = 1) AS warning,
                   count(*) FILTER (WHERE severity = 2) AS info,
                   count(*) FILTER (WHERE severity = 3) AS ok
              FROM gone GROUP BY alert_id) g
      LEFT JOIN LATERAL (SELECT e.event_id, e.accepted_ms
                           FROM event e JOIN alert b USING (alert_id)
                          WHERE e.alert_id = g.alert_id AND e.event_id >= b.first_id
                          ORDER BY e.event_id LIMIT 1) n ON true
     WHERE a.alert_id = g.alert_id;
    UPDATE counter c SET events = c.events - g.events, bytes = c.bytes - g.bytes
      FROM (SELECT count(*) AS events, coalesce(sum(bytes), 0) AS bytes FROM gone) g
     WHERE g.events > 0;
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
    UPDATE counter c SET dead = c.dead + n.dead, dead_bytes = c.dead_bytes + n.bytes
      FROM (SELECT count(*) AS dead, coalesce(sum(bytes), 0) AS bytes FROM new_ones) n
     WHERE n.dead > 0;
    RETURN NULL;
END
$$;
CREATE TRIGGER dead_comes AFTER INSERT ON dead REFERENCING NEW TABLE AS new_ones
    FOR EACH STATEMENT EXECUTE FUNCTION dead_comes();

CREATE FUNCTION dead_goes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE counter c SET dead = c.dead - g.dead, dead_bytes = c.dead_bytes - g.bytes
      FROM (SELECT count(*) AS dead, coalesce(sum(bytes), 0) AS bytes FROM gone) g
     WHERE g.dead > 0;
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

-- One batch of a writer. Gives nothing when it is there already; its row is locked then all the
-- same, so that the end of this call says that it is safe.
CREATE FUNCTION append(p_writer text, p_batch bigint, p_max_bytes bigint, p_servers text[],
    p_locations text[], p_keys text[], p_severities smallint[], p_statuses text[], p_titles text[],
    p_arguments text[], p_accepted bigint[], p_events text[], p_variables text[], p_bodies bytea[])
RETURNS TABLE (event_id bigint, target_id bigint, has_elder boolean) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_targets bigint[];
    v_alerts bigint[];
    v_elders boolean[];
    v_ids bigint[];
BEGIN
    PERFORM begin_change(0);
    IF EXISTS (SELECT FROM waiting_sums() s, counter c
                WHERE s.bytes + c.dead_bytes >= p_max_bytes) THEN
        RAISE EXCEPTION 'it holds % bytes, its max_size', p_max_bytes USING ERRCODE = 'FD001';
    END IF;
    INSERT INTO writer AS w (writer, batch, seen_ms, events, bytes)
    SELECT p_writer, p_batch, now_ms(), count(*), coalesce(sum(bytes_of(a, e, v, b)), 0)
      FROM unnest(p_arguments, p_events, p_variables, p_bodies) AS u (a, e, v, b)
        ON CONFLICT (writer) DO UPDATE
           SET batch = excluded.batch, seen_ms = excluded.seen_ms,
               events = w.events + excluded.events, bytes = w.bytes + excluded.bytes
         WHERE w.batch < excluded.batch;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    INSERT INTO target (server, location)
    SELECT DISTINCT u.server, u.location FROM unnest(p_servers, p_locations) AS u (server, location)
     WHERE NOT EXISTS (SELECT FROM target t
                        WHERE t.server = u.server AND t.location = u.location)
     ORDER BY u.server, u.location ON CONFLICT DO NOTHING;
    SELECT array_agg(t.target_id ORDER BY u.n) INTO v_targets
      FROM unnest(p_servers, p_locations) WITH ORDINALITY AS u (server, location, n)
      JOIN target t ON t.server = u.server AND t.location = u.location;
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
                       arrived_ms, bytes, event, variables, body)
    SELECT u.id, u.alert_id, (SELECT term FROM term), u.severity, u.status, u.title, u.arguments,
           u.accepted, u.accepted, bytes_of(u.arguments, u.event, u.variables, u.body), u.event,
           u.variables, u.body
      FROM unnest(v_ids, v_alerts, p_severities, p_statuses, p_titles, p_arguments, p_accepted,
                  p_events, p_variables, p_bodies)
        AS u (id, alert_id, severity, status, title, arguments, accepted, event, variables, body);
    PERFORM count_in(v_ids);
    RETURN QUERY SELECT * FROM unnest(v_ids, v_targets, v_elders);
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

-- A delivered event goes, and with it the chance of all older ones of its key.
CREATE FUNCTION take_delivered(p_event bigint, p_now bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_alert alert%ROWTYPE;
    v_older bigint[];
BEGIN
    SELECT a.* INTO v_alert FROM event e JOIN alert a USING (alert_id) WHERE e.event_id = p_event;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    IF v_alert.first_id < p_event THEN
        SELECT array_agg(event_id) INTO v_older FROM event
         WHERE alert_id = v_alert.alert_id AND event_id >= v_alert.first_id AND event_id < p_event;
        PERFORM bury(v_older,
                     array_fill('a newer event of its key was delivered meanwhile'::text,
                                ARRAY[cardinality(v_older)]), p_now);
    END IF;
    DELETE FROM event WHERE event_id = p_event;
    UPDATE alert SET done_id = p_event WHERE alert_id = v_alert.alert_id;
    PERFORM supersede(v_alert.target_id, v_alert.alert_key, p_event);
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
                               ORDER BY attempt_id DESC OFFSET 10 LIMIT 1);
    END IF;
END
$$;

-- Dead letters take all that they may, and none may be deleted yet: somebody must be able to see it.
CREATE FUNCTION has_no_room_for_dead(p_now bigint, p_dead_bytes bigint) RETURNS boolean
LANGUAGE sql AS $$
    SELECT c.dead_bytes >= p_dead_bytes
           AND NOT EXISTS (SELECT FROM dead d WHERE d.dead_ms <= p_now - 3600000)
      FROM counter c
$$;

-- Fates: 0 delivered, 1 waits, 2 refused. Gives the events that should have become dead letters and
-- wait for there to be room for them.
CREATE FUNCTION settle(p_term bigint, p_dead_bytes bigint, p_room_ms bigint, p_events bigint[],
    p_fates smallint[], p_settled bigint[], p_due bigint[], p_reasons text[], p_http integer[])
RETURNS SETOF bigint LANGUAGE plpgsql AS $$
DECLARE
    s record;
    v_due bigint;
BEGIN
    PERFORM begin_change(p_term);
    PERFORM FROM alert a
      WHERE a.alert_id IN (SELECT e.alert_id FROM event e WHERE e.event_id = ANY (p_events))
      ORDER BY a.target_id, a.alert_key FOR UPDATE;
    FOR s IN SELECT * FROM unnest(p_events, p_fates, p_settled, p_due, p_reasons, p_http)
                        AS u (event_id, fate, settled, due, reason, http) LOOP
        IF s.fate = 0 THEN
            PERFORM take_delivered(s.event_id, s.settled);
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
            RETURN NEXT s.event_id;
        END IF;
        UPDATE alert SET due_ms = v_due, tried_ms = s.settled
         WHERE alert_id = (SELECT alert_id FROM event WHERE event_id = s.event_id);
    END LOOP;
END
$$;

-- What was delivered past the tables is newer than all that had come before it.
CREATE FUNCTION supersede_older(p_term bigint, p_servers text[], p_locations text[], p_keys text[],
                                p_accepted bigint[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    k record;
    v_newer bigint;
BEGIN
    PERFORM begin_change(p_term);
    FOR k IN SELECT t.target_id, u.alert_key, u.accepted
               FROM unnest(p_servers, p_locations, p_keys, p_accepted)
                 AS u (server, location, alert_key, accepted)
               JOIN target t ON t.server = u.server AND t.location = u.location
              ORDER BY 1, 2 LOOP
        SELECT min(n.event_id) INTO v_newer
          FROM (SELECT d.event_id FROM dead d WHERE d.target_id = k.target_id
                   AND d.alert_key = k.alert_key AND d.accepted_ms > k.accepted
                UNION ALL
                SELECT e.event_id FROM event e JOIN alert a USING (alert_id)
                 WHERE a.target_id = k.target_id AND a.alert_key = k.alert_key
                   AND e.accepted_ms > k.accepted) n;
        PERFORM supersede(k.target_id, k.alert_key, coalesce(v_newer, nextval('event_id')));
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
    UPDATE counter c SET events = c.events + n.events, bytes = c.bytes + n.bytes
      FROM (SELECT count(*) AS events, sum(d.bytes) AS bytes FROM dead d
             WHERE d.event_id = ANY (v_ids)) n;
    UPDATE alert a SET due_ms = 0
      FROM unnest(v_targets, v_keys) AS k (target_id, alert_key)
     WHERE a.target_id = k.target_id AND a.alert_key = k.alert_key AND a.due_ms > 0;
    DELETE FROM dead d WHERE d.event_id = ANY (v_ids);
    RETURN QUERY SELECT * FROM unnest(v_ids, v_targets);
END
$$;

-- Some of what is to be tended. Gives rows of `kind` 'd' for what is dead now, 'x' for dead letters
-- that were deleted, 'a' for what waits again, 'm' when there is more.
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
                     ORDER BY dead_ms, event_id LIMIT p_step) d, counter c) o
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
    IF v_old IS NULL AND v_surplus IS NULL AND v_marked IS NULL THEN
        RETURN;
    END IF;
    PERFORM begin_change(p_term);
    RETURN QUERY
    SELECT 'a', r.event_id, r.target_id, ''::text, ''::text FROM revive(v_marked, p_now) r;
    PERFORM FROM alert a
      WHERE a.alert_id IN (SELECT e.alert_id FROM event e WHERE e.event_id = ANY (v_old))
      ORDER BY a.target_id, a.alert_key FOR UPDATE;
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
-- has waited since. Some of each; true when there is more.
CREATE FUNCTION forget(p_term bigint, p_writers_before bigint, p_alerts_before bigint,
                       p_step integer) RETURNS boolean LANGUAGE plpgsql AS $$
DECLARE
    v_folded integer;
    v_writers integer;
    v_alerts integer;
BEGIN
    PERFORM begin_change(p_term);
    -- Sums of those who are silent move to the one row.
    WITH folded AS (
        UPDATE writer SET is_open = false
         WHERE writer IN (SELECT writer FROM writer WHERE is_open AND seen_ms < now_ms() - 600000
                           ORDER BY writer LIMIT p_step FOR UPDATE SKIP LOCKED)
           AND is_open AND seen_ms < now_ms() - 600000
        RETURNING events, bytes),
    sums AS (SELECT count(*) AS writers, coalesce(sum(events), 0) AS events,
                    coalesce(sum(bytes), 0) AS bytes FROM folded),
    moved AS (UPDATE counter c SET events = c.events + s.events, bytes = c.bytes + s.bytes
                FROM sums s WHERE s.writers > 0)
    SELECT writers INTO v_folded FROM sums;
    DELETE FROM writer
     WHERE writer IN (SELECT writer FROM writer WHERE NOT is_open AND seen_ms < p_writers_before
                       LIMIT p_step FOR UPDATE SKIP LOCKED)
       AND NOT is_open AND seen_ms < p_writers_before;
    GET DIAGNOSTICS v_writers = ROW_COUNT;
    -- The condition stands twice: an append may have revived a key meanwhile.
    DELETE FROM alert
     WHERE alert_id IN (SELECT alert_id FROM alert WHERE first_id = 0 AND done_ms < p_alerts_before
                         ORDER BY done_ms LIMIT p_step FOR UPDATE SKIP LOCKED)
       AND first_id = 0 AND done_ms < p_alerts_before;
    GET DIAGNOSTICS v_alerts = ROW_COUNT;
    RETURN greatest(v_folded, v_writers, v_alerts) >= p_step;
END
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
        -- A settlement under way is waited for here.
        UPDATE term SET term = v_term, edge_id = p_edge_id, agent_id = p_agent_id, edge = p_edge;
        RETURN NEXT v_term;
    END IF;
END
$$;

-- Gives the new beat; nothing when the term is over. -1 lets go of it.
CREATE FUNCTION beat_again(p_term bigint, p_agent_id bigint, p_lets_go boolean, p_spent text)
RETURNS SETOF bigint LANGUAGE plpgsql AS $$
BEGIN
    PERFORM begin_change(0);
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
