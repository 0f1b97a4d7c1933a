-- migrate:up
SET LOCAL ROLE eunoe_owner;

-- The one place that says when a memory lapses: at the moment that somebody gave; else a task's after its days, counted
-- from its making or its last use; else never. The days are a setting of the consumers, so that they come with the query.
CREATE FUNCTION eunoe_memory_lapses_at(
    tier text, created_at timestamptz, accessed_at timestamptz, expires_at timestamptz, task_days int, from_last_use bool
) RETURNS timestamptz
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN coalesce(
        expires_at,
        CASE WHEN tier = 'task' THEN
            CASE WHEN from_last_use THEN greatest(created_at, accessed_at) ELSE created_at END
            + task_days * interval '24 hours'
        END
    );

ALTER TABLE memories ADD COLUMN compared_version int;
COMMENT ON COLUMN memories.compared_version IS 'the version at which the janitor looked for near duplicates';

-- What the janitor looks for: tasks by age, and what has ended by the time of its end.
CREATE INDEX memories_by_age ON memories (tenant_id, created_at)
    WHERE tier = 'task' AND expires_at IS NULL AND status IN ('active', 'pending_review') AND deleted_at IS NULL;
CREATE INDEX memories_by_end ON memories (tenant_id, updated_at)
    WHERE status IN ('archived', 'superseded', 'merged') AND deleted_at IS NULL;

-- What is merged keeps the tags of both.
GRANT INSERT ON memory_tags TO eunoe_janitor;

RESET ROLE;

-- migrate:down
SET LOCAL ROLE eunoe_owner;
REVOKE INSERT ON memory_tags FROM eunoe_janitor;
DROP INDEX memories_by_end;
DROP INDEX memories_by_age;
ALTER TABLE memories DROP COLUMN compared_version;
DROP FUNCTION eunoe_memory_lapses_at(text, timestamptz, timestamptz, timestamptz, int, bool);
RESET ROLE;
