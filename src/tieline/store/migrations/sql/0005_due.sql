-- What a drain and the sweep ask must cost what is found, not what waits: each source's queue and each flow's due time is an
-- index range of its own, and every question is LATERAL with a LIMIT or an EXISTS of keys, so that Postgres cannot begin with
-- the table.

CREATE INDEX store_openevent_queue ON store_openevent (target_id, source_id, event_id);

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
                        CROSS JOIN LATERAL (SELECT 1 FROM store_subject s
                                             WHERE s.target_id = c.id AND s.flow = f.flow AND s.due_at <= now()
                                               AND s.state IN ('due', 'waiting') LIMIT 1) AS s
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

-- A source that is detached from a flow leaves its queue to nobody: what was not folded by then is not folded any more. The
-- events themselves stay.
CREATE FUNCTION store_drop_queue() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    DELETE FROM store_openevent o
     WHERE o.source_id = OLD.source_id AND o.workspace_id = OLD.workspace_id
       AND NOT EXISTS (SELECT 1 FROM store_flowsource s JOIN store_flowsetting f ON f.id = s.setting_id
                        WHERE s.source_id = OLD.source_id AND f.target_id = o.target_id);
    RETURN NULL;
END $$;
CREATE TRIGGER drop_queue AFTER DELETE ON store_flowsource FOR EACH ROW EXECUTE FUNCTION store_drop_queue();
DELETE FROM store_openevent o
 WHERE NOT EXISTS (SELECT 1 FROM store_flowsource s JOIN store_flowsetting f ON f.id = s.setting_id
                    WHERE s.source_id = o.source_id AND f.target_id = o.target_id);

-- An operation that is done, or that another run has settled, is never sent again, whatever the caller remembers.
CREATE OR REPLACE FUNCTION store_send(of_target bigint, keys json) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE wanted text;
BEGIN
    FOR wanted IN SELECT json_array_elements_text(keys) LOOP
        UPDATE store_operation SET state = 'sent', sent_at = now(), attempts = attempts + 1
         WHERE target_id = of_target AND key = wanted AND state IN ('planned', 'sent');
        IF NOT FOUND THEN
            RAISE EXCEPTION 'an operation is not there to be sent' USING ERRCODE = 'TL001';
        END IF;
    END LOOP;
END $$;
