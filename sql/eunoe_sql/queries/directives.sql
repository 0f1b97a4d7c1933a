-- name: lock_directives
-- The directives of one owner in their order, before one of them is changed.
SELECT id, name, version
FROM directives
WHERE tenant_id = $1::uuid AND agent_id = $2::uuid AND user_id IS NOT DISTINCT FROM $3::text
ORDER BY ordinal, created_at, name
FOR UPDATE;

-- name: set_directive
-- Make a directive, as the last of its owner's where no place is given, or change it; a place that is NULL stays.
INSERT INTO directives AS directive (tenant_id, id, agent_id, user_id, name, content, ordinal)
VALUES (
    $1::uuid, $4::uuid, $2::uuid, $3::text, $5::text, $6::text,
    coalesce(
        $7::int,
        (
            SELECT max(ordinal) + 1
            FROM directives
            WHERE tenant_id = $1::uuid AND agent_id = $2::uuid AND user_id IS NOT DISTINCT FROM $3::text
        ),
        1
    )
)
ON CONFLICT (tenant_id, agent_id, user_id, name) DO UPDATE
SET
    content = excluded.content, ordinal = coalesce($7::int, directive.ordinal), version = directive.version + 1,
    updated_at = now()
RETURNING id;

-- name: read_directives
-- The directives that apply to an agent with a user, or with every user, in their order; the wider before the narrower.
SELECT id, agent_id, user_id, name, content, ordinal, version, created_at, updated_at
FROM directives
WHERE tenant_id = $1::uuid AND agent_id = $2::uuid AND (user_id IS NULL OR user_id = $3::text)
    AND ($4::uuid IS NULL OR id = $4::uuid)
ORDER BY ordinal, user_id NULLS FIRST, created_at, name;

-- name: order_directives
-- Give an owner's directives the places that their ids have here; those that move get a new version.
UPDATE directives
SET ordinal = wanted.place, version = version + 1, updated_at = now()
FROM unnest($2::uuid[]) WITH ORDINALITY AS wanted (id, place)
WHERE directives.tenant_id = $1::uuid AND directives.id = wanted.id AND directives.ordinal <> wanted.place;

-- name: remove_directive
-- Delete a directive.
DELETE FROM directives WHERE tenant_id = $1::uuid AND id = $2::uuid;
