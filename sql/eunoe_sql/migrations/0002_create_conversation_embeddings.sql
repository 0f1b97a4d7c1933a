-- migrate:up
-- The width comes from the setting eunoe.embedding_dimensions (`eunoe migrate up` sets it from
-- EUNOE_EMBEDDING_DIMENSIONS; with dbmate: PGOPTIONS='-c eunoe.embedding_dimensions=768'), else 384.
SET LOCAL ROLE eunoe_owner;

-- An append-only log: ingest inserts, recall selects, the janitor deletes, nobody updates.
CREATE TABLE conversation_embeddings (
    tenant_id       uuid        NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    id              uuid        NOT NULL,
    agent_id        uuid        NOT NULL,
    user_id         text        NOT NULL CHECK (char_length(user_id) BETWEEN 1 AND 256),
    role            text        NOT NULL CHECK (role IN ('user', 'assistant')),
    content         text        NOT NULL CHECK (content <> ''),
    created_at      timestamptz NOT NULL DEFAULT now(),
    position        bigint      NOT NULL,
    event_id        text        NOT NULL,
    session_id      text,
    thread_id       text,
    channel         text,
    speaker         text,
    occurred_at     timestamptz,
    metadata        jsonb       NOT NULL DEFAULT '{}',
    embedding_model text        NOT NULL,
    PRIMARY KEY (tenant_id, id)
);
COMMENT ON COLUMN conversation_embeddings.id IS 'UUIDv5 of tenant, agent, user and event: writing twice changes nothing';
COMMENT ON COLUMN conversation_embeddings.created_at IS 'time of the stream entry';
COMMENT ON COLUMN conversation_embeddings.position IS 'entry milliseconds x 2^20 + entry sequence number';

DO $$
DECLARE
    dimensions int := coalesce(nullif(current_setting('eunoe.embedding_dimensions', true), '')::int, 384);
BEGIN
    EXECUTE format('ALTER TABLE conversation_embeddings ADD COLUMN embedding halfvec(%s) NOT NULL', dimensions);
    -- A btree row is at most 2,704 bytes, and a user id may take 1,024 of them: wider embeddings stay out of the index,
    -- and search reads the table.
    EXECUTE 'CREATE INDEX conversation_embeddings_by_scope ON conversation_embeddings '
        || '(tenant_id, agent_id, user_id, created_at DESC) INCLUDE (id'
        || CASE WHEN dimensions <= 800 THEN ', embedding)' ELSE ')' END;
    -- Kept in the row: a long content would otherwise push the embedding out of line. Up to what leaves room in a page.
    IF dimensions <= 2000 THEN
        ALTER TABLE conversation_embeddings ALTER COLUMN embedding SET STORAGE PLAIN;
    END IF;
END
$$;

-- A zero vector has no cosine; halfvec itself refuses what is not finite.
ALTER TABLE conversation_embeddings ADD CONSTRAINT conversation_embeddings_embedding_check
    CHECK (l2_norm(embedding) > 0);

-- Search is an index-only scan, which needs vacuumed pages: vacuum after 1,000 new rows and 2 %, not after 20 %.
ALTER TABLE conversation_embeddings SET (
    autovacuum_vacuum_insert_threshold = 1000,
    autovacuum_vacuum_insert_scale_factor = 0.02,
    autovacuum_analyze_scale_factor = 0.05
);

-- 64 bits in place of (agent, user): about 20 postings a turn carry it. A collision is harmless, since the join back to
-- the turn carries the whole scope.
CREATE FUNCTION eunoe_scope_hash(agent_id uuid, user_id text) RETURNS bigint
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN hashtextextended(agent_id::text || ':' || user_id, 0);

CREATE TABLE postings (
    tenant_id  uuid     NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    scope_hash bigint   NOT NULL,
    lexeme     text     NOT NULL,
    id         uuid     NOT NULL,
    tf         smallint NOT NULL,
    length     smallint NOT NULL,
    CONSTRAINT postings_pkey PRIMARY KEY (tenant_id, scope_hash, lexeme, id) INCLUDE (tf, length)
);
COMMENT ON TABLE postings IS 'the terms of each turn, for BM25 within a scope';
COMMENT ON COLUMN postings.tf IS 'occurrences of the lexeme in the turn';
COMMENT ON COLUMN postings.length IS 'all lexemes of the turn';
ALTER TABLE postings SET (autovacuum_vacuum_insert_threshold = 20000, autovacuum_vacuum_insert_scale_factor = 0.02);

-- Terms are written where turns are, once: a statement trigger sees only the turns that were really inserted, which an
-- INSERT-only role could not ask for with RETURNING. 400 characters: long answers would drown the lexical side.
CREATE FUNCTION eunoe_index_terms() RETURNS trigger
    LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO postings (tenant_id, scope_hash, lexeme, id, tf, length)
    SELECT
        turn.tenant_id,
        eunoe_scope_hash(turn.agent_id, turn.user_id),
        term.lexeme,
        turn.id,
        cardinality(term.positions),
        sum(cardinality(term.positions)) OVER (PARTITION BY turn.tenant_id, turn.id)
    FROM added AS turn
    JOIN tenants AS tenant ON tenant.id = turn.tenant_id
    CROSS JOIN LATERAL unnest(
        to_tsvector(tenant.language, coalesce(turn.speaker || ': ', '') || left(turn.content, 400))
    ) AS term
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;

CREATE TRIGGER index_terms AFTER INSERT ON conversation_embeddings
    REFERENCING NEW TABLE AS added
    FOR EACH STATEMENT EXECUTE FUNCTION eunoe_index_terms();

ALTER TABLE conversation_embeddings ENABLE ROW LEVEL SECURITY;
ALTER TABLE conversation_embeddings FORCE ROW LEVEL SECURITY;
ALTER TABLE postings ENABLE ROW LEVEL SECURITY;
ALTER TABLE postings FORCE ROW LEVEL SECURITY;

CREATE POLICY ingest ON conversation_embeddings FOR INSERT TO eunoe_ingest
    WITH CHECK (tenant_id = ANY (eunoe_batch_tenants()));
CREATE POLICY recall ON conversation_embeddings FOR SELECT TO eunoe_recall, eunoe_janitor
    USING (tenant_id = eunoe_current_tenant());
CREATE POLICY erase ON conversation_embeddings FOR DELETE TO eunoe_janitor USING (tenant_id = eunoe_current_tenant());

CREATE POLICY ingest ON postings FOR INSERT TO eunoe_ingest WITH CHECK (tenant_id = ANY (eunoe_batch_tenants()));
CREATE POLICY recall ON postings FOR SELECT TO eunoe_recall, eunoe_janitor
    USING (tenant_id = eunoe_current_tenant());
CREATE POLICY erase ON postings FOR DELETE TO eunoe_janitor USING (tenant_id = eunoe_current_tenant());

GRANT INSERT ON conversation_embeddings, postings TO eunoe_ingest;
GRANT SELECT ON conversation_embeddings, postings TO eunoe_recall;
GRANT SELECT, DELETE ON conversation_embeddings, postings TO eunoe_janitor;

RESET ROLE;

-- migrate:down
SET LOCAL ROLE eunoe_owner;
DROP TABLE postings;
DROP TABLE conversation_embeddings;
DROP FUNCTION eunoe_index_terms();
DROP FUNCTION eunoe_scope_hash(uuid, text);
RESET ROLE;
