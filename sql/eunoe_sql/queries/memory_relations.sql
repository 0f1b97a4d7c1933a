-- name: add_relation
-- Relate two memories; no row where they are related so already.
INSERT INTO memory_relationships (tenant_id, from_id, type, to_id)
VALUES ($1::uuid, $2::uuid, $3::text, $4::uuid)
ON CONFLICT DO NOTHING
RETURNING from_id;

-- name: remove_relation
-- Take a relation back; no row where there is none.
DELETE FROM memory_relationships
WHERE tenant_id = $1::uuid AND from_id = $2::uuid AND type = $3::text AND to_id = $4::uuid
RETURNING from_id;

-- name: walk_relations
-- The memories that apply to a scope and can be reached from one, the nearest first. UNION keeps a memory once for each
-- depth, so that a cycle ends with the depth; rows come level by level, so that the first $9 hold the nearest ones.
WITH RECURSIVE walk (id, depth) AS (
    SELECT $4::uuid, 0
    UNION
    SELECT memory.id, walk.depth + 1
    FROM walk
    CROSS JOIN LATERAL (
        SELECT to_id AS id
        FROM memory_relationships
        WHERE tenant_id = $1::uuid AND from_id = walk.id AND $6::text IN ('out', 'both')
            AND (cardinality($7::text[]) = 0 OR type = ANY ($7::text[]))
        UNION
        SELECT from_id
        FROM memory_relationships
        WHERE tenant_id = $1::uuid AND to_id = walk.id AND $6::text IN ('in', 'both')
            AND (cardinality($7::text[]) = 0 OR type = ANY ($7::text[]))
    ) AS near
    JOIN memories AS memory ON memory.tenant_id = $1::uuid AND memory.id = near.id
    WHERE walk.depth < $5::int
        AND memory.deleted_at IS NULL
        AND (memory.agent_id IS NULL OR memory.agent_id = $2::uuid)
        AND (memory.user_id IS NULL OR memory.user_id = $3::text)
        AND (cardinality($8::text[]) = 0 OR memory.status = ANY ($8::text[]))
        AND (
            memory.status NOT IN ('active', 'pending_review')
            OR (
                eunoe_memory_lapses_at(
                    memory.tier, memory.created_at, memory.accessed_at, memory.expires_at, $11::int, $12::bool
                ) <= now()
            ) IS NOT TRUE
        )
)
SELECT id, min(depth) AS depth
FROM (SELECT id, depth FROM walk LIMIT $9::int) AS reached
WHERE id <> $4::uuid
GROUP BY id
ORDER BY min(depth), id
LIMIT $10::int;

-- name: relations_among
-- The relations between memories.
SELECT from_id, type, to_id
FROM memory_relationships
WHERE tenant_id = $1::uuid AND from_id = ANY ($2::uuid[]) AND to_id = ANY ($2::uuid[])
    AND (cardinality($3::text[]) = 0 OR type = ANY ($3::text[]))
ORDER BY from_id, type, to_id
LIMIT $4::int;
