-- name: add_relation
-- Relate two memories; no row if they have this relation already.
INSERT INTO memory_relationships (tenant_id, from_id, type, to_id)
VALUES (:tenant_id::uuid, :from_id::uuid, :type::text, :to_id::uuid)
ON CONFLICT DO NOTHING
RETURNING true;

-- name: remove_relation
-- Remove a relation; no row if there is none.
DELETE FROM memory_relationships
WHERE tenant_id = :tenant_id::uuid AND from_id = :from_id::uuid AND type = :type::text AND to_id = :to_id::uuid
RETURNING true;

-- name: walk_relations
-- The memories that apply to a scope and can be reached from one memory, the nearest first. UNION keeps a memory once
-- for each depth, so a cycle ends at the greatest depth. Rows come level by level, so the first `row_limit` rows hold
-- the nearest memories.
WITH RECURSIVE walk (id, depth) AS (
    SELECT :memory_id::uuid, 0
    UNION
    SELECT memory.id, walk.depth + 1
    FROM walk
    CROSS JOIN LATERAL (
        SELECT to_id AS id
        FROM memory_relationships
        WHERE tenant_id = :tenant_id::uuid AND from_id = walk.id AND :direction::text IN ('out', 'both')
            AND (cardinality(:types::text[]) = 0 OR type = ANY (:types::text[]))
        UNION
        SELECT from_id
        FROM memory_relationships
        WHERE tenant_id = :tenant_id::uuid AND to_id = walk.id AND :direction::text IN ('in', 'both')
            AND (cardinality(:types::text[]) = 0 OR type = ANY (:types::text[]))
    ) AS near
    JOIN memories AS memory ON memory.tenant_id = :tenant_id::uuid AND memory.id = near.id
    WHERE walk.depth < :depth::int
        AND memory.deleted_at IS NULL
        AND {applies}
        AND (cardinality(:statuses::text[]) = 0 OR memory.status = ANY (:statuses::text[]))
        AND {visible}
)
SELECT id, min(depth) AS depth
FROM (SELECT id, depth FROM walk LIMIT :row_limit::int) AS reached
WHERE id <> :memory_id::uuid
GROUP BY id
ORDER BY min(depth), id
LIMIT :limit::int;

-- name: relations_among
-- The relations between some memories.
SELECT from_id, type, to_id
FROM memory_relationships
WHERE tenant_id = :tenant_id::uuid AND from_id = ANY (:ids::uuid[]) AND to_id = ANY (:ids::uuid[])
    AND (cardinality(:types::text[]) = 0 OR type = ANY (:types::text[]))
ORDER BY from_id, type, to_id
LIMIT :limit::int;
