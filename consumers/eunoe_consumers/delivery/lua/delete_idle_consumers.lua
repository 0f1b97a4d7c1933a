-- Delete consumers that have no pending entries. Deleting a consumer also drops its pending entries from the group, so
-- the check and the deletion must be one step.
--
-- KEYS[1]  stream
-- ARGV[1]  group
-- ARGV[2]  the only consumer to check, or '' for all
-- ARGV[3]  minimum idle time in milliseconds
--
-- Returns the names of the deleted consumers.
local deleted = {}
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
    local info = {}
    for field = 1, #consumer, 2 do info[consumer[field]] = consumer[field + 1] end
    local selected = ARGV[2] == '' or ARGV[2] == info.name
    if selected and info.pending == 0 and info.idle >= tonumber(ARGV[3]) then
        redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], info.name)
        deleted[#deleted + 1] = info.name
    end
end
return deleted
