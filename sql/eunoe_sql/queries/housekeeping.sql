-- name: archive_expired
-- Archive expired memories. Memories that another transaction has locked are left for the next round.
UPDATE memories
SET status = 'archived', version = version + 1, updated_at = now()
WHERE tenant_id = :tenant_id::uuid AND id = ANY (ARRAY(
    SELECT memory.id
    FROM memories AS memory
    WHERE memory.tenant_id = :tenant_id::uuid AND memory.status IN ('active', 'pending_review')
        AND memory.deleted_at IS NULL
        AND (
            memory.expires_at <= now()
            OR memory.expires_at IS NULL AND memory.tier = 'task'
                AND memory.created_at <= now() - :task_days::int * interval '24 hours'
        )
        AND {expiry} <= now()
    LIMIT :limit::int
    FOR UPDATE SKIP LOCKED
));

-- name: purge_ended
-- Delete memories that ended `after_days` ago. Three kinds have ended: forgotten memories; archived memories, except
-- personal ones that never expired; superseded and merged memories that have also expired.
DELETE FROM memories
WHERE tenant_id = :tenant_id::uuid AND id = ANY (ARRAY(
    SELECT memory.id
    FROM memories AS memory
    WHERE memory.tenant_id = :tenant_id::uuid
        AND (
            memory.deleted_at <= now() - :after_days::int * interval '24 hours'
            OR memory.deleted_at IS NULL AND memory.status IN ('archived', 'superseded', 'merged')
                AND memory.updated_at <= now() - :after_days::int * interval '24 hours'
                AND (
                    memory.status = 'archived' AND memory.tier <> 'personal'
                    OR {expiry} <= now() - :after_days::int * interval '24 hours'
                )
        )
    LIMIT :limit::int
    FOR UPDATE SKIP LOCKED
))
RETURNING id;

-- name: drop_quoting_replies
-- Drop the kept replies that quote purged memories.
DELETE FROM memory_requests WHERE tenant_id = :tenant_id::uuid AND memory_ids && :memory_ids::uuid[];

-- name: drop_old_replies
-- Drop kept replies that no client asks for again.
DELETE FROM memory_requests
WHERE tenant_id = :tenant_id::uuid AND request_id = ANY (ARRAY(
    SELECT request_id
    FROM memory_requests
    WHERE tenant_id = :tenant_id::uuid AND created_at <= now() - :older_than_days::int * interval '24 hours'
    LIMIT :limit::int
));

-- name: uncompared_memories
-- Lock active memories that were not compared with their neighbours in their present version, the oldest first.
SELECT memory.id, memory.content
FROM memories AS memory
WHERE memory.tenant_id = :tenant_id::uuid AND memory.status = 'active' AND memory.deleted_at IS NULL
    AND memory.embedding IS NOT NULL AND memory.compared_version IS DISTINCT FROM memory.version
    AND ({expiry} <= now()) IS NOT TRUE
ORDER BY memory.created_at, memory.id
LIMIT :limit::int
FOR UPDATE SKIP LOCKED;

-- name: near_duplicates_to_merge
-- The near duplicates that a memory could be merged with, the nearest first: of the same owner, tier and category. `stays`
-- is true if the duplicate is kept, because its content was written later. The other one has nothing that would be lost:
-- no metadata of its own, no tags too many, no relation, no collection. No row if the memory is no longer active.
SELECT memory.id, memory.content, later.stays
FROM memories AS compared
JOIN memories AS memory
    ON memory.tenant_id = :tenant_id::uuid AND memory.scope_hash = compared.scope_hash
    AND memory.agent_id IS NOT DISTINCT FROM compared.agent_id AND memory.user_id IS NOT DISTINCT FROM compared.user_id
    AND memory.tier = compared.tier AND memory.category = compared.category AND memory.id <> compared.id
