-- Pairs: counts beside what is counted, who has work, and deliveries that tell of changes.

-- A link's base is written anew again and again: room for it on its page, so that no index is touched.
ALTER TABLE store_synclink SET (fillfactor = 75);
ALTER TABLE store_syncoperation SET (fillfactor = 80);
ALTER TABLE store_syncwaiting SET (fillfactor = 80, autovacuum_vacuum_scale_factor = 0.05);

-- Counts are rows that are only added: two who write at once never wait for each other. Same shape for links and what waits.
CREATE FUNCTION store_count_sync() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE kind text := CASE TG_TABLE_NAME WHEN 'store_synclink' THEN 'link' ELSE 'waiting' END;
BEGIN
    IF TG_OP = 'INSERT' THEN
        INSERT INTO store_synccount (workspace_id, pair_id, epoch, what, role, state, code, count)
        SELECT workspace_id, pair_id, epoch, kind, role, state, code, count(*) FROM fresh GROUP BY 1, 2, 3, 5, 6, 7;
    ELSIF TG_OP = 'DELETE' THEN
        INSERT INTO store_synccount (workspace_id, pair_id, epoch, what, role, state, code, count)
        SELECT workspace_id, pair_id, epoch, kind, role, state, code, -count(*) FROM was GROUP BY 1, 2, 3, 5, 6, 7;
    ELSE
        INSERT INTO store_synccount (workspace_id, pair_id, epoch, what, role, state, code, count)
        SELECT workspace_id, pair_id, epoch, kind, role, state, code, sum(n)
          FROM (SELECT workspace_id, pair_id, epoch, role, state, code, 1 AS n FROM fresh
                 UNION ALL SELECT workspace_id, pair_id, epoch, role, state, code, -1 FROM was) AS moved
         GROUP BY 1, 2, 3, 5, 6, 7 HAVING sum(n) <> 0;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER count_made AFTER INSERT ON store_synclink REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION store_count_sync();
CREATE TRIGGER count_changed AFTER UPDATE ON store_synclink REFERENCING OLD TABLE AS was NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION store_count_sync();
CREATE TRIGGER count_gone AFTER DELETE ON store_synclink REFERENCING OLD TABLE AS was
    FOR EACH STATEMENT EXECUTE FUNCTION store_count_sync();
CREATE TRIGGER count_made AFTER INSERT ON store_syncwaiting REFERENCING NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION store_count_sync();
CREATE TRIGGER count_changed AFTER UPDATE ON store_syncwaiting REFERENCING OLD TABLE AS was NEW TABLE AS fresh
    FOR EACH STATEMENT EXECUTE FUNCTION store_count_sync();
CREATE TRIGGER count_gone AFTER DELETE ON store_syncwaiting REFERENCING OLD TABLE AS was
    FOR EACH STATEMENT EXECUTE FUNCTION store_count_sync();

