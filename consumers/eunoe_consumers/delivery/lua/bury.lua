-- Move an entry to the dead letters: acknowledge it and append it there, once, whoever asks how often.
--
-- KEYS[1]   stream  where the entry is
-- KEYS[2]   stream  the group's dead letters
-- ARGV[1]   the group
-- ARGV[2]   the entry id
-- ARGV[3]   why, in a sentence
-- ARGV[4]   'delete' where the stream keeps nothing that is acknowledged, else ''
-- ARGV[5..] the entry's fields and values
--
-- Returns 1, or 0 where the group has the entry no longer.
local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[2], ARGV[2], 1)
if #pending == 0 then return 0 end
local clock = redis.call('TIME')
local letter = {
    'stream', KEYS[1], 'group', ARGV[1], 'entry_id', ARGV[2], 'reason', ARGV[3],
    'first_seen_ms', string.match(ARGV[2], '^%d+'),
    'buried_ms', string.format('%.0f', tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)),
    'attempts', pending[1][4],
}
-- Lua's unpack takes no more than 8,000 values: an entry of thousands of fields must not become one that cannot be
-- buried. What is beyond a thousand is kept packed, in one field.
local last = math.min(#ARGV, 4 + 2 * 1000)
for i = 5, last, 2 do
    -- Prefixed, so that no field of a publisher can pass for one of ours.
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
