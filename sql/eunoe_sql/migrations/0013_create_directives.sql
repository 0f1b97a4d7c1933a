-- migrate:up
SET LOCAL ROLE eunoe_owner;

-- An agent's standing instructions, with every user or with one.
CREATE TABLE directives (
    tenant_id  uuid        NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id         uuid        NOT NULL,
    agent_id   uuid        NOT NULL,
    user_id    text        CHECK (char_length(user_id) BETWEEN 1 AND 256),
    name       text        NOT NULL CHECK (char_length(name) BETWEEN 1 AND 256),
    content    text        NOT NULL CHECK (char_length(content) BETWEEN 1 AND 8192),
    ordinal    int         NOT NULL DEFAULT 0,
    version    int         NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT directives_once UNIQUE NULLS NOT DISTINCT (tenant_id, agent_id, user_id, name),
    FOREIGN KEY (tenant_id, agent_id) REFERENCES agents (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, user_id) ON DELETE CASCADE
);
CREATE INDEX directives_by_user ON directives (tenant_id, user_id) WHERE user_id IS NOT NULL;
COMMENT ON COLUMN directives.ordinal IS 'the place in the prompt, from the least';

ALTER TABLE directives ENABLE ROW LEVEL SECURITY;
ALTER TABLE directives FORCE ROW LEVEL SECURITY;

CREATE POLICY curate ON directives TO eunoe_curator, eunoe_janitor USING (tenant_id = eunoe_current_tenant());
CREATE POLICY recall ON directives FOR SELECT TO eunoe_recall USING (tenant_id = eunoe_current_tenant());
GRANT SELECT, INSERT, UPDATE, DELETE ON directives TO eunoe_curator;
GRANT SELECT, DELETE ON directives TO eunoe_janitor;
GRANT SELECT ON directives TO eunoe_recall;

RESET ROLE;

-- migrate:down
SET LOCAL ROLE eunoe_owner;
DROP TABLE directives;
RESET ROLE;
