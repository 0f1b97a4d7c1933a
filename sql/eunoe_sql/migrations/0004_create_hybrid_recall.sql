-- migrate:up
SET LOCAL ROLE eunoe_owner;

-- Who speaks in a scope: their names are taken out of what is embedded of a query, and lift what they said.
CREATE TABLE speakers (
    tenant_id uuid NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    agent_id  uuid NOT NULL,
    user_id   text NOT NULL,
    speaker   text NOT NULL,
    PRIMARY KEY (tenant_id, agent_id, user_id, speaker)
);

-- What of a long message the model cannot see at once. The first piece is the turn's own embedding.
CREATE TABLE turn_pieces (
    tenant_id uuid     NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    agent_id  uuid     NOT NULL,
    user_id   text     NOT NULL,
    id        uuid     NOT NULL,
    position  bigint   NOT NULL,
    piece     smallint NOT NULL CHECK (piece > 0),
    starts_at int      NOT NULL CHECK (starts_at >= 0),
    ends_at   int      NOT NULL CHECK (ends_at > starts_at),
    PRIMARY KEY (tenant_id, id, position, piece)
);
COMMENT ON COLUMN turn_pieces.id IS 'of the turn';
COMMENT ON COLUMN turn_pieces.position IS
    'of the entry; a piece counts where it is the turn''s, so that one of a duplicate with another text never does';
COMMENT ON COLUMN turn_pieces.starts_at IS 'first character of the content; ends_at is behind the last';

-- The same width, index and storage as the turns'.
DO $$
DECLARE
    dimensions int := (
        SELECT atttypmod FROM pg_attribute
        WHERE attrelid = 'conversation_embeddings'::regclass AND attname = 'embedding'
    );
    included text := CASE WHEN dimensions <= 800 THEN ', embedding)' ELSE ')' END;
BEGIN
    EXECUTE format('ALTER TABLE turn_pieces ADD COLUMN embedding halfvec(%s) NOT NULL', dimensions);
    IF dimensions <= 2000 THEN
        ALTER TABLE turn_pieces ALTER COLUMN embedding SET STORAGE PLAIN;
    END IF;
    EXECUTE 'CREATE INDEX turn_pieces_by_scope ON turn_pieces (tenant_id, agent_id, user_id) '
        || 'INCLUDE (id, position, piece' || included;
    -- Entries of one pipeline share a millisecond: only the position tells which turn comes next.
    EXECUTE 'CREATE INDEX conversation_embeddings_in_order ON conversation_embeddings '
        || '(tenant_id, agent_id, user_id, created_at DESC, position DESC) INCLUDE (id' || included;
END
$$;
DROP INDEX conversation_embeddings_by_scope;
ALTER INDEX conversation_embeddings_in_order RENAME TO conversation_embeddings_by_scope;

ALTER TABLE turn_pieces ADD CONSTRAINT turn_pieces_embedding_check CHECK (l2_norm(embedding) > 0);
ALTER TABLE turn_pieces SET (autovacuum_vacuum_insert_threshold = 1000, autovacuum_vacuum_insert_scale_factor = 0.02);

-- The time of an entry is in its position; with it, a position finds its turn through the index of the scope.
CREATE FUNCTION eunoe_time_of(entry_position bigint) RETURNS timestamptz
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN timestamptz 'epoch' + (entry_position >> 20) * interval '1 millisecond';

-- The terms of a turn: of its speaker's name and the first 400 characters, for long answers would drown the lexical side.
-- The empty term stands for the turn as a whole: it tells length and session of each turn of a scope, in stream order,
-- without a look at the turns themselves.
CREATE FUNCTION eunoe_terms(language regconfig, speaker text, content text)
    RETURNS TABLE (lexeme text, tf smallint, length smallint)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT term.lexeme, term.tf::smallint, (sum(term.tf) OVER ())::smallint
    FROM (
        SELECT vector.lexeme, cardinality(vector.positions) AS tf
        FROM unnest(to_tsvector(language, coalesce(speaker || ': ', '') || left(content, 400))) AS vector
        UNION ALL
        SELECT '', 0
    ) AS term;
