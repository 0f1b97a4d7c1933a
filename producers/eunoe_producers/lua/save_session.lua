-- Save the session state of a thread, if nobody saved another one since it was loaded.
--
-- KEYS[1]  string  {"version": ..., "write": ..., "state": ...}: the stored state
-- ARGV[1]  the version that was loaded; 0 for none
-- ARGV[2]  the id of this write, hexadecimal
-- ARGV[3]  the state, JSON
-- ARGV[4]  milliseconds until it expires; 0 for never
--
-- Returns {'saved', new version}, {'conflict', the stored version}, {'unreadable', ''}.
local key, loaded, write, state, expires_ms = KEYS[1], ARGV[1], ARGV[2], ARGV[3], ARGV[4]
local record = redis.call('GET', key)
local version, last_write = '0', ''
if record then
    -- No cjson.decode, because the state may be large, and Lua would change its numbers.
    version, last_write = string.match(record, '^{"version":(%d+),"write":"(%x+)",')
    if not version then return {'unreadable', ''} end
end
-- The same write again, because its answer was lost.
if last_write == write then return {'saved', version} end
if version ~= loaded then return {'conflict', version} end

-- Versions come from the clock. Counted from 1, a version could come again after a deletion and match an old copy.
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000000 + tonumber(clock[2])
version = string.format('%.0f', math.max(tonumber(version) + 1, now))
record = '{"version":' .. version .. ',"write":"' .. write .. '","state":' .. state .. '}'
if expires_ms == '0' then
    redis.call('SET', key, record)
else
    redis.call('SET', key, record, 'PX', expires_ms)
end
return {'saved', version}