-- Pairs with work: a poll is due, a record waits, a delivery is unread, a run goes on. Not while one of their two connections
-- is paused or cannot be asked; where something went wrong only the time says when. What waits for a watched pair stays due.
CREATE FUNCTION store_due_pairs() RETURNS TABLE (pair bigint, workspace bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT p.id, p.workspace_id FROM store_syncpair p
      JOIN store_connection l ON l.id = p.left_id AND l.state = 'active'
       AND (l.paused_until IS NULL OR l.paused_until <= now())
      JOIN store_connection r ON r.id = p.right_id AND r.state = 'active'
       AND (r.paused_until IS NULL OR r.paused_until <= now())
     WHERE p.state = 'active' AND p.is_on AND p.version > 0
       AND (p.poll_at <= now() OR p.trouble IS NULL AND (
            EXISTS (SELECT 1 FROM store_syncevent e WHERE e.pair_id = p.id)
         OR EXISTS (SELECT 1 FROM store_syncrun x
                     WHERE x.pair_id = p.id AND x.state IN ('running', 'paused')
                       AND (x.wish <> '' OR (x.state = 'running' AND (x.why IS NULL OR x.moved_at < now() - interval '30 seconds'))))
         OR p.live AND EXISTS (SELECT 1 FROM (VALUES (0), (1)) AS k(rank)
                     CROSS JOIN LATERAL (SELECT 1 FROM store_syncwaiting w
                                          WHERE w.pair_id = p.id AND w.rank = k.rank AND w.due_at <= now() AND w.state = 'due' LIMIT 1) AS w)))
$$;

CREATE FUNCTION store_workspace_of_pair(pair bigint) RETURNS bigint
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT workspace_id FROM store_syncpair WHERE id = pair
$$;

-- Connections whose subscription to changes is to be looked at: every day, and sooner while it is not proven.
CREATE FUNCTION store_due_subscriptions(every interval, unproven interval) RETURNS TABLE (connection bigint, workspace bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT s.connection_id, s.workspace_id FROM store_subscription s
      JOIN store_connection c ON c.id = s.connection_id AND c.state = 'active'
     WHERE coalesce(s.checked_at, s.made_at) < now() - CASE WHEN s.proven_at IS NULL THEN unproven ELSE every END
       AND EXISTS (SELECT 1 FROM store_syncpair p WHERE (p.left_id = c.id OR p.right_id = c.id) AND p.state = 'active' AND p.is_on)
$$;

-- As store_accept, for connections that tell of changes of records: their pairs are woken, and the first delivery proves the
-- subscription. A function of its own, so that the way of phone calls is no longer than it was.
CREATE FUNCTION store_accept_changes(deliveries json) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE kept bigint;
BEGIN
    WITH arrived AS (
        SELECT c.workspace_id, c.id AS connection_id, c.epoch, d.*
          FROM json_to_recordset(deliveries) AS d(c bigint, k uuid, t timestamptz, m text, q text, h json, b text, s text)
          JOIN store_connection c ON c.id = d.c
    ), fresh AS (
        INSERT INTO store_event (workspace_id, connection_id, epoch, key, received_at, method, query, headers, body, signature)
        SELECT workspace_id, connection_id, epoch, k, t, m, q, h, decode(b, 'base64'), coalesce(s, '') FROM arrived
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
    ), noted AS (
        INSERT INTO store_syncevent (pair_id, event_id, workspace_id)
        SELECT p.id, e.id, e.workspace_id FROM fresh e
          JOIN store_syncpair p ON (p.left_id = e.connection_id OR p.right_id = e.connection_id) AND p.state <> 'ended'
        RETURNING pair_id
    ), woken AS (
        SELECT pg_notify('tieline', target_id::text) FROM (SELECT DISTINCT target_id FROM queued) AS t
         UNION ALL SELECT pg_notify('tieline', 'pair:' || pair_id) FROM (SELECT DISTINCT pair_id FROM noted) AS p
    )
    SELECT (SELECT count(*) FROM arrived) + 0 * (SELECT count(*) FROM woken) INTO kept;
    UPDATE store_subscription s SET proven_at = now(), trouble = NULL
     WHERE s.proven_at IS NULL
       AND s.connection_id IN (SELECT d.c FROM json_to_recordset(deliveries) AS d(c bigint));
    RETURN kept;
END $$;

-- Links by the words of their names: as store_find_records (0012), asked as the owner with the workspace named here.
CREATE FUNCTION store_link_words(workspace bigint, pair bigint, name text) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT to_tsvector('simple'::regconfig, 'ws' || workspace::text || 'p' || pair::text || ' ' || translate(name, '@.-_/&', '      '))
$$;
CREATE INDEX store_synclink_words ON store_synclink USING gin (store_link_words(workspace_id, pair_id, name)) WHERE name <> '';
CREATE FUNCTION store_find_links(of_pair bigint, words text[], most integer)
RETURNS TABLE (link bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH here AS (SELECT nullif(current_setting('app.workspace', true), '')::bigint AS id),
    asked AS (
        SELECT to_tsquery('simple', string_agg(quote_literal(word) || ':*', ' & ') || ' & ws' || min(here.id) || 'p' || of_pair) AS query
          FROM here, unnest(words) AS word WHERE word ~ '\w'
    )
    SELECT l.id FROM store_synclink l, asked, here
     WHERE l.workspace_id = here.id AND l.pair_id = of_pair AND l.name <> ''
       AND store_link_words(l.workspace_id, l.pair_id, l.name) @@ asked.query
       AND l.epoch = (SELECT a.epoch + b.epoch FROM store_syncpair p JOIN store_connection a ON a.id = p.left_id
                        JOIN store_connection b ON b.id = p.right_id WHERE p.id = of_pair)
     ORDER BY l.id DESC LIMIT least(most, 200)
$$;
CREATE INDEX store_synclink_page ON store_synclink (pair_id, id);
