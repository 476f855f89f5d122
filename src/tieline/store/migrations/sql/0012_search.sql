-- Records that were made, by the words of their names and e-mail addresses. The workspace is a word of its own, so that the
-- index is asked for one workspace at once. Calls and tasks are found by their call.
CREATE FUNCTION store_words(workspace bigint, made json) RETURNS tsvector
LANGUAGE sql IMMUTABLE PARALLEL SAFE SET search_path = pg_catalog, pg_temp AS $$
    SELECT to_tsvector('simple'::regconfig, 'ws' || workspace::text || ' ' || translate(
        coalesce(made->>'name', '') || ' ' || coalesce(made->>'first_name', '') || ' ' || coalesce(made->>'last_name', '')
        || ' ' || coalesce(made->>'email', '') || ' ' || coalesce(made->>'company', ''), '@.-_/&', '      '))
$$;
CREATE INDEX store_operation_words ON store_operation USING gin (store_words(workspace_id, values))
    WHERE verb = 'create' AND external_id IS NOT NULL AND role IN ('account', 'contact', 'lead', 'deal');

-- The newest records of the transaction's workspace that have every one of these words, each perhaps only begun. Row-level
-- security keeps an index from being asked by @@, since that could leak: so as the owner, with the workspace named here.
CREATE FUNCTION store_find_records(words text[], most integer)
RETURNS TABLE (operation bigint)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH here AS (SELECT nullif(current_setting('app.workspace', true), '')::bigint AS id),
    asked AS (
        SELECT to_tsquery('simple', string_agg(quote_literal(word) || ':*', ' & ') || ' & ws' || min(here.id)) AS query
          FROM here, unnest(words) AS word WHERE word ~ '\w'
    )
    SELECT o.id FROM store_operation o, asked, here
     WHERE o.workspace_id = here.id AND store_words(o.workspace_id, o.values) @@ asked.query
       AND o.verb = 'create' AND o.external_id IS NOT NULL AND o.role IN ('account', 'contact', 'lead', 'deal')
     ORDER BY o.id DESC LIMIT least(most, 200)
$$;
