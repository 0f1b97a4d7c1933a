-- name: insert_checkpoint
-- Save a session's state.
INSERT INTO session_checkpoints (tenant_id, id, agent_id, user_id, session_id, name, state)
VALUES ($1::uuid, $2::uuid, $3::uuid, $4::text, $5::text, $6::text, $7::jsonb)
RETURNING created_at, octet_length(state::text) AS state_bytes;

-- name: load_checkpoint
-- The latest checkpoint of a session; of a name, or a certain one, where that is given.
SELECT id, name, state, octet_length(state::text) AS state_bytes, created_at
FROM session_checkpoints
WHERE tenant_id = $1::uuid AND agent_id = $2::uuid AND user_id = $3::text AND session_id = $4::text
    AND ($5::uuid IS NULL OR id = $5::uuid)
    AND ($6::text IS NULL OR name = $6::text)
ORDER BY created_at DESC, id DESC
LIMIT 1;

-- name: list_checkpoints
-- The checkpoints of a session without their states, the latest first, after a place.
SELECT id, name, octet_length(state::text) AS state_bytes, created_at
FROM session_checkpoints
WHERE tenant_id = $1::uuid AND agent_id = $2::uuid AND user_id = $3::text AND session_id = $4::text
    AND ($5::text IS NULL OR name = $5::text)
    AND ($6::timestamptz IS NULL OR (created_at, id) < ($6::timestamptz, $7::uuid))
ORDER BY created_at DESC, id DESC
LIMIT $8::int;
