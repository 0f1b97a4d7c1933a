-- Create the roles that migrations grant rights to. Idempotent. `eunoe migrate up` runs it; before dbmate, run it with psql.
-- Roles belong to the whole cluster and other databases may use them, so no rollback drops them.
--
--   eunoe_owner    owns the tables; for migrations and for the table of tenants
--   eunoe_ingest   inserts turns, and nothing else
--   eunoe_recall   reads the turns and memories of one tenant
--   eunoe_curator  reads and changes the memories of one tenant
--   eunoe_janitor  archives and purges
--
-- None of them can log in. A login is granted the roles that it needs, and takes one per transaction:
--   CREATE ROLE my_consumer LOGIN NOINHERIT PASSWORD '...'; GRANT eunoe_ingest, eunoe_recall TO my_consumer;
DO $$
DECLARE
    role_name text;
BEGIN
    FOREACH role_name IN ARRAY ARRAY['eunoe_owner', 'eunoe_ingest', 'eunoe_recall', 'eunoe_curator', 'eunoe_janitor']
    LOOP
        BEGIN
            IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role_name) THEN
                EXECUTE format('CREATE ROLE %I NOLOGIN', role_name);
            END IF;
        EXCEPTION
            -- Another runner, perhaps in another database, has created the role.
            WHEN duplicate_object OR unique_violation THEN NULL;
        END;
        IF NOT pg_has_role(current_user, role_name, 'SET') THEN
            EXECUTE format('GRANT %I TO CURRENT_USER WITH INHERIT FALSE, SET TRUE', role_name);
        END IF;
    END LOOP;
END
$$;
