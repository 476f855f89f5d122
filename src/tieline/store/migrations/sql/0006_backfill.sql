-- Back-fill: live events and subjects before fetched ones, each at the cost of what is found.

DROP INDEX store_openevent_queue;
CREATE INDEX store_openevent_queue ON store_openevent (target_id, source_id, backfill, event_id);

-- Fetched subjects that wait for their turn, by lane: those that a live one of the same lane has to take along.
CREATE INDEX store_subject_behind ON store_subject USING gin (lanes)
 WHERE backfill AND state IN ('due', 'waiting') AND due_at IS NOT NULL;

CREATE OR REPLACE FUNCTION store_due_targets()
RETURNS TABLE (target bigint, workspace bigint, ready boolean, begun boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT t.id, t.workspace_id, t.ready, t.begun FROM (
        SELECT c.id, c.workspace_id,
               EXISTS (SELECT 1 FROM store_flowsetting f
                         JOIN store_flowsource s ON s.setting_id = f.id
                         JOIN store_connection p ON p.id = s.source_id AND p.state <> 'paused'
                        CROSS JOIN LATERAL (SELECT 1 FROM store_openevent o
                                             WHERE o.target_id = c.id AND o.source_id = s.source_id LIMIT 1) AS o
                        WHERE f.workspace_id = c.workspace_id AND f.target_id = c.id AND f.state <> 'paused')
            OR EXISTS (SELECT 1 FROM store_flowsetting f
                        CROSS JOIN (VALUES (false), (true)) AS b(fetched)
                        CROSS JOIN LATERAL (SELECT 1 FROM store_subject s
                                             WHERE s.target_id = c.id AND s.flow = f.flow AND s.backfill = b.fetched
                                               AND s.due_at <= now() AND s.state IN ('due', 'waiting') LIMIT 1) AS s
                        WHERE f.workspace_id = c.workspace_id AND f.target_id = c.id AND f.state <> 'paused') AS ready,
               -- A paused flow does not go on with what it began before it is resumed: nobody is woken for it.
               EXISTS (SELECT 1 FROM store_flowsetting f
                        CROSS JOIN LATERAL (SELECT 1 FROM store_run r
                                             WHERE r.target_id = c.id AND r.state = 'applying' AND r.flow = f.flow LIMIT 1) AS r
                        WHERE f.workspace_id = c.workspace_id AND f.target_id = c.id AND f.state <> 'paused') AS begun
          FROM store_connection c
         WHERE c.state = 'active' AND (c.paused_until IS NULL OR c.paused_until <= now())
    ) AS t WHERE t.ready OR t.begun
$$;

-- One back-fill that is due and that nobody works on, for whoever asks.
CREATE FUNCTION store_claim_backfill(taker uuid, lease_s float8)
RETURNS TABLE (id bigint, workspace bigint, connection bigint)
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE store_backfill b SET worker = taker, leased_until = now() + make_interval(secs => lease_s)
     WHERE b.id = (SELECT x.id FROM store_backfill x JOIN store_connection c ON c.id = x.connection_id
                    WHERE x.state = 'running' AND x.due_at <= now() AND c.state = 'active'
                      AND coalesce(x.leased_until, '-infinity') <= now()
                    ORDER BY x.due_at LIMIT 1 FOR UPDATE OF x SKIP LOCKED)
    RETURNING b.id, b.workspace_id, b.connection_id
$$;

-- Every source that feeds a flow with somewhere to write, with what tells whether its list should be looked at.
-- typed: names of what was typed for it; done: kind of back-fill → until when it looked last.
CREATE FUNCTION store_watched_sources(lead interval)
RETURNS TABLE (workspace bigint, connection bigint, epoch int, connector text, typed text[], created timestamptz,
               watched_at timestamptz, event_at timestamptz, refused_from timestamptz, refused_at timestamptz,
               failed_from timestamptz, waits_from timestamptz, done json)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT c.workspace_id, c.id, c.epoch, c.connector::text,
           ARRAY(SELECT s.name::text FROM store_secret s WHERE s.connection_id = c.id)
               || ARRAY(SELECT jsonb_object_keys(coalesce(c.config->'fields', '{}'::jsonb))),
           c.created,
           (SELECT k.moved_at FROM store_cursor k WHERE k.connection_id = c.id AND k.epoch = c.epoch AND k.purpose = 'watch'),
           (SELECT e.received_at FROM store_event e WHERE e.connection_id = c.id AND e.method <> 'LIST'
             ORDER BY e.id DESC LIMIT 1),
           r.first, r.last,
           (SELECT min(b.reached) FROM store_backfill b
             WHERE b.connection_id = c.id AND b.state = 'failed' AND b.why <> 'hand'
               AND b.ended_at < now() - interval '1 hour' AND b.started_at > now() - interval '30 days'
               AND NOT EXISTS (SELECT 1 FROM store_backfill later
                                WHERE later.connection_id = c.id AND later.id > b.id AND later.since <= b.reached
                                  AND (later.state IN ('done', 'stopped')
                                       OR later.ended_at > now() - interval '1 hour'))),
           (SELECT min(s.arrived_at) FROM store_flowsetting f JOIN store_flowsource fs ON fs.setting_id = f.id
             CROSS JOIN (VALUES (false), (true)) AS b(fetched)
             CROSS JOIN LATERAL (SELECT s.arrived_at FROM store_subject s
                                  WHERE s.target_id = f.target_id AND s.flow = f.flow AND s.backfill = b.fetched
                                    AND s.state = 'waiting'
                                    AND s.due_at BETWEEN now() AND now() + lead AND s.source_id = c.id
                                    AND s.due_at - s.arrived_at > interval '1 hour') AS s
             WHERE fs.source_id = c.id),
           (SELECT json_object_agg(b.why, b.until)
              FROM (SELECT why, max(until) AS until FROM store_backfill WHERE connection_id = c.id GROUP BY why) AS b)
      FROM store_connection c
     CROSS JOIN LATERAL (SELECT min(d.at) AS first, max(d.at) AS last FROM store_refuseddelivery d
                          WHERE d.connection_id = c.id
                            AND d.at > coalesce((SELECT max(b.until) FROM store_backfill b
                                                  WHERE b.connection_id = c.id AND b.why = 'refused'), '-infinity')) AS r
     WHERE c.state = 'active'
       AND NOT EXISTS (SELECT 1 FROM store_backfill b WHERE b.connection_id = c.id AND b.state = 'running')
       AND EXISTS (SELECT 1 FROM store_flowsource s JOIN store_flowsetting f ON f.id = s.setting_id
                    WHERE s.source_id = c.id AND f.target_id IS NOT NULL)
$$;

-- An address that was replaced goes on working until its grace is over.
CREATE OR REPLACE FUNCTION store_intake_sources()
RETURNS TABLE (intake_hash text, connection_id bigint, workspace_id bigint, connector text, secrets json)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT k.hash, c.id, c.workspace_id, c.connector,
           (SELECT json_object_agg(s.name, encode(s.sealed, 'escape')) FROM store_secret s WHERE s.connection_id = c.id)
      FROM store_connection c
     CROSS JOIN LATERAL (SELECT c.intake_hash AS hash
                         UNION ALL SELECT c.intake_hash_before WHERE c.intake_until > now()) AS k
     WHERE k.hash IS NOT NULL AND c.intake_hash IS NOT NULL AND c.state <> 'disconnected'
$$;
DROP TRIGGER tell_intake ON store_connection;
CREATE TRIGGER tell_intake AFTER INSERT OR DELETE OR UPDATE OF intake_hash, intake_hash_before, intake_until, state
    ON store_connection FOR EACH STATEMENT EXECUTE FUNCTION store_tell_intake();
