-- name: take_role
-- Become a role for the rest of the transaction, for one tenant ('' for none) or a batch of them ('' for none). A consumer
-- that is frozen in a transaction must not keep its locks until it is woken, since its peers wait for them: between two
-- statements it loses them soon; within one, between its parse and its execution, after the driver's own time-out. Both
-- are set here and not with the connection, since pgbouncer refuses start-up parameters that it does not know.
SELECT
    set_config('role', $1::text, true),
    set_config('app.current_tenant', $2::text, true),
    set_config('app.batch_tenants', $3::text, true),
    set_config('idle_in_transaction_session_timeout', '10s', true),
    set_config('statement_timeout', '60s', true);

-- name: applied_versions
-- The migrations that this database has; fails where there is no ledger.
SELECT version FROM schema_migrations ORDER BY version;

-- name: embedding_dimensions
-- The width of the column of embeddings.
SELECT attribute.atttypmod AS dimensions
FROM pg_attribute AS attribute
WHERE attribute.attrelid = to_regclass('conversation_embeddings') AND attribute.attname = 'embedding';
