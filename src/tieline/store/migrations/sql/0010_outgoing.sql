-- Messages to outgoing webhooks: written with their cause, sent later. Where nobody has a hook, a statement costs one EXISTS.
-- The functions run as their caller, who sees the hooks of one workspace alone.

CREATE FUNCTION store_tell_runs() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM store_hook WHERE active AND kinds ? 'run.finished') THEN
        INSERT INTO store_hookdelivery (workspace_id, hook_id, message, kind, about, created, due_at, attempts, state)
        SELECT r.workspace_id, h.id, gen_random_uuid(), 'run.finished', r.id, now(), now(), 0, 'due'
          FROM fresh r JOIN store_hook h ON h.workspace_id = r.workspace_id AND h.active AND h.kinds ? 'run.finished'
         WHERE r.state <> 'applying';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER tell_hooks_of_new AFTER INSERT ON store_run REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION store_tell_runs();

CREATE FUNCTION store_tell_ended_runs() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM store_hook WHERE active AND kinds ? 'run.finished') THEN
        INSERT INTO store_hookdelivery (workspace_id, hook_id, message, kind, about, created, due_at, attempts, state)
        SELECT r.workspace_id, h.id, gen_random_uuid(), 'run.finished', r.id, now(), now(), 0, 'due'
          FROM fresh r JOIN was w ON w.id = r.id
          JOIN store_hook h ON h.workspace_id = r.workspace_id AND h.active AND h.kinds ? 'run.finished'
         WHERE r.state <> 'applying' AND w.state = 'applying';
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER tell_hooks_of_ended AFTER UPDATE ON store_run REFERENCING OLD TABLE AS was NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION store_tell_ended_runs();

-- What is wrong with a connection is an item of the inbox like the others, and a kind of message of its own.
CREATE FUNCTION store_tell_items() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM store_hook WHERE active AND kinds ?| ARRAY['case.opened', 'connection.trouble']) THEN
        INSERT INTO store_hookdelivery (workspace_id, hook_id, message, kind, about, created, due_at, attempts, state)
        SELECT i.workspace_id, h.id, gen_random_uuid(), i.said, i.id, now(), now(), 0, 'due'
          FROM (SELECT f.id, f.workspace_id,
                       CASE WHEN f.kind IN ('connection.needs_reconnect', 'connection.stopped', 'flow.paused')
                            THEN 'connection.trouble' ELSE 'case.opened' END AS said
                  FROM fresh f WHERE f.state = 'open') AS i
          JOIN store_hook h ON h.workspace_id = i.workspace_id AND h.active AND h.kinds ? i.said;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER tell_hooks AFTER INSERT ON store_inboxitem REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION store_tell_items();

-- Messages that are due, for whoever sends them: theirs for lease_s. Of a hook that is failing one, of any other some; none of
-- the hooks that the caller has enough of. What is sealed is opened by the caller.
CREATE FUNCTION store_claim_hooks(most int, of_one int, taker uuid, lease_s float8, enough bigint[])
RETURNS TABLE (id bigint, workspace bigint, hook bigint, url text, sealed bytea, sealed_before bytea, message uuid, kind text,
               about bigint, created timestamptz, attempts int)
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH due AS MATERIALIZED (
        SELECT x.id AS delivery, h.url, h.sealed, CASE WHEN h.before_until > now() THEN h.sealed_before END AS before
          FROM store_hook h
         CROSS JOIN LATERAL (SELECT d.id FROM store_hookdelivery d
                              WHERE d.hook_id = h.id AND d.state = 'due' AND d.due_at <= now()
                              ORDER BY d.due_at LIMIT CASE WHEN h.failing_since IS NULL THEN of_one ELSE 1 END
                                FOR UPDATE SKIP LOCKED) AS x
         WHERE h.active AND h.id <> ALL (enough)
         LIMIT most)
    UPDATE store_hookdelivery d
       SET due_at = now() + make_interval(secs => lease_s), lease = taker, attempts = d.attempts + 1
      FROM due WHERE d.id = due.delivery
    RETURNING d.id, d.workspace_id, d.hook_id, due.url, due.sealed, due.before, d.message, d.kind, d.about, d.created, d.attempts
$$;
