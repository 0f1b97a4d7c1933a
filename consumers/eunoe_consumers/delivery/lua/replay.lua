-- Replay a dead letter: append the entry that it holds to its stream again, and remove the letter. In one step, so that
-- whoever asks how often gets one new entry.
--
-- KEYS[1]  stream  the group's dead letters
-- KEYS[2]  stream  where the entry came from
-- ARGV[1]  id of the dead letter
--
-- Returns the id of the new entry; '' where there is no such letter; 'empty' where it holds no entry's fields (the entry
-- was deleted from its stream before it was buried); 'large' where they are more than a script can append.
local letters = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])
if #letters == 0 then return '' end
local prefix = 'entry:'
local entry = {}
local fields = letters[1][2]
for i = 1, #fields, 2 do
    if string.sub(fields[i], 1, #prefix) == prefix then
        entry[#entry + 1] = string.sub(fields[i], #prefix + 1)
        entry[#entry + 1] = fields[i + 1]
    elseif fields[i] == 'more_fields_msgpack' then -- what bury.lua keeps packed
        for _, part in ipairs(cmsgpack.unpack(fields[i + 1])) do entry[#entry + 1] = part end
    end
end
if #entry == 0 then return 'empty' end
if #entry > 7900 then return 'large' end -- unpack takes no more than 8,000 values
local id = redis.call('XADD', KEYS[2], '*', unpack(entry))
redis.call('XDEL', KEYS[1], ARGV[1])
return id
