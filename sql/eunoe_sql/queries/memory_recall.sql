-- name: read_directives
-- The directives that apply to an agent with a user, in their order. Of two at the same place, the one for every user
-- comes first.
SELECT id, agent_id, user_id, name, content, ordinal, version, created_at, updated_at
FROM directives
WHERE tenant_id = :tenant_id::uuid AND agent_id = :agent_id::uuid AND (user_id IS NULL OR user_id = :user_id::text)
    AND (:directive_id::uuid IS NULL OR id = :directive_id::uuid)
ORDER BY ordinal, user_id NULLS FIRST, created_at, name;

-- name: any_memory
-- Whether any memory of some tiers applies to a conversation. If none applies, the query needs no embedding.
SELECT EXISTS (
    SELECT
    FROM memories AS memory
    WHERE memory.tenant_id = :tenant_id::uuid AND memory.scope_hash IN ({owner_hashes}) AND {applies}
        AND memory.tier = ANY (:tiers::text[]) AND memory.status = 'active' AND memory.deleted_at IS NULL
);

-- name: recall_memories
-- The active memories of each tier that apply to a conversation, the nearest to a vector first; the ranking is exact.
-- Without a vector, and among memories without an embedding, the newest come first. The plan is that of
-- `nearest_memories` in memory_search.sql: OFFSET 0 and LIMIT 1 keep the check of the rows behind the ranking.
SELECT
    recalled.id, recalled.agent_id, recalled.user_id, recalled.tier, recalled.category, recalled.content,
    recalled.confidence, recalled.metadata, recalled.created_at, recalled.updated_at, 1 - recalled.distance AS cosine
FROM unnest(:tiers::text[]) WITH ORDINALITY AS wanted (tier, place)
CROSS JOIN LATERAL (
    SELECT checked.*, near.distance
    FROM (
        SELECT id, created_at, (embedding <=> :vector::halfvec) + 0 AS distance
        FROM memories
        WHERE tenant_id = :tenant_id::uuid AND scope_hash IN ({owner_hashes})
            AND tier = wanted.tier AND status = 'active' AND deleted_at IS NULL
        ORDER BY (embedding <=> :vector::halfvec) + 0 NULLS LAST, created_at DESC, id DESC
        OFFSET 0
    ) AS near
    CROSS JOIN LATERAL (
        SELECT
            memory.id, memory.agent_id, memory.user_id, memory.tier, memory.category, memory.content,
            memory.confidence, memory.metadata, memory.created_at, memory.updated_at
        FROM memories AS memory
        WHERE memory.tenant_id = :tenant_id::uuid AND memory.id = near.id AND {applies}
            AND ({expiry} <= now()) IS NOT TRUE
        LIMIT 1
    ) AS checked
    ORDER BY near.distance NULLS LAST, near.created_at DESC, near.id DESC
    LIMIT :limit::int
) AS recalled
ORDER BY wanted.place, recalled.distance NULLS LAST, recalled.created_at DESC, recalled.id DESC;
