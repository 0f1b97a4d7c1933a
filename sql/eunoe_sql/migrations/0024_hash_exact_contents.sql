-- migrate:up
SET LOCAL ROLE eunoe_owner;

-- The earlier hash folded case and white space, so that a corrected password confirmed the wrong one. Equal new hashes
-- imply equal old ones: no memory can violate `memories_once` here. `content_hash` in eunoe_schema is the same in Python.
CREATE FUNCTION eunoe_content_hash(content text) RETURNS text
    LANGUAGE sql STABLE PARALLEL SAFE
    RETURN encode(
        sha256(convert_to(
            rtrim(regexp_replace(normalize(content, NFC), '^([ \t\r\f\v]*\n)+', ''), E' \t\n\r\f\v'), 'UTF8'
        )),
        'hex'
    );

-- Forced row-level security would show the owner no memory.
ALTER TABLE memories NO FORCE ROW LEVEL SECURITY;
ALTER TABLE memory_versions NO FORCE ROW LEVEL SECURITY;
UPDATE memories SET content_hash = eunoe_content_hash(content) WHERE content_hash <> eunoe_content_hash(content);
UPDATE memory_versions SET content_hash = eunoe_content_hash(content) WHERE content_hash <> eunoe_content_hash(content);
ALTER TABLE memory_versions FORCE ROW LEVEL SECURITY;
ALTER TABLE memories FORCE ROW LEVEL SECURITY;

DROP FUNCTION eunoe_content_hash(text);
COMMENT ON COLUMN memories.content_hash IS
    'SHA-256 of the content in NFC, without blank lines at its beginning and white space at its end';

RESET ROLE;

-- migrate:down
-- The hashes stay, because PostgreSQL cannot fold case as Python does. An older Eunoe stores such a content once more.
SET LOCAL ROLE eunoe_owner;
COMMENT ON COLUMN memories.content_hash IS 'SHA-256 of the content in NFC, case-folded, white space folded';
RESET ROLE;
