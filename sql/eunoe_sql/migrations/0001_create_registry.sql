-- migrate:up
CREATE EXTENSION IF NOT EXISTS vector;

GRANT USAGE ON SCHEMA public TO eunoe_owner, eunoe_ingest, eunoe_recall, eunoe_curator, eunoe_janitor;
GRANT CREATE ON SCHEMA public TO eunoe_owner;
GRANT SELECT ON schema_migrations TO eunoe_owner, eunoe_ingest, eunoe_recall, eunoe_curator, eunoe_janitor;

SET LOCAL ROLE eunoe_owner;

-- The registry is the one table without row-level security: whoever asks whether a tenant exists has no tenant yet.
CREATE TABLE tenants (
    id         uuid        NOT NULL PRIMARY KEY,
    name       text        NOT NULL UNIQUE CHECK (char_length(name) BETWEEN 1 AND 200),
    language   regconfig   NOT NULL DEFAULT 'english',
    created_at timestamptz NOT NULL DEFAULT now()
);
COMMENT ON COLUMN tenants.language IS 'text search configuration of the lexical index';

CREATE TABLE agents (
    tenant_id  uuid        NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id         uuid        NOT NULL,
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id)
);

CREATE TABLE users (
    tenant_id  uuid        NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    user_id    text        NOT NULL CHECK (char_length(user_id) BETWEEN 1 AND 256),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, user_id)
);

CREATE TABLE sessions (
    tenant_id  uuid        NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    agent_id   uuid        NOT NULL,
    user_id    text        NOT NULL,
    session_id text        NOT NULL CHECK (char_length(session_id) BETWEEN 1 AND 300),
    thread_id  text,
    channel    text,
    opened_at  timestamptz NOT NULL,
    PRIMARY KEY (tenant_id, agent_id, user_id, session_id),
    FOREIGN KEY (tenant_id, agent_id) REFERENCES agents (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, user_id) ON DELETE CASCADE
);
CREATE INDEX sessions_by_user ON sessions (tenant_id, user_id);
COMMENT ON COLUMN sessions.opened_at IS 'of the first of its messages that was stored';

ALTER TABLE agents ENABLE ROW LEVEL SECURITY;
ALTER TABLE agents FORCE ROW LEVEL SECURITY;
ALTER TABLE users ENABLE ROW LEVEL SECURITY;
ALTER TABLE users FORCE ROW LEVEL SECURITY;
ALTER TABLE sessions ENABLE ROW LEVEL SECURITY;
ALTER TABLE sessions FORCE ROW LEVEL SECURITY;

-- nullif: after a transaction that set it, an unset setting reads as '' and not as NULL, and '' is no uuid.
CREATE FUNCTION eunoe_current_tenant() RETURNS uuid
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN nullif(current_setting('app.current_tenant', true), '')::uuid;

CREATE FUNCTION eunoe_batch_tenants() RETURNS uuid[]
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN string_to_array(nullif(current_setting('app.batch_tenants', true), ''), ',')::uuid[];

CREATE POLICY ingest ON agents FOR INSERT TO eunoe_ingest WITH CHECK (tenant_id = ANY (eunoe_batch_tenants()));
CREATE POLICY recall ON agents FOR SELECT TO eunoe_recall, eunoe_curator, eunoe_janitor
    USING (tenant_id = eunoe_current_tenant());
CREATE POLICY erase ON agents FOR DELETE TO eunoe_janitor USING (tenant_id = eunoe_current_tenant());

CREATE POLICY ingest ON users FOR INSERT TO eunoe_ingest WITH CHECK (tenant_id = ANY (eunoe_batch_tenants()));
CREATE POLICY recall ON users FOR SELECT TO eunoe_recall, eunoe_curator, eunoe_janitor
    USING (tenant_id = eunoe_current_tenant());
CREATE POLICY erase ON users FOR DELETE TO eunoe_janitor USING (tenant_id = eunoe_current_tenant());

CREATE POLICY ingest ON sessions FOR INSERT TO eunoe_ingest WITH CHECK (tenant_id = ANY (eunoe_batch_tenants()));
CREATE POLICY recall ON sessions FOR SELECT TO eunoe_recall, eunoe_curator, eunoe_janitor
    USING (tenant_id = eunoe_current_tenant());
CREATE POLICY erase ON sessions FOR DELETE TO eunoe_janitor USING (tenant_id = eunoe_current_tenant());

GRANT SELECT ON tenants TO eunoe_ingest, eunoe_recall, eunoe_curator, eunoe_janitor;
GRANT INSERT ON agents, users, sessions TO eunoe_ingest;
GRANT SELECT ON agents, users, sessions TO eunoe_recall, eunoe_curator;
GRANT SELECT, DELETE ON agents, users, sessions TO eunoe_janitor;

RESET ROLE; -- what follows, dbmate's entry in the ledger, is the login's

-- migrate:down
-- The extension stays: other schemas may use it. The roles stay: other databases may use them.
SET LOCAL ROLE eunoe_owner;
DROP TABLE sessions;
DROP TABLE users;
DROP TABLE agents;
DROP FUNCTION eunoe_batch_tenants();
DROP FUNCTION eunoe_current_tenant();
DROP TABLE tenants;
RESET ROLE;
REVOKE SELECT ON schema_migrations FROM eunoe_owner, eunoe_ingest, eunoe_recall, eunoe_curator, eunoe_janitor;
REVOKE CREATE ON SCHEMA public FROM eunoe_owner;
REVOKE USAGE ON SCHEMA public FROM eunoe_owner, eunoe_ingest, eunoe_recall, eunoe_curator, eunoe_janitor;
