-- The verdict on a delivery's signature is kept with it: "verified", "token", "absent". Empty: from before it was kept.
CREATE OR REPLACE FUNCTION store_accept(deliveries json) RETURNS bigint
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
    ), woken AS (
        SELECT pg_notify('tieline', target_id::text) FROM (SELECT DISTINCT target_id FROM queued) AS t
    )
    SELECT (SELECT count(*) FROM arrived) + 0 * (SELECT count(*) FROM woken) INTO kept;
    RETURN kept;
END $$;
