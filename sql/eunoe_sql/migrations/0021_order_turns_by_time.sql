-- migrate:up
SET LOCAL ROLE eunoe_owner;

-- CASE in place of coalesce: row-level security regards coalesce as a leak, and would not look it up in an index.

-- The turns of a period, for queries such as "What did I say on 3 May?". The time of a turn is the gateway's time of the
-- message, if it gave one. Many turns may share it.
CREATE INDEX conversation_embeddings_by_time ON conversation_embeddings (
    tenant_id,
    agent_id,
    user_id,
    (CASE WHEN occurred_at IS NULL THEN created_at ELSE occurred_at END),
    position
);

-- The turns before and after a turn in its session. A turn without a session belongs to its thread.
CREATE INDEX conversation_embeddings_by_neighbour ON conversation_embeddings (
    tenant_id,
    agent_id,
    user_id,
    (CASE WHEN session_id IS NOT NULL THEN session_id WHEN thread_id IS NOT NULL THEN thread_id ELSE '' END),
    (CASE WHEN occurred_at IS NULL THEN created_at ELSE occurred_at END),
    position
);

RESET ROLE;

-- migrate:down
SET LOCAL ROLE eunoe_owner;
DROP INDEX conversation_embeddings_by_neighbour;
DROP INDEX conversation_embeddings_by_time;
RESET ROLE;
