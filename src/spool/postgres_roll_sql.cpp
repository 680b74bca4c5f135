#include "postgres_sql.hpp"

namespace flashduty {

const char kPostgresRoll[] = R"sql(
-- Edges that take part. Small, as each changes its row every second.
CREATE TABLE edge (
    edge            text PRIMARY KEY,
    spool_id        text NOT NULL,              -- of its local spool
    token           bigint NOT NULL,            -- of the process that delivers there
    registered_ms   bigint NOT NULL,
    seen_ms         bigint NOT NULL,
    empty_ms        bigint NOT NULL DEFAULT 0,  -- when its local spool last was empty
    mode            smallint NOT NULL DEFAULT 0,  -- 0 fleet, 1 holding, 2 alone, 3 draining
    local_events    bigint NOT NULL DEFAULT 0,
    local_age_ms    bigint NOT NULL DEFAULT 0,
    local_dead      bigint NOT NULL DEFAULT 0,
    append_p99_ms   bigint NOT NULL DEFAULT 0,
    unknown         bigint NOT NULL DEFAULT 0,
    clock_offset_ms bigint NOT NULL DEFAULT 0
) WITH (fillfactor = 20);

-- What should be the same on all edges.
CREATE TABLE edge_setup (
    edge           text PRIMARY KEY REFERENCES edge ON DELETE CASCADE,
    gateway        text NOT NULL,
    nginx          text NOT NULL,
    version        text NOT NULL,
    per_second     bigint NOT NULL,
    per_minute     bigint NOT NULL,
    max_size       bigint NOT NULL,
    max_age_ms     bigint NOT NULL,
    dead_age_ms    bigint NOT NULL,
    lease_ms       bigint NOT NULL,
    alone_after_ms bigint NOT NULL,
    servers        text[] NOT NULL,   -- of each location its server block
    locations      text[] NOT NULL
);

-- What the leader says of the whole fleet. One row.
CREATE TABLE figures (
    one              boolean PRIMARY KEY DEFAULT true CHECK (one),
    written_ms       bigint NOT NULL DEFAULT 0,
    waiting          bigint NOT NULL DEFAULT 0,
    dead             bigint NOT NULL DEFAULT 0,
    used_bytes       bigint NOT NULL DEFAULT 0,
    oldest_age_ms    bigint NOT NULL DEFAULT 0,
    is_full          boolean NOT NULL DEFAULT false,
    servers          text[] NOT NULL DEFAULT '{}',
    locations        text[] NOT NULL DEFAULT '{}',
    are_up           boolean[] NOT NULL DEFAULT '{}',
    reasons          text[] NOT NULL DEFAULT '{}',
    waiting_for      bigint[] NOT NULL DEFAULT '{}'
) WITH (fillfactor = 20);
INSERT INTO figures DEFAULT VALUES;

-- Answers 'done', or 'taken' and for how long the other edge of that name was not seen.
CREATE FUNCTION register_edge(p_edge text, p_spool text, p_token bigint, p_was_known boolean,
    p_seen_ms bigint, p_gateway text, p_nginx text, p_version text, p_per_second bigint,
    p_per_minute bigint, p_max_size bigint, p_max_age bigint, p_dead_age bigint, p_lease bigint,
    p_alone_after bigint, p_servers text[], p_locations text[])
RETURNS TABLE (answer text, seen_ago_ms bigint) LANGUAGE plpgsql AS $$
DECLARE
    v_other edge%ROWTYPE;
BEGIN
    PERFORM begin_change(0);
    INSERT INTO edge AS e (edge, spool_id, token, registered_ms, seen_ms)
    VALUES (p_edge, p_spool, p_token, now_ms(), now_ms())
        ON CONFLICT (edge) DO UPDATE
           SET spool_id = p_spool, token = p_token, registered_ms = now_ms(), seen_ms = now_ms(),
               -- What is in another spool is not known.
               empty_ms = CASE WHEN e.spool_id = p_spool THEN e.empty_ms ELSE 0 END
         WHERE e.token = p_token OR e.seen_ms < now_ms() - p_seen_ms
            OR (e.spool_id = p_spool AND NOT p_was_known);
    IF NOT FOUND THEN
        SELECT * INTO v_other FROM edge WHERE edge = p_edge;
        RETURN QUERY SELECT 'taken'::text, now_ms() - v_other.seen_ms;
        RETURN;
    END IF;
    DELETE FROM edge_setup WHERE edge = p_edge;
    INSERT INTO edge_setup
    VALUES (p_edge, p_gateway, p_nginx, p_version, p_per_second, p_per_minute, p_max_size,
            p_max_age, p_dead_age, p_lease, p_alone_after, p_servers, p_locations);
    RETURN QUERY SELECT 'done'::text, 0::bigint;
END
$$;

-- Answers 'done', 'taken', or 'gone' when there is no such edge.
CREATE FUNCTION report_edge(p_edge text, p_token bigint, p_mode smallint, p_is_empty boolean,
    p_local_events bigint, p_local_age bigint, p_local_dead bigint, p_append_p99 bigint,
    p_unknown bigint, p_clock_offset bigint, p_known_term bigint, p_known_beat bigint)
RETURNS TABLE (answer text, seen_ago_ms bigint, edges bigint, server_ms bigint, term bigint,
               beat bigint, has_gone_back boolean)
LANGUAGE plpgsql AS $$
DECLARE
    v_answer text := 'done';
    v_seen_ms bigint;
    v_has_gone_back boolean := NOT has_beat(p_known_term, p_known_beat);
BEGIN
    PERFORM begin_change(0);
    IF v_has_gone_back THEN
        PERFORM hold_back();
    END IF;
    UPDATE edge e
       SET seen_ms = now_ms(), mode = p_mode, local_events = p_local_events,
           local_age_ms = p_local_age, local_dead = p_local_dead, append_p99_ms = p_append_p99,
           unknown = p_unknown, clock_offset_ms = p_clock_offset,
           empty_ms = CASE WHEN p_is_empty THEN now_ms() ELSE e.empty_ms END
     WHERE e.edge = p_edge AND e.token = p_token;
    IF NOT FOUND THEN
        SELECT e.seen_ms INTO v_seen_ms FROM edge e WHERE e.edge = p_edge;
        v_answer := CASE WHEN FOUND THEN 'taken' ELSE 'gone' END;
    END IF;
    RETURN QUERY SELECT v_answer, now_ms() - coalesce(v_seen_ms, now_ms()),
                        (SELECT count(*) FROM edge), now_ms(), b.term, b.beat, v_has_gone_back
                   FROM beat b;
END
$$;

CREATE FUNCTION forget_edge(p_edge text, p_seen_ms bigint)
RETURNS TABLE (answer text, seen_ago_ms bigint) LANGUAGE plpgsql AS $$
DECLARE
    v_seen_ms bigint;
BEGIN
    PERFORM begin_change(0);
    DELETE FROM edge WHERE edge = p_edge AND seen_ms < now_ms() - p_seen_ms;
    IF FOUND THEN
        RETURN QUERY SELECT 'done'::text, 0::bigint;
        RETURN;
    END IF;
    SELECT seen_ms INTO v_seen_ms FROM edge WHERE edge = p_edge;
    RETURN QUERY SELECT CASE WHEN FOUND THEN 'taken' ELSE 'gone' END,
                        now_ms() - coalesce(v_seen_ms, now_ms());
END
$$;

CREATE FUNCTION write_figures(p_term bigint, p_waiting bigint, p_dead bigint, p_used bigint,
    p_oldest_age bigint, p_is_full boolean, p_servers text[], p_locations text[],
    p_are_up boolean[], p_reasons text[], p_waiting_for bigint[])
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM begin_change(p_term);
    -- Nobody waits for these: they are written again in a second.
    PERFORM set_config('synchronous_commit', 'off', true);
    UPDATE figures
       SET written_ms = now_ms(), waiting = p_waiting, dead = p_dead, used_bytes = p_used,
           oldest_age_ms = p_oldest_age, is_full = p_is_full, servers = p_servers,
           locations = p_locations, are_up = p_are_up, reasons = p_reasons,
           waiting_for = p_waiting_for;
END
$$;

-- Events that wait because the database was restored, up to so many.
CREATE FUNCTION count_held_back() RETURNS bigint LANGUAGE sql AS $$
    SELECT count(*) FROM (SELECT FROM event e
                           WHERE e.accepted_ms < (SELECT value FROM meta
                                                   WHERE name = 'held_before_ms')
                           LIMIT 10000) h
$$;

-- Synchronous standbys that are connected; -1 where the role may not see them.
CREATE FUNCTION count_replicas() RETURNS integer LANGUAGE sql AS $$
    SELECT CASE WHEN pg_has_role(current_user, 'pg_read_all_stats', 'USAGE')
                THEN (SELECT count(*) FROM pg_stat_replication
                       WHERE sync_state IN ('sync', 'quorum'))::integer
                ELSE -1 END
$$;
)sql";

}  // namespace flashduty
