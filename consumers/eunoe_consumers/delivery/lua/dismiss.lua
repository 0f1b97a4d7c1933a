-- Delete consumers that have nothing pending. Deleting one that has would drop its entries from the group for ever:
-- hence the check and the deletion in one step.
--
-- KEYS[1]  stream
-- ARGV[1]  the group
-- ARGV[2]  the only consumer to look at, or '' for all
-- ARGV[3]  milliseconds that it must have been idle
--
-- Returns the names of those deleted.
local deleted = {}
for _, consumer in ipairs(redis.call('XINFO', 'CONSUMERS', KEYS[1], ARGV[1])) do
    local found = {}
    for field = 1, #consumer, 2 do found[consumer[field]] = consumer[field + 1] end
    local meant = ARGV[2] == '' or ARGV[2] == found.name
    if meant and found.pending == 0 and found.idle >= tonumber(ARGV[3]) then
        redis.call('XGROUP', 'DELCONSUMER', KEYS[1], ARGV[1], found.name)
        deleted[#deleted + 1] = found.name
    end
end
return deleted
