-- name: list_memories
-- The ids of memories that apply to a scope, the newest first, after a place: those of each owner in the order of the
-- index `memories_by_scope`, until there are enough. Of a CASE the planner expects that half pass; of the conditions
-- themselves, which are those of `nearest_filtered_memories`, it expects so few that it would read and sort all.
SELECT found.id, found.created_at
FROM (
    SELECT DISTINCT unnest(ARRAY[
        eunoe_memory_scope_hash($2::uuid, $3::text), eunoe_memory_scope_hash($2::uuid, NULL),
        eunoe_memory_scope_hash(NULL, $3::text)
    ]) AS scope_hash
) AS applying
CROSS JOIN LATERAL (
    SELECT memory.id, memory.created_at
    FROM memories AS memory
    WHERE memory.tenant_id = $1::uuid AND memory.scope_hash = applying.scope_hash
        AND (memory.created_at, memory.id) < (
            coalesce($21::timestamptz, 'infinity'), coalesce($22::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
        )
        AND ($10::timestamptz IS NULL OR memory.created_at >= $10::timestamptz)
        AND ($11::timestamptz IS NULL OR memory.created_at < $11::timestamptz)
        AND CASE WHEN
            (memory.agent_id IS NULL OR memory.agent_id = $2::uuid)
            AND (memory.user_id IS NULL OR memory.user_id = $3::text)
            AND (cardinality($4::text[]) = 0 OR memory.tier = ANY ($4::text[]))
            AND (cardinality($5::text[]) = 0 OR memory.category = ANY ($5::text[]))
            AND (cardinality($6::text[]) = 0 OR memory.status = ANY ($6::text[]))
            AND (cardinality($7::text[]) = 0 OR memory.source = ANY ($7::text[]))
            AND memory.metadata @> $17::jsonb
            AND (
                $20::text IS NULL
                OR memory.session_agent_id = $18::uuid AND memory.session_user_id = $19::text
                    AND memory.session_id = $20::text
            )
            AND ($12::timestamptz IS NULL OR memory.updated_at >= $12::timestamptz)
            AND ($13::timestamptz IS NULL OR memory.updated_at < $13::timestamptz)
            AND (memory.deleted_at IS NOT NULL) = $14::bool
            AND (
                memory.status NOT IN ('active', 'pending_review')
                OR (
                    eunoe_memory_lapses_at(
                        memory.tier, memory.created_at, memory.accessed_at, memory.expires_at, $15::int, $16::bool
                    ) <= now()
                ) IS NOT TRUE
            )
            AND (
                $9::uuid IS NULL
                OR EXISTS (
                    SELECT FROM collection_members
                    WHERE tenant_id = $1::uuid AND collection_id = $9::uuid AND memory_id = memory.id
                )
            )
            AND (
                cardinality($8::text[]) = 0
                OR ARRAY(SELECT tag FROM memory_tags WHERE tenant_id = $1::uuid AND memory_id = memory.id) @> $8::text[]
            )
        THEN true END
    ORDER BY memory.created_at DESC, memory.id DESC
    LIMIT $23::int
) AS found
ORDER BY found.created_at DESC, found.id DESC
LIMIT $23::int;

-- name: nearest_memories
-- The ids of memories that apply to a scope, the nearest to a vector first, exactly: `+ 0` keeps the approximate index,
-- which would lose what a filter leaves, out of every plan. All are ranked by what `memories_by_scope` holds; the rows
-- themselves, tags and members are looked at in that order, until there are enough: OFFSET 0 and LIMIT 1 keep it so, and
-- num_nonnulls keeps out the partial indexes, which may look better to a planner without statistics.
SELECT near.id, near.distance
FROM (
    SELECT memory.id, (memory.embedding <=> $17::halfvec) + 0 AS distance
    FROM memories AS memory
    WHERE memory.tenant_id = $1::uuid
        AND memory.scope_hash IN (
            eunoe_memory_scope_hash($2::uuid, $3::text), eunoe_memory_scope_hash($2::uuid, NULL),
            eunoe_memory_scope_hash(NULL, $3::text)
        )
        AND (cardinality($4::text[]) = 0 OR memory.tier = ANY ($4::text[]))
        AND (cardinality($5::text[]) = 0 OR memory.category = ANY ($5::text[]))
        AND (cardinality($6::text[]) = 0 OR memory.status = ANY ($6::text[]))
        AND (cardinality($7::text[]) = 0 OR memory.source = ANY ($7::text[]))
        AND ($10::timestamptz IS NULL OR memory.created_at >= $10::timestamptz)
        AND ($11::timestamptz IS NULL OR memory.created_at < $11::timestamptz)
        AND ($12::timestamptz IS NULL OR memory.updated_at >= $12::timestamptz)
        AND ($13::timestamptz IS NULL OR memory.updated_at < $13::timestamptz)
        AND num_nonnulls(memory.deleted_at) = $14::bool::int
        AND memory.embedding IS NOT NULL
    ORDER BY (memory.embedding <=> $17::halfvec) + 0, memory.id
    OFFSET 0
) AS near
CROSS JOIN LATERAL (
    SELECT
    FROM memories AS memory
    WHERE memory.tenant_id = $1::uuid AND memory.id = near.id
        AND (memory.agent_id IS NULL OR memory.agent_id = $2::uuid)
        AND (memory.user_id IS NULL OR memory.user_id = $3::text)
        AND (
            memory.status NOT IN ('active', 'pending_review')
            OR (
                eunoe_memory_lapses_at(
                    memory.tier, memory.created_at, memory.accessed_at, memory.expires_at, $15::int, $16::bool
                ) <= now()
            ) IS NOT TRUE
        )
    LIMIT 1
) AS looked
WHERE ($18::float8 IS NULL OR near.distance <= 1 - $18::float8)
    AND (
        cardinality($8::text[]) = 0
        OR ARRAY(SELECT tag FROM memory_tags WHERE tenant_id = $1::uuid AND memory_id = near.id) @> $8::text[]
    )
    AND (
        $9::uuid IS NULL
        OR EXISTS (
            SELECT FROM collection_members
            WHERE tenant_id = $1::uuid AND collection_id = $9::uuid AND memory_id = near.id
        )
    )
ORDER BY near.distance, near.id
LIMIT $19::int;

-- name: nearest_filtered_memories
-- The same where the filter asks for metadata or a session, which only the rows hold: few may pass it, so that it comes
-- first, and what passes is ranked.
SELECT memory.id, (memory.embedding <=> $21::halfvec) + 0 AS distance
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
    AND memory.metadata @> $17::jsonb
    AND (
        $9::uuid IS NULL
        OR EXISTS (
            SELECT FROM collection_members
            WHERE tenant_id = $1::uuid AND collection_id = $9::uuid AND memory_id = memory.id
        )
    )
    AND (
        $20::text IS NULL
        OR memory.session_agent_id = $18::uuid AND memory.session_user_id = $19::text AND memory.session_id = $20::text
    )
    AND ($10::timestamptz IS NULL OR memory.created_at >= $10::timestamptz)
    AND ($11::timestamptz IS NULL OR memory.created_at < $11::timestamptz)
    AND ($12::timestamptz IS NULL OR memory.updated_at >= $12::timestamptz)
    AND ($13::timestamptz IS NULL OR memory.updated_at < $13::timestamptz)
    AND (memory.deleted_at IS NOT NULL) = $14::bool
    AND (
        memory.status NOT IN ('active', 'pending_review')
        OR (
            eunoe_memory_lapses_at(
                memory.tier, memory.created_at, memory.accessed_at, memory.expires_at, $15::int, $16::bool
            ) <= now()
        ) IS NOT TRUE
    )
    AND memory.embedding IS NOT NULL
    AND ($22::float8 IS NULL OR (memory.embedding <=> $21::halfvec) <= 1 - $22::float8)
ORDER BY (memory.embedding <=> $21::halfvec) + 0, memory.id
LIMIT $23::int;

-- name: oldest_memories
-- The oldest active memories that apply to a scope and may be changed there, with what they are grouped by.
SELECT id, agent_id, user_id, tier, embedding
FROM memories
WHERE tenant_id = $1::uuid
    AND scope_hash IN (
        eunoe_memory_scope_hash($2::uuid, $3::text), eunoe_memory_scope_hash($2::uuid, NULL),
        eunoe_memory_scope_hash(NULL, $3::text)
    )
    AND (agent_id IS NULL OR agent_id = $2::uuid) AND user_id IS NOT DISTINCT FROM $3::text
    AND status = 'active' AND deleted_at IS NULL AND embedding IS NOT NULL
    AND created_at <= now() - $4::int * interval '24 hours'
    AND (cardinality($5::text[]) = 0 OR tier = ANY ($5::text[]))
    AND (eunoe_memory_lapses_at(tier, created_at, accessed_at, expires_at, $7::int, $8::bool) <= now()) IS NOT TRUE
ORDER BY created_at, id
LIMIT $6::int;

-- name: near_duplicates
-- Active memories of one owner and tier that say nearly the same as one of them, the nearest first; exact, and found as
-- `nearest_memories` finds.
SELECT $6::uuid AS of_id, $4::text AS of_tier, near.id, 1 - near.distance AS cosine
FROM (
    SELECT id, (embedding <=> $5::halfvec) + 0 AS distance
    FROM memories
    WHERE tenant_id = $1::uuid AND scope_hash = eunoe_memory_scope_hash($2::uuid, $3::text)
        AND tier = $4::text AND status = 'active' AND num_nonnulls(deleted_at) = 0 AND embedding IS NOT NULL
        AND id <> $6::uuid
    ORDER BY (embedding <=> $5::halfvec) + 0, id
    OFFSET 0
) AS near
CROSS JOIN LATERAL (
    SELECT
    FROM memories
    WHERE tenant_id = $1::uuid AND id = near.id
        AND agent_id IS NOT DISTINCT FROM $2::uuid AND user_id IS NOT DISTINCT FROM $3::text
        AND (eunoe_memory_lapses_at(tier, created_at, accessed_at, expires_at, $9::int, $10::bool) <= now()) IS NOT TRUE
    LIMIT 1
) AS looked
WHERE near.distance <= 1 - $7::float8
ORDER BY near.distance, near.id
LIMIT $8::int;
