-- name: scope_facts
-- Return the speakers of a scope by role, 200 at most, and how many there are; and whether the scope is a giant with its
-- own approximate index.
SELECT
    coalesce(array_agg(speaker) FILTER (WHERE role = 'user'), '{}') AS users,
    coalesce(array_agg(speaker) FILTER (WHERE role = 'assistant'), '{}') AS assistants,
    coalesce(max(speakers), 0) AS speaker_count,
    EXISTS (
        SELECT FROM giant_scopes WHERE tenant_id = $1::uuid AND agent_id = $2::uuid AND user_id = $3::text
    ) AS is_giant
FROM (
    SELECT speaker, role, count(*) OVER () AS speakers
    FROM speakers
    WHERE tenant_id = $1::uuid AND agent_id = $2::uuid AND user_id = $3::text
    ORDER BY speaker, role
    LIMIT 200
) AS named;

-- name: name_uses
-- Return the newest messages of a scope that contain a word ($4). The name of a turn's speaker is a term of the turn, so
-- not every turn found has the word in its content. $5: turns to look at, at most; $6: messages at most.
SELECT left(turn.content, 400) AS content, turn.speaker
FROM (
    SELECT postings.position
    FROM postings
    WHERE postings.tenant_id = $1::uuid AND postings.scope_hash = eunoe_scope_hash($2::uuid, $3::text)
        AND postings.lexeme = (
            SELECT lexeme
            FROM eunoe_words((SELECT language FROM tenants WHERE id = $1::uuid), $4::text, $4::text)
            ORDER BY length(lexeme) DESC
            LIMIT 1
        )
    ORDER BY postings.position DESC
    LIMIT $5::int
) AS found
JOIN conversation_embeddings AS turn
    ON turn.tenant_id = $1::uuid AND turn.agent_id = $2::uuid AND turn.user_id = $3::text
    AND turn.created_at = eunoe_time_of(found.position) AND turn.position = found.position
WHERE position(lower($4::text) IN lower(left(turn.content, 400))) > 0
ORDER BY found.position DESC
LIMIT $6::int;

-- name: outline
-- Return all numbers that BM25 needs: position, session and length of a scope's newest turns, newest first, and the
-- occurrences of a query's terms. The arrays are sent in binary, because decoding thousands of numbers one by one would
-- take longer than finding them (see outline.py). A posting with an empty lexeme stands for the whole turn. A caller that
-- keeps `scope_facts` reads them again when the number of speakers has changed.
-- $4: the query, $5: terms at most, $6: turns at most, $7: occurrences of a term at most.
WITH terms AS (
    -- Codes, words and pairs of letters in turn, so that no kind of a long query displaces the others.
    SELECT lexeme, row_number() OVER (ORDER BY rank, kind)::int2 AS number
    FROM (
        SELECT lexeme, max(kind) AS kind, row_number() OVER (PARTITION BY max(kind) ORDER BY min(place)) AS rank
        FROM eunoe_words((SELECT language FROM tenants WHERE id = $1::uuid), $4::text, $4::text)
        GROUP BY lexeme
    ) AS ranked
    ORDER BY number
    LIMIT $5::int
), newest AS MATERIALIZED (
    SELECT position, coalesce(session_hash, 0) AS session_hash, length
    FROM postings
    WHERE tenant_id = $1::uuid AND scope_hash = eunoe_scope_hash($2::uuid, $3::text) AND lexeme = ''
    ORDER BY position DESC
    LIMIT $6::int
), occurrences AS (
    SELECT
        array_send(coalesce(array_agg(terms.number), '{}')) AS terms,
        array_send(coalesce(array_agg(found.position), '{}')) AS term_positions,
        array_send(coalesce(array_agg(found.tf), '{}')) AS term_tf
    FROM terms
    CROSS JOIN LATERAL (
        SELECT postings.position, postings.tf
        FROM postings
        WHERE postings.tenant_id = $1::uuid AND postings.scope_hash = eunoe_scope_hash($2::uuid, $3::text)
            AND postings.lexeme = terms.lexeme AND postings.position >= (SELECT min(position) FROM newest)
        ORDER BY postings.position DESC
        LIMIT $7::int
    ) AS found
), turns AS (
    SELECT
        array_send(coalesce(array_agg(position), '{}')) AS positions,
        array_send(coalesce(array_agg(session_hash), '{}')) AS sessions,
        array_send(coalesce(array_agg(length), '{}')) AS lengths
    FROM newest
)
SELECT
    positions, sessions, lengths, terms, term_positions, term_tf,
    (
        SELECT count(*) FROM speakers WHERE tenant_id = $1::uuid AND agent_id = $2::uuid AND user_id = $3::text
    ) AS speaker_count