END;

-- Anew: a position is half of an id, and tells the order.
DROP TABLE postings;
CREATE TABLE postings (
    tenant_id    uuid     NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    scope_hash   bigint   NOT NULL,
    lexeme       text     NOT NULL,
    position     bigint   NOT NULL,
    tf           smallint NOT NULL,
    length       smallint NOT NULL,
    session_hash bigint,
    CONSTRAINT postings_pkey PRIMARY KEY (tenant_id, scope_hash, lexeme, position) INCLUDE (tf, length, session_hash)
);
COMMENT ON TABLE postings IS 'the terms of each turn, for BM25 within a scope';
COMMENT ON COLUMN postings.lexeme IS 'a term; the empty one stands for the turn as a whole';
COMMENT ON COLUMN postings.position IS 'of the turn: milliseconds x 2^20 + sequence number of its entry';
COMMENT ON COLUMN postings.tf IS 'occurrences of the lexeme in the turn';
COMMENT ON COLUMN postings.length IS 'all lexemes of the turn';
COMMENT ON COLUMN postings.session_hash IS '64 bits of the session''s id, with the empty term only';
ALTER TABLE postings SET (autovacuum_vacuum_insert_threshold = 20000, autovacuum_vacuum_insert_scale_factor = 0.02);

CREATE OR REPLACE FUNCTION eunoe_index_terms() RETURNS trigger
    LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO postings (tenant_id, scope_hash, lexeme, position, tf, length, session_hash)
    SELECT
        turn.tenant_id,
        eunoe_scope_hash(turn.agent_id, turn.user_id),
        term.lexeme,
        turn.position,
        term.tf,
        term.length,
        CASE WHEN term.lexeme = '' THEN hashtextextended(turn.session_id, 0) END
    FROM added AS turn
    JOIN tenants AS tenant ON tenant.id = turn.tenant_id
    CROSS JOIN LATERAL eunoe_terms(tenant.language, turn.speaker, turn.content) AS term
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;

-- Forced row-level security would show the owner no turn.
ALTER TABLE conversation_embeddings NO FORCE ROW LEVEL SECURITY;
INSERT INTO postings (tenant_id, scope_hash, lexeme, position, tf, length, session_hash)
SELECT
    turn.tenant_id, eunoe_scope_hash(turn.agent_id, turn.user_id), term.lexeme, turn.position, term.tf, term.length,
    CASE WHEN term.lexeme = '' THEN hashtextextended(turn.session_id, 0) END
FROM conversation_embeddings AS turn
JOIN tenants AS tenant ON tenant.id = turn.tenant_id
CROSS JOIN LATERAL eunoe_terms(tenant.language, turn.speaker, turn.content) AS term
ON CONFLICT DO NOTHING;
INSERT INTO speakers (tenant_id, agent_id, user_id, speaker)
SELECT DISTINCT tenant_id, agent_id, user_id, speaker FROM conversation_embeddings WHERE speaker IS NOT NULL;
ALTER TABLE conversation_embeddings FORCE ROW LEVEL SECURITY;

ALTER TABLE postings ENABLE ROW LEVEL SECURITY;
ALTER TABLE postings FORCE ROW LEVEL SECURITY;
CREATE POLICY ingest ON postings FOR INSERT TO eunoe_ingest WITH CHECK (tenant_id = ANY (eunoe_batch_tenants()));
CREATE POLICY recall ON postings FOR SELECT TO eunoe_recall, eunoe_janitor
    USING (tenant_id = eunoe_current_tenant());
CREATE POLICY erase ON postings FOR DELETE TO eunoe_janitor USING (tenant_id = eunoe_current_tenant());
GRANT INSERT ON postings TO eunoe_ingest;
GRANT SELECT ON postings TO eunoe_recall;
GRANT SELECT, DELETE ON postings TO eunoe_janitor;

