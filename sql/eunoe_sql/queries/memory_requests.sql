-- name: claim_request
-- Claim a request id; no row if it was used before. A second process with the same id waits here until the first one has
-- committed.
INSERT INTO memory_requests (tenant_id, request_id, body_hash, agent_id, user_id)
VALUES (:tenant_id::uuid, :request_id::text, :body_hash::text, :agent_id::uuid, :user_id::text)
ON CONFLICT DO NOTHING
RETURNING true;

-- name: read_reply
-- The kept reply of a request, and the hash of its content.
SELECT body_hash, reply FROM memory_requests WHERE tenant_id = :tenant_id::uuid AND request_id = :request_id::text;

-- name: keep_reply
-- Keep a reply, with the ids of the memories that it quotes.
UPDATE memory_requests SET reply = :reply::jsonb, memory_ids = :memory_ids::uuid[]
WHERE tenant_id = :tenant_id::uuid AND request_id = :request_id::text;

-- name: replace_quoting_replies
-- Replace the kept replies that quote a purged memory by a problem.
UPDATE memory_requests
SET
    reply = jsonb_build_object('request_id', request_id, 'problem', :problem::jsonb),
    memory_ids = '{}'
WHERE tenant_id = :tenant_id::uuid AND memory_ids @> ARRAY[:memory_id::uuid];
