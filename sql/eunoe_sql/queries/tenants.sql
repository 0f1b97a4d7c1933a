-- name: add_tenant
-- Register a tenant. Does nothing if the id or the name is taken.
INSERT INTO tenants (id, name, language) VALUES ($1::uuid, $2::text, $3::text::regconfig)
ON CONFLICT DO NOTHING;

-- name: list_tenants
-- All tenants, the oldest first.
SELECT id, name, created_at, language::text FROM tenants ORDER BY created_at, id;

-- name: find_tenant
-- The tenant with this id or name. A name is never a UUID.
SELECT id, name, created_at, language::text FROM tenants WHERE id = $1::uuid OR name = $2::text;

-- name: remove_tenant
-- Remove a tenant and, by cascade, all its rows. Keep its id with the last entry ids of the streams: its entries stay there.
WITH removed AS (
    DELETE FROM tenants WHERE id = $1::uuid RETURNING id
)
INSERT INTO removed_tenants (id, last_entry_ids)
SELECT id, $2::jsonb FROM removed
ON CONFLICT (id) DO UPDATE SET last_entry_ids = excluded.last_entry_ids;

-- name: removed_tenants
-- The tenants that were removed once, with the last entry ids of their removed registration, by subject.
SELECT id, last_entry_ids FROM removed_tenants;

-- name: end_removed_registration
-- Raise the last entry ids of a removed registration, because its tenant is registered again.
UPDATE removed_tenants SET last_entry_ids = $2::jsonb WHERE id = $1::uuid;

-- name: text_search_configurations
-- The languages that a tenant may have.
SELECT cfgname::text AS language FROM pg_ts_config WHERE pg_ts_config_is_visible(oid) ORDER BY cfgname;

-- name: tenant_ids
-- The ids of all tenants, for the registry in Redis.
SELECT id FROM tenants;
