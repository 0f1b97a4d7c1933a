-- migrate:up
SET LOCAL ROLE eunoe_owner;

-- When a session goes, whose it was goes too: an agent's memory outlives its user, whose id it must not keep.
ALTER TABLE memories
    DROP CONSTRAINT memories_tenant_id_session_agent_id_session_user_id_sessio_fkey;
-- The owner is held by the policies, too, and would see no row.
ALTER TABLE memories NO FORCE ROW LEVEL SECURITY;
UPDATE memories SET session_agent_id = NULL, session_user_id = NULL
WHERE session_id IS NULL AND num_nonnulls(session_agent_id, session_user_id) > 0;
ALTER TABLE memories FORCE ROW LEVEL SECURITY;
ALTER TABLE memories
    ADD CONSTRAINT memories_session_fkey FOREIGN KEY (tenant_id, session_agent_id, session_user_id, session_id)
        REFERENCES sessions (tenant_id, agent_id, user_id, session_id)
        ON DELETE SET NULL (session_agent_id, session_user_id, session_id);

-- A version is made by a change of content, which the janitor never makes.
REVOKE INSERT ON memory_versions FROM eunoe_janitor;

RESET ROLE;

-- migrate:down
SET LOCAL ROLE eunoe_owner;
GRANT INSERT ON memory_versions TO eunoe_janitor;
ALTER TABLE memories DROP CONSTRAINT memories_session_fkey;
ALTER TABLE memories
    ADD CONSTRAINT memories_tenant_id_session_agent_id_session_user_id_sessio_fkey
        FOREIGN KEY (tenant_id, session_agent_id, session_user_id, session_id)
        REFERENCES sessions (tenant_id, agent_id, user_id, session_id) ON DELETE SET NULL (session_id);
RESET ROLE;
