-- name: introduce
-- Agents and users of a tenant appear with their first memory. In order and the agents first, as where turns are written,
-- so that two writers cannot deadlock.
WITH appeared AS (
    INSERT INTO agents (tenant_id, id)
    SELECT $1::uuid, id FROM unnest($2::uuid[]) AS new (id)
    ORDER BY id
    ON CONFLICT DO NOTHING
    RETURNING 1
)
INSERT INTO users (tenant_id, user_id)
SELECT $1::uuid, user_id FROM unnest($3::text[]) AS new (user_id)
WHERE (SELECT count(*) FROM appeared) >= 0
ORDER BY user_id
ON CONFLICT DO NOTHING;

-- name: find_active
-- The owner's active memory of a content.
SELECT id
FROM memories
WHERE tenant_id = $1::uuid AND agent_id IS NOT DISTINCT FROM $2::uuid AND user_id IS NOT DISTINCT FROM $3::text
    AND content_hash = $4::text AND status = 'active' AND deleted_at IS NULL;

-- name: insert_memory
-- Make a memory, or confirm the one that holds its content in its status: $2 is then another's id. What is confirmed lives
-- as long as either would, both counted from its making. No row where it has lapsed.
INSERT INTO memories (
    tenant_id, id, agent_id, user_id, tier, category, source, status, content, content_hash, confidence, metadata,
    session_agent_id, session_user_id, session_id, expires_at, embedding, embedding_model
)
VALUES (
    $1::uuid, $2::uuid, $3::uuid, $4::text, $5::text, $6::text, $7::text, $8::text, $9::text, $10::text, $11::float8,
    $12::jsonb, $13::uuid, $14::text, $15::text, $16::timestamptz, $17::halfvec, $18::text
)
ON CONFLICT (tenant_id, agent_id, user_id, content_hash, status)
    WHERE status IN ('active', 'pending_review') AND deleted_at IS NULL
    DO UPDATE SET
        confidence = memories.confidence + (1 - memories.confidence) * $19::float8,
        (tier, expires_at) = (
            SELECT life.tier, life.expires_at
            FROM (
                VALUES (1, memories.tier, memories.expires_at), (2, excluded.tier, excluded.expires_at)
            ) AS life (place, tier, expires_at)
            ORDER BY
                coalesce(
                    eunoe_memory_lapses_at(
                        life.tier, memories.created_at, memories.accessed_at, life.expires_at, $20::int, $21::bool
                    ),
                    'infinity'
                ) DESC,
                life.place
            LIMIT 1
        ),
        updated_at = now()
    WHERE (
        eunoe_memory_lapses_at(
            memories.tier, memories.created_at, memories.accessed_at, memories.expires_at, $20::int, $21::bool
        ) <= now()
    ) IS NOT TRUE
RETURNING $2::uuid AS new_id, id;

-- name: find_twin
-- The memory of the same owner that holds a content in a status, other than one.
SELECT id
FROM memories
WHERE tenant_id = $1::uuid AND agent_id IS NOT DISTINCT FROM $2::uuid AND user_id IS NOT DISTINCT FROM $3::text
    AND content_hash = $4::text AND status = $5::text AND deleted_at IS NULL AND id <> $6::uuid;

-- name: lock_memories
-- What has to be known before memories that apply to a scope are changed. Ordered, so that two writers cannot deadlock.
SELECT
    id, agent_id, user_id, status, version, content_hash, deleted_at,
    status IN ('active', 'pending_review') AND deleted_at IS NULL
        AND coalesce(eunoe_memory_lapses_at(tier, created_at, accessed_at, expires_at, $5::int, $6::bool) <= now(), false)
        AS lapsed
FROM memories
WHERE tenant_id = $1::uuid AND id = ANY ($4::uuid[])
    AND (agent_id IS NULL OR agent_id = $2::uuid) AND (user_id IS NULL OR user_id = $3::text)
ORDER BY id
FOR UPDATE;

-- name: read_memories
-- Memories that apply to a scope, whole, in the order of the ids.
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
        memory.tier, memory.created_at, memory.accessed_at, memory.expires_at, $5::int, $6::bool
    ) AS lapses_at,
    memory.embedding IS NOT NULL AS has_embedding
FROM unnest($4::uuid[]) WITH ORDINALITY AS wanted (id, place)
JOIN memories AS memory ON memory.tenant_id = $1::uuid AND memory.id = wanted.id
WHERE (memory.agent_id IS NULL OR memory.agent_id = $2::uuid) AND (memory.user_id IS NULL OR memory.user_id = $3::text)
ORDER BY wanted.place;

-- name: revise_memory
-- Change what a memory says; what is NULL stays, but for the embedding, which goes with the content.
UPDATE memories
SET
    content = coalesce($3::text, content),
    content_hash = coalesce($4::text, content_hash),
    tier = coalesce($5::text, tier),
    category = coalesce($6::text, category),
    confidence = coalesce($7::float8, confidence),
    metadata = coalesce($8::jsonb, metadata),
    expires_at = CASE WHEN $9::bool THEN NULL ELSE coalesce($10::timestamptz, expires_at) END,
    embedding = CASE WHEN $3::text IS NULL THEN embedding ELSE $11::halfvec END,
    embedding_model = CASE WHEN $3::text IS NULL THEN embedding_model ELSE $12::text END,
    version = version + 1,
    updated_at = now()
WHERE tenant_id = $1::uuid AND id = $2::uuid;

-- name: set_memory_status
-- Take memories to another status, forgotten at a moment or not.
UPDATE memories
SET status = $3::text, deleted_at = CASE WHEN $4::bool THEN now() END, version = version + 1, updated_at = now()
WHERE tenant_id = $1::uuid AND id = ANY ($2::uuid[]);

-- name: point_to_successor
-- Say what superseded memories, or what they were merged into.
UPDATE memories
SET
    superseded_by = CASE WHEN status = 'superseded' THEN $3::uuid END,
    merged_into = CASE WHEN status = 'merged' THEN $3::uuid END
WHERE tenant_id = $1::uuid AND id = ANY ($2::uuid[]);

-- name: purge_memory
-- Delete a memory and, by cascade, its versions, tags, relationships and memberships.
DELETE FROM memories WHERE tenant_id = $1::uuid AND id = $2::uuid;
