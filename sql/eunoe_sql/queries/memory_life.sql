-- name: archive_lapsed
-- Archive memories that have lapsed; those that somebody is changing are left for the next time.
UPDATE memories
SET status = 'archived', version = version + 1, updated_at = now()
WHERE tenant_id = $1::uuid AND id = ANY (ARRAY(
    SELECT id
    FROM memories
    WHERE tenant_id = $1::uuid AND status IN ('active', 'pending_review') AND deleted_at IS NULL
        AND (
            expires_at <= now()
            OR expires_at IS NULL AND tier = 'task' AND created_at <= now() - $2::int * interval '24 hours'
        )
        AND eunoe_memory_lapses_at(tier, created_at, accessed_at, expires_at, $2::int, $3::bool) <= now()
    LIMIT $4::int
    FOR UPDATE SKIP LOCKED
));

-- name: archive_lapsed_content
-- Archive an owner's lapsed memory of a content: remembered again it is a new one.
UPDATE memories
SET status = 'archived', version = version + 1, updated_at = now()
WHERE tenant_id = $1::uuid AND agent_id IS NOT DISTINCT FROM $2::uuid AND user_id IS NOT DISTINCT FROM $3::text
    AND content_hash = $4::text AND status IN ('active', 'pending_review') AND deleted_at IS NULL
    AND eunoe_memory_lapses_at(tier, created_at, accessed_at, expires_at, $5::int, $6::bool) <= now();

-- name: renew_lapsed
-- Give a memory that had lapsed, and is taken up again, a time of its own that begins now.
UPDATE memories
SET expires_at = CASE WHEN tier = 'task' THEN now() + $3::int * interval '24 hours' END
WHERE tenant_id = $1::uuid AND id = $2::uuid
    AND eunoe_memory_lapses_at(tier, created_at, accessed_at, expires_at, $3::int, $4::bool) <= now();

-- name: purge_ended
-- Delete memories that ended so many days ago: forgotten; archived, but not a personal one that nobody gave an end; or
-- history whose own time has lapsed, too.
DELETE FROM memories
WHERE tenant_id = $1::uuid AND id = ANY (ARRAY(
    SELECT id
    FROM memories
    WHERE tenant_id = $1::uuid
        AND (
            deleted_at <= now() - $2::int * interval '24 hours'
            OR deleted_at IS NULL AND status IN ('archived', 'superseded', 'merged')
                AND updated_at <= now() - $2::int * interval '24 hours'
                AND (
                    status = 'archived' AND tier <> 'personal'
                    OR eunoe_memory_lapses_at(tier, created_at, accessed_at, expires_at, $3::int, $4::bool)
                        <= now() - $2::int * interval '24 hours'
                )
        )
    LIMIT $5::int
    FOR UPDATE SKIP LOCKED
))
RETURNING id;

-- name: drop_quoting_replies
-- Drop the kept replies that quote memories which were purged.
DELETE FROM memory_requests WHERE tenant_id = $1::uuid AND memory_ids && $2::uuid[];

-- name: drop_old_replies
-- Drop kept replies that nobody asks for again.
DELETE FROM memory_requests
WHERE tenant_id = $1::uuid AND request_id = ANY (ARRAY(
    SELECT request_id
    FROM memory_requests
    WHERE tenant_id = $1::uuid AND created_at <= now() - $2::int * interval '24 hours'
    LIMIT $3::int
));

-- name: uncompared_memories
-- Lock active memories that were not compared with their neighbours as they are now, the oldest first.
SELECT id
FROM memories
WHERE tenant_id = $1::uuid AND status = 'active' AND deleted_at IS NULL AND embedding IS NOT NULL
    AND compared_version IS DISTINCT FROM version
    AND (eunoe_memory_lapses_at(tier, created_at, accessed_at, expires_at, $2::int, $3::bool) <= now()) IS NOT TRUE
ORDER BY created_at, id
LIMIT $4::int
FOR UPDATE SKIP LOCKED;

