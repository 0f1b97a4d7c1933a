-- name: applies
-- A memory applies to a scope if its agent and its user are those of the scope, or absent.
(memory.agent_id IS NULL OR memory.agent_id = :agent_id::uuid)
AND (memory.user_id IS NULL OR memory.user_id = :user_id::text)

-- name: expires_at
-- The moment at which a memory expires; NULL for never.
eunoe_memory_lapses_at(
    memory.tier, memory.created_at, memory.accessed_at, memory.expires_at, :task_days::int, :from_last_use::bool
)

-- name: owner_hashes
-- The hashes of the owners whose memories apply to a scope. The indexes of `memories` begin with this hash.
eunoe_memory_scope_hash(:agent_id::uuid, :user_id::text), eunoe_memory_scope_hash(:agent_id::uuid, NULL),
eunoe_memory_scope_hash(NULL, :user_id::text)
