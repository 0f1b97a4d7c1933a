-- name: record_stream
-- Record the state of a stream, and return the loss that it shows, if any.
SELECT newest, lost_after, lost_before
FROM eunoe_note_stream(
    $1::text, $2::uuid, $3::timestamptz, $4::timestamptz, $5::bigint, $6::bigint, $7::timestamptz, $8::timestamptz
);

-- name: list_losses
-- The time spans in which Redis may have lost entries, the newest first.
SELECT stream, noticed_at, lost_after, lost_before
FROM stream_losses
ORDER BY noticed_at DESC, stream;

-- name: dismiss_losses
-- Delete the losses noticed up to this moment, because the operator has dealt with them.
DELETE FROM stream_losses WHERE noticed_at <= $1::timestamptz;
