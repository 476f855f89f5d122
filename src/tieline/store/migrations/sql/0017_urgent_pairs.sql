DROP FUNCTION store_due_pairs();

-- Pairs with work: a poll is due, a record waits, a delivery is unread, a run goes on. Not while one of their two connections
-- is paused or cannot be asked; where something went wrong only the time says when. What waits for a watched pair stays due.
-- urgent: a run that is under way gives way to it. That it is under way itself is none of this.
CREATE FUNCTION store_due_pairs() RETURNS TABLE (pair bigint, workspace bigint, urgent boolean)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT p.id, p.workspace_id, u.urgent FROM store_syncpair p
      JOIN store_connection l ON l.id = p.left_id AND l.state = 'active'
       AND (l.paused_until IS NULL OR l.paused_until <= now())
      JOIN store_connection r ON r.id = p.right_id AND r.state = 'active'
       AND (r.paused_until IS NULL OR r.paused_until <= now())
     CROSS JOIN LATERAL (
           SELECT p.poll_at <= now() OR p.trouble IS NULL AND (
                  EXISTS (SELECT 1 FROM store_syncevent e WHERE e.pair_id = p.id)
               OR EXISTS (SELECT 1 FROM store_syncrun x
                           WHERE x.pair_id = p.id AND x.state IN ('running', 'paused')
                             AND (x.wish <> '' OR (x.state = 'running' AND x.kind = 'asked' AND x.why IS NULL)))
               OR p.live AND EXISTS (SELECT 1 FROM (VALUES (0), (1)) AS k(rank)
                           CROSS JOIN LATERAL (SELECT 1 FROM store_syncwaiting w
                                                WHERE w.pair_id = p.id AND w.rank = k.rank AND w.due_at <= now() AND w.state = 'due'
                                                LIMIT 1) AS w)) AS urgent) AS u
     WHERE p.state = 'active' AND p.is_on AND p.version > 0
       AND (u.urgent OR p.trouble IS NULL AND EXISTS (
            SELECT 1 FROM store_syncrun x
             WHERE x.pair_id = p.id AND x.state = 'running' AND (x.why IS NULL OR x.moved_at < now() - interval '30 seconds')))
$$;