ALTER TABLE speakers ENABLE ROW LEVEL SECURITY;
ALTER TABLE speakers FORCE ROW LEVEL SECURITY;
ALTER TABLE turn_pieces ENABLE ROW LEVEL SECURITY;
ALTER TABLE turn_pieces FORCE ROW LEVEL SECURITY;

CREATE POLICY ingest ON speakers FOR INSERT TO eunoe_ingest WITH CHECK (tenant_id = ANY (eunoe_batch_tenants()));
CREATE POLICY recall ON speakers FOR SELECT TO eunoe_recall, eunoe_janitor USING (tenant_id = eunoe_current_tenant());
CREATE POLICY erase ON speakers FOR DELETE TO eunoe_janitor USING (tenant_id = eunoe_current_tenant());
CREATE POLICY ingest ON turn_pieces FOR INSERT TO eunoe_ingest WITH CHECK (tenant_id = ANY (eunoe_batch_tenants()));
CREATE POLICY recall ON turn_pieces FOR SELECT TO eunoe_recall, eunoe_janitor
    USING (tenant_id = eunoe_current_tenant());
CREATE POLICY erase ON turn_pieces FOR DELETE TO eunoe_janitor USING (tenant_id = eunoe_current_tenant());

GRANT INSERT ON speakers, turn_pieces TO eunoe_ingest;
GRANT SELECT ON speakers, turn_pieces TO eunoe_recall;
GRANT SELECT, DELETE ON speakers, turn_pieces TO eunoe_janitor;

RESET ROLE;

-- migrate:down
SET LOCAL ROLE eunoe_owner;
DROP TABLE turn_pieces;
DROP TABLE speakers;
DROP TABLE postings;
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

CREATE OR REPLACE FUNCTION eunoe_index_terms() RETURNS trigger
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
ALTER TABLE conversation_embeddings NO FORCE ROW LEVEL SECURITY;
INSERT INTO postings (tenant_id, scope_hash, lexeme, id, tf, length)
SELECT turn.tenant_id, eunoe_scope_hash(turn.agent_id, turn.user_id), term.lexeme, turn.id, term.tf, term.length
FROM conversation_embeddings AS turn
JOIN tenants AS tenant ON tenant.id = turn.tenant_id
CROSS JOIN LATERAL eunoe_terms(tenant.language, turn.speaker, turn.content) AS term
WHERE term.lexeme <> '';
ALTER TABLE conversation_embeddings FORCE ROW LEVEL SECURITY;
DROP FUNCTION eunoe_terms(regconfig, text, text);
DROP FUNCTION eunoe_time_of(bigint);
ALTER TABLE postings ENABLE ROW LEVEL SECURITY;
ALTER TABLE postings FORCE ROW LEVEL SECURITY;
CREATE POLICY ingest ON postings FOR INSERT TO eunoe_ingest WITH CHECK (tenant_id = ANY (eunoe_batch_tenants()));
CREATE POLICY recall ON postings FOR SELECT TO eunoe_recall, eunoe_janitor
    USING (tenant_id = eunoe_current_tenant());
CREATE POLICY erase ON postings FOR DELETE TO eunoe_janitor USING (tenant_id = eunoe_current_tenant());
GRANT INSERT ON postings TO eunoe_ingest;
GRANT SELECT ON postings TO eunoe_recall;
GRANT SELECT, DELETE ON postings TO eunoe_janitor;
DO $$
DECLARE
    dimensions int := (
        SELECT atttypmod FROM pg_attribute
        WHERE attrelid = 'conversation_embeddings'::regclass AND attname = 'embedding'
    );
BEGIN
    DROP INDEX conversation_embeddings_by_scope;
    EXECUTE 'CREATE INDEX conversation_embeddings_by_scope ON conversation_embeddings '
        || '(tenant_id, agent_id, user_id, created_at DESC) INCLUDE (id'
        || CASE WHEN dimensions <= 800 THEN ', embedding)' ELSE ')' END;
END
$$;
RESET ROLE;
