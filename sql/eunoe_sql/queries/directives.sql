-- name: lock_directives
-- Lock the directives of one owner, in their order, before one of them is changed.
SELECT id, name, version
FROM directives
WHERE tenant_id = :tenant_id::uuid AND agent_id = :agent_id::uuid AND user_id IS NOT DISTINCT FROM :user_id::text
ORDER BY ordinal, created_at, name
FOR UPDATE;

-- name: set_directive
-- Insert or change a directive. Without a place, a new one becomes the owner's last, and an old one keeps its place.
INSERT INTO directives AS directive (tenant_id, id, agent_id, user_id, name, content, ordinal)
VALUES (
    :tenant_id::uuid, :new_id::uuid, :agent_id::uuid, :user_id::text, :name::text, :content::text,
    coalesce(
        :ordinal::int,
        (
            SELECT max(ordinal) + 1
            FROM directives
            WHERE tenant_id = :tenant_id::uuid AND agent_id = :agent_id::uuid
                AND user_id IS NOT DISTINCT FROM :user_id::text
        ),
        1
    )
)
ON CONFLICT (tenant_id, agent_id, user_id, name) DO UPDATE
SET
    content = excluded.content, ordinal = coalesce(:ordinal::int, directive.ordinal), version = directive.version + 1,
    updated_at = now()
RETURNING id;

-- name: order_directives
-- Number an owner's directives in the order of the given ids. A directive that moves gets a new version.
UPDATE directives
SET ordinal = wanted.place, version = version + 1, updated_at = now()
FROM unnest(:ids::uuid[]) WITH ORDINALITY AS wanted (id, place)
WHERE directives.tenant_id = :tenant_id::uuid AND directives.id = wanted.id AND directives.ordinal <> wanted.place;

-- name: remove_directive
-- Delete a directive.
DELETE FROM directives WHERE tenant_id = :tenant_id::uuid AND id = :id::uuid;
