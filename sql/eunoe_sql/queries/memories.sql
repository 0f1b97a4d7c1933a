-- name: ensure_owners
-- Insert agents and users that are new. Agents come first and in order, like in turns.sql, so that two writers cannot
-- deadlock.
WITH agents_inserted AS (
    INSERT INTO agents (tenant_id, id)
    SELECT :tenant_id::uuid, id FROM unnest(:agents::uuid[]) AS new (id)
    ORDER BY id
    ON CONFLICT DO NOTHING
    RETURNING 1
)
INSERT INTO users (tenant_id, user_id)
SELECT :tenant_id::uuid, user_id FROM unnest(:users::text[]) AS new (user_id)
WHERE (SELECT count(*) FROM agents_inserted) >= 0
ORDER BY user_id
ON CONFLICT DO NOTHING;

-- name: insert_session
-- Insert a session if it is new.
INSERT INTO sessions (tenant_id, agent_id, user_id, session_id, thread_id, channel, opened_at)
VALUES (
    :tenant_id::uuid, :agent_id::uuid, :user_id::text, :session_id::text, :thread_id::text, :channel::text,
    :opened_at::timestamptz
)
ON CONFLICT DO NOTHING;

-- name: lock_memories
-- Lock memories that apply to a scope, before a change. Locked in order, so that two writers cannot deadlock.
SELECT
    memory.id, memory.agent_id, memory.user_id, memory.status, memory.version, memory.content_hash, memory.deleted_at,
    memory.status IN ('active', 'pending_review') AND memory.deleted_at IS NULL
        AND coalesce({expiry} <= now(), false) AS expired
FROM memories AS memory
WHERE memory.tenant_id = :tenant_id::uuid AND memory.id = ANY (:ids::uuid[]) AND {applies}
ORDER BY memory.id
FOR UPDATE;

-- name: read_memories
-- Whole memories that apply to a scope, in the order of the given ids.
SELECT {memory_columns}
FROM unnest(:ids::uuid[]) WITH ORDINALITY AS wanted (id, place)
JOIN memories AS memory ON memory.tenant_id = :tenant_id::uuid AND memory.id = wanted.id
WHERE {applies}
ORDER BY wanted.place;

-- name: find_duplicate
-- Another memory of the same owner that holds a content in a status.
SELECT memory.id
FROM memories AS memory
WHERE memory.tenant_id = :tenant_id::uuid AND {owned} AND memory.content_hash = :content_hash::text
    AND memory.status = :status::text AND memory.deleted_at IS NULL AND memory.id IS DISTINCT FROM :other_than::uuid;

-- name: archive_expired_content
-- Archive the owner's memory of a content if it has expired, so that the content can be remembered anew.
UPDATE memories AS memory
SET status = 'archived', version = version + 1, updated_at = now()
WHERE memory.tenant_id = :tenant_id::uuid AND {owned} AND memory.content_hash = :content_hash::text
    AND memory.status IN ('active', 'pending_review') AND memory.deleted_at IS NULL AND {expiry} <= now();

-- name: set_status
-- Set the status of memories, and whether they are forgotten.
UPDATE memories
SET
    status = :status::text, deleted_at = CASE WHEN :forgotten::bool THEN now() END, version = version + 1,
    updated_at = now()
WHERE tenant_id = :tenant_id::uuid AND id = ANY (:ids::uuid[]);

-- name: set_successor
-- Link superseded or merged memories to the memory that replaces them.
UPDATE memories
SET
    superseded_by = CASE WHEN status = 'superseded' THEN :successor::uuid END,
    merged_into = CASE WHEN status = 'merged' THEN :successor::uuid END
WHERE tenant_id = :tenant_id::uuid AND id = ANY (:ids::uuid[]);

-- name: touch
-- Record that tags or relations of memories changed. The version stays: it counts changes of content and status.
UPDATE memories SET updated_at = now() WHERE tenant_id = :tenant_id::uuid AND id = ANY (:ids::uuid[]);
