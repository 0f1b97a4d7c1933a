-- name: find_words
-- The ids of a tenant's memories that hold every pattern, the newest first, after a place.
SELECT id, created_at
FROM memories
WHERE tenant_id = $1::uuid
    AND (cardinality($2::text[]) = 0 OR status = ANY ($2::text[]))
    AND (deleted_at IS NOT NULL) = $3::bool
    AND content ILIKE ALL ($4::text[])
    AND ($5::timestamptz IS NULL OR (created_at, id) < ($5::timestamptz, $6::uuid))
ORDER BY created_at DESC, id DESC
LIMIT $7::int;

-- name: widen_index_search
-- Until the transaction ends: look at as many candidates as are asked for at most, and go on while a filter takes them.
SELECT set_config('hnsw.ef_search', '100', true), set_config('hnsw.iterative_scan', 'strict_order', true);

-- name: nearest_of_tenant
-- The ids of a tenant's memories, the nearest to a vector first, by the approximate index where the planner prefers it.
SELECT id, embedding <=> $4::halfvec AS distance
FROM memories
WHERE tenant_id = $1::uuid
    AND (cardinality($2::text[]) = 0 OR status = ANY ($2::text[]))
    AND (deleted_at IS NOT NULL) = $3::bool
    AND embedding IS NOT NULL
ORDER BY embedding <=> $4::halfvec
LIMIT $5::int;

-- name: read_tenant_memories
-- A tenant's memories, whole, in the order of the ids, whoever they belong to; else as `read_memories`.
SELECT
    memory.id, memory.agent_id, memory.user_id, memory.tier, memory.category, memory.source, memory.status,
    memory.content, memory.content_hash, memory.confidence, memory.usefulness, memory.metadata,
    ARRAY(
        SELECT tag FROM memory_tags WHERE tenant_id = $1::uuid AND memory_id = memory.id ORDER BY tag
    ) AS tags,
    memory.session_agent_id, memory.session_user_id, memory.session_id, memory.version, memory.superseded_by,
    memory.merged_into, memory.retrieval_count, memory.last_retrieved_at, memory.last_injected_at, memory.accessed_at,
    memory.created_at, memory.updated_at, memory.expires_at, memory.deleted_at,
    eunoe_memory_lapses_at(
        memory.tier, memory.created_at, memory.accessed_at, memory.expires_at, $3::int, $4::bool
    ) AS lapses_at,
    memory.embedding IS NOT NULL AS has_embedding
FROM unnest($2::uuid[]) WITH ORDINALITY AS wanted (id, place)
JOIN memories AS memory ON memory.tenant_id = $1::uuid AND memory.id = wanted.id
ORDER BY wanted.place;
