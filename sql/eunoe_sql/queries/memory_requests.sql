-- name: claim_request
-- Take a request up; no row where it was taken up before. A rival waits here until the first is committed.
INSERT INTO memory_requests (tenant_id, request_id, body_hash, agent_id, user_id)
VALUES ($1::uuid, $2::text, $3::text, $4::uuid, $5::text)
ON CONFLICT DO NOTHING
RETURNING request_id;

-- name: read_reply
-- What was answered, and to what.
SELECT body_hash, reply FROM memory_requests WHERE tenant_id = $1::uuid AND request_id = $2::text;

-- name: keep_reply
-- Keep a reply, with the ids of the memories in it.
UPDATE memory_requests SET reply = $3::jsonb, memory_ids = $4::uuid[]
WHERE tenant_id = $1::uuid AND request_id = $2::text;

-- name: empty_replies
-- A memory is purged: no reply that was kept shall still quote it.
UPDATE memory_requests
SET
    reply = jsonb_build_object('request_id', request_id, 'problem', $3::jsonb),
    memory_ids = '{}'
WHERE tenant_id = $1::uuid AND memory_ids @> ARRAY[$2::uuid];
