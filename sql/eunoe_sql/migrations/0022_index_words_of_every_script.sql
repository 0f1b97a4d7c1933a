-- migrate:up
SET LOCAL ROLE eunoe_owner;

-- The words of a text, without the letters that `eunoe_words` cuts into pairs, pictures and typographic signs. NFKC makes
-- one letter of full-width, half-width and combined ones.
CREATE FUNCTION eunoe_plain(content text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN CASE WHEN octet_length(content) = length(content) THEN content ELSE translate(
        regexp_replace(
            normalize(replace(content, '№', '#'), NFKC),
            '[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3000-\u30ff\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff'
            '\U00020000-\U0003ffff\u231a-\u23f3\u2600-\u27bf\u2b50\u2b55\U0001f000-\U0001faff'
            '\u00a1-\u00bf\u2014-\u2018\u201a-\u2027\u202a-\u206f\ufe0f]+',
            ' ', 'g'
        ),
        U&'\2010\2011\2012\2013\2212\2019\02bc', '-----'''''
    ) END;

-- One term for all spellings of a code: "XR-2207/B", "xr_2207_b". A point between digits stays, because 2.4 is not 24,
-- unless it separates thousands. A number with few digits keeps its marks: 3/4 is not 34.
CREATE FUNCTION eunoe_code(code text) RETURNS text
    LANGUAGE sql IMMUTABLE PARALLEL SAFE
    RETURN left(
        CASE
            WHEN code ~ '^[0-9]{1,3}(\.[0-9]{3})+$' THEN replace(code, '.', '')
            WHEN code ~ '[a-z]' THEN regexp_replace(code, '(?<![0-9])\.|\.(?![0-9])|[-_/:#@+\\~%$]', '', 'g')
            WHEN code ~ '([0-9]\W*){5}' THEN regexp_replace(code, '[-_/#@+\\~%$]', '', 'g')
            ELSE code
        END,
        64
    );

-- The terms of a message, or of a query. The words of `head` are stemmed in the language; codes are taken from all of
-- `content`. Kinds: 0 for a code, 1 for a word or a part of a code, 2 for letters of a script without spaces.
--
-- - Codes are found by the whole and by each part, and digits never with a sign: PostgreSQL alone makes of
--   "CVE-2031-7741" the terms "cve", "-2031" and "-7741", and of "a/b" a file.
-- - Scripts without spaces, and Hangul, are cut into pairs of letters. A Chinese character is a term as well.
CREATE FUNCTION eunoe_words(language regconfig, head text, content text)
    RETURNS TABLE (lexeme text, tf int, kind int, place int)
    LANGUAGE plpgsql STABLE PARALLEL SAFE ROWS 20 AS
$$
#variable_conflict use_column
DECLARE
    unspaced CONSTANT text := '\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3005-\u3007\u3041-\u30fa\u30fc-\u30ff'
        '\u3400-\u9fff\uac00-\ud7a3\uf900-\ufaff\U00020000-\U0003ffff';
    chinese CONSTANT text := '[\u3005-\u3007\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]';
    picture CONSTANT text := '([\u231a-\u23f3\u2600-\u27bf\u2b50\u2b55\U0001f000-\U0001f3fa\U0001f400-\U0001faff])';
    thousands CONSTANT text := '(?<=[0-9]),(?=[0-9]{3}(?![0-9]))';
    groups CONSTANT text := '\m((?:[a-z]{2}[0-9]{2}(?: [a-z0-9]{4}){2,7}(?: [a-z0-9]{1,4})?'
        '|[0-9]{1,5}(?:[ ./()-]{1,3}[0-9]{2,8}){1,6}))\M';
    is_long CONSTANT boolean := length(content) > 400;
    -- In a long message only digits and @ are signs of a code: snake_case, a/b and e.g. are frequent there.
    code_sign CONSTANT text := CASE WHEN is_long THEN '[0-9@]' ELSE '(?:[0-9_@\\/]|\w\.\w)' END;
    code CONSTANT text := '[\w.:\-_/#@+\\~%$]*' || code_sign || '[\w.:\-_/#@+\\~%$]*';
    words text := eunoe_plain(head);
    codes text;
BEGIN
    -- Each step is behind a test that is quicker, because this runs for every message.
    IF words ~ '[0-9_@\\/]|\w\.\w' THEN
        words := regexp_replace(
            translate(words, '_\@', '   '), '(?<!<)/(?!>)|(?<=\w)\.(?=\w)|[-+](?=[0-9])|(?<=[0-9])[-+](?=\w)', ' ', 'g'
        );
    END IF;
    IF words ~ '[0-9][A-Za-z]|[A-Za-z][0-9]' THEN -- "LH438" is LH and 438 as well; "1st" is one word
        words := regexp_replace(
            words, '\m(?=[0-9]*[a-z])([a-z]{0,8})([0-9]{1,12})(?!(?:st|nd|rd|th)\M)([a-z]{0,8})\M',
            '\1\2\3 \1 \2 \3', 'gi'
        );
    END IF;
    IF words ~ '\w{65}' THEN
        words := regexp_replace(words, '(\w{64})\w+', '\1', 'g');
    END IF;
    RETURN QUERY
    SELECT word.lexeme, cardinality(word.positions), 1, word.positions[1]::int
    FROM unnest(to_tsvector(language, words)) AS word;

    IF content ~ code_sign THEN
        codes := regexp_replace(lower(eunoe_plain(content)), thousands, '', 'g');
        RETURN QUERY
        SELECT term.lexeme, 1, 0, min(term.place)
        FROM (
            SELECT part.lexeme, found.place
            FROM (
                SELECT btrim(match[1], '.:-_/#@+\~%$') AS chunk, min(number)::int AS place
                FROM regexp_matches(codes, code, 'g') WITH ORDINALITY AS matches (match, number)
                WHERE NOT is_long OR length(match[1]) > 3
                GROUP BY chunk
                ORDER BY place
                LIMIT CASE WHEN is_long THEN 64 END
            ) AS found
            CROSS JOIN LATERAL (
                SELECT eunoe_code(found.chunk) AS lexeme
                UNION ALL
                SELECT lexeme
                FROM string_to_table(translate(found.chunk, '.:-_/#@+\~%$', repeat(' ', 12)), ' ') AS parts (lexeme)
                WHERE is_long AND found.chunk ~ '\w\W\w' AND lexeme ~ '[0-9]' AND length(lexeme) <= 64
            ) AS part
            UNION ALL
            -- A telephone number or an account in groups: the whole is a term, too.
            SELECT regexp_replace(grouped[1], '\W', '', 'g'), 0
            FROM regexp_matches(codes, groups, 'g') AS matches (grouped)
            WHERE length(grouped[1]) > 7
        ) AS term
        WHERE term.lexeme <> '' AND (NOT is_long OR term.lexeme ~ '^(?!(?:19|20)[0-9]{2}$).{4}')
        GROUP BY term.lexeme;
    END IF;

    IF octet_length(head) <> length(head) THEN
        RETURN QUERY
        SELECT gram.lexeme, count(*)::int, 2, min(gram.place)
        FROM (
            SELECT letters.gram AS lexeme, (number * 1000 + at)::int AS place
            FROM regexp_matches(normalize(left(head, 1000), NFKC), '([' || unspaced || ']+)', 'g')
                WITH ORDINALITY AS found (run, number)
            CROSS JOIN LATERAL generate_series(1, length(run[1])) AS at
            CROSS JOIN LATERAL (
                SELECT substr(run[1], at, 2) AS gram WHERE at = 1 OR at < length(run[1])
                UNION ALL
                SELECT substr(run[1], at, 1) WHERE length(run[1]) > 1 AND substr(run[1], at, 1) ~ chinese
            ) AS letters
            UNION ALL
            SELECT found[1], 0 FROM regexp_matches(left(head, 1000), picture, 'g') AS found
        ) AS gram
        GROUP BY gram.lexeme;
    END IF;
END
$$;

-- The empty term stands for the turn as a whole, as before. Its length counts words, and two pairs of letters as one.
CREATE OR REPLACE FUNCTION eunoe_terms(language regconfig, speaker text, content text)
    RETURNS TABLE (lexeme text, tf smallint, length smallint)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT term.lexeme, term.tf::smallint, (ceil(sum(term.weight) OVER ()))::smallint
    FROM (
        SELECT
            word.lexeme, max(word.tf) AS tf,
            max(CASE word.kind WHEN 1 THEN word.tf WHEN 2 THEN word.tf / 2.0 ELSE 0 END) AS weight
        FROM eunoe_words(language, coalesce(speaker || ': ', '') || left(content, 400), content) AS word
        GROUP BY word.lexeme
        UNION ALL
        SELECT '', 0, 0
    ) AS term;
END;

-- The name of an assistant is no term of its turns: "Python Tutor" would lift them for every question about Python.
CREATE OR REPLACE FUNCTION eunoe_index_terms() RETURNS trigger
    LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO postings (tenant_id, scope_hash, lexeme, position, tf, length, session_hash)
    SELECT
        turn.tenant_id,
        eunoe_scope_hash(turn.agent_id, turn.user_id),
        term.lexeme,
        turn.position,
        term.tf,
        term.length,
        CASE WHEN term.lexeme = '' THEN hashtextextended(coalesce(turn.session_id, turn.thread_id), 0) END
    FROM added AS turn
    JOIN tenants AS tenant ON tenant.id = turn.tenant_id
    CROSS JOIN LATERAL eunoe_terms(
        tenant.language, CASE WHEN turn.role = 'user' THEN turn.speaker END, turn.content
    ) AS term
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;

-- A name of an assistant is treated differently from a name of a user.
ALTER TABLE speakers ADD COLUMN role text NOT NULL DEFAULT 'user' CHECK (role IN ('user', 'assistant'));
ALTER TABLE speakers DROP CONSTRAINT speakers_pkey;
ALTER TABLE speakers ADD PRIMARY KEY (tenant_id, agent_id, user_id, speaker, role);
ALTER TABLE speakers NO FORCE ROW LEVEL SECURITY;

-- Forced row-level security would show the owner no turn, and refuse its rows.
ALTER TABLE conversation_embeddings NO FORCE ROW LEVEL SECURITY;
ALTER TABLE postings NO FORCE ROW LEVEL SECURITY;
TRUNCATE postings;
INSERT INTO postings (tenant_id, scope_hash, lexeme, position, tf, length, session_hash)
SELECT
    turn.tenant_id, eunoe_scope_hash(turn.agent_id, turn.user_id), term.lexeme, turn.position, term.tf, term.length,
    CASE WHEN term.lexeme = '' THEN hashtextextended(coalesce(turn.session_id, turn.thread_id), 0) END
FROM conversation_embeddings AS turn
JOIN tenants AS tenant ON tenant.id = turn.tenant_id
CROSS JOIN LATERAL eunoe_terms(
    tenant.language, CASE WHEN turn.role = 'user' THEN turn.speaker END, turn.content
) AS term
ON CONFLICT DO NOTHING;
TRUNCATE speakers;
INSERT INTO speakers (tenant_id, agent_id, user_id, speaker, role)
SELECT DISTINCT tenant_id, agent_id, user_id, speaker, role FROM conversation_embeddings WHERE speaker IS NOT NULL;
ALTER TABLE speakers FORCE ROW LEVEL SECURITY;
ALTER TABLE conversation_embeddings FORCE ROW LEVEL SECURITY;
ALTER TABLE postings FORCE ROW LEVEL SECURITY;
RESET ROLE;

-- migrate:down
SET LOCAL ROLE eunoe_owner;
CREATE OR REPLACE FUNCTION eunoe_terms(language regconfig, speaker text, content text)
    RETURNS TABLE (lexeme text, tf smallint, length smallint)
    LANGUAGE sql STABLE PARALLEL SAFE
BEGIN ATOMIC
    SELECT term.lexeme, term.tf::smallint, (sum(term.tf) OVER ())::smallint
    FROM (
        SELECT vector.lexeme, cardinality(vector.positions) AS tf
        FROM unnest(to_tsvector(language, coalesce(speaker || ': ', '') || left(content, 400))) AS vector
        UNION ALL
        SELECT '', 0
    ) AS term;
END;
CREATE OR REPLACE FUNCTION eunoe_index_terms() RETURNS trigger
    LANGUAGE plpgsql AS
$$
BEGIN
    INSERT INTO postings (tenant_id, scope_hash, lexeme, position, tf, length, session_hash)
    SELECT
        turn.tenant_id,
        eunoe_scope_hash(turn.agent_id, turn.user_id),
        term.lexeme,
        turn.position,
        term.tf,
        term.length,
        CASE WHEN term.lexeme = '' THEN hashtextextended(turn.session_id, 0) END
    FROM added AS turn
    JOIN tenants AS tenant ON tenant.id = turn.tenant_id
    CROSS JOIN LATERAL eunoe_terms(tenant.language, turn.speaker, turn.content) AS term
    ON CONFLICT DO NOTHING;
    RETURN NULL;
END
$$;
DROP FUNCTION eunoe_words(regconfig, text, text);
DROP FUNCTION eunoe_code(text);
DROP FUNCTION eunoe_plain(text);
ALTER TABLE conversation_embeddings NO FORCE ROW LEVEL SECURITY;
ALTER TABLE postings NO FORCE ROW LEVEL SECURITY;
TRUNCATE postings;
INSERT INTO postings (tenant_id, scope_hash, lexeme, position, tf, length, session_hash)
SELECT
    turn.tenant_id, eunoe_scope_hash(turn.agent_id, turn.user_id), term.lexeme, turn.position, term.tf, term.length,
    CASE WHEN term.lexeme = '' THEN hashtextextended(turn.session_id, 0) END
FROM conversation_embeddings AS turn
JOIN tenants AS tenant ON tenant.id = turn.tenant_id
CROSS JOIN LATERAL eunoe_terms(tenant.language, turn.speaker, turn.content) AS term
ON CONFLICT DO NOTHING;
TRUNCATE speakers;
ALTER TABLE speakers DROP COLUMN role;
ALTER TABLE speakers ADD PRIMARY KEY (tenant_id, agent_id, user_id, speaker);
ALTER TABLE speakers NO FORCE ROW LEVEL SECURITY;
INSERT INTO speakers (tenant_id, agent_id, user_id, speaker)
SELECT DISTINCT tenant_id, agent_id, user_id, speaker FROM conversation_embeddings WHERE speaker IS NOT NULL;
ALTER TABLE speakers FORCE ROW LEVEL SECURITY;
ALTER TABLE conversation_embeddings FORCE ROW LEVEL SECURITY;
ALTER TABLE postings FORCE ROW LEVEL SECURITY;
RESET ROLE;