FROM turns CROSS JOIN occurrences;

-- name: candidates
-- Return the turns of a scope nearest to a vector, and the turns that the search by words found.
-- $4: the vector, $5: positions found by words, $6: nearest turns at most, $7: whether pieces count, $8: pieces at
-- most. The search for the nearest turns is exact, and reads the covering index only. `+ 0` keeps it exact in every plan,
-- because no approximate index can serve that order (test_exactness.py).
WITH nearest AS (
    SELECT created_at, position, (embedding <=> $4::halfvec) + 0 AS distance
    FROM conversation_embeddings
    WHERE tenant_id = $1::uuid AND agent_id = $2::uuid AND user_id = $3::text
    ORDER BY (embedding <=> $4::halfvec) + 0
    LIMIT $6::int
), pieces AS MATERIALIZED (
    SELECT position, piece, (embedding <=> $4::halfvec) + 0 AS distance
    FROM turn_pieces
    WHERE tenant_id = $1::uuid AND agent_id = $2::uuid AND user_id = $3::text AND $7::bool
    ORDER BY (embedding <=> $4::halfvec) + 0
    LIMIT $8::int
), chosen AS (
    SELECT created_at, position FROM nearest
    UNION
    SELECT eunoe_time_of(position), position FROM pieces
    UNION
    SELECT eunoe_time_of(position), position FROM unnest($5::bigint[]) AS lexical (position)
)
SELECT
    turn.id, turn.event_id, turn.position, turn.role, turn.content, turn.speaker, turn.session_id,
    turn.thread_id, turn.channel, nullif(turn.metadata, '{}') AS metadata, turn.created_at, turn.occurred_at,
    1 - (turn.embedding <=> $4::halfvec) AS cosine,
    best.cosine AS piece_cosine, best.starts_at, best.ends_at, best.second_starts_at
FROM chosen
JOIN conversation_embeddings AS turn
    ON turn.tenant_id = $1::uuid AND turn.agent_id = $2::uuid AND turn.user_id = $3::text
    AND turn.created_at = chosen.created_at AND turn.position = chosen.position
LEFT JOIN LATERAL (
    SELECT
        1 - (piece.embedding <=> $4::halfvec) AS cosine, piece.starts_at, piece.ends_at,
        min(piece.starts_at) OVER () AS second_starts_at
    FROM turn_pieces AS piece
    WHERE piece.tenant_id = $1::uuid AND piece.id = turn.id AND piece.position = turn.position AND $7::bool
    ORDER BY piece.embedding <=> $4::halfvec
    LIMIT 1
) AS best ON true;

-- name: distinct_nearest
-- Return the turns of a scope nearest to a vector ($4), of equal texts the newest and the oldest only. Their
-- distances are equal.
-- $5: texts at most. Asked only if most candidates repeat few texts, because it groups all turns of the scope.
SELECT max(position) AS newest, min(position) AS oldest
FROM conversation_embeddings
WHERE tenant_id = $1::uuid AND agent_id = $2::uuid AND user_id = $3::text
GROUP BY (embedding <=> $4::halfvec) + 0
ORDER BY (embedding <=> $4::halfvec) + 0
LIMIT $5::int;

