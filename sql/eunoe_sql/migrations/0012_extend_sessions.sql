-- migrate:up
SET LOCAL ROLE eunoe_owner;

-- What a session's turns tell, their number and the first and last of them, is asked of the turns when it is read: a
-- counter beside them would make ingest update, and two batches of one session wait for each other. So is idleness: it
-- needs nobody who notes it.
ALTER TABLE sessions
    ADD COLUMN reopened_at  timestamptz,
    ADD COLUMN closed_at    timestamptz,
    ADD COLUMN close_reason text        CHECK (close_reason IN ('requested', 'idle')),
    ADD COLUMN metadata     jsonb       NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
    ADD CONSTRAINT sessions_closed_check CHECK ((closed_at IS NULL) = (close_reason IS NULL));
COMMENT ON COLUMN sessions.closed_at IS 'by request; a later turn opens the session again';
CREATE INDEX sessions_by_opening ON sessions (tenant_id, agent_id, user_id, opened_at DESC, session_id DESC);

CREATE INDEX conversation_embeddings_by_session
    ON conversation_embeddings (tenant_id, agent_id, user_id, session_id, created_at, position)
    WHERE session_id IS NOT NULL;
-- When a turn was and of which session; not what was said.
GRANT SELECT (tenant_id, agent_id, user_id, session_id, created_at, position, event_id) ON conversation_embeddings
    TO eunoe_curator;
CREATE POLICY curate ON conversation_embeddings FOR SELECT TO eunoe_curator
    USING (tenant_id = eunoe_current_tenant());

CREATE TABLE session_checkpoints (
    tenant_id  uuid        NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id         uuid        NOT NULL,
    agent_id   uuid        NOT NULL,
    user_id    text        NOT NULL,
    session_id text        NOT NULL,
    name       text        CHECK (char_length(name) BETWEEN 1 AND 256),
    state      jsonb       NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    FOREIGN KEY (tenant_id, agent_id, user_id, session_id)
        REFERENCES sessions (tenant_id, agent_id, user_id, session_id) ON DELETE CASCADE
);
CREATE INDEX session_checkpoints_by_session
    ON session_checkpoints (tenant_id, agent_id, user_id, session_id, created_at DESC, id DESC);

ALTER TABLE session_checkpoints ENABLE ROW LEVEL SECURITY;
ALTER TABLE session_checkpoints FORCE ROW LEVEL SECURITY;

CREATE POLICY curate ON session_checkpoints TO eunoe_curator, eunoe_janitor USING (tenant_id = eunoe_current_tenant());
GRANT SELECT, INSERT, DELETE ON session_checkpoints TO eunoe_curator;
GRANT SELECT, DELETE ON session_checkpoints TO eunoe_janitor;

-- Only what changes in a session's life; whose it is and when it opened stay as they are.
CREATE POLICY curate_update ON sessions FOR UPDATE TO eunoe_curator, eunoe_janitor
    USING (tenant_id = eunoe_current_tenant());
GRANT UPDATE (reopened_at, closed_at, close_reason, metadata) ON sessions TO eunoe_curator;
GRANT UPDATE (closed_at, close_reason) ON sessions TO eunoe_janitor;

RESET ROLE;

-- migrate:down
SET LOCAL ROLE eunoe_owner;
DROP POLICY curate_update ON sessions;
DROP TABLE session_checkpoints;
DROP POLICY curate ON conversation_embeddings;
REVOKE SELECT (tenant_id, agent_id, user_id, session_id, created_at, position, event_id) ON conversation_embeddings
    FROM eunoe_curator;
DROP INDEX conversation_embeddings_by_session;
DROP INDEX sessions_by_opening;
ALTER TABLE sessions
    DROP CONSTRAINT sessions_closed_check,
    DROP COLUMN metadata,
    DROP COLUMN close_reason,
    DROP COLUMN closed_at,
    DROP COLUMN reopened_at;
RESET ROLE;
