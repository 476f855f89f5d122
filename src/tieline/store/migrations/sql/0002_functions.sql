-- What must look across workspaces. Each runs as the owner role, which the policies let see all, with a fixed search path;
-- each gives away no more than its caller needs to know.

-- Keeps deliveries and wakes the targets that they concern, in the caller's transaction. One JSON array of
-- {"c": connection, "k": event key (uuid), "t": arrival, "m": method, "q": query, "h": headers, "b": body in base64}.
-- Sorted, so that two intake processes never wait for each other crosswise. Gives how many of them are kept now, whether new
-- or there before: fewer than given means that a connection is gone.
CREATE FUNCTION store_accept(deliveries json) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE kept bigint;
BEGIN
    WITH arrived AS (
        SELECT c.workspace_id, c.id AS connection_id, c.epoch, d.*
          FROM json_to_recordset(deliveries) AS d(c bigint, k uuid, t timestamptz, m text, q text, h json, b text)
          JOIN store_connection c ON c.id = d.c
    ), fresh AS (
        INSERT INTO store_event (workspace_id, connection_id, epoch, key, received_at, method, query, headers, body)
        SELECT workspace_id, connection_id, epoch, k, t, m, q, h, decode(b, 'base64') FROM arrived
         ORDER BY connection_id, k
        ON CONFLICT (connection_id, key) DO NOTHING
        RETURNING id, connection_id, workspace_id
    ), queued AS (
        INSERT INTO store_openevent (target_id, event_id, source_id, workspace_id)
        SELECT DISTINCT f.target_id, e.id, e.connection_id, e.workspace_id
          FROM fresh e
          JOIN store_flowsource s ON s.source_id = e.connection_id
          JOIN store_flowsetting f ON f.id = s.setting_id AND f.target_id IS NOT NULL
        RETURNING target_id
    ), woken AS (
        SELECT pg_notify('tieline', target_id::text) FROM (SELECT DISTINCT target_id FROM queued) AS t
    )
    SELECT (SELECT count(*) FROM arrived) + 0 * (SELECT count(*) FROM woken) INTO kept;
    RETURN kept;
END $$;

-- Every connection that deliveries can come in by, with the sealed secrets that signatures are checked with.
CREATE FUNCTION store_intake_sources()
RETURNS TABLE (intake_hash text, connection_id bigint, workspace_id bigint, connector text, secrets json)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT c.intake_hash, c.id, c.workspace_id, c.connector,
           (SELECT json_object_agg(s.name, encode(s.sealed, 'escape')) FROM store_secret s WHERE s.connection_id = c.id)
      FROM store_connection c
     WHERE c.intake_hash IS NOT NULL AND c.state <> 'disconnected'
$$;

-- Targets with work. ready: an event to fold or a subject to decide now; begun: a run that was not finished.
CREATE FUNCTION store_due_targets()
RETURNS TABLE (target bigint, workspace bigint, ready boolean, begun boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT * FROM (
        SELECT c.id, c.workspace_id,
               EXISTS (SELECT 1 FROM store_openevent o
                         JOIN store_flowsource s ON s.source_id = o.source_id
                         JOIN store_flowsetting f ON f.id = s.setting_id AND f.target_id = o.target_id
                         JOIN store_connection p ON p.id = o.source_id
                        WHERE o.target_id = c.id AND f.state <> 'paused' AND p.state <> 'paused')
            OR EXISTS (SELECT 1 FROM store_subject s
                         JOIN store_flowsetting f ON f.workspace_id = s.workspace_id AND f.flow = s.flow
                        WHERE s.target_id = c.id AND s.state IN ('due', 'waiting') AND s.due_at <= now()
                          AND f.state <> 'paused') AS ready,
               EXISTS (SELECT 1 FROM store_run r WHERE r.target_id = c.id AND r.state = 'applying') AS begun
          FROM store_connection c
         WHERE c.state = 'active' AND (c.paused_until IS NULL OR c.paused_until <= now())
    ) AS t WHERE t.ready OR t.begun
$$;

CREATE FUNCTION store_workspace_of(connection bigint) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT workspace_id FROM store_connection WHERE id = connection
$$;

-- The workspace of a consent under way, by the hash of its `state`: the vendor's redirect names nothing else.
CREATE FUNCTION store_consent_workspace(hash text) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT workspace_id FROM store_consent WHERE state_hash = hash AND expires > now()
$$;

-- The workspaces that a user is in, with the role there.
CREATE FUNCTION store_memberships(member bigint)
RETURNS TABLE (workspace_id bigint, key text, name text, role text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT w.id, w.key, w.name, m.role FROM team_member m JOIN team_workspace w ON w.id = m.workspace_id
     WHERE m.user_id = member ORDER BY w.name
$$;

-- Who may deliver, and with which secrets, is kept in memory by every intake process: they hear of each change at once.
CREATE FUNCTION store_tell_intake() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    PERFORM pg_notify('tieline_sources', '');
    RETURN NULL;
END $$;
CREATE TRIGGER tell_intake AFTER INSERT OR DELETE OR UPDATE OF intake_hash, state ON store_connection
    FOR EACH STATEMENT EXECUTE FUNCTION store_tell_intake();
CREATE TRIGGER tell_intake AFTER INSERT OR DELETE OR UPDATE ON store_secret
    FOR EACH STATEMENT EXECUTE FUNCTION store_tell_intake();
