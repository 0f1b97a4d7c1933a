-- migrate:up
SET LOCAL ROLE eunoe_owner;

CREATE TABLE collections (
    tenant_id   uuid        NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id          uuid        NOT NULL,
    agent_id    uuid,
    user_id     text        CHECK (char_length(user_id) BETWEEN 1 AND 256),
    type        text        NOT NULL CHECK (char_length(type) BETWEEN 1 AND 50),
    name        text        NOT NULL CHECK (char_length(name) BETWEEN 1 AND 255),
    description text        CHECK (char_length(description) <= 8192),
    version     int         NOT NULL DEFAULT 1 CHECK (version >= 1),
    created_at  timestamptz NOT NULL DEFAULT now(),
    updated_at  timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT collections_scope_check CHECK (agent_id IS NOT NULL OR user_id IS NOT NULL),
    CONSTRAINT collections_once UNIQUE NULLS NOT DISTINCT (tenant_id, user_id, agent_id, type, name),
    FOREIGN KEY (tenant_id, agent_id) REFERENCES agents (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, user_id) ON DELETE CASCADE
);
CREATE INDEX collections_by_agent ON collections (tenant_id, agent_id) WHERE agent_id IS NOT NULL;

CREATE TABLE collection_members (
    tenant_id     uuid        NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    collection_id uuid        NOT NULL,
    memory_id     uuid        NOT NULL,
    added_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, collection_id, memory_id),
    FOREIGN KEY (tenant_id, collection_id) REFERENCES collections (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, memory_id) REFERENCES memories (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX collection_members_by_memory ON collection_members (tenant_id, memory_id);

ALTER TABLE collections ENABLE ROW LEVEL SECURITY;
ALTER TABLE collections FORCE ROW LEVEL SECURITY;
ALTER TABLE collection_members ENABLE ROW LEVEL SECURITY;
ALTER TABLE collection_members FORCE ROW LEVEL SECURITY;

CREATE POLICY curate ON collections TO eunoe_curator, eunoe_janitor USING (tenant_id = eunoe_current_tenant());
CREATE POLICY curate ON collection_members TO eunoe_curator, eunoe_janitor USING (tenant_id = eunoe_current_tenant());

GRANT SELECT, INSERT, UPDATE, DELETE ON collections TO eunoe_curator;
GRANT SELECT, INSERT, DELETE ON collection_members TO eunoe_curator;
GRANT SELECT, DELETE ON collections, collection_members TO eunoe_janitor;

RESET ROLE;

-- migrate:down
SET LOCAL ROLE eunoe_owner;
DROP TABLE collection_members;
DROP TABLE collections;
RESET ROLE;
