-- name: insert_memory
-- Insert a memory, or confirm the owner's memory with the same content and status. `id` is the id of the stored memory.
-- A confirmed memory gets the later of both ends, both counted from its creation. No row if that memory has expired.
INSERT INTO memories AS memory (
    tenant_id, id, agent_id, user_id, tier, category, source, status, content, content_hash, confidence, metadata,
    session_agent_id, session_user_id, session_id, expires_at, embedding, embedding_model
)
VALUES (
    :tenant_id::uuid, :new_id::uuid, :agent_id::uuid, :user_id::text, :tier::text, :category::text, :source::text,
    :status::text, :content::text, :content_hash::text, :confidence::float8, :metadata::jsonb,
    :session_agent_id::uuid, :session_user_id::text, :session_id::text, :expires_at::timestamptz,
    :embedding::halfvec, :embedding_model::text
)
ON CONFLICT (tenant_id, agent_id, user_id, content_hash, status)
    WHERE status IN ('active', 'pending_review') AND deleted_at IS NULL
    DO UPDATE SET
        confidence = memory.confidence + (1 - memory.confidence) * :confirmation_share::float8,
        (tier, expires_at) = (
            SELECT life.tier, life.expires_at
            FROM (
                VALUES (1, memory.tier, memory.expires_at), (2, excluded.tier, excluded.expires_at)
            ) AS life (place, tier, expires_at)
            ORDER BY
                coalesce(
                    eunoe_memory_lapses_at(
                        life.tier, memory.created_at, memory.accessed_at, life.expires_at,
                        :task_days::int, :from_last_use::bool
                    ),
                    'infinity'
                ) DESC,
                life.place
            LIMIT 1
        ),
        updated_at = now()
    WHERE ({expiry} <= now()) IS NOT TRUE
RETURNING :new_id::uuid AS new_id, id;

-- name: near_duplicates
-- The near duplicates of a memory with the same owner and tier, the nearest first. The search is exact; its plan is that
-- of `nearest_memories` in memory_search.sql.
SELECT :of_id::uuid AS of_id, :tier::text AS of_tier, near.id, 1 - near.distance AS cosine
FROM (
    SELECT id, (embedding <=> :vector::halfvec) + 0 AS distance
    FROM memories
    WHERE tenant_id = :tenant_id::uuid AND scope_hash = eunoe_memory_scope_hash(:agent_id::uuid, :user_id::text)
        AND tier = :tier::text AND status = 'active' AND num_nonnulls(deleted_at) = 0 AND embedding IS NOT NULL
        AND id <> :of_id::uuid
    ORDER BY (embedding <=> :vector::halfvec) + 0, id
    OFFSET 0
) AS near
CROSS JOIN LATERAL (
    SELECT
    FROM memories AS memory
    WHERE memory.tenant_id = :tenant_id::uuid AND memory.id = near.id AND {owned} AND ({expiry} <= now()) IS NOT TRUE
    LIMIT 1
) AS checked
WHERE near.distance <= 1 - :min_cosine::float8
ORDER BY near.distance, near.id
LIMIT :limit::int;
