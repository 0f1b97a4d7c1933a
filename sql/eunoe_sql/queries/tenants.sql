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
-- Remove a tenant and, by cascade, all its rows.
DELETE FROM tenants WHERE id = $1::uuid;

-- name: text_search_configurations
-- The languages that a tenant may have.
SELECT cfgname::text AS language FROM pg_ts_config WHERE pg_ts_config_is_visible(oid) ORDER BY cfgname;

-- name: tenant_ids
-- The ids of all tenants, for the registry in Redis.
SELECT id FROM tenants;
