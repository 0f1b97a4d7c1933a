-- name: any_memory
-- Whether a memory of some tiers applies to a conversation: where none does, nothing has to be embedded.
SELECT EXISTS (
    SELECT
    FROM memories
    WHERE tenant_id = $1::uuid
        AND scope_hash IN (
            eunoe_memory_scope_hash($2::uuid, $3::text), eunoe_memory_scope_hash($2::uuid, NULL),
            eunoe_memory_scope_hash(NULL, $3::text)
        )
        AND (agent_id IS NULL OR agent_id = $2::uuid) AND (user_id IS NULL OR user_id = $3::text)
        AND tier = ANY ($4::text[]) AND status = 'active' AND deleted_at IS NULL
);

-- name: recall_memories
-- Of each tier the active memories that apply to a conversation, those nearest to a vector first, exactly; without a
-- vector, and where a memory has no embedding yet, the newest first. All are ranked by what `memories_by_scope` holds, and
-- the rows looked at in that order until there are enough: OFFSET 0 and LIMIT 1 keep it so, as in `nearest_memories`.
SELECT
    recalled.id, recalled.agent_id, recalled.user_id, recalled.tier, recalled.category, recalled.content,
    recalled.confidence, recalled.metadata, recalled.created_at, recalled.updated_at, 1 - recalled.distance AS cosine
FROM unnest($4::text[]) WITH ORDINALITY AS wanted (tier, place)
CROSS JOIN LATERAL (
    SELECT looked.*, near.distance
    FROM (
        SELECT id, created_at, (embedding <=> $5::halfvec) + 0 AS distance
        FROM memories
        WHERE tenant_id = $1::uuid
            AND scope_hash IN (
                eunoe_memory_scope_hash($2::uuid, $3::text), eunoe_memory_scope_hash($2::uuid, NULL),
                eunoe_memory_scope_hash(NULL, $3::text)
            )
            AND tier = wanted.tier AND status = 'active' AND deleted_at IS NULL
        ORDER BY (embedding <=> $5::halfvec) + 0 NULLS LAST, created_at DESC, id DESC
        OFFSET 0
    ) AS near
    CROSS JOIN LATERAL (
        SELECT id, agent_id, user_id, tier, category, content, confidence, metadata, created_at, updated_at
        FROM memories
        WHERE tenant_id = $1::uuid AND id = near.id
            AND (agent_id IS NULL OR agent_id = $2::uuid) AND (user_id IS NULL OR user_id = $3::text)
            AND (
                eunoe_memory_lapses_at(tier, created_at, accessed_at, expires_at, $7::int, $8::bool) <= now()
            ) IS NOT TRUE
        LIMIT 1
    ) AS looked
    ORDER BY near.distance NULLS LAST, near.created_at DESC, near.id DESC
    LIMIT $6::int
) AS recalled
ORDER BY wanted.place, recalled.distance NULLS LAST, recalled.created_at DESC, recalled.id DESC;
