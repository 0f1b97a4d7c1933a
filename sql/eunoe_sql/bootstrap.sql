-- Make the roles that migrations grant to. Idempotent; run by `eunoe migrate up`, or with psql before dbmate.
-- Roles belong to the cluster and other databases may use them: no rollback drops them.
--
--   eunoe_owner    owns the tables; migrations and the tenant registry
--   eunoe_ingest   writes turns; may INSERT and nothing else
--   eunoe_recall   reads one tenant's turns
--   eunoe_curator  one tenant's memories
--   eunoe_janitor  retention and erasure
--
-- None can log in. A login is given those it needs and takes one on per transaction:
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
            -- Another runner, perhaps in another database, was faster.
            WHEN duplicate_object OR unique_violation THEN NULL;
        END;
        IF NOT pg_has_role(current_user, role_name, 'SET') THEN
            EXECUTE format('GRANT %I TO CURRENT_USER WITH INHERIT FALSE, SET TRUE', role_name);
        END IF;
    END LOOP;
END
$$;
