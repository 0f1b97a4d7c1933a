-- name: insert_collection
-- Make a collection; no row where its owner has one of that type and name.
INSERT INTO collections (tenant_id, id, agent_id, user_id, type, name, description)
VALUES ($1::uuid, $2::uuid, $3::uuid, $4::text, $5::text, $6::text, $7::text)
ON CONFLICT DO NOTHING
RETURNING id;

-- name: has_collection
-- Whether a collection applies to a scope.
SELECT EXISTS (
    SELECT
    FROM collections
    WHERE tenant_id = $1::uuid AND id = $4::uuid
        AND (agent_id IS NULL OR agent_id = $2::uuid) AND (user_id IS NULL OR user_id = $3::text)
);

-- name: lock_collection
-- A collection that applies to a scope, before it is changed.
SELECT user_id, version
FROM collections
WHERE tenant_id = $1::uuid AND id = $4::uuid
    AND (agent_id IS NULL OR agent_id = $2::uuid) AND (user_id IS NULL OR user_id = $3::text)
FOR UPDATE;

-- name: read_collections
-- Collections that apply to a scope, the newest first, after a place; with the members that apply to it. That one owner
-- at least is the scope's follows from the table's check; it is said for the indexes.
SELECT
    collection.id, collection.agent_id, collection.user_id, collection.type, collection.name, collection.description,
    collection.version, collection.created_at, collection.updated_at,
    (
        SELECT count(*)
        FROM collection_members AS member
        JOIN memories AS memory ON memory.tenant_id = $1::uuid AND memory.id = member.memory_id
        WHERE member.tenant_id = $1::uuid AND member.collection_id = collection.id AND memory.deleted_at IS NULL
            AND (memory.agent_id IS NULL OR memory.agent_id = $2::uuid)
            AND (memory.user_id IS NULL OR memory.user_id = $3::text)
            AND (
                memory.status NOT IN ('active', 'pending_review')
                OR (
                    eunoe_memory_lapses_at(
                        memory.tier, memory.created_at, memory.accessed_at, memory.expires_at, $9::int, $10::bool
                    ) <= now()
                ) IS NOT TRUE
            )
    ) AS members
FROM collections AS collection
WHERE collection.tenant_id = $1::uuid
    AND (collection.agent_id IS NULL OR collection.agent_id = $2::uuid)
    AND (collection.user_id IS NULL OR collection.user_id = $3::text)
    AND (collection.agent_id = $2::uuid OR collection.user_id = $3::text)
    AND ($4::uuid IS NULL OR collection.id = $4::uuid)
    AND ($5::text IS NULL OR collection.type = $5::text)
    AND ($6::timestamptz IS NULL OR (collection.created_at, collection.id) < ($6::timestamptz, $7::uuid))
ORDER BY collection.created_at DESC, collection.id DESC
LIMIT $8::int;

-- name: update_collection
-- Change a collection; what is NULL stays, and an empty description is none.
UPDATE collections
SET
    type = coalesce($3::text, type),
    name = coalesce($4::text, name),
    description = nullif(coalesce($5::text, description), ''),
    version = version + 1,
    updated_at = now()
WHERE tenant_id = $1::uuid AND id = $2::uuid;

-- name: delete_collection
-- Delete a collection and, by cascade, its memberships.
DELETE FROM collections WHERE tenant_id = $1::uuid AND id = $2::uuid;

-- name: add_members
-- Put memories into a collection; those that are in it stay.
INSERT INTO collection_members (tenant_id, collection_id, memory_id)
SELECT DISTINCT $1::uuid, $2::uuid, memory_id FROM unnest($3::uuid[]) AS new (memory_id)
ON CONFLICT DO NOTHING;

-- name: remove_members
-- Take memories out of a collection.
DELETE FROM collection_members
WHERE tenant_id = $1::uuid AND collection_id = $2::uuid AND memory_id = ANY ($3::uuid[]);

-- name: touch_collection
-- A collection's members changed: not its version, which is that of its words.
UPDATE collections SET updated_at = now() WHERE tenant_id = $1::uuid AND id = $2::uuid;
