-- Rows of a drain changed by their keys. Loops on purpose: as one statement with a join, Postgres may begin with the table
-- and hold each of its rows against each of ours, since what it thinks of how many rows a workspace or target has is a guess
-- while a table is young, and row-level security adds a condition to it. A loop asks the one index that there is to ask.
-- They run as the caller: the policies hold.

CREATE FUNCTION store_move_subjects(of_target bigint, moved json, with_own boolean) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE r record;
BEGIN
    FOR r IN SELECT * FROM json_to_recordset(moved) AS m(id bigint, state text, due_at timestamptz, revision int,
                                                         attempts int, why json, own json)
    LOOP
        -- What came while it was decided or applied asks for a new decision.
        UPDATE store_subject s
           SET state = CASE WHEN s.revision > r.revision AND r.state <> 'applying' THEN 'due' ELSE r.state END,
               due_at = CASE WHEN s.revision > r.revision AND r.state <> 'applying' THEN now() ELSE r.due_at END,
               attempts = r.attempts, why = r.why, own = CASE WHEN with_own THEN r.own ELSE s.own END
         WHERE s.id = r.id AND s.target_id = of_target;
    END LOOP;
END $$;

CREATE FUNCTION store_save_results(of_target bigint, results json) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE r record; o store_operation;
BEGIN
    FOR r IN SELECT * FROM json_to_recordset(results) AS m(key text, state text, external_id text, record_version text,
                                                           error json, requests float8)
    LOOP
        -- What went wrong on the way stays with what is done after all: the run tells it.
        UPDATE store_operation p
           SET state = r.state, external_id = coalesce(r.external_id, p.external_id),
               record_version = coalesce(r.record_version, p.record_version),
               error = CASE WHEN r.state = 'done' THEN coalesce(r.error, p.error) ELSE r.error END,
               requests = p.requests + r.requests, done_at = CASE WHEN r.state = 'done' THEN now() END
         WHERE p.target_id = of_target AND p.key = r.key
        RETURNING p.* INTO o;
        CONTINUE WHEN NOT FOUND OR o.state <> 'done';
        IF o.verb = 'create' AND o.external_id IS NOT NULL THEN
            INSERT INTO store_link AS l (workspace_id, target_id, epoch, role, external_id, subject_id, slot, key, base,
                                         version, made_at)
            VALUES (o.workspace_id, o.target_id, o.epoch, o.role, o.external_id, o.subject_id, o.slot, o.key, o.values,
                    o.record_version, now())
            ON CONFLICT (target_id, role, external_id, epoch) DO UPDATE
               SET version = excluded.version, base = excluded.base;
        ELSIF o.verb = 'update' THEN
            UPDATE store_link l
               SET version = coalesce(o.record_version, l.version), base = (l.base::jsonb || o.values::jsonb)::json
             WHERE l.target_id = o.target_id AND l.role = o.target_ref->>0 AND l.external_id = o.target_ref->>1
               AND l.epoch = o.epoch;
        END IF;
    END LOOP;
END $$;

CREATE FUNCTION store_send(of_target bigint, keys json) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE wanted text;
BEGIN
    FOR wanted IN SELECT json_array_elements_text(keys) LOOP
        UPDATE store_operation SET state = 'sent', sent_at = now(), attempts = attempts + 1
         WHERE target_id = of_target AND key = wanted;
    END LOOP;
END $$;

CREATE FUNCTION store_end_runs(of_target bigint, ended json) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE r record;
BEGIN
    FOR r IN SELECT key::bigint AS id, value AS state FROM json_each_text(ended) LOOP
        UPDATE store_run SET state = r.state, finished_at = now() WHERE id = r.id AND target_id = of_target;
    END LOOP;
END $$;

-- Questions of these subjects that their newest run does not ask any more.
CREATE FUNCTION store_overtake(of_workspace bigint, asked json) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE r record;
BEGIN
    FOR r IN SELECT * FROM json_to_recordset(asked) AS m(subject bigint, kinds json) LOOP
        UPDATE store_inboxitem i SET state = 'overtaken', decided_at = now()
         WHERE i.subject_id = r.subject AND i.state = 'open' AND i.workspace_id = of_workspace
           AND i.kind NOT IN (SELECT json_array_elements_text(r.kinds));
    END LOOP;
END $$;

-- The planner's idea of young tables. Autovacuum looks once a minute; a first load does not wait for it.
CREATE FUNCTION store_analyze() RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE name text; done bigint := 0;
BEGIN
    FOR name IN
        SELECT t.relname FROM pg_stat_user_tables t
         WHERE t.schemaname = 'public' AND t.relname LIKE 'store\_%' AND t.n_live_tup >= 500
           AND (t.last_analyze IS NULL AND t.last_autoanalyze IS NULL OR t.n_mod_since_analyze > 10 * t.n_live_tup)
    LOOP
        EXECUTE format('ANALYZE %I', name);
        done := done + 1;
    END LOOP;
    RETURN done;
END $$;
