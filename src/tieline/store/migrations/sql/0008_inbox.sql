-- Questions that were just asked and that a remembered decision answers: in the transaction that asks them. A loop, as for all
-- that a drain changes by key (0004). A subject that has had an answer of this kind before and asks again is a person's.
CREATE FUNCTION store_answer_remembered(of_workspace bigint, of_target bigint, of_epoch integer, asked json) RETURNS void
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE r record; item store_inboxitem; kept store_remembered; answered boolean := false;
BEGIN
    IF NOT EXISTS (SELECT 1 FROM store_remembered WHERE connection_id = of_target AND workspace_id = of_workspace
                      AND epoch = of_epoch AND revoked_at IS NULL) THEN
        RETURN;
    END IF;
    FOR r IN SELECT * FROM json_to_recordset(asked) AS q(run bigint, kind text)
              WHERE kind NOT LIKE 'outcome:%' AND kind NOT LIKE 'safety:%'
    LOOP
        SELECT i.* INTO item FROM store_inboxitem i
         WHERE i.subject_id = (SELECT subject_id FROM store_run WHERE id = r.run) AND i.kind = r.kind AND i.state = 'open'
           AND i.workspace_id = of_workspace;
        CONTINUE WHEN NOT FOUND;
        SELECT m.* INTO kept FROM store_remembered m
         WHERE m.connection_id = of_target AND m.epoch = of_epoch AND m.flow = item.flow AND m.kind = item.kind
           AND m.topic = item.topic AND m.revoked_at IS NULL AND m.workspace_id = of_workspace
           AND EXISTS (SELECT 1 FROM jsonb_array_elements(item.options) AS o(x)
                        WHERE o.x->>0 = m.answer->>'role' AND o.x->>1 = m.answer->>'id')
           FOR NO KEY UPDATE;  -- with a revocation at the same time: one after the other
        CONTINUE WHEN NOT FOUND;
        UPDATE store_subject s
           SET answers = (s.answers::jsonb || jsonb_build_object(item.kind, kept.answer))::json, revision = s.revision + 1,
               state = CASE WHEN s.state = 'applying' THEN s.state ELSE 'due' END,
               due_at = CASE WHEN s.state = 'applying' THEN s.due_at ELSE now() END,
               why = CASE WHEN s.state = 'applying' THEN s.why END
         WHERE s.id = item.subject_id AND s.workspace_id = of_workspace AND NOT s.answers::jsonb ? item.kind;
        CONTINUE WHEN NOT FOUND;
        UPDATE store_inboxitem SET state = 'answered', answer = kept.answer, decided_by_id = kept.decided_by_id,
               decided_at = now(), remembered_id = kept.id WHERE id = item.id;
        UPDATE store_remembered SET times = times + 1, last_at = now() WHERE id = kept.id;
        answered := true;
    END LOOP;
    IF answered THEN
        PERFORM pg_notify('tieline', of_target::text);
    END IF;
END $$;

-- Workspaces in which somebody is to be told of something, or an e-mail is due.
CREATE FUNCTION store_notify_due() RETURNS TABLE (workspace bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT w.id FROM team_workspace w
     WHERE EXISTS (SELECT 1 FROM store_inboxitem i WHERE i.workspace_id = w.id AND i.state = 'open' AND i.told_at IS NULL)
        OR EXISTS (SELECT 1 FROM store_subject s WHERE s.workspace_id = w.id AND s.state = 'parked'
                      AND NOT EXISTS (SELECT 1 FROM store_toldstop t WHERE t.subject_id = s.id AND t.revision = s.revision))
        OR EXISTS (SELECT 1 FROM store_notification n WHERE n.workspace_id = w.id AND n.mail_state IN ('due', 'sending')
                      AND n.mail_due <= now())
$$;
