-- name: revise_memory
-- Change the columns of a memory. NULL keeps a column. The embedding changes with the content.
UPDATE memories
SET
    content = coalesce(:content::text, content),
    content_hash = coalesce(:content_hash::text, content_hash),
    tier = coalesce(:tier::text, tier),
    category = coalesce(:category::text, category),
    confidence = coalesce(:confidence::float8, confidence),
    metadata = coalesce(:metadata::jsonb, metadata),
    expires_at = CASE WHEN :never_expires::bool THEN NULL ELSE coalesce(:expires_at::timestamptz, expires_at) END,
    embedding = CASE WHEN :content::text IS NULL THEN embedding ELSE :embedding::halfvec END,
    embedding_model = CASE WHEN :content::text IS NULL THEN embedding_model ELSE :embedding_model::text END,
    version = version + 1,
    updated_at = now()
WHERE tenant_id = :tenant_id::uuid AND id = :id::uuid;

-- name: restart_lifetime
-- Restart the lifetime of an expired memory from now; a memory that has not expired stays unchanged.
UPDATE memories AS memory
SET expires_at = CASE WHEN memory.tier = 'task' THEN now() + :task_days::int * interval '24 hours' END
WHERE memory.tenant_id = :tenant_id::uuid AND memory.id = :id::uuid AND {expiry} <= now();

-- name: purge_memory
-- Delete a memory and, by cascade, its versions, tags, relations and memberships.
DELETE FROM memories WHERE tenant_id = :tenant_id::uuid AND id = :id::uuid;
