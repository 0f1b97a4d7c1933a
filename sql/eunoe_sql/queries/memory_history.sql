-- name: read_versions
-- The contents of a memory, the newest first, before a version.
SELECT version, content, tier, category, confidence, metadata, created_at
FROM memory_versions
WHERE tenant_id = $1::uuid AND memory_id = $2::uuid AND ($3::int IS NULL OR version < $3::int)
ORDER BY version DESC
LIMIT $4::int;

-- name: read_replaced
-- The memories that a memory replaced and that apply to a scope, the latest first.
SELECT id
FROM memories
WHERE tenant_id = $1::uuid AND (superseded_by = $4::uuid OR merged_into = $4::uuid)
    AND (agent_id IS NULL OR agent_id = $2::uuid) AND (user_id IS NULL OR user_id = $3::text)
ORDER BY updated_at DESC, id
LIMIT $5::int;
