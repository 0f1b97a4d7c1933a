-- name: insert_agents
-- Insert the agents of new messages. Ordered, so that two writers of the same rows cannot deadlock.
INSERT INTO agents (tenant_id, id)
SELECT DISTINCT tenant_id, id FROM unnest($1::uuid[], $2::uuid[]) AS new (tenant_id, id)
ORDER BY tenant_id, id
ON CONFLICT DO NOTHING;

-- name: insert_users
-- Insert the users of new messages.
INSERT INTO users (tenant_id, user_id)
SELECT DISTINCT tenant_id, user_id FROM unnest($1::uuid[], $2::text[]) AS new (tenant_id, user_id)
ORDER BY tenant_id, user_id
ON CONFLICT DO NOTHING;

-- name: insert_sessions
-- Open the sessions of new messages. A session opens with its first message.
INSERT INTO sessions (tenant_id, agent_id, user_id, session_id, thread_id, channel, opened_at)
SELECT DISTINCT ON (tenant_id, agent_id, user_id, session_id)
    tenant_id, agent_id, user_id, session_id, thread_id, channel, opened_at
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[], $7::timestamptz[])
    AS new (tenant_id, agent_id, user_id, session_id, thread_id, channel, opened_at)
WHERE session_id IS NOT NULL
ORDER BY tenant_id, agent_id, user_id, session_id, opened_at
ON CONFLICT DO NOTHING;

-- name: insert_speakers
-- Insert the speakers of new messages.
INSERT INTO speakers (tenant_id, agent_id, user_id, speaker, role)
SELECT DISTINCT tenant_id, agent_id, user_id, speaker, role
FROM unnest($1::uuid[], $2::uuid[], $3::text[], $4::text[], $5::text[])
    AS new (tenant_id, agent_id, user_id, speaker, role)
WHERE speaker IS NOT NULL
ORDER BY tenant_id, agent_id, user_id, speaker, role
ON CONFLICT DO NOTHING;

-- name: insert_turns
-- Insert turns, except those that exist. The command tag counts the new ones.
INSERT INTO conversation_embeddings (
    tenant_id, id, agent_id, user_id, role, content, created_at, position, event_id,
    session_id, thread_id, channel, speaker, occurred_at, metadata, embedding_model, embedding
)
SELECT
    tenant_id, id, agent_id, user_id, role, content, created_at, position, event_id,
    session_id, thread_id, channel, speaker, occurred_at, metadata, embedding_model, embedding
FROM unnest(
    $1::uuid[], $2::uuid[], $3::uuid[], $4::text[], $5::text[], $6::text[], $7::timestamptz[], $8::bigint[], $9::text[],
    $10::text[], $11::text[], $12::text[], $13::text[], $14::timestamptz[], $15::jsonb[], $16::text[], $17::halfvec[]
) AS new (
    tenant_id, id, agent_id, user_id, role, content, created_at, position, event_id,
    session_id, thread_id, channel, speaker, occurred_at, metadata, embedding_model, embedding
)
ORDER BY tenant_id, id, position
ON CONFLICT DO NOTHING;

-- name: conflicts
-- Number the given messages, from 1, whose turn stores another message: another role, content, thread or channel.
SELECT given.number
FROM unnest($2::uuid[], $3::text[], $4::text[], $5::text[], $6::text[])
    WITH ORDINALITY AS given (id, role, content, thread_id, channel, number)
JOIN conversation_embeddings AS turn ON turn.tenant_id = $1::uuid AND turn.id = given.id
WHERE (turn.role, turn.content, turn.thread_id, turn.channel)
    IS DISTINCT FROM (given.role, given.content, given.thread_id, given.channel);

-- name: insert_pieces
-- Insert the other pieces of long turns, except those that exist. The pieces of an entry never change.
INSERT INTO turn_pieces (tenant_id, agent_id, user_id, id, position, piece, starts_at, ends_at, embedding)
SELECT tenant_id, agent_id, user_id, id, position, piece, starts_at, ends_at, embedding
FROM unnest(
    $1::uuid[], $2::uuid[], $3::text[], $4::uuid[], $5::bigint[], $6::smallint[], $7::int[], $8::int[], $9::halfvec[]
) AS new (tenant_id, agent_id, user_id, id, position, piece, starts_at, ends_at, embedding)
ORDER BY tenant_id, id, position, piece
ON CONFLICT DO NOTHING;

-- name: last_turns
-- The last turns of a scope, the newest first. A new or lost window is loaded from them.
SELECT
    position, event_id, role, content, session_id, speaker, thread_id, channel, created_at, occurred_at,
    nullif(metadata, '{}') AS metadata
FROM conversation_embeddings
WHERE tenant_id = $1::uuid AND agent_id = $2::uuid AND user_id = $3::text
ORDER BY created_at DESC, position DESC
LIMIT $4::int;
