-- Return the state of a stream and its mark. Create the mark if it is absent: then Redis is new, or has lost its data.
--
-- KEYS[1]  stream
-- KEYS[2]  hash {incarnation, born_ms}  the mark, which is lost together with the stream
-- ARGV[1]  group; an entry that it has acknowledged is durable
-- ARGV[2]  mark to create
-- ARGV[3]  newest entry id that was ever seen, or ''
--
-- Returns {mark, born_ms, now_ms, newest entry id, id of the last durable entry, gap}, or false if stream or group is
-- absent. The gap is '', or the two ids between which entries are missing; the second is '' at the end of the stream.
local clock = redis.call('TIME')
local now_ms = string.format('%.0f', tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000))
if redis.call('EXISTS', KEYS[1]) == 0 then return false end

local function pairs_of(flat)
    local found = {}
    for i = 1, #flat, 2 do found[flat[i]] = flat[i + 1] end
    return found
end

local group
for _, flat in ipairs(redis.call('XINFO', 'GROUPS', KEYS[1])) do
    local info = pairs_of(flat)
    if info.name == ARGV[1] then group = info end
end
if not group then return false end

local info = pairs_of(redis.call('XINFO', 'STREAM', KEYS[1]))
local first = info['first-entry'] and info['first-entry'][1]
if redis.call('EXISTS', KEYS[2]) == 0 then
    -- Entries published since the loss are on the new stream, so the loss ends at its first entry.
    local born = first and string.match(first, '^%d+') or now_ms
    redis.call('HSET', KEYS[2], 'incarnation', ARGV[2], 'born_ms', born)
end

local durable = group['last-delivered-id']
local pending = redis.call('XPENDING', KEYS[1], ARGV[1])
if pending[1] > 0 then
    -- The entry before the oldest pending one.
    local before = redis.call('XREVRANGE', KEYS[1], '(' .. pending[2], '-', 'COUNT', 1)
    durable = before[1] and before[1][1] or '0-0'
end

local function is_before(a, b)
    local a_ms, a_seq = string.match(a, '^(%d+)%-(%d+)$')
    local b_ms, b_seq = string.match(b, '^(%d+)%-(%d+)$')
    if a_ms ~= b_ms then return tonumber(a_ms) < tonumber(b_ms) end
    return tonumber(a_seq) < tonumber(b_seq)
end

-- Entries leave the stream by trimming, which takes the oldest, or by deletion, which Redis remembers. An entry that is
-- missing otherwise was lost: the server came back with an older state.
local gap, seen, newest = '', ARGV[3], info['last-generated-id']
if seen ~= '' and is_before(newest, seen) then
    gap = {newest, ''}
elseif seen ~= '' and first and is_before(first, seen) and is_before(info['max-deleted-entry-id'], seen)
    and #redis.call('XRANGE', KEYS[1], seen, seen) == 0 then
    local before = redis.call('XREVRANGE', KEYS[1], seen, '-', 'COUNT', 1)
    local after = redis.call('XRANGE', KEYS[1], seen, '+', 'COUNT', 1)
    gap = {before[1][1], after[1] and after[1][1] or ''}
end

local mark = redis.call('HMGET', KEYS[2], 'incarnation', 'born_ms')
return {mark[1], mark[2], now_ms, newest, durable, gap}
