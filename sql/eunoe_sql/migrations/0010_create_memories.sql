-- migrate:up
-- The width comes from eunoe.embedding_dimensions, as in 0002; the index of the administrative search from eunoe.hnsw_m
-- and eunoe.hnsw_ef_construction (`eunoe migrate up` sets them from EUNOE_HNSW_M and EUNOE_HNSW_EF_CONSTRUCTION; with
-- dbmate: PGOPTIONS='-c eunoe.hnsw_m=32'), else 16 and 64.
SET LOCAL ROLE eunoe_owner;

-- 64 bits in place of (agent or none, user or none): a request looks up the three scopes that apply to it by one key. A
-- user id is never empty, so that '' stands for none. A collision is harmless: every query names agent and user too.
CREATE FUNCTION eunoe_memory_scope_hash(agent_id uuid, user_id text) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN hashtextextended(coalesce(agent_id::text, '') || ':' || coalesce(user_id, ''), 0);

CREATE TABLE memories (
    tenant_id         uuid        NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id                uuid        NOT NULL,
    agent_id          uuid,
    user_id           text        CHECK (char_length(user_id) BETWEEN 1 AND 256),
    scope_hash        bigint      NOT NULL GENERATED ALWAYS AS (eunoe_memory_scope_hash(agent_id, user_id)) STORED,
    tier              text        NOT NULL CHECK (tier IN ('personal', 'project', 'task')),
    category          text        NOT NULL
        CHECK (category IN ('factual', 'preference', 'behavioral', 'episodic', 'procedural')),
    source            text        NOT NULL DEFAULT 'extracted'
        CHECK (source IN ('extracted', 'user_provided', 'imported', 'inferred')),
    status            text        NOT NULL DEFAULT 'active'
        CHECK (status IN ('active', 'superseded', 'merged', 'archived', 'pending_review')),
    content           text        NOT NULL CHECK (char_length(content) BETWEEN 1 AND 8192),
    content_hash      text        NOT NULL CHECK (content_hash ~ '^[0-9a-f]{64}$'),
    confidence        float8      NOT NULL DEFAULT 0.8 CHECK (confidence BETWEEN 0 AND 1),
    usefulness        float8      NOT NULL DEFAULT 0.5 CHECK (usefulness BETWEEN 0 AND 1),
    metadata          jsonb       NOT NULL DEFAULT '{}' CHECK (jsonb_typeof(metadata) = 'object'),
    version           int         NOT NULL DEFAULT 1 CHECK (version >= 1),
    session_agent_id  uuid,
    session_user_id   text,
    session_id        text,
    superseded_by     uuid,
    merged_into       uuid,
    retrieval_count   bigint      NOT NULL DEFAULT 0 CHECK (retrieval_count >= 0),
    last_retrieved_at timestamptz,
    last_injected_at  timestamptz,
    accessed_at       timestamptz,
    created_at        timestamptz NOT NULL DEFAULT now(),
    updated_at        timestamptz NOT NULL DEFAULT now(),
    expires_at        timestamptz,
    deleted_at        timestamptz,
    embedding_model   text,
    PRIMARY KEY (tenant_id, id),
    CONSTRAINT memories_scope_check CHECK (agent_id IS NOT NULL OR user_id IS NOT NULL),
    CONSTRAINT memories_superseded_check
        CHECK (superseded_by IS NULL OR (status = 'superseded' AND superseded_by <> id)),
    CONSTRAINT memories_merged_check CHECK (merged_into IS NULL OR (status = 'merged' AND merged_into <> id)),
    CONSTRAINT memories_session_check CHECK (session_id IS NULL OR num_nulls(session_agent_id, session_user_id) = 0),
    FOREIGN KEY (tenant_id, agent_id) REFERENCES agents (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, user_id) REFERENCES users (tenant_id, user_id) ON DELETE CASCADE,
    -- When a session goes, whose it was goes too: an agent's memory outlives a user, whose id it must not keep.
    FOREIGN KEY (tenant_id, session_agent_id, session_user_id, session_id)
        REFERENCES sessions (tenant_id, agent_id, user_id, session_id)
        ON DELETE SET NULL (session_agent_id, session_user_id, session_id),
    FOREIGN KEY (tenant_id, superseded_by) REFERENCES memories (tenant_id, id) ON DELETE SET NULL (superseded_by),
    FOREIGN KEY (tenant_id, merged_into) REFERENCES memories (tenant_id, id) ON DELETE SET NULL (merged_into)
);
COMMENT ON COLUMN memories.agent_id IS 'NULL: the user''s, with every agent';
COMMENT ON COLUMN memories.user_id IS 'NULL: the agent''s, with every user';
COMMENT ON COLUMN memories.content_hash IS 'SHA-256 of the content in NFC, case-folded, white space folded';
COMMENT ON COLUMN memories.version IS 'of content and status; tags, confirmations and counters leave it';
COMMENT ON COLUMN memories.session_agent_id IS 'and session_user_id: whose session, as a memory may be wider';
COMMENT ON COLUMN memories.expires_at IS 'where somebody said so; else the tier decides';
COMMENT ON COLUMN memories.deleted_at IS 'forgotten, and not purged yet';

