-- Return the progress of a group with one entry.
--
-- KEYS[1]  stream
-- ARGV[1]  group
-- ARGV[2]  entry id
--
-- Returns {'absent'} if the stream does not hold the entry; {'waiting'} if the group has not read it or not acknowledged
-- it; else {'done', field, value, ...}.
if redis.call('EXISTS', KEYS[1]) == 0 then return {'absent'} end
local entries = redis.call('XRANGE', KEYS[1], ARGV[2], ARGV[2])
if #entries == 0 then return {'absent'} end

local function parts(id)
    local ms, sequence = string.match(id, '^(%d+)%-(%d+)$')
    return tonumber(ms), tonumber(sequence)
end

for _, flat in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
    local info = {}
    for i = 1, #flat, 2 do info[flat[i]] = flat[i + 1] end
    if info.name == ARGV[1] then
        local ms, sequence = parts(ARGV[2])
        local read_ms, read_sequence = parts(info['last-delivered-id'])
        local is_read = ms < read_ms or ms == read_ms and sequence <= read_sequence
        if is_read and #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[2], ARGV[2], 1) == 0 then
            return {'done', unpack(entries[1][2], 1, math.min(#entries[1][2], 100))}
        end
    end
end
return {'waiting'}