CROSS JOIN LATERAL (
    SELECT (max(version.created_at) FILTER (WHERE version.memory_id = memory.id), memory.created_at, memory.id)
        > (max(version.created_at) FILTER (WHERE version.memory_id = compared.id), compared.created_at, compared.id)
        AS stays
    FROM memory_versions AS version
    WHERE version.tenant_id = :tenant_id::uuid AND version.memory_id IN (memory.id, compared.id)
) AS later
CROSS JOIN LATERAL (
    SELECT
        CASE WHEN later.stays THEN compared.id ELSE memory.id END AS id,
        CASE WHEN later.stays THEN memory.metadata @> compared.metadata ELSE compared.metadata @> memory.metadata END
            AS metadata_is_kept
) AS absorbed
WHERE compared.tenant_id = :tenant_id::uuid AND compared.id = :id::uuid AND compared.status = 'active'
    AND memory.status = 'active' AND memory.deleted_at IS NULL AND memory.embedding IS NOT NULL
    AND ({expiry} <= now()) IS NOT TRUE
    AND (memory.embedding <=> compared.embedding) <= 1 - :min_cosine::float8
    AND absorbed.metadata_is_kept
    AND NOT EXISTS (
        SELECT FROM collection_members WHERE tenant_id = :tenant_id::uuid AND memory_id = absorbed.id
    )
    AND NOT EXISTS (
        SELECT FROM memory_relationships
        WHERE tenant_id = :tenant_id::uuid AND (from_id = absorbed.id OR to_id = absorbed.id)
    )
    AND :max_tags::int >= (
        SELECT count(DISTINCT tag) FROM memory_tags
        WHERE tenant_id = :tenant_id::uuid AND memory_id IN (memory.id, compared.id)
    )
ORDER BY (memory.embedding <=> compared.embedding) + 0
LIMIT :limit::int;

-- name: lock_duplicate
-- Lock a near duplicate. No row if somebody else has locked or changed it.
SELECT true
FROM memories
WHERE tenant_id = :tenant_id::uuid AND id = :id::uuid AND content = :content::text AND status = 'active'
    AND deleted_at IS NULL
FOR UPDATE SKIP LOCKED;

-- name: absorb_memory
-- Merge a near duplicate into the kept memory: take the higher confidence and confirm it, add the uses of the duplicate,
-- keep the rating that says more, and keep the later of both ends. If the lifetime counts from the last use, the creation of the duplicate counts as a use.
WITH absorbed AS (
    SELECT
        memory.confidence, memory.usefulness, memory.retrieval_count, memory.created_at, memory.accessed_at, memory.expires_at,
        memory.last_retrieved_at, memory.last_injected_at, {expiry} AS ends_at
    FROM memories AS memory
    WHERE memory.tenant_id = :tenant_id::uuid AND memory.id = :absorbed_id::uuid
)
UPDATE memories AS memory
SET
    confidence = greatest(memory.confidence, absorbed.confidence)
        + (1 - greatest(memory.confidence, absorbed.confidence)) * :confirmation_share::float8,
    usefulness = CASE
        WHEN abs(absorbed.usefulness - 0.5) > abs(memory.usefulness - 0.5) THEN absorbed.usefulness
        ELSE memory.usefulness
    END,
    retrieval_count = memory.retrieval_count + absorbed.retrieval_count,
    accessed_at = greatest(
        memory.accessed_at, absorbed.accessed_at, CASE WHEN :from_last_use::bool THEN absorbed.created_at END
    ),
    expires_at = CASE
        WHEN :from_last_use::bool AND memory.expires_at IS NULL AND absorbed.expires_at IS NULL THEN NULL
        WHEN coalesce({expiry}, 'infinity') >= coalesce(absorbed.ends_at, 'infinity') THEN memory.expires_at
        ELSE absorbed.ends_at
    END,
    last_retrieved_at = greatest(memory.last_retrieved_at, absorbed.last_retrieved_at),
    last_injected_at = greatest(memory.last_injected_at, absorbed.last_injected_at),
    updated_at = now()
FROM absorbed
WHERE memory.tenant_id = :tenant_id::uuid AND memory.id = :id::uuid;

-- name: copy_tags
-- Copy the tags of one memory to another.
INSERT INTO memory_tags (tenant_id, memory_id, tag)
SELECT :tenant_id::uuid, :id::uuid, tag
FROM memory_tags
WHERE tenant_id = :tenant_id::uuid AND memory_id = :absorbed_id::uuid
ON CONFLICT DO NOTHING;

-- name: mark_compared
-- Record that the present versions of memories were compared.
UPDATE memories SET compared_version = version WHERE tenant_id = :tenant_id::uuid AND id = ANY (:ids::uuid[]);

-- name: lock_janitors
-- Take the lock of all janitors until the transaction ends; false if another janitor holds it.
SELECT pg_try_advisory_xact_lock(hashtextextended('eunoe janitor', 0));
