-- name: note_stream
-- Note how far a stream is, and what it has lost.
SELECT newest, lost_after, lost_before
FROM eunoe_note_stream(
    $1::text, $2::uuid, $3::timestamptz, $4::timestamptz, $5::bigint, $6::bigint, $7::timestamptz, $8::timestamptz
);

-- name: list_losses
-- What Redis has lost, the newest first.
SELECT stream, noticed_at, lost_after, lost_before
FROM stream_losses
ORDER BY noticed_at DESC, stream;

-- name: dismiss_losses
-- Forget losses that were dealt with, up to the one noticed last.
DELETE FROM stream_losses WHERE noticed_at <= $1::timestamptz;
