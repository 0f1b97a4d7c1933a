-- migrate:up
SET LOCAL ROLE eunoe_owner;

-- Entries of a removed tenant stay on the streams. If its id is registered again and a group loses its place, they are
-- read once more: this table tells them from new ones. It holds nothing but ids, and goes with no tenant.
CREATE TABLE removed_tenants (
    id             uuid  NOT NULL PRIMARY KEY,
    last_entry_ids jsonb NOT NULL CHECK (jsonb_typeof(last_entry_ids) = 'object')
);
COMMENT ON COLUMN removed_tenants.last_entry_ids IS 'by subject: entries up to this one are of a removed registration';
ALTER TABLE removed_tenants ENABLE ROW LEVEL SECURITY;
ALTER TABLE removed_tenants FORCE ROW LEVEL SECURITY;
CREATE POLICY administer ON removed_tenants TO eunoe_owner USING (true);
CREATE POLICY registry ON removed_tenants FOR SELECT TO eunoe_recall USING (true);
GRANT SELECT ON removed_tenants TO eunoe_recall;

RESET ROLE;

-- migrate:down
SET LOCAL ROLE eunoe_owner;
DROP TABLE removed_tenants;
RESET ROLE;
