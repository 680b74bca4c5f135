#include "postgres_sql.hpp"

namespace flashduty {

const char kPostgresLedger[] = R"sql(
CREATE FUNCTION alerts_of(p_events bigint[]) RETURNS bigint[] LANGUAGE sql AS $$
    SELECT coalesce(array_agg(DISTINCT alert_id), '{}') FROM event WHERE event_id = ANY (p_events)
$$;

-- Dead letters that are sent again. Gives each with its `kind`: 'w' waits again, 'm' will once its
-- key is not on its way any more, 's' is superseded.
CREATE FUNCTION send_dead_again(p_term bigint, p_events bigint[], p_now bigint, p_busy bigint[])
RETURNS TABLE (kind text, event_id bigint, target_id bigint) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_ids bigint[];
    v_kinds text[];
    v_targets bigint[];
    v_busy bigint[] := alerts_of(p_busy);
    v_waits bigint[];
BEGIN
    PERFORM begin_change(p_term);
    SELECT array_agg(d.event_id), array_agg(d.target_id), array_agg(
               CASE WHEN d.event_id < s.before_id THEN 's'
                    WHEN a.alert_id = ANY (v_busy) THEN 'm' ELSE 'w' END)
      INTO v_ids, v_targets, v_kinds
      FROM dead d
      LEFT JOIN alert a ON a.target_id = d.target_id AND a.alert_key = d.alert_key
      LEFT JOIN superseded s ON s.target_id = d.target_id AND s.alert_key = d.alert_key
     WHERE d.event_id = ANY (p_events);
    UPDATE dead d SET again = 1
      FROM unnest(v_ids, v_kinds) AS u (event_id, kind)
     WHERE d.event_id = u.event_id AND u.kind <> 's';
    SELECT array_agg(u.event_id) INTO v_waits
      FROM unnest(v_ids, v_kinds) AS u (event_id, kind) WHERE u.kind = 'w';
    PERFORM revive(v_waits, p_now);
    RETURN QUERY SELECT u.kind, u.event_id, u.target_id
                   FROM unnest(v_kinds, v_ids, v_targets) AS u (kind, event_id, target_id);
END
$$;

-- Makes dead letters of events that are not on their way. Gives each with its `kind`: 'd' is dead,
-- 'b' is on its way.
CREATE FUNCTION discard(p_term bigint, p_events bigint[], p_now bigint, p_busy bigint[],
                        p_reason text)
RETURNS TABLE (kind text, event_id bigint, target_id bigint, alert_key text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    v_ids bigint[];
    v_targets bigint[];
    v_keys text[];
BEGIN
    PERFORM begin_change(p_term);
    PERFORM FROM alert a WHERE a.alert_id = ANY (alerts_of(p_events))
      ORDER BY a.target_id, a.alert_key FOR UPDATE;
    SELECT array_agg(e.event_id ORDER BY e.event_id), array_agg(a.target_id ORDER BY e.event_id),
           array_agg(a.alert_key ORDER BY e.event_id)
      INTO v_ids, v_targets, v_keys
      FROM event e JOIN alert a USING (alert_id)
     WHERE e.event_id = ANY (p_events) AND e.event_id <> ALL (p_busy);
    RETURN QUERY SELECT 'b', e.event_id, 0::bigint, ''::text FROM event e
                  WHERE e.event_id = ANY (p_events) AND e.event_id = ANY (p_busy);
    IF v_ids IS NOT NULL THEN
        PERFORM bury(v_ids, array_fill(p_reason, ARRAY[cardinality(v_ids)]), p_now);
        RETURN QUERY SELECT 'd', u.event_id, u.target_id, u.alert_key
                       FROM unnest(v_ids, v_targets, v_keys)
                         AS u (event_id, target_id, alert_key);
    END IF;
END
$$;

CREATE FUNCTION delete_dead(p_term bigint, p_events bigint[])
RETURNS TABLE (event_id bigint, alert_key text, reason text) LANGUAGE plpgsql AS $$
#variable_conflict use_column
BEGIN
    PERFORM begin_change(p_term);
    RETURN QUERY
    WITH gone AS (DELETE FROM dead d WHERE d.event_id = ANY (p_events)
                  RETURNING d.event_id, d.alert_key, d.reason)
    SELECT g.event_id, g.alert_key, g.reason FROM gone g ORDER BY g.event_id;
END
$$;

-- Counts and first event of an alert anew, when events were moved from it or to it.
CREATE FUNCTION recount(p_alert bigint) RETURNS void LANGUAGE sql AS $$
    UPDATE alert a
       SET critical = n.critical, warning = n.warning, info = n.info, ok = n.ok, due_ms = 0,
           done_ms = now_ms(), first_id = coalesce(f.event_id, 0),
           since_ms = coalesce(f.accepted_ms, 0)
      FROM (SELECT count(*) FILTER (WHERE severity = 0) AS critical,
                   count(*) FILTER (WHERE severity = 1) AS warning,
                   count(*) FILTER (WHERE severity = 2) AS info,
                   count(*) FILTER (WHERE severity = 3) AS ok
              FROM event WHERE alert_id = p_alert) n
      LEFT JOIN LATERAL (SELECT event_id, accepted_ms FROM event WHERE alert_id = p_alert
                          ORDER BY alert_id, event_id LIMIT 1) f ON true
     WHERE a.alert_id = p_alert
$$;

-- Moves some of the keys that wait for a target, up to an alert_id, to another one; none that is on
-- its way. Gives rows of `kind` 'm' with how many events moved, 'b' with how many could not, 'g' for
-- each refused event, which is tried anew.
CREATE FUNCTION move_waiting(p_term bigint, p_from bigint, p_to bigint, p_newest bigint,
                             p_busy bigint[], p_most integer)
RETURNS TABLE (kind text, number bigint) LANGUAGE plpgsql AS $$
DECLARE
    v_busy bigint[] := alerts_of(p_busy);
    v_keys text[];
    v_done bigint := 0;
    v_waiting bigint := 0;
    v_moved bigint;
    v_bytes bigint;
    v_ids bigint[];
    k record;
BEGIN
    PERFORM begin_change(p_term);
    SELECT array_agg(a.alert_key) INTO v_keys
      FROM (SELECT x.alert_key FROM alert x
             WHERE x.target_id = p_from AND x.first_id > 0 AND x.alert_id <= p_newest
             LIMIT p_most + cardinality(v_busy)) a;
    IF v_keys IS NULL THEN
        RETURN;
    END IF;
    PERFORM lock_alerts(array_fill(p_from, ARRAY[cardinality(v_keys)])
                        || array_fill(p_to, ARRAY[cardinality(v_keys)]), v_keys || v_keys);
    FOR k IN SELECT a.alert_id, a.critical + a.warning + a.info + a.ok AS events,
                    b.alert_id AS there, b.first_id AS first_there
               FROM alert a JOIN alert b ON b.target_id = p_to AND b.alert_key = a.alert_key
              WHERE a.target_id = p_from AND a.first_id > 0 AND a.alert_key = ANY (v_keys) LOOP
        IF k.alert_id = ANY (v_busy) OR k.there = ANY (v_busy) THEN
            v_waiting := v_waiting + k.events;
            CONTINUE;
        END IF;
        EXIT WHEN v_done >= p_most;
        RETURN QUERY SELECT 'g', e.event_id FROM event e
                      WHERE e.alert_id = k.alert_id AND e.refusal <> '';
        IF k.first_there = 0 THEN
            SELECT count(*), sum(bytes) INTO v_moved, v_bytes FROM event
             WHERE alert_id = k.alert_id;
            DELETE FROM alert WHERE alert_id = k.there;
            UPDATE alert SET target_id = p_to, due_ms = 0, tried_ms = 0
             WHERE alert_id = k.alert_id;
        ELSE
            SELECT array_agg(e.event_id), count(*), sum(e.bytes) INTO v_ids, v_moved, v_bytes
              FROM (SELECT event_id, bytes FROM event WHERE alert_id = k.alert_id
                     ORDER BY alert_id, event_id LIMIT p_most - v_done) e;
            UPDATE event SET alert_id = k.there WHERE event_id = ANY (v_ids);
            PERFORM recount(k.alert_id), recount(k.there);
        END IF;
        PERFORM count_for(ARRAY[p_from, p_to], ARRAY[-v_moved, v_moved], ARRAY[-v_bytes, v_bytes],
                          ARRAY[0::bigint, 0::bigint], ARRAY[0::bigint, 0::bigint]);
        v_done := v_done + v_moved;
    END LOOP;
    RETURN QUERY SELECT 'm', v_done;
    RETURN QUERY SELECT 'b', v_waiting;
END
$$;

CREATE FUNCTION move_dead(p_term bigint, p_from bigint, p_to bigint, p_most integer)
RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
    v_ids bigint[];
    v_keys text[];
    v_moved bigint;
    v_bytes bigint;
BEGIN
    PERFORM begin_change(p_term);
    SELECT array_agg(d.event_id), array_agg(d.alert_key), count(*), sum(d.bytes)
      INTO v_ids, v_keys, v_moved, v_bytes
      FROM (SELECT event_id, alert_key, bytes FROM dead WHERE target_id = p_from LIMIT p_most) d;
    IF v_moved = 0 THEN
        RETURN 0;
    END IF;
    INSERT INTO superseded AS s (target_id, alert_key, before_id)
    SELECT p_to, o.alert_key, o.before_id FROM superseded o
     WHERE o.target_id = p_from AND o.alert_key = ANY (v_keys)
        ON CONFLICT (target_id, alert_key)
           DO UPDATE SET before_id = greatest(s.before_id, excluded.before_id);
    UPDATE dead SET target_id = p_to WHERE event_id = ANY (v_ids);
    DELETE FROM superseded s
     WHERE s.target_id = p_from AND s.alert_key = ANY (v_keys)
       AND NOT EXISTS (SELECT FROM dead d
                        WHERE d.target_id = p_from AND d.alert_key = s.alert_key);
    PERFORM count_for(ARRAY[p_from, p_to], ARRAY[0::bigint, 0::bigint],
                      ARRAY[0::bigint, 0::bigint], ARRAY[-v_moved, v_moved],
                      ARRAY[-v_bytes, v_bytes]);
    RETURN v_moved;
END
$$;

CREATE FUNCTION pause_target(p_term bigint, p_target bigint, p_until bigint) RETURNS boolean
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM begin_change(p_term);
    UPDATE target SET paused_ms = p_until WHERE target_id = p_target;
    RETURN FOUND;
END
$$;

-- Lets those events go that wait because the database was restored.
CREATE FUNCTION let_go_held_back() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM begin_change(0);
    UPDATE meta SET value = 0 WHERE name = 'held_before_ms';
END
$$;
)sql";

}  // namespace flashduty
