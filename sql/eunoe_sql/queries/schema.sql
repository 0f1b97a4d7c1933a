-- name: take_role
-- Take a role for the rest of the transaction, for one tenant and for a batch of tenants ('' for none). The two time-outs
-- free the locks of a consumer that is frozen in a transaction, because other consumers wait for them: the first one
-- between two statements, the second one within a statement. They are set here rather than with the connection, because
-- pgbouncer refuses start-up parameters that it does not know.
SELECT
    set_config('role', $1::text, true),
    set_config('app.current_tenant', $2::text, true),
    set_config('app.batch_tenants', $3::text, true),
    set_config('idle_in_transaction_session_timeout', '10s', true),
    set_config('statement_timeout', '60s', true);

-- name: applied_versions
-- The migrations that this database has. Fails if there is no ledger.
SELECT version FROM schema_migrations ORDER BY version;

-- name: embedding_dimensions
-- The width of the embeddings column.
SELECT attribute.atttypmod AS dimensions
FROM pg_attribute AS attribute
WHERE attribute.attrelid = to_regclass('conversation_embeddings') AND attribute.attname = 'embedding';
