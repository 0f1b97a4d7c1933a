-- name: count_retrievals
-- Note that memories which apply to a scope were returned, each as often as it is named; locked in order, so that two
-- writers cannot deadlock.
WITH used AS (
    SELECT id, count(*) AS times FROM unnest($4::uuid[]) AS named (id) GROUP BY id
), locked AS MATERIALIZED (
    SELECT memory.id, used.times
    FROM memories AS memory
    JOIN used USING (id)
    WHERE memory.tenant_id = $1::uuid
        AND (memory.agent_id IS NULL OR memory.agent_id = $2::uuid)
        AND (memory.user_id IS NULL OR memory.user_id = $3::text)
    ORDER BY memory.id
    FOR NO KEY UPDATE OF memory
)
UPDATE memories AS memory
SET retrieval_count = memory.retrieval_count + locked.times, last_retrieved_at = now(), accessed_at = now()
FROM locked
WHERE memory.tenant_id = $1::uuid AND memory.id = locked.id;

-- name: note_injections
-- Note that memories which apply to a scope were put into a prompt.
WITH locked AS MATERIALIZED (
    SELECT id
    FROM memories
    WHERE tenant_id = $1::uuid AND id = ANY ($4::uuid[])
        AND (agent_id IS NULL OR agent_id = $2::uuid) AND (user_id IS NULL OR user_id = $3::text)
    ORDER BY id
    FOR NO KEY UPDATE
)
UPDATE memories AS memory
SET last_injected_at = now(), accessed_at = now()
FROM locked
WHERE memory.tenant_id = $1::uuid AND memory.id = locked.id;

-- name: move_usefulness
-- Move a memory's usefulness towards a score, by a share of the way.
UPDATE memories
SET usefulness = usefulness + ($5::float8 - usefulness) * $6::float8, accessed_at = now()
WHERE tenant_id = $1::uuid AND id = $4::uuid AND deleted_at IS NULL
    AND (agent_id IS NULL OR agent_id = $2::uuid) AND (user_id IS NULL OR user_id = $3::text);
