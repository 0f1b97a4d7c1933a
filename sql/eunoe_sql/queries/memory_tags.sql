-- name: add_tags
-- Add tags to a memory. Tags that are there already stay.
INSERT INTO memory_tags (tenant_id, memory_id, tag)
SELECT DISTINCT :tenant_id::uuid, :memory_id::uuid, tag FROM unnest(:tags::text[]) AS new (tag)
ON CONFLICT DO NOTHING;

-- name: remove_tags
-- Remove tags from a memory.
DELETE FROM memory_tags
WHERE tenant_id = :tenant_id::uuid AND memory_id = :memory_id::uuid AND tag = ANY (:tags::text[]);

-- name: count_tags
-- The number of tags of a memory.
SELECT count(*) FROM memory_tags WHERE tenant_id = :tenant_id::uuid AND memory_id = :memory_id::uuid;
