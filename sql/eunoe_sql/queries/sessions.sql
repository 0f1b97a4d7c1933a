-- name: lock_session
-- Lock a session, before it is closed.
SELECT true
FROM sessions
WHERE tenant_id = :tenant_id::uuid AND agent_id = :agent_id::uuid AND user_id = :user_id::text
    AND session_id = :session_id::text
FOR NO KEY UPDATE;

-- name: reopen_session
-- Cancel the closing of a session, and count its silence from now. NULL keeps the metadata.
UPDATE sessions
SET closed_at = NULL, close_reason = NULL, reopened_at = now(), metadata = coalesce(:metadata::jsonb, metadata)
WHERE tenant_id = :tenant_id::uuid AND agent_id = :agent_id::uuid AND user_id = :user_id::text
    AND session_id = :session_id::text;

-- name: close_session
-- Close a session by request. The time is not earlier than any other time of the session: these come from several clocks.
UPDATE sessions
SET
    closed_at = greatest(
        now(),
        opened_at,
        reopened_at,
        (
            SELECT max(created_at)
            FROM conversation_embeddings
            WHERE tenant_id = :tenant_id::uuid AND agent_id = :agent_id::uuid AND user_id = :user_id::text
                AND session_id = :session_id::text
        )
    ),
    close_reason = 'requested'
WHERE tenant_id = :tenant_id::uuid AND agent_id = :agent_id::uuid AND user_id = :user_id::text
    AND session_id = :session_id::text;

-- name: read_sessions
-- A page of the sessions of an agent with a user, the last opened first, with figures about their turns. A session is
-- closed if nothing happened in it since it was closed by request, or for `idle_seconds`. OFFSET 0 makes PostgreSQL look
-- up the last turn once for each session, instead of once for each use of `active_at`.
WITH page AS (
    SELECT
        session.session_id, session.thread_id, session.channel, session.metadata, session.opened_at,
        CASE
            WHEN session.closed_at >= life.active_at THEN session.closed_at
            WHEN life.active_at + make_interval(secs => :idle_seconds::float8) <= now()
                THEN life.active_at + make_interval(secs => :idle_seconds::float8)
        END AS closed_at,
        CASE
            WHEN session.closed_at >= life.active_at THEN session.close_reason
            WHEN life.active_at + make_interval(secs => :idle_seconds::float8) <= now() THEN 'idle'
        END AS close_reason
    FROM sessions AS session
    CROSS JOIN LATERAL (
        SELECT greatest(
            session.opened_at,
            session.reopened_at,
            (
                SELECT max(created_at)
                FROM conversation_embeddings
                WHERE tenant_id = :tenant_id::uuid AND agent_id = :agent_id::uuid AND user_id = :user_id::text
                    AND session_id = session.session_id
            )
        ) AS active_at
        OFFSET 0
    ) AS life
    WHERE session.tenant_id = :tenant_id::uuid AND session.agent_id = :agent_id::uuid
        AND session.user_id = :user_id::text
        AND (:session_id::text IS NULL OR session.session_id = :session_id::text)
        AND (
            :is_open::bool IS NULL
            OR :is_open::bool = (
                (session.closed_at IS NULL OR session.closed_at < life.active_at)
                AND life.active_at + make_interval(secs => :idle_seconds::float8) > now()
            )
        )
        AND (
            :after_time::timestamptz IS NULL
            OR (session.opened_at, session.session_id) < (:after_time::timestamptz, :after_id::text)
        )
    ORDER BY session.opened_at DESC, session.session_id DESC
    LIMIT :limit::int
)
SELECT
    page.session_id, page.thread_id, page.channel, page.metadata, page.opened_at, page.closed_at, page.close_reason,
    (
        SELECT count(*)
        FROM conversation_embeddings
        WHERE tenant_id = :tenant_id::uuid AND agent_id = :agent_id::uuid AND user_id = :user_id::text
            AND session_id = page.session_id
    ) AS messages,
    first.created_at AS first_message_at, first.event_id AS first_event_id,
    last.created_at AS last_message_at, last.event_id AS last_event_id
FROM page
LEFT JOIN LATERAL (
    SELECT created_at, event_id
    FROM conversation_embeddings
    WHERE tenant_id = :tenant_id::uuid AND agent_id = :agent_id::uuid AND user_id = :user_id::text
        AND session_id = page.session_id
    ORDER BY created_at, position
    LIMIT 1
) AS first ON true
LEFT JOIN LATERAL (
    SELECT created_at, event_id
    FROM conversation_embeddings
    WHERE tenant_id = :tenant_id::uuid AND agent_id = :agent_id::uuid AND user_id = :user_id::text
        AND session_id = page.session_id
    ORDER BY created_at DESC, position DESC
    LIMIT 1
) AS last ON true
ORDER BY page.opened_at DESC, page.session_id DESC;
