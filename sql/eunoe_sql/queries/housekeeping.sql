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
SELECT memory.id
FROM memories AS memory
WHERE memory.tenant_id = :tenant_id::uuid AND memory.status = 'active' AND memory.deleted_at IS NULL
    AND memory.embedding IS NOT NULL AND memory.compared_version IS DISTINCT FROM memory.version
    AND ({expiry} <= now()) IS NOT TRUE
ORDER BY memory.created_at, memory.id
LIMIT :limit::int
FOR UPDATE SKIP LOCKED;

-- name: nearest_duplicate
-- Lock the nearest near duplicate of a memory with the same owner and tier. `stays` is true if the duplicate is kept, and
-- false if the memory is kept: the more certain one, else the more useful, else the older. No row if the memory is no
-- longer active.
SELECT
    memory.id,
    (memory.confidence, memory.usefulness, compared.created_at, compared.id)
        > (compared.confidence, compared.usefulness, memory.created_at, memory.id) AS stays
FROM memories AS compared
JOIN memories AS memory
    ON memory.tenant_id = :tenant_id::uuid AND memory.scope_hash = compared.scope_hash
    AND memory.agent_id IS NOT DISTINCT FROM compared.agent_id AND memory.user_id IS NOT DISTINCT FROM compared.user_id
    AND memory.tier = compared.tier AND memory.id <> compared.id
WHERE compared.tenant_id = :tenant_id::uuid AND compared.id = :id::uuid AND compared.status = 'active'
    AND memory.status = 'active' AND memory.deleted_at IS NULL AND memory.embedding IS NOT NULL
    AND ({expiry} <= now()) IS NOT TRUE
    AND (memory.embedding <=> compared.embedding) <= 1 - :min_cosine::float8
ORDER BY (memory.embedding <=> compared.embedding) + 0
LIMIT 1
FOR UPDATE OF memory SKIP LOCKED;

-- name: absorb_memory
-- Merge a near duplicate into the kept memory: confirm it, add the uses of the duplicate, and keep the later of both
-- ends. If the lifetime counts from the last use, the creation of the duplicate counts as a use.
WITH absorbed AS (
    SELECT
        memory.retrieval_count, memory.created_at, memory.accessed_at, memory.expires_at, memory.last_retrieved_at,
        memory.last_injected_at, {expiry} AS ends_at
    FROM memories AS memory
    WHERE memory.tenant_id = :tenant_id::uuid AND memory.id = :absorbed_id::uuid
)
UPDATE memories AS memory
SET
    confidence = memory.confidence + (1 - memory.confidence) * :confirmation_share::float8,
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
-- Copy the tags of one memory to another, as far as there is room.
INSERT INTO memory_tags (tenant_id, memory_id, tag)
SELECT :tenant_id::uuid, :id::uuid, tag
FROM memory_tags
WHERE tenant_id = :tenant_id::uuid AND memory_id = :absorbed_id::uuid
    AND tag NOT IN (SELECT tag FROM memory_tags WHERE tenant_id = :tenant_id::uuid AND memory_id = :id::uuid)
ORDER BY tag
LIMIT greatest(
    0,
    :max_tags::int - (SELECT count(*) FROM memory_tags WHERE tenant_id = :tenant_id::uuid AND memory_id = :id::uuid)
);

-- name: mark_compared
-- Record that the present versions of memories were compared.
UPDATE memories SET compared_version = version WHERE tenant_id = :tenant_id::uuid AND id = ANY (:ids::uuid[]);

-- name: lock_janitors
-- Take the lock of all janitors until the transaction ends; false if another janitor holds it.
SELECT pg_try_advisory_xact_lock(hashtextextended('eunoe janitor', 0));
