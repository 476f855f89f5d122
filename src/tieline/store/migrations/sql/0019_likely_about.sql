-- Open questions about likely pairs, by the records that they are about: the one of the left that they stand under, and those of the
-- right that they offer. Asked for a page of records at once; its first key, the pair, says whether it has any such question.
CREATE FUNCTION store_likely_keys(pair bigint, role text, record text, options jsonb) RETURNS text[]
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT ARRAY[pair::text, concat_ws(chr(9), pair::text, role, 'left', record)]
        || ARRAY(SELECT concat_ws(chr(9), pair::text, role, 'right', one #>> '{}') FROM jsonb_path_query(options, '$[*].id') AS one)
$$;
CREATE INDEX store_inboxitem_likely ON store_inboxitem USING gin (store_likely_keys(pair_id, role, record, options))
    WHERE state = 'open' AND kind = 'match' AND reason->>'code' = 'sync.likely';

-- Row-level security keeps an index from being asked whether two arrays overlap, since that could leak: so as the owner, with the
-- workspace named here.
CREATE FUNCTION store_likely_about(of_pair bigint, of_epoch integer, keys text[], most integer)
RETURNS TABLE (record text, reason jsonb, offered jsonb)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    -- by the keys first, whatever the planner knows of workspaces and pairs: the keys say which pair
    WITH about AS MATERIALIZED (
         SELECT i.* FROM store_inboxitem i
          WHERE i.state = 'open' AND i.kind = 'match' AND i.reason->>'code' = 'sync.likely'
            AND store_likely_keys(i.pair_id, i.role, i.record, i.options) && keys)
    SELECT i.record, i.reason, jsonb_path_query_array(i.options, '$[*].id') FROM about i
     WHERE i.workspace_id = (SELECT nullif(current_setting('app.workspace', true), '')::bigint)
       AND i.pair_id = of_pair AND i.epoch = of_epoch
     LIMIT most
$$;
