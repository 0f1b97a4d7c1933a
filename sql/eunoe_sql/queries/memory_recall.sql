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
-- vector, and where a memory has no embedding yet, the newest first.
SELECT
    memory.id, memory.agent_id, memory.user_id, memory.tier, memory.category, memory.content, memory.confidence,
    memory.metadata, memory.created_at, memory.updated_at, 1 - nearest.distance AS cosine
FROM unnest($4::text[]) WITH ORDINALITY AS wanted (tier, place)
CROSS JOIN LATERAL (
    SELECT id, (embedding <=> $5::halfvec) + 0 AS distance
    FROM memories
    WHERE tenant_id = $1::uuid
        AND scope_hash IN (
            eunoe_memory_scope_hash($2::uuid, $3::text), eunoe_memory_scope_hash($2::uuid, NULL),
            eunoe_memory_scope_hash(NULL, $3::text)
        )
        AND (agent_id IS NULL OR agent_id = $2::uuid) AND (user_id IS NULL OR user_id = $3::text)
        AND tier = wanted.tier AND status = 'active' AND deleted_at IS NULL
        AND (eunoe_memory_lapses_at(tier, created_at, accessed_at, expires_at, $7::int, $8::bool) <= now()) IS NOT TRUE
    ORDER BY (embedding <=> $5::halfvec) + 0 NULLS LAST, created_at DESC, id DESC
    LIMIT $6::int
) AS nearest
JOIN memories AS memory ON memory.tenant_id = $1::uuid AND memory.id = nearest.id
ORDER BY wanted.place, nearest.distance NULLS LAST, memory.created_at DESC, memory.id DESC;
