-- migrate:up
SET LOCAL ROLE eunoe_owner;

-- What was answered, written in the transaction that did it: a request that comes again gets the same reply.
CREATE TABLE memory_requests (
    tenant_id  uuid        NOT NULL REFERENCES tenants (id) ON DELETE CASCADE,
    request_id text        NOT NULL CHECK (char_length(request_id) BETWEEN 1 AND 256),
    body_hash  text        NOT NULL CHECK (body_hash ~ '^[0-9a-f]{64}$'),
    agent_id   uuid,
    user_id    text,
    reply      jsonb       NOT NULL DEFAULT '{}',
    memory_ids uuid[]      NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (tenant_id, request_id)
);
CREATE INDEX memory_requests_by_age ON memory_requests (tenant_id, created_at);
CREATE INDEX memory_requests_by_user ON memory_requests (tenant_id, user_id) WHERE user_id IS NOT NULL;
CREATE INDEX memory_requests_by_memory ON memory_requests USING gin (memory_ids);
COMMENT ON COLUMN memory_requests.body_hash IS 'SHA-256 of what was asked: an id used for something else is refused';
COMMENT ON COLUMN memory_requests.user_id IS 'whose words the reply may quote: erased with the user';
COMMENT ON COLUMN memory_requests.memory_ids IS 'the memories in the reply: it is emptied when one of them is purged';

ALTER TABLE memory_requests ENABLE ROW LEVEL SECURITY;
ALTER TABLE memory_requests FORCE ROW LEVEL SECURITY;

CREATE POLICY curate ON memory_requests TO eunoe_curator, eunoe_janitor USING (tenant_id = eunoe_current_tenant());
GRANT SELECT, INSERT, UPDATE (reply, memory_ids) ON memory_requests TO eunoe_curator;
GRANT SELECT, DELETE ON memory_requests TO eunoe_janitor;

RESET ROLE;

-- migrate:down
SET LOCAL ROLE eunoe_owner;
DROP TABLE memory_requests;
RESET ROLE;
