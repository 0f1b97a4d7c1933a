-- name: take_role
-- Become a role for the rest of the transaction, for one tenant ('' for none) or a batch of them ('' for none).
SELECT
    set_config('role', $1::text, true),
    set_config('app.current_tenant', $2::text, true),
    set_config('app.batch_tenants', $3::text, true);

-- name: applied_versions
-- The migrations that this database has; fails where there is no ledger.
SELECT version FROM schema_migrations ORDER BY version;

-- name: embedding_dimensions
-- The width of the column of embeddings.
SELECT attribute.atttypmod AS dimensions
FROM pg_attribute AS attribute
WHERE attribute.attrelid = to_regclass('conversation_embeddings') AND attribute.attname = 'embedding';
