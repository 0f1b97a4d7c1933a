-- Make a stream continue after an id. Entry ids order windows and rows, so they must rise even if the clock of a new
-- server is behind.
--
-- KEYS[1]  stream
-- ARGV[1]  id
--
-- Returns 1, or 0 if the stream is absent or already beyond that id.
if redis.call('EXISTS', KEYS[1]) == 0 then return 0 end
local info = {}
local flat = redis.call('XINFO', 'STREAM', KEYS[1])
for i = 1, #flat, 2 do info[flat[i]] = flat[i + 1] end
local ms, sequence = string.match(info['last-generated-id'], '^(%d+)%-(%d+)$')
local to_ms, to_sequence = string.match(ARGV[1], '^(%d+)%-(%d+)$')
local is_before = tonumber(ms) < tonumber(to_ms)
    or ms == to_ms and tonumber(sequence) < tonumber(to_sequence)
if not is_before then return 0 end
-- Pretend that an entry with this id existed and was deleted, so that observe.lua does not report it as missing.
redis.call('XSETID', KEYS[1], ARGV[1], 'ENTRIESADDED', info['entries-added'], 'MAXDELETEDID', ARGV[1])
return 1