DO $$
DECLARE
    dimensions int := coalesce(nullif(current_setting('eunoe.embedding_dimensions', true), '')::int, 384);
    hnsw_m int := coalesce(nullif(current_setting('eunoe.hnsw_m', true), '')::int, 16);
    ef_construction int := coalesce(nullif(current_setting('eunoe.hnsw_ef_construction', true), '')::int, 64);
BEGIN
    EXECUTE format('ALTER TABLE memories ADD COLUMN embedding halfvec(%s)', dimensions);
    -- For an administrator's search of a whole tenant. Within a scope, search is exact and does not use it.
    EXECUTE format('CREATE INDEX memories_by_embedding ON memories USING hnsw (embedding halfvec_cosine_ops) '
        || 'WITH (m = %s, ef_construction = %s)', hnsw_m, ef_construction);
    -- As in 0002: kept in the row, up to what leaves room in a page.
    IF dimensions <= 2000 THEN
        ALTER TABLE memories ALTER COLUMN embedding SET STORAGE PLAIN;
    END IF;
    -- What a search within a scope ranks by and filters by first, so that it need not look at the rows themselves. As in
    -- 0002 a btree row is at most 2,704 bytes; without names of its own an entry has room for more of them. No counter
    -- is in it, and nothing that changes without another index having to change.
    EXECUTE 'CREATE INDEX memories_by_scope ON memories (tenant_id, scope_hash, created_at DESC, id DESC) '
        || 'INCLUDE (tier, category, source, status, updated_at, deleted_at'
        || CASE WHEN dimensions <= 1200 THEN ', embedding)' ELSE ')' END;
END
$$;

-- Absent for a while, never wrong: a vector without its model's name could be of any.
ALTER TABLE memories ADD CONSTRAINT memories_embedding_check
    CHECK ((embedding IS NULL) = (embedding_model IS NULL) AND (embedding IS NULL OR l2_norm(embedding) > 0));

-- Search is an index-only scan, which needs vacuumed pages; counters move all the time, though in their page.
ALTER TABLE memories SET (
    autovacuum_vacuum_insert_threshold = 1000,
    autovacuum_vacuum_insert_scale_factor = 0.02,
    autovacuum_vacuum_scale_factor = 0.05,
    autovacuum_analyze_scale_factor = 0.05
);

-- What a scope holds twice. Status is part of the key: one that awaits review does not keep the same content, said by
-- someone whose word needs none, from being remembered; approving it then is refused, and merging offered.
CREATE UNIQUE INDEX memories_once ON memories (tenant_id, agent_id, user_id, content_hash, status) NULLS NOT DISTINCT
    WHERE status IN ('active', 'pending_review') AND deleted_at IS NULL;
CREATE INDEX memories_by_content ON memories (tenant_id, content_hash);
CREATE INDEX memories_by_user ON memories (tenant_id, user_id, tier, created_at DESC) WHERE user_id IS NOT NULL;
CREATE INDEX memories_by_agent ON memories (tenant_id, agent_id, tier, created_at DESC) WHERE agent_id IS NOT NULL;
CREATE INDEX memories_by_session ON memories (tenant_id, session_agent_id, session_user_id, session_id)
    WHERE session_id IS NOT NULL;
CREATE INDEX memories_by_successor ON memories (tenant_id, superseded_by) WHERE superseded_by IS NOT NULL;
CREATE INDEX memories_by_merged ON memories (tenant_id, merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX memories_by_expiry ON memories (tenant_id, expires_at) WHERE expires_at IS NOT NULL AND deleted_at IS NULL;
CREATE INDEX memories_by_deletion ON memories (tenant_id, deleted_at) WHERE deleted_at IS NOT NULL;

CREATE TABLE memory_versions (
    tenant_id    uuid        NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    memory_id    uuid        NOT NULL,
    version      int         NOT NULL,
    content      text        NOT NULL CHECK (char_length(content) BETWEEN 1 AND 8192),
    content_hash text        NOT NULL CHECK (content_hash ~ '^[0-9a-f]{64}$'),
    tier         text        NOT NULL,
    category     text        NOT NULL,
    confidence   float8      NOT NULL,
    metadata     jsonb       NOT NULL,
    created_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, memory_id, version),
    FOREIGN KEY (tenant_id, memory_id) REFERENCES memories (tenant_id, id) ON DELETE CASCADE
);
COMMENT ON TABLE memory_versions IS 'every content that a memory has had, the present one too';

-- By a trigger, so that no writer can change a content and keep no version of it.
CREATE FUNCTION eunoe_keep_version() RETURNS trigger
    LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO memory_versions
        (tenant_id, memory_id, version, content, content_hash, tier, category, confidence, metadata, created_at)
    VALUES (new.tenant_id, new.id, new.version, new.content, new.content_hash, new.tier, new.category, new.confidence,
        new.metadata, new.updated_at);
    RETURN NULL;
