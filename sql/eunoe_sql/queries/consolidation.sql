-- name: oldest_memories
-- The oldest active memories that apply to a scope and may be changed there.
SELECT memory.id, memory.agent_id, memory.user_id, memory.tier, memory.embedding
FROM memories AS memory
WHERE memory.tenant_id = :tenant_id::uuid AND memory.scope_hash IN ({owner_hashes})
    AND (memory.agent_id IS NULL OR memory.agent_id = :agent_id::uuid)
    AND memory.user_id IS NOT DISTINCT FROM :user_id::text
    AND memory.status = 'active' AND memory.deleted_at IS NULL AND memory.embedding IS NOT NULL
    AND memory.created_at <= now() - :older_than_days::int * interval '24 hours'
    AND (cardinality(:tiers::text[]) = 0 OR memory.tier = ANY (:tiers::text[]))
    AND ({expiry} <= now()) IS NOT TRUE
ORDER BY memory.created_at, memory.id
LIMIT :limit::int;
