-- name: count_retrievals
-- Count that memories of a scope were returned, each as often as it is named. Locked in order, so that two writers cannot
-- deadlock.
WITH used AS (
    SELECT id, count(*) AS times FROM unnest(:memory_ids::uuid[]) AS named (id) GROUP BY id
), locked AS MATERIALIZED (
    SELECT memory.id, used.times
    FROM memories AS memory
    JOIN used USING (id)
    WHERE memory.tenant_id = :tenant_id::uuid AND {applies}
    ORDER BY memory.id
    FOR NO KEY UPDATE OF memory
)
UPDATE memories AS memory
SET retrieval_count = memory.retrieval_count + locked.times, last_retrieved_at = now(), accessed_at = now()
FROM locked
WHERE memory.tenant_id = :tenant_id::uuid AND memory.id = locked.id;

-- name: record_injections
-- Record that memories of a scope were put into a prompt.
WITH locked AS MATERIALIZED (
    SELECT memory.id
    FROM memories AS memory
    WHERE memory.tenant_id = :tenant_id::uuid AND memory.id = ANY (:memory_ids::uuid[]) AND {applies}
    ORDER BY memory.id
    FOR NO KEY UPDATE
)
UPDATE memories AS memory
SET last_injected_at = now(), accessed_at = now()
FROM locked
WHERE memory.tenant_id = :tenant_id::uuid AND memory.id = locked.id;

-- name: move_usefulness
-- Move the usefulness of a memory towards a score, by a share of the difference.
UPDATE memories AS memory
SET usefulness = usefulness + (:score::float8 - usefulness) * :feedback_share::float8, accessed_at = now()
WHERE memory.tenant_id = :tenant_id::uuid AND memory.id = :memory_id::uuid AND memory.deleted_at IS NULL AND {applies};
