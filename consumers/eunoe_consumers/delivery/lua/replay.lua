-- Replay a dead letter: append its entry to the original stream and delete the dead letter. One step, so that repeated
-- calls append one entry.
--
-- KEYS[1]  stream  of the group's dead letters
-- KEYS[2]  stream  of the original entry
-- ARGV[1]  id of the dead letter
--
-- Returns the id of the new entry; '' if there is no such dead letter; 'empty' if it holds no fields, because the entry
-- was deleted from its stream before it was dead-lettered; 'large' if it has more fields than a script can append.
local letters = redis.call('XRANGE', KEYS[1], ARGV[1], ARGV[1])
if #letters == 0 then return '' end
local prefix = 'entry:'
local entry = {}
local fields = letters[1][2]
for i = 1, #fields, 2 do
    if string.sub(fields[i], 1, #prefix) == prefix then
        entry[#entry + 1] = string.sub(fields[i], #prefix + 1)
        entry[#entry + 1] = fields[i + 1]
    elseif fields[i] == 'more_fields_msgpack' then -- packed by dead_letter.lua
        for _, part in ipairs(cmsgpack.unpack(fields[i + 1])) do entry[#entry + 1] = part end
    end
end
if #entry == 0 then return 'empty' end
if #entry > 7900 then return 'large' end -- Lua's unpack takes at most 8,000 values
local id = redis.call('XADD', KEYS[2], '*', unpack(entry))
redis.call('XDEL', KEYS[1], ARGV[1])
return id
