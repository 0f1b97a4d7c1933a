-- name: lock_session
-- Whether a session is there, before it is changed.
SELECT session_id
FROM sessions
WHERE tenant_id = $1::uuid AND agent_id = $2::uuid AND user_id = $3::text AND session_id = $4::text
FOR NO KEY UPDATE;

-- name: reopen_session
-- Take back the closing of a session, and count its idleness from now; metadata that is NULL stays.
UPDATE sessions
SET closed_at = NULL, close_reason = NULL, reopened_at = now(), metadata = coalesce($5::jsonb, metadata)
WHERE tenant_id = $1::uuid AND agent_id = $2::uuid AND user_id = $3::text AND session_id = $4::text;

-- name: close_session
-- Close a session by request: not before what is known of it, whatever the clock says that made those times.
UPDATE sessions
SET
    closed_at = greatest(
        now(),
        opened_at,
        reopened_at,
        (
            SELECT max(created_at)
            FROM conversation_embeddings
            WHERE tenant_id = $1::uuid AND agent_id = $2::uuid AND user_id = $3::text AND session_id = $4::text
        )
    ),
    close_reason = 'requested'
WHERE tenant_id = $1::uuid AND agent_id = $2::uuid AND user_id = $3::text AND session_id = $4::text;

-- name: read_sessions
-- Sessions of an agent with a user, the one that opened last first, after a place, with what their turns tell. Closed is
-- one that nothing happened in since it was closed by request, or for so many seconds. OFFSET 0: the last turn is looked
-- up once for each session, not once for each time that it is named.
WITH page AS (
    SELECT
        session.session_id, session.thread_id, session.channel, session.metadata, session.opened_at,
        CASE
            WHEN session.closed_at >= life.active_at THEN session.closed_at
            WHEN life.active_at + make_interval(secs => $5::float8) <= now()
                THEN life.active_at + make_interval(secs => $5::float8)
        END AS closed_at,
        CASE
            WHEN session.closed_at >= life.active_at THEN session.close_reason
            WHEN life.active_at + make_interval(secs => $5::float8) <= now() THEN 'idle'
        END AS close_reason
    FROM sessions AS session
    CROSS JOIN LATERAL (
        SELECT greatest(
            session.opened_at,
            session.reopened_at,
            (
                SELECT max(created_at)
                FROM conversation_embeddings
                WHERE tenant_id = $1::uuid AND agent_id = $2::uuid AND user_id = $3::text
                    AND session_id = session.session_id
            )
        ) AS active_at
        OFFSET 0
    ) AS life
    WHERE session.tenant_id = $1::uuid AND session.agent_id = $2::uuid AND session.user_id = $3::text
        AND ($4::text IS NULL OR session.session_id = $4::text)
        AND (
            $6::bool IS NULL
            OR $6::bool = (
                (session.closed_at IS NULL OR session.closed_at < life.active_at)
                AND life.active_at + make_interval(secs => $5::float8) > now()
            )
        )
        AND ($7::timestamptz IS NULL OR (session.opened_at, session.session_id) < ($7::timestamptz, $8::text))
    ORDER BY session.opened_at DESC, session.session_id DESC
    LIMIT $9::int
)
SELECT
    page.session_id, page.thread_id, page.channel, page.metadata, page.opened_at, page.closed_at, page.close_reason,
    (
        SELECT count(*)
        FROM conversation_embeddings
        WHERE tenant_id = $1::uuid AND agent_id = $2::uuid AND user_id = $3::text AND session_id = page.session_id
    ) AS turns,
    first.created_at AS first_at, first.event_id AS first_event_id,
    last.created_at AS last_at, last.event_id AS last_event_id
FROM page
LEFT JOIN LATERAL (
    SELECT created_at, event_id
    FROM conversation_embeddings
    WHERE tenant_id = $1::uuid AND agent_id = $2::uuid AND user_id = $3::text AND session_id = page.session_id
    ORDER BY created_at, position
    LIMIT 1
) AS first ON true
LEFT JOIN LATERAL (
    SELECT created_at, event_id
    FROM conversation_embeddings
    WHERE tenant_id = $1::uuid AND agent_id = $2::uuid AND user_id = $3::text AND session_id = page.session_id
    ORDER BY created_at DESC, position DESC
    LIMIT 1
) AS last ON true
ORDER BY page.opened_at DESC, page.session_id DESC;
