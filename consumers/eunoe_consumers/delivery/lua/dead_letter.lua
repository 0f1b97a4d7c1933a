-- Move an entry to the dead letters: append it there and acknowledge it. Concurrent calls create one dead letter.
--
-- KEYS[1]   stream  of the entry
-- KEYS[2]   stream  of the group's dead letters
-- ARGV[1]   group
-- ARGV[2]   entry id
-- ARGV[3]   reason, one sentence
-- ARGV[4]   'delete' if the stream does not keep acknowledged entries, else ''
-- ARGV[5..] fields and values of the entry
--
-- Returns 1, or 0 if the entry is no longer pending.
local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[2], ARGV[2], 1)
if #pending == 0 then return 0 end
local clock = redis.call('TIME')
local letter = {
    'stream', KEYS[1], 'group', ARGV[1], 'entry_id', ARGV[2], 'reason', ARGV[3],
    'first_seen_ms', string.match(ARGV[2], '^%d+'),
    'buried_ms', string.format('%.0f', tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)),
    'attempts', pending[1][4],
}
-- Lua's unpack takes at most 8,000 values. An entry with thousands of fields must still fit, or it would come back for
-- ever: fields beyond the first thousand are packed into one.
local last = math.min(#ARGV, 4 + 2 * 1000)
for i = 5, last, 2 do
    -- The prefix keeps a publisher's fields apart from the fields above.
    letter[#letter + 1] = 'entry:' .. ARGV[i]
    letter[#letter + 1] = ARGV[i + 1]
end
if #ARGV > last then
    local rest = {}
    for i = last + 1, #ARGV do rest[#rest + 1] = ARGV[i] end
    letter[#letter + 1] = 'more_fields_msgpack'
    letter[#letter + 1] = cmsgpack.pack(rest)
end
redis.call('XADD', KEYS[2], '*', unpack(letter))
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
if ARGV[4] == 'delete' then redis.call('XDEL', KEYS[1], ARGV[2]) end
return 1
