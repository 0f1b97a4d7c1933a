-- name: server_versions
-- The versions of the server and of the extension; NULL if the extension is not installed.
SELECT
    current_setting('server_version') AS server_version,
    (SELECT extversion FROM pg_extension WHERE extname = 'vector') AS vector_version;

-- name: row_counts
-- The estimated number of rows of each table. Row-level security hides the rows themselves from a health check.
SELECT
    statistics.relname AS table_name,
    CASE
        WHEN statistics.n_live_tup > 0 THEN statistics.n_live_tup
        ELSE greatest(class.reltuples, 0)::bigint
    END AS row_count
FROM pg_stat_user_tables AS statistics
JOIN pg_class AS class ON class.oid = statistics.relid
WHERE statistics.schemaname = current_schema() AND statistics.relname <> 'schema_migrations'
ORDER BY statistics.relname;
