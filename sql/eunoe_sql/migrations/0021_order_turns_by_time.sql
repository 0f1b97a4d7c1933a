-- migrate:up
SET LOCAL ROLE eunoe_owner;

-- The turns of a period, for queries such as "What did I say on 3 May?". The time of a turn is the gateway's time of the
-- message, if it gave one. Many turns may share it.
CREATE INDEX conversation_embeddings_by_time
    ON conversation_embeddings (tenant_id, agent_id, user_id, coalesce(occurred_at, created_at), position);

-- The turns before and after a turn in its session. A turn without a session belongs to its thread.
CREATE INDEX conversation_embeddings_by_neighbour ON conversation_embeddings (
    tenant_id, agent_id, user_id, coalesce(session_id, thread_id, ''), coalesce(occurred_at, created_at), position
);

RESET ROLE;

-- migrate:down
SET LOCAL ROLE eunoe_owner;
DROP INDEX conversation_embeddings_by_neighbour;
DROP INDEX conversation_embeddings_by_time;
RESET ROLE;
