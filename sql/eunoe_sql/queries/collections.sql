-- name: insert_collection
-- Insert a collection; no row if its owner has one of the same type and name.
INSERT INTO collections (tenant_id, id, agent_id, user_id, type, name, description)
VALUES (
    :tenant_id::uuid, :new_id::uuid, :agent_id::uuid, :user_id::text, :type::text, :name::text, :description::text
)
ON CONFLICT DO NOTHING
RETURNING id;

-- name: lock_collection
-- Lock a collection that applies to a scope, before it is changed.
SELECT id, user_id, version
FROM collections
WHERE tenant_id = :tenant_id::uuid AND id = :id::uuid
    AND (agent_id IS NULL OR agent_id = :agent_id::uuid) AND (user_id IS NULL OR user_id = :user_id::text)
FOR UPDATE;

-- name: read_collections
-- A page of the collections that apply to a scope, the newest first, with the number of members that apply to the scope.
-- The condition with OR on agent and user is always true, because the table demands one of them; the indexes need it.
SELECT
    collection.id, collection.agent_id, collection.user_id, collection.type, collection.name, collection.description,
    collection.version, collection.created_at, collection.updated_at,
    (
        SELECT count(*)
        FROM collection_members AS member
        JOIN memories AS memory ON memory.tenant_id = :tenant_id::uuid AND memory.id = member.memory_id
        WHERE member.tenant_id = :tenant_id::uuid AND member.collection_id = collection.id
            AND memory.deleted_at IS NULL AND {applies} AND {visible}
    ) AS members
FROM collections AS collection
WHERE collection.tenant_id = :tenant_id::uuid
    AND (collection.agent_id IS NULL OR collection.agent_id = :agent_id::uuid)
    AND (collection.user_id IS NULL OR collection.user_id = :user_id::text)
    AND (collection.agent_id = :agent_id::uuid OR collection.user_id = :user_id::text)
    AND (:id::uuid IS NULL OR collection.id = :id::uuid)
    AND (:type::text IS NULL OR collection.type = :type::text)
    AND (
        :after_time::timestamptz IS NULL
        OR (collection.created_at, collection.id) < (:after_time::timestamptz, :after_id::uuid)
    )
ORDER BY collection.created_at DESC, collection.id DESC
LIMIT :limit::int;

-- name: update_collection
-- Change a collection. NULL keeps a column; an empty description removes it.
UPDATE collections
SET
    type = coalesce(:type::text, type),
    name = coalesce(:name::text, name),
    description = nullif(coalesce(:description::text, description), ''),
    version = version + 1,
    updated_at = now()
WHERE tenant_id = :tenant_id::uuid AND id = :id::uuid;

-- name: delete_collection
-- Delete a collection and, by cascade, its memberships.
DELETE FROM collections WHERE tenant_id = :tenant_id::uuid AND id = :id::uuid;

-- name: add_members
-- Put memories into a collection. Memories that are members already stay.
INSERT INTO collection_members (tenant_id, collection_id, memory_id)
SELECT DISTINCT :tenant_id::uuid, :id::uuid, memory_id FROM unnest(:memory_ids::uuid[]) AS new (memory_id)
ON CONFLICT DO NOTHING;

-- name: remove_members
-- Take memories out of a collection.
DELETE FROM collection_members
WHERE tenant_id = :tenant_id::uuid AND collection_id = :id::uuid AND memory_id = ANY (:memory_ids::uuid[]);

-- name: touch_collection
-- Record that the members changed. The version stays: it counts changes of type, name and description.
UPDATE collections SET updated_at = now() WHERE tenant_id = :tenant_id::uuid AND id = :id::uuid;
