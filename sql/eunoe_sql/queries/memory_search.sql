-- name: list_memories
-- A page of the ids of memories that apply to a scope, the newest first. Reads each owner's part of the index
-- `memories_by_scope` in order until the page is full. The CASE makes the planner expect that half of the rows pass.
-- Without it, the planner expects few rows, and reads and sorts the whole scope (test_memory_plans.py).
SELECT found.id, found.created_at
FROM (SELECT DISTINCT unnest(ARRAY[{owner_hashes}]) AS scope_hash) AS owner
CROSS JOIN LATERAL (
    SELECT memory.id, memory.created_at
    FROM memories AS memory
    WHERE memory.tenant_id = :tenant_id::uuid AND memory.scope_hash = owner.scope_hash
        AND (memory.created_at, memory.id) < (
            coalesce(:after_time::timestamptz, 'infinity'),
            coalesce(:after_id::uuid, 'ffffffff-ffff-ffff-ffff-ffffffffffff')
        )
        AND {filter_created}
        AND CASE WHEN {applies} AND {filter_columns} AND {filter_rows} AND {visible} THEN true END
    ORDER BY memory.created_at DESC, memory.id DESC
    LIMIT :limit::int
) AS found
ORDER BY found.created_at DESC, found.id DESC
LIMIT :limit::int;

-- name: count_memories
-- The number of memories that apply to a scope and pass a filter.
SELECT count(*)
FROM memories AS memory
WHERE memory.tenant_id = :tenant_id::uuid AND memory.scope_hash IN ({owner_hashes})
    AND {filter_created} AND {applies} AND {filter_columns} AND {filter_rows} AND {visible};

-- name: nearest_memories
-- Ids of memories that apply to a scope, the nearest to a vector first; the ranking is exact. Ranks the whole scope by the
-- index `memories_by_scope`, then checks rows, tags and members in this order until enough have passed. Four tricks keep
-- this plan; test_memory_plans.py pins it:
--   `+ 0`         keeps the approximate index out, which loses rows that a filter would let pass;
--   OFFSET 0      keeps the ranking a step of its own;
--   LIMIT 1       keeps the check of the row behind the ranking;
--   num_nonnulls  keeps partial indexes out, which look cheaper to a planner without statistics.
SELECT near.id, near.distance
FROM (
    SELECT memory.id, (memory.embedding <=> :vector::halfvec) + 0 AS distance
    FROM memories AS memory
    WHERE memory.tenant_id = :tenant_id::uuid AND memory.scope_hash IN ({owner_hashes})
        AND {filter_columns} AND {filter_created}
        AND num_nonnulls(memory.deleted_at) = :forgotten::bool::int
        AND memory.embedding IS NOT NULL
    ORDER BY (memory.embedding <=> :vector::halfvec) + 0, memory.id
    OFFSET 0
) AS near
CROSS JOIN LATERAL (
    SELECT
    FROM memories AS memory
    WHERE memory.tenant_id = :tenant_id::uuid AND memory.id = near.id AND {applies} AND {visible}
    LIMIT 1
) AS checked
WHERE (:min_cosine::float8 IS NULL OR near.distance <= 1 - :min_cosine::float8)
    AND (
        cardinality(:tags::text[]) = 0
        OR ARRAY(SELECT tag FROM memory_tags WHERE tenant_id = :tenant_id::uuid AND memory_id = near.id) @> :tags::text[]
    )
    AND (
        :collection_id::uuid IS NULL
        OR EXISTS (
            SELECT FROM collection_members
            WHERE tenant_id = :tenant_id::uuid AND collection_id = :collection_id::uuid AND memory_id = near.id
        )
    )
ORDER BY near.distance, near.id
LIMIT :limit::int;

-- name: nearest_filtered_memories
-- Like nearest_memories, for a filter by metadata or session, which the index lacks. Few rows may pass such a filter, so
-- it comes before the ranking.
SELECT memory.id, (memory.embedding <=> :vector::halfvec) + 0 AS distance
FROM memories AS memory
WHERE memory.tenant_id = :tenant_id::uuid AND memory.scope_hash IN ({owner_hashes})
    AND {applies} AND {filter_columns} AND {filter_created} AND {filter_rows} AND {visible}
    AND memory.embedding IS NOT NULL
    AND (:min_cosine::float8 IS NULL OR (memory.embedding <=> :vector::halfvec) <= 1 - :min_cosine::float8)
ORDER BY (memory.embedding <=> :vector::halfvec) + 0, memory.id
LIMIT :limit::int;

-- name: has_collection
-- Whether a collection applies to a scope.
SELECT EXISTS (
    SELECT
    FROM collections
    WHERE tenant_id = :tenant_id::uuid AND id = :collection_id::uuid
        AND (agent_id IS NULL OR agent_id = :agent_id::uuid) AND (user_id IS NULL OR user_id = :user_id::text)
);

-- name: read_versions
-- The contents of a memory before a version, the newest first.
SELECT version, content, tier, category, confidence, metadata, created_at
FROM memory_versions
WHERE tenant_id = :tenant_id::uuid AND memory_id = :memory_id::uuid
    AND (:before::int IS NULL OR version < :before::int)
ORDER BY version DESC
LIMIT :limit::int;

-- name: read_replaced
-- Ids of the memories that one memory replaced, if they apply to a scope, the latest first.
SELECT memory.id
FROM memories AS memory
WHERE memory.tenant_id = :tenant_id::uuid
    AND (memory.superseded_by = :memory_id::uuid OR memory.merged_into = :memory_id::uuid) AND {applies}
ORDER BY memory.updated_at DESC, memory.id
LIMIT :limit::int;
