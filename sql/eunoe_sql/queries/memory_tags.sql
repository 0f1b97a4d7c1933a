-- name: add_tags
-- Give a memory tags; those that it has stay.
INSERT INTO memory_tags (tenant_id, memory_id, tag)
SELECT DISTINCT $1::uuid, $2::uuid, tag FROM unnest($3::text[]) AS new (tag)
ON CONFLICT DO NOTHING;

-- name: remove_tags
-- Take tags off a memory.
DELETE FROM memory_tags WHERE tenant_id = $1::uuid AND memory_id = $2::uuid AND tag = ANY ($3::text[]);

-- name: count_tags
-- How many tags a memory has.
SELECT count(*) AS tags FROM memory_tags WHERE tenant_id = $1::uuid AND memory_id = $2::uuid;

-- name: touch_memory
-- A memory's tags or relations changed: not its version, which is that of its content and status.
UPDATE memories SET updated_at = now() WHERE tenant_id = $1::uuid AND id = $2::uuid;
