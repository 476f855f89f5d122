-- Undo: a subject that was undone stays so whatever comes; what was deleted is forgotten where look-ups would find it.

CREATE OR REPLACE FUNCTION store_move_subjects(of_target bigint, moved json, with_own boolean) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE r record;
BEGIN
    FOR r IN SELECT * FROM json_to_recordset(moved) AS m(id bigint, state text, due_at timestamptz, revision int,
                                                         attempts int, why json, own json)
    LOOP
        -- What came while it was decided or applied asks for a new decision, unless it was undone.
        UPDATE store_subject s
           SET state = CASE WHEN s.revision > r.revision AND r.state NOT IN ('applying', 'undone') THEN 'due' ELSE r.state END,
               due_at = CASE WHEN s.revision > r.revision AND r.state NOT IN ('applying', 'undone') THEN now() ELSE r.due_at END,
               attempts = r.attempts, why = r.why, own = CASE WHEN with_own THEN r.own ELSE s.own END
         WHERE s.id = r.id AND s.target_id = of_target;
    END LOOP;
END $$;

CREATE FUNCTION store_forget_deleted(of_target bigint, of_run bigint) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE d store_operation; pair json;
BEGIN
    FOR d IN SELECT o.* FROM store_operation o WHERE o.run_id = of_run AND o.verb = 'delete' AND o.state = 'done' LOOP
        DELETE FROM store_link l
         WHERE l.target_id = of_target AND l.role = d.role AND l.external_id = d.external_id AND l.epoch = d.epoch;
        FOR pair IN SELECT json_array_elements(coalesce(d.before->'found_by', '[]')) LOOP
            DELETE FROM store_ownkey k
             WHERE k.target_id = of_target AND k.value = pair->>1 AND k.role = d.role AND k.by = pair->>0
               AND k.external_id = d.external_id AND k.epoch = d.epoch;
        END LOOP;
    END LOOP;
END $$;

CREATE OR REPLACE FUNCTION store_end_runs(of_target bigint, ended json) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE r record; its_kind text;
BEGIN
    FOR r IN SELECT key::bigint AS id, value AS state FROM json_each_text(ended) LOOP
        UPDATE store_run SET state = r.state, finished_at = now() WHERE id = r.id AND target_id = of_target
        RETURNING kind INTO its_kind;
        IF its_kind = 'undo' THEN
            PERFORM store_forget_deleted(of_target, r.id);
        END IF;
    END LOOP;
END $$;

-- What became of the items of an undo; how many are approved and not begun. With nothing left to do it is done.
CREATE FUNCTION store_settle_undo(of_target bigint, of_undo bigint) RETURNS bigint
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE i store_undoitem; o record; planned bigint; begun bigint;
BEGIN
    FOR i IN SELECT * FROM store_undoitem x WHERE x.undo_id = of_undo AND x.state = 'begun' LOOP
        SELECT p.state, p.error INTO o FROM store_operation p WHERE p.target_id = of_target AND p.key = i.key;
        IF FOUND AND o.state IN ('done', 'rejected', 'blocked') THEN
            UPDATE store_undoitem SET state = CASE WHEN o.state = 'done' THEN 'done' ELSE 'stays' END,
                   why = CASE WHEN o.state = 'done' THEN NULL ELSE o.error END
             WHERE id = i.id;
        END IF;
    END LOOP;
    SELECT count(*) FILTER (WHERE x.state = 'planned'), count(*) FILTER (WHERE x.state = 'begun') INTO planned, begun
      FROM store_undoitem x WHERE x.undo_id = of_undo AND x.state IN ('planned', 'begun');
    IF planned + begun = 0 THEN
        UPDATE store_undo u SET state = 'done', finished_at = now(),
               counts = coalesce((SELECT jsonb_object_agg(c.state, c.n) FROM (SELECT x.state, count(*) AS n
                                    FROM store_undoitem x WHERE x.undo_id = of_undo GROUP BY x.state) AS c), '{}')
         WHERE u.id = of_undo AND u.state = 'approved';
    END IF;
    RETURN planned;
END $$;

-- Targets with an undo to be planned or applied, for the sweep. A paused flow undoes all the same.
CREATE FUNCTION store_undo_targets() RETURNS TABLE (target bigint, workspace bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT DISTINCT u.target_id, u.workspace_id FROM store_undo u JOIN store_connection c ON c.id = u.target_id
     WHERE u.state IN ('reading', 'approved') AND u.epoch = c.epoch AND c.state = 'active'
       AND (c.paused_until IS NULL OR c.paused_until <= now())
$$;