-- name: turns_of_period
-- Return the positions of the turns of a period that are nearest to a vector. Only queries that name a period need it.
-- $4: the vector, $5, $6: the starts and ends of the spans that the period may mean, the likely one first, $7: turns to
-- compare at most, the newest of the first spans, $8: turns to return at most. The expression of the time is that of the
-- index by_time, word for word: row-level security forbids an index for a coalesce.
SELECT dated.position
FROM (
    SELECT turn.position, turn.embedding
    FROM unnest($5::timestamptz[], $6::timestamptz[]) AS span (starts_at, ends_at)
    CROSS JOIN LATERAL (
        SELECT position, embedding
        FROM conversation_embeddings
        WHERE tenant_id = $1::uuid AND agent_id = $2::uuid AND user_id = $3::text
            AND (CASE WHEN occurred_at IS NULL THEN created_at ELSE occurred_at END) >= span.starts_at
            AND (CASE WHEN occurred_at IS NULL THEN created_at ELSE occurred_at END) < span.ends_at
        ORDER BY (CASE WHEN occurred_at IS NULL THEN created_at ELSE occurred_at END) DESC, position DESC
        LIMIT $7::int
    ) AS turn
    LIMIT $7::int
) AS dated
ORDER BY (dated.embedding <=> $4::halfvec) + 0
LIMIT $8::int;

-- name: neighbours
-- Return the turns directly before and after each of some turns ($4: their positions) in its session, in order of time.
-- A turn without a session belongs to its thread. The expressions are those of the index by_neighbour, word for word.
-- The times are computed apart, because row-level security forbids an index for a function.
WITH given AS MATERIALIZED (
    SELECT given_position, eunoe_time_of(given_position) AS given_time FROM unnest($4::bigint[]) AS given (given_position)
), asked AS MATERIALIZED (
    SELECT
        position,
        (CASE WHEN session_id IS NOT NULL THEN session_id WHEN thread_id IS NOT NULL THEN thread_id ELSE '' END) AS session,
        (CASE WHEN occurred_at IS NULL THEN created_at ELSE occurred_at END) AS time
    FROM given
    JOIN conversation_embeddings
        ON tenant_id = $1::uuid AND agent_id = $2::uuid AND user_id = $3::text
        AND created_at = given_time AND position = given_position
)
SELECT asked.position AS of_position, 'before' AS side, found.event_id, found.role, found.content, found.speaker
FROM asked
CROSS JOIN LATERAL (
    SELECT event_id, role, content, speaker
    FROM conversation_embeddings
    WHERE tenant_id = $1::uuid AND agent_id = $2::uuid AND user_id = $3::text
        AND (CASE WHEN session_id IS NOT NULL THEN session_id WHEN thread_id IS NOT NULL THEN thread_id ELSE '' END)
            = asked.session
        AND ((CASE WHEN occurred_at IS NULL THEN created_at ELSE occurred_at END), position) < (asked.time, asked.position)
    ORDER BY (CASE WHEN occurred_at IS NULL THEN created_at ELSE occurred_at END) DESC, position DESC
    LIMIT 1
) AS found
UNION ALL
SELECT asked.position, 'after', found.event_id, found.role, found.content, found.speaker
FROM asked
CROSS JOIN LATERAL (
    SELECT event_id, role, content, speaker
    FROM conversation_embeddings
    WHERE tenant_id = $1::uuid AND agent_id = $2::uuid AND user_id = $3::text
        AND (CASE WHEN session_id IS NOT NULL THEN session_id WHEN thread_id IS NOT NULL THEN thread_id ELSE '' END)
            = asked.session
        AND ((CASE WHEN occurred_at IS NULL THEN created_at ELSE occurred_at END), position) > (asked.time, asked.position)
    ORDER BY (CASE WHEN occurred_at IS NULL THEN created_at ELSE occurred_at END), position
    LIMIT 1
) AS found;