-- name: nearest_twin
-- Lock the active memory of the same owner and tier that is nearest to one, if it is near enough; with which of the two
-- stays: the more certain, else the more useful, else the older. No row where the one is not active any more.
SELECT
    twin.id,
    (twin.confidence, twin.usefulness, memory.created_at, memory.id)
        > (memory.confidence, memory.usefulness, twin.created_at, twin.id) AS stays
FROM memories AS memory
JOIN memories AS twin
    ON twin.tenant_id = $1::uuid AND twin.scope_hash = memory.scope_hash
    AND twin.agent_id IS NOT DISTINCT FROM memory.agent_id AND twin.user_id IS NOT DISTINCT FROM memory.user_id
    AND twin.tier = memory.tier AND twin.id <> memory.id
WHERE memory.tenant_id = $1::uuid AND memory.id = $2::uuid AND memory.status = 'active'
    AND twin.status = 'active' AND twin.deleted_at IS NULL AND twin.embedding IS NOT NULL
    AND (
        eunoe_memory_lapses_at(
            twin.tier, twin.created_at, twin.accessed_at, twin.expires_at, $4::int, $5::bool
        ) <= now()
    ) IS NOT TRUE
    AND (twin.embedding <=> memory.embedding) <= 1 - $3::float8
ORDER BY (twin.embedding <=> memory.embedding) + 0
LIMIT 1
FOR UPDATE OF twin SKIP LOCKED;

-- name: absorb_memory
-- A near duplicate is merged into a memory: that counts as a confirmation, its uses are those of both, and it lives as
-- long as either would have. Where tasks live from their last use, the making of the other one is a use.
UPDATE memories AS kept
SET
    confidence = kept.confidence + (1 - kept.confidence) * $4::float8,
    retrieval_count = kept.retrieval_count + gone.retrieval_count,
    accessed_at = greatest(kept.accessed_at, gone.accessed_at, CASE WHEN $6::bool THEN gone.created_at END),
    expires_at = CASE
        WHEN $6::bool AND kept.expires_at IS NULL AND gone.expires_at IS NULL THEN NULL
        WHEN coalesce(
            eunoe_memory_lapses_at(kept.tier, kept.created_at, kept.accessed_at, kept.expires_at, $5::int, $6::bool),
            'infinity'
        ) >= coalesce(
            eunoe_memory_lapses_at(gone.tier, gone.created_at, gone.accessed_at, gone.expires_at, $5::int, $6::bool),
            'infinity'
        ) THEN kept.expires_at
        ELSE eunoe_memory_lapses_at(
            gone.tier, gone.created_at, gone.accessed_at, gone.expires_at, $5::int, $6::bool
        )
    END,
    last_retrieved_at = greatest(kept.last_retrieved_at, gone.last_retrieved_at),
    last_injected_at = greatest(kept.last_injected_at, gone.last_injected_at),
    updated_at = now()
FROM memories AS gone
WHERE kept.tenant_id = $1::uuid AND kept.id = $2::uuid AND gone.tenant_id = $1::uuid AND gone.id = $3::uuid;

-- name: copy_tags
-- Give a memory another's tags, as far as there is room.
INSERT INTO memory_tags (tenant_id, memory_id, tag)
SELECT $1::uuid, $2::uuid, tag
FROM memory_tags
WHERE tenant_id = $1::uuid AND memory_id = $3::uuid
    AND tag NOT IN (SELECT tag FROM memory_tags WHERE tenant_id = $1::uuid AND memory_id = $2::uuid)
ORDER BY tag
LIMIT greatest(0, $4::int - (SELECT count(*) FROM memory_tags WHERE tenant_id = $1::uuid AND memory_id = $2::uuid));

-- name: mark_compared
-- Note that memories were compared as they are.
UPDATE memories SET compared_version = version WHERE tenant_id = $1::uuid AND id = ANY ($2::uuid[]);

-- name: try_alone
-- Whether no other janitor works in this database, until the transaction ends.
SELECT pg_try_advisory_xact_lock(hashtextextended('eunoe janitor', 0));
