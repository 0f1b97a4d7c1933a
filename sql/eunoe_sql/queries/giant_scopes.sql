-- name: search_approximately
-- Make the planner use the scope's own index for the rest of the transaction. It plans for the actual arguments,
-- because only constants match the condition of that index. It avoids sorts, which every exact plan needs, so that small
-- or stale statistics cannot lead it to another plan. More candidates (ef_search) find more and take longer.
SELECT
    set_config('plan_cache_mode', 'force_custom_plan', true),
    set_config('enable_sort', 'off', true),
    set_config('hnsw.iterative_scan', 'relaxed_order', true),
    set_config('hnsw.ef_search', $1::int::text, true);

-- name: nearest_approximate
-- Return the turns of a giant scope nearest to a vector, nearly in order. Run search_approximately before, in the same
-- transaction. The result is exact if the scope's index was dropped meanwhile.
SELECT position, embedding <=> $4::halfvec AS distance
FROM conversation_embeddings
WHERE tenant_id = $1::uuid AND agent_id = $2::uuid AND user_id = $3::text
ORDER BY embedding <=> $4::halfvec
LIMIT $5::int;

-- name: search_exactly
-- End search_approximately within its transaction. NULL restores the session's value.
SELECT set_config('plan_cache_mode', NULL, true), set_config('enable_sort', NULL, true);

-- name: count_scopes
-- Count the turns of a tenant's scopes, one page of scopes after an agent and user. The recursion reads one index entry
-- per scope. The count takes the postings that stand for whole turns: their index is a tenth as wide as that of turns.
WITH RECURSIVE scopes (agent_id, user_id, number) AS (
    (
        SELECT agent_id, user_id, 1
        FROM conversation_embeddings
        WHERE tenant_id = $1::uuid AND (agent_id, user_id) > ($2::uuid, $3::text)
        ORDER BY agent_id, user_id
        LIMIT 1
    )
    UNION ALL
    SELECT later.agent_id, later.user_id, scopes.number + 1
    FROM scopes
    CROSS JOIN LATERAL (
        SELECT turn.agent_id, turn.user_id
        FROM conversation_embeddings AS turn
        WHERE turn.tenant_id = $1::uuid AND (turn.agent_id, turn.user_id) > (scopes.agent_id, scopes.user_id)
        ORDER BY turn.agent_id, turn.user_id
        LIMIT 1
    ) AS later
    WHERE scopes.number < $4::int
)
SELECT scopes.agent_id, scopes.user_id, (
    SELECT count(*)
    FROM postings
    WHERE postings.tenant_id = $1::uuid AND postings.scope_hash = eunoe_scope_hash(scopes.agent_id, scopes.user_id)
        AND postings.lexeme = ''
) AS turns
FROM scopes
ORDER BY scopes.number;

-- name: count_turns
-- Count the turns of a scope.
SELECT count(*)
FROM conversation_embeddings
WHERE tenant_id = $1::uuid AND agent_id = $2::uuid AND user_id = $3::text;

-- name: list_giants
-- Return the listed giant scopes of a tenant.
SELECT agent_id, user_id, index_name, built_at FROM giant_scopes WHERE tenant_id = $1::uuid;

-- name: add_giant
-- List a scope that has a valid index.
INSERT INTO giant_scopes (tenant_id, agent_id, user_id, index_name, rows_counted)
VALUES ($1::uuid, $2::uuid, $3::text, $4::text, $5::bigint)
ON CONFLICT DO NOTHING;

-- name: remove_giant
-- Remove a scope from the list. Done before its index is dropped.
DELETE FROM giant_scopes WHERE tenant_id = $1::uuid AND agent_id = $2::uuid AND user_id = $3::text;

-- name: giant_indexes
-- Return the indexes of giant scopes of all tenants, and whether each is usable. An unfinished index is not.
SELECT class.relname::text AS index_name, index.indisvalid AND index.indisready AS usable
FROM pg_index AS index
JOIN pg_class AS class ON class.oid = index.indexrelid
WHERE index.indrelid = to_regclass('conversation_embeddings')
    AND starts_with(class.relname::text, 'conversation_embeddings_giant_');

-- name: giant_index_statement
-- Return the statement that builds a scope's index. DDL takes no arguments, so the server quotes the values.
SELECT format(
    'CREATE INDEX CONCURRENTLY %I ON conversation_embeddings USING hnsw (embedding halfvec_cosine_ops) '
    'WITH (m = %s, ef_construction = %s) WHERE tenant_id = %L AND agent_id = %L AND user_id = %L',
    $1::text, $2::int, $3::int, $4::uuid, $5::uuid, $6::text
);

-- name: drop_index_statement
-- Return the statement that drops an index without blocking writers.
SELECT format('DROP INDEX CONCURRENTLY IF EXISTS %I', $1::text);

-- name: try_lock
-- Take a lock, held until the session ends. Return false if another session has it.
SELECT pg_try_advisory_lock($1::bigint);
