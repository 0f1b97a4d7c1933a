-- Register tenants, and set the end of their removed registrations: entries up to there belong to a tenant that was removed,
-- and are skipped, although its id is registered again.
--
-- KEYS[1]     set     ids of the registered tenants, and the mark that the set was filled from the table
-- KEYS[2]     hash    tenant id and subject -> id of the last entry of the removed registration
-- KEYS[3..]   stream  one for each removed registration, in the order of ARGV
-- ARGV[1]     number of members to add
-- ARGV[2..]   members: tenant ids, and perhaps the mark; then for each removed registration: tenant id, field, entry id
--
-- A stream that is younger than a removal carries nothing of it: then the end is the last entry of the stream. The end of
-- a registered tenant stays as it is, because its new entries may have smaller ids on a younger stream.
local members, ends = {}, {}
for i = 2, tonumber(ARGV[1]) + 1 do members[#members + 1] = ARGV[i] end

local function is_before(a, b)
    local a_ms, a_seq = string.match(a, '^(%d+)%-(%d+)$')
    local b_ms, b_seq = string.match(b, '^(%d+)%-(%d+)$')
    if a_ms ~= b_ms then return tonumber(a_ms) < tonumber(b_ms) end
    return tonumber(a_seq) < tonumber(b_seq)
end

local function last_entry(stream)
    if redis.call('EXISTS', stream) == 0 then return '0-0' end
    local info = redis.call('XINFO', 'STREAM', stream)
    for i = 1, #info, 2 do
        if info[i] == 'last-generated-id' then return info[i + 1] end
    end
end

for i = 3, #KEYS do
    local at = #members + 2 + (i - 3) * 3
    local tenant, field, removed, last = ARGV[at], ARGV[at + 1], ARGV[at + 2], last_entry(KEYS[i])
    local known = redis.call('HGET', KEYS[2], field)
    if is_before(last, removed) then removed = last end
    if not known or redis.call('SISMEMBER', KEYS[1], tenant) == 0 and is_before(known, removed) then
        redis.call('HSET', KEYS[2], field, removed)
    end
end
if #members > 0 then redis.call('SADD', KEYS[1], unpack(members)) end
return redis.status_reply('OK')
