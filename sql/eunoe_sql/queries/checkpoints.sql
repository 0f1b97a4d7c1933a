-- name: insert_checkpoint
-- Save the state of a session.
INSERT INTO session_checkpoints (tenant_id, id, agent_id, user_id, session_id, name, state)
VALUES (
    :tenant_id::uuid, :id::uuid, :agent_id::uuid, :user_id::text, :session_id::text, :name::text, :state::jsonb
)
RETURNING id, name, octet_length(state::text) AS state_bytes, created_at;

-- name: load_checkpoint
-- The latest checkpoint of a session. An id or a name, if given, limits the choice.
SELECT id, name, state, octet_length(state::text) AS state_bytes, created_at
FROM session_checkpoints
WHERE tenant_id = :tenant_id::uuid AND agent_id = :agent_id::uuid AND user_id = :user_id::text
    AND session_id = :session_id::text
    AND (:id::uuid IS NULL OR id = :id::uuid)
    AND (:name::text IS NULL OR name = :name::text)
ORDER BY created_at DESC, id DESC
LIMIT 1;

-- name: list_checkpoints
-- A page of the checkpoints of a session, without their states, the latest first.
SELECT id, name, octet_length(state::text) AS state_bytes, created_at
FROM session_checkpoints
WHERE tenant_id = :tenant_id::uuid AND agent_id = :agent_id::uuid AND user_id = :user_id::text
    AND session_id = :session_id::text
    AND (:name::text IS NULL OR name = :name::text)
    AND (:after_time::timestamptz IS NULL OR (created_at, id) < (:after_time::timestamptz, :after_id::uuid))
ORDER BY created_at DESC, id DESC
LIMIT :limit::int;