END
$$;
CREATE TRIGGER keep_first_version AFTER INSERT ON memories
    FOR EACH ROW EXECUTE FUNCTION eunoe_keep_version();
CREATE TRIGGER keep_version AFTER UPDATE OF content ON memories
    FOR EACH ROW WHEN (new.content IS DISTINCT FROM old.content) EXECUTE FUNCTION eunoe_keep_version();

CREATE TABLE memory_relationships (
    tenant_id  uuid        NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    from_id    uuid        NOT NULL,
    type       text        NOT NULL CHECK (type IN (
        'related_to', 'supports', 'contradicts', 'refines', 'derived_from', 'part_of', 'causes', 'follows')),
    to_id      uuid        NOT NULL CHECK (to_id <> from_id),
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, from_id, type, to_id),
    FOREIGN KEY (tenant_id, from_id) REFERENCES memories (tenant_id, id) ON DELETE CASCADE,
    FOREIGN KEY (tenant_id, to_id) REFERENCES memories (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX memory_relationships_by_target ON memory_relationships (tenant_id, to_id);

CREATE TABLE memory_tags (
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    memory_id uuid NOT NULL,
    tag       text NOT NULL CHECK (char_length(tag) BETWEEN 1 AND 100),
    PRIMARY KEY (tenant_id, memory_id, tag),
    FOREIGN KEY (tenant_id, memory_id) REFERENCES memories (tenant_id, id) ON DELETE CASCADE
);
CREATE INDEX memory_tags_by_tag ON memory_tags (tenant_id, tag);

ALTER TABLE memories ENABLE ROW LEVEL SECURITY;
ALTER TABLE memories FORCE ROW LEVEL SECURITY;
ALTER TABLE memory_versions ENABLE ROW LEVEL SECURITY;
ALTER TABLE memory_versions FORCE ROW LEVEL SECURITY;
ALTER TABLE memory_relationships ENABLE ROW LEVEL SECURITY;
ALTER TABLE memory_relationships FORCE ROW LEVEL SECURITY;
ALTER TABLE memory_tags ENABLE ROW LEVEL SECURITY;
ALTER TABLE memory_tags FORCE ROW LEVEL SECURITY;

-- The curator and the janitor work on one tenant at a time; recall reads what it recalls, and the tags it filters by.
CREATE POLICY curate ON memories TO eunoe_curator, eunoe_janitor USING (tenant_id = eunoe_current_tenant());
CREATE POLICY recall ON memories FOR SELECT TO eunoe_recall USING (tenant_id = eunoe_current_tenant());
CREATE POLICY curate ON memory_versions TO eunoe_curator, eunoe_janitor USING (tenant_id = eunoe_current_tenant());
CREATE POLICY curate ON memory_relationships TO eunoe_curator, eunoe_janitor
    USING (tenant_id = eunoe_current_tenant());
CREATE POLICY curate ON memory_tags TO eunoe_curator, eunoe_janitor USING (tenant_id = eunoe_current_tenant());
CREATE POLICY recall ON memory_tags FOR SELECT TO eunoe_recall USING (tenant_id = eunoe_current_tenant());

-- A version is never changed, and goes only with its memory.
GRANT SELECT, INSERT, UPDATE, DELETE ON memories TO eunoe_curator;
GRANT SELECT, UPDATE, DELETE ON memories TO eunoe_janitor;
GRANT SELECT, INSERT ON memory_versions TO eunoe_curator;
GRANT SELECT ON memory_versions TO eunoe_janitor; -- which changes no content
GRANT DELETE ON memory_versions, memory_relationships, memory_tags TO eunoe_janitor;
GRANT SELECT, INSERT, DELETE ON memory_relationships, memory_tags TO eunoe_curator;
GRANT SELECT ON memory_relationships, memory_tags TO eunoe_janitor;
GRANT SELECT ON memories, memory_tags TO eunoe_recall;

-- Agents, users and sessions appear with their first memory as they do with their first message.
CREATE POLICY curate ON agents FOR INSERT TO eunoe_curator WITH CHECK (tenant_id = eunoe_current_tenant());
CREATE POLICY curate ON users FOR INSERT TO eunoe_curator WITH CHECK (tenant_id = eunoe_current_tenant());
CREATE POLICY curate ON sessions FOR INSERT TO eunoe_curator WITH CHECK (tenant_id = eunoe_current_tenant());
GRANT INSERT ON agents, users, sessions TO eunoe_curator;

RESET ROLE;

-- migrate:down
SET LOCAL ROLE eunoe_owner;
REVOKE INSERT ON agents, users, sessions FROM eunoe_curator;
DROP POLICY curate ON sessions;
DROP POLICY curate ON users;
DROP POLICY curate ON agents;
DROP TABLE memory_tags;
DROP TABLE memory_relationships;
DROP TABLE memory_versions;
DROP TABLE memories;
DROP FUNCTION eunoe_keep_version();
DROP FUNCTION eunoe_memory_scope_hash(uuid, text);
RESET ROLE;
