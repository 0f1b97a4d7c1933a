-- migrate:up
SET LOCAL ROLE eunoe_owner;

-- Scopes that are too large to be searched exactly. Each has a partial HNSW index of its own, and is listed here from
-- when that index is valid until before it is dropped: whoever finds a scope here may search it approximately.
CREATE TABLE giant_scopes (
    tenant_id    uuid        NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    agent_id     uuid        NOT NULL,
    user_id      text        NOT NULL,
    index_name   text        NOT NULL,
    rows_counted bigint      NOT NULL,
    built_at     timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, agent_id, user_id)
);
COMMENT ON COLUMN giant_scopes.rows_counted IS 'turns of the scope when it was listed';

ALTER TABLE giant_scopes ENABLE ROW LEVEL SECURITY;
ALTER TABLE giant_scopes FORCE ROW LEVEL SECURITY;
CREATE POLICY recall ON giant_scopes FOR SELECT TO eunoe_recall, eunoe_janitor
    USING (tenant_id = eunoe_current_tenant());
CREATE POLICY list ON giant_scopes FOR INSERT TO eunoe_janitor WITH CHECK (tenant_id = eunoe_current_tenant());
CREATE POLICY erase ON giant_scopes FOR DELETE TO eunoe_janitor USING (tenant_id = eunoe_current_tenant());
GRANT SELECT ON giant_scopes TO eunoe_recall;
GRANT SELECT, INSERT, DELETE ON giant_scopes TO eunoe_janitor;

RESET ROLE;

-- migrate:down
SET LOCAL ROLE eunoe_owner;
DROP TABLE giant_scopes;
-- Without the table nobody uses the indexes, and every insert would go on paying for them.
DO $$
DECLARE
    index_name text;
BEGIN
    FOR index_name IN
        SELECT class.relname
        FROM pg_index AS index
        JOIN pg_class AS class ON class.oid = index.indexrelid
        WHERE index.indrelid = 'conversation_embeddings'::regclass
            AND starts_with(class.relname::text, 'conversation_embeddings_giant_')
    LOOP
        EXECUTE format('DROP INDEX %I', index_name);
    END LOOP;
END
$$;
RESET ROLE;
