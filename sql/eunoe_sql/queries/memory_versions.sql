-- name: read_versions
-- The contents of a memory, the present one first, before a version.
SELECT version, content, content_hash, tier, category, confidence, metadata, created_at
FROM memory_versions
WHERE tenant_id = $1::uuid AND memory_id = $2::uuid AND ($3::int IS NULL OR version < $3::int)
ORDER BY version DESC
LIMIT $4::int;
