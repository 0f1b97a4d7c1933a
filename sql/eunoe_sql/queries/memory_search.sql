-- name: list_memories
-- The ids of memories that apply to a scope, the newest first, after a place; `nearest_memories` has the same filter.
SELECT memory.id, memory.created_at
FROM memories AS memory
WHERE memory.tenant_id = $1::uuid
    AND memory.scope_hash IN (
        eunoe_memory_scope_hash($2::uuid, $3::text), eunoe_memory_scope_hash($2::uuid, NULL),
        eunoe_memory_scope_hash(NULL, $3::text)
    )
    AND (memory.agent_id IS NULL OR memory.agent_id = $2::uuid)
    AND (memory.user_id IS NULL OR memory.user_id = $3::text)
    AND (cardinality($4::text[]) = 0 OR memory.tier = ANY ($4::text[]))
    AND (cardinality($5::text[]) = 0 OR memory.category = ANY ($5::text[]))
    AND (cardinality($6::text[]) = 0 OR memory.status = ANY ($6::text[]))
    AND (cardinality($7::text[]) = 0 OR memory.source = ANY ($7::text[]))
    AND (
        cardinality($8::text[]) = 0
        OR ARRAY(SELECT tag FROM memory_tags WHERE tenant_id = $1::uuid AND memory_id = memory.id) @> $8::text[]
    )
    AND memory.metadata @> $9::jsonb
    AND (
        $10::uuid IS NULL
        OR EXISTS (
            SELECT FROM collection_members
            WHERE tenant_id = $1::uuid AND collection_id = $10::uuid AND memory_id = memory.id
        )
    )
    AND (
        $13::text IS NULL
        OR memory.session_agent_id = $11::uuid AND memory.session_user_id = $12::text AND memory.session_id = $13::text
    )
    AND ($14::timestamptz IS NULL OR memory.created_at >= $14::timestamptz)
    AND ($15::timestamptz IS NULL OR memory.created_at < $15::timestamptz)
    AND ($16::timestamptz IS NULL OR memory.updated_at >= $16::timestamptz)
    AND ($17::timestamptz IS NULL OR memory.updated_at < $17::timestamptz)
    AND (memory.deleted_at IS NOT NULL) = $18::bool
    AND (
        memory.status NOT IN ('active', 'pending_review')
        OR (
            eunoe_memory_lapses_at(
                memory.tier, memory.created_at, memory.accessed_at, memory.expires_at, $22::int, $23::bool
            ) <= now()
        ) IS NOT TRUE
    )
    AND ($19::timestamptz IS NULL OR (memory.created_at, memory.id) < ($19::timestamptz, $20::uuid))
ORDER BY memory.created_at DESC, memory.id DESC
LIMIT $21::int;

-- name: nearest_memories
-- The ids of memories that apply to a scope, the nearest to a vector first, exactly: `+ 0` keeps the approximate index,
-- which would lose what a filter leaves, out of every plan.
SELECT memory.id, (memory.embedding <=> $19::halfvec) + 0 AS distance
FROM memories AS memory
WHERE memory.tenant_id = $1::uuid
    AND memory.scope_hash IN (
        eunoe_memory_scope_hash($2::uuid, $3::text), eunoe_memory_scope_hash($2::uuid, NULL),
        eunoe_memory_scope_hash(NULL, $3::text)
    )
    AND (memory.agent_id IS NULL OR memory.agent_id = $2::uuid)
    AND (memory.user_id IS NULL OR memory.user_id = $3::text)
    AND (cardinality($4::text[]) = 0 OR memory.tier = ANY ($4::text[]))
    AND (cardinality($5::text[]) = 0 OR memory.category = ANY ($5::text[]))
    AND (cardinality($6::text[]) = 0 OR memory.status = ANY ($6::text[]))
    AND (cardinality($7::text[]) = 0 OR memory.source = ANY ($7::text[]))
    AND (
        cardinality($8::text[]) = 0
        OR ARRAY(SELECT tag FROM memory_tags WHERE tenant_id = $1::uuid AND memory_id = memory.id) @> $8::text[]
    )
    AND memory.metadata @> $9::jsonb
    AND (
        $10::uuid IS NULL
        OR EXISTS (
            SELECT FROM collection_members
            WHERE tenant_id = $1::uuid AND collection_id = $10::uuid AND memory_id = memory.id
        )
    )
    AND (
        $13::text IS NULL
        OR memory.session_agent_id = $11::uuid AND memory.session_user_id = $12::text AND memory.session_id = $13::text
    )
    AND ($14::timestamptz IS NULL OR memory.created_at >= $14::timestamptz)
    AND ($15::timestamptz IS NULL OR memory.created_at < $15::timestamptz)
    AND ($16::timestamptz IS NULL OR memory.updated_at >= $16::timestamptz)
    AND ($17::timestamptz IS NULL OR memory.updated_at < $17::timestamptz)
    AND (memory.deleted_at IS NOT NULL) = $18::bool
    AND (
        memory.status NOT IN ('active', 'pending_review')
        OR (
            eunoe_memory_lapses_at(
                memory.tier, memory.created_at, memory.accessed_at, memory.expires_at, $22::int, $23::bool
            ) <= now()
        ) IS NOT TRUE
    )
    AND memory.embedding IS NOT NULL
    AND ($20::float8 IS NULL OR (memory.embedding <=> $19::halfvec) <= 1 - $20::float8)
ORDER BY (memory.embedding <=> $19::halfvec) + 0, memory.id
LIMIT $21::int;

-- name: oldest_memories
-- The oldest active memories that apply to a scope, with what they are grouped by.
SELECT id, agent_id, user_id, tier, embedding
FROM memories
WHERE tenant_id = $1::uuid
    AND scope_hash IN (
        eunoe_memory_scope_hash($2::uuid, $3::text), eunoe_memory_scope_hash($2::uuid, NULL),
        eunoe_memory_scope_hash(NULL, $3::text)
    )
    AND (agent_id IS NULL OR agent_id = $2::uuid) AND (user_id IS NULL OR user_id = $3::text)
    AND status = 'active' AND deleted_at IS NULL AND embedding IS NOT NULL
    AND created_at <= now() - $4::int * interval '24 hours'
    AND (cardinality($5::text[]) = 0 OR tier = ANY ($5::text[]))
    AND (eunoe_memory_lapses_at(tier, created_at, accessed_at, expires_at, $7::int, $8::bool) <= now()) IS NOT TRUE
ORDER BY created_at, id
LIMIT $6::int;

-- name: near_duplicates
-- Active memories of one owner and tier that say nearly the same as one of them, the nearest first; exact.
SELECT near.id, 1 - near.distance AS cosine
FROM (
    SELECT id, (embedding <=> $5::halfvec) + 0 AS distance
    FROM memories
    WHERE tenant_id = $1::uuid AND scope_hash = eunoe_memory_scope_hash($2::uuid, $3::text)
        AND agent_id IS NOT DISTINCT FROM $2::uuid AND user_id IS NOT DISTINCT FROM $3::text
        AND tier = $4::text AND status = 'active' AND deleted_at IS NULL AND embedding IS NOT NULL AND id <> $6::uuid
        AND (eunoe_memory_lapses_at(tier, created_at, accessed_at, expires_at, $9::int, $10::bool) <= now()) IS NOT TRUE
    ORDER BY (embedding <=> $5::halfvec) + 0
    LIMIT $8::int
) AS near
WHERE near.distance <= 1 - $7::float8
ORDER BY near.distance, near.id;
