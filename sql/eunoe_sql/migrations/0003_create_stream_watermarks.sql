-- migrate:up
SET LOCAL ROLE eunoe_owner;

-- What is known of a stream outside of Redis: only so can be told what a Redis that lost its data took with it. A stream
-- carries every tenant's entries, so these two tables have no tenant and hold nothing of one.
CREATE TABLE stream_watermarks (
    stream           text        NOT NULL PRIMARY KEY,
    incarnation      uuid        NOT NULL,
    observed_at      timestamptz NOT NULL,
    last_position    bigint      NOT NULL,
    durable_position bigint      NOT NULL
);
COMMENT ON COLUMN stream_watermarks.incarnation IS 'a mark beside the stream, which goes where the stream goes';
COMMENT ON COLUMN stream_watermarks.observed_at IS 'by the clock of Redis';
COMMENT ON COLUMN stream_watermarks.last_position IS 'of the newest entry seen';
COMMENT ON COLUMN stream_watermarks.durable_position IS 'every entry up to here is stored, or among the dead letters';

CREATE TABLE stream_losses (
    stream      text        NOT NULL,
    noticed_at  timestamptz NOT NULL,
    lost_after  timestamptz NOT NULL,
    lost_before timestamptz NOT NULL,
    PRIMARY KEY (stream, lost_after, lost_before),
    CHECK (lost_after <= lost_before)
);
COMMENT ON TABLE stream_losses IS 'spans of time whose entries Redis has lost before they were durable, as far as is known';

-- The one way in for consumers, who may neither read nor change the tables. `torn_*`: entries seen earlier are missing
-- from a stream that is still there. An observation that is older than the last one is ignored: a process that was
-- frozen must not pass for a stream that went back.
CREATE FUNCTION eunoe_note_stream(
    stream_name text, mark uuid, born_at timestamptz, seen_at timestamptz, newest_seen bigint, durable bigint,
    torn_after timestamptz, torn_before timestamptz
) RETURNS TABLE (newest bigint, lost_after timestamptz, lost_before timestamptz)
    LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS
$$
DECLARE
    known stream_watermarks;
BEGIN
    INSERT INTO stream_watermarks VALUES (stream_name, mark, seen_at, newest_seen, durable) ON CONFLICT DO NOTHING;
    SELECT * INTO known FROM stream_watermarks AS w WHERE w.stream = stream_name FOR UPDATE;
    newest := greatest(known.last_position, newest_seen);
    IF known.observed_at <= seen_at AND known.incarnation <> mark THEN
        torn_after := to_timestamp((known.durable_position >> 20) / 1000.0);
        torn_before := born_at;
        known.durable_position := 0;
    END IF;
    IF torn_after IS NOT NULL THEN
        torn_before := greatest(torn_before, torn_after);
        INSERT INTO stream_losses VALUES (stream_name, seen_at, torn_after, torn_before) ON CONFLICT DO NOTHING;
        IF FOUND THEN
            lost_after := torn_after;
            lost_before := torn_before;
        END IF;
    END IF;
    IF known.observed_at > seen_at THEN
        RETURN NEXT;
        RETURN;
    END IF;
    UPDATE stream_watermarks AS w
    SET incarnation = mark,
        observed_at = seen_at,
        last_position = eunoe_note_stream.newest,
        durable_position = greatest(known.durable_position, durable)
    WHERE w.stream = stream_name;
    RETURN NEXT;
END
$$;
REVOKE ALL ON FUNCTION eunoe_note_stream(text, uuid, timestamptz, timestamptz, bigint, bigint, timestamptz, timestamptz)
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION
    eunoe_note_stream(text, uuid, timestamptz, timestamptz, bigint, bigint, timestamptz, timestamptz) TO eunoe_ingest;

ALTER TABLE stream_watermarks ENABLE ROW LEVEL SECURITY;
ALTER TABLE stream_watermarks FORCE ROW LEVEL SECURITY;
ALTER TABLE stream_losses ENABLE ROW LEVEL SECURITY;
ALTER TABLE stream_losses FORCE ROW LEVEL SECURITY;
CREATE POLICY note ON stream_watermarks TO eunoe_owner USING (true);
CREATE POLICY note ON stream_losses TO eunoe_owner USING (true);
CREATE POLICY report ON stream_losses FOR SELECT TO eunoe_recall, eunoe_janitor USING (true);
GRANT SELECT ON stream_losses TO eunoe_recall, eunoe_janitor;

RESET ROLE;

-- migrate:down
SET LOCAL ROLE eunoe_owner;
DROP FUNCTION eunoe_note_stream(text, uuid, timestamptz, timestamptz, bigint, bigint, timestamptz, timestamptz);
DROP TABLE stream_losses;
DROP TABLE stream_watermarks;
RESET ROLE;
