-- name: applies
-- A memory applies to a scope if its agent is absent or the scope's agent, and its user is absent or the scope's user.
(memory.agent_id IS NULL OR memory.agent_id = :agent_id::uuid)
AND (memory.user_id IS NULL OR memory.user_id = :user_id::text)

-- name: owned
-- A memory belongs to exactly this owner.
memory.agent_id IS NOT DISTINCT FROM :agent_id::uuid AND memory.user_id IS NOT DISTINCT FROM :user_id::text

-- name: owner_hashes
-- The hashes of the three owners with memories that apply to a scope. The index `memories_by_scope` begins with the hash.
eunoe_memory_scope_hash(:agent_id::uuid, :user_id::text), eunoe_memory_scope_hash(:agent_id::uuid, NULL),
eunoe_memory_scope_hash(NULL, :user_id::text)

-- name: expiry
-- The moment at which a memory expires; NULL if it never expires.
eunoe_memory_lapses_at(
    memory.tier, memory.created_at, memory.accessed_at, memory.expires_at, :task_days::int, :from_last_use::bool
)

-- name: visible
-- A memory in use is hidden once it has expired. History (archived, superseded, merged) stays visible.
(memory.status NOT IN ('active', 'pending_review') OR ({expiry} <= now()) IS NOT TRUE)

-- name: filter_columns
-- The part of a filter that the index `memories_by_scope` can answer. An empty list and NULL let everything pass.
(cardinality(:tiers::text[]) = 0 OR memory.tier = ANY (:tiers::text[]))
AND (cardinality(:categories::text[]) = 0 OR memory.category = ANY (:categories::text[]))
AND (cardinality(:statuses::text[]) = 0 OR memory.status = ANY (:statuses::text[]))
AND (cardinality(:sources::text[]) = 0 OR memory.source = ANY (:sources::text[]))
AND (:updated_from::timestamptz IS NULL OR memory.updated_at >= :updated_from::timestamptz)
AND (:updated_until::timestamptz IS NULL OR memory.updated_at < :updated_until::timestamptz)

-- name: filter_created
-- The part of a filter about the creation time.
(:created_from::timestamptz IS NULL OR memory.created_at >= :created_from::timestamptz)
AND (:created_until::timestamptz IS NULL OR memory.created_at < :created_until::timestamptz)

-- name: filter_rows
-- The part of a filter that needs the row: metadata, session, tags and collection.
memory.metadata @> :metadata::jsonb
AND (
    :session_id::text IS NULL
    OR memory.session_agent_id = :session_agent_id::uuid AND memory.session_user_id = :session_user_id::text
        AND memory.session_id = :session_id::text
)
AND (memory.deleted_at IS NOT NULL) = :forgotten::bool
AND (
    :collection_id::uuid IS NULL
    OR EXISTS (
        SELECT FROM collection_members
        WHERE tenant_id = :tenant_id::uuid AND collection_id = :collection_id::uuid AND memory_id = memory.id
    )
)
AND (
    cardinality(:tags::text[]) = 0
    OR ARRAY(SELECT tag FROM memory_tags WHERE tenant_id = :tenant_id::uuid AND memory_id = memory.id) @> :tags::text[]
)

-- name: memory_columns
-- The columns of a whole memory.
memory.id, memory.agent_id, memory.user_id, memory.tier, memory.category, memory.source, memory.status,
memory.content, memory.content_hash, memory.confidence, memory.usefulness, memory.metadata,
ARRAY(
    SELECT tag FROM memory_tags WHERE tenant_id = :tenant_id::uuid AND memory_id = memory.id ORDER BY tag
) AS tags,
memory.session_agent_id, memory.session_user_id, memory.session_id, memory.version, memory.superseded_by,
memory.merged_into, memory.retrieval_count, memory.last_retrieved_at, memory.last_injected_at, memory.accessed_at,
memory.created_at, memory.updated_at, memory.expires_at, memory.deleted_at, {expiry} AS lapses_at,
memory.embedding IS NOT NULL AS has_embedding
