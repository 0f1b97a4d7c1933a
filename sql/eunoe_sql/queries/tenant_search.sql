-- name: find_words
-- A page of the ids of the tenant's memories with a content that matches every pattern, the newest first.
SELECT id, created_at
FROM memories
WHERE tenant_id = :tenant_id::uuid
    AND (cardinality(:statuses::text[]) = 0 OR status = ANY (:statuses::text[]))
    AND (deleted_at IS NOT NULL) = :forgotten::bool
    AND content ILIKE ALL (:patterns::text[])
    AND (:after_time::timestamptz IS NULL OR (created_at, id) < (:after_time::timestamptz, :after_id::uuid))
ORDER BY created_at DESC, id DESC
LIMIT :limit::int;

-- name: widen_index_search
-- Let the approximate index offer more candidates as long as the filter rejects them, until the transaction ends.
SELECT set_config('hnsw.ef_search', '100', true), set_config('hnsw.iterative_scan', 'strict_order', true);

-- name: nearest_of_tenant
-- Ids of the tenant's memories nearest to a vector. Approximate if the planner prefers the approximate index.
SELECT id, embedding <=> :vector::halfvec AS distance
FROM memories
WHERE tenant_id = :tenant_id::uuid
    AND (cardinality(:statuses::text[]) = 0 OR status = ANY (:statuses::text[]))
    AND (deleted_at IS NOT NULL) = :forgotten::bool
    AND embedding IS NOT NULL
ORDER BY embedding <=> :vector::halfvec
LIMIT :limit::int;

-- name: read_tenant_memories
-- Whole memories of a tenant, of any owner, in the order of the given ids.
SELECT {memory_columns}
FROM unnest(:ids::uuid[]) WITH ORDINALITY AS wanted (id, place)
JOIN memories AS memory ON memory.tenant_id = :tenant_id::uuid AND memory.id = wanted.id
ORDER BY wanted.place;
