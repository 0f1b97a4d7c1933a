-- Replace a record, if nobody changed it since it was read.
--
-- KEYS[1]  string  a JSON record
-- ARGV[1]  the record that was read, or '' for none
-- ARGV[2]  the new record, or '' to delete it
-- ARGV[3]  milliseconds until it expires; 0 for never
--
-- Returns 1 if the new record is stored, by this call or by an earlier one whose answer was lost. Otherwise returns 0.
local key, read, new, expires_ms = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local stored = redis.call('GET', key) or ''
if stored == new then return 1 end
if stored ~= read then return 0 end
if new == '' then
    redis.call('DEL', key)
elseif expires_ms == '0' then
    redis.call('SET', key, new)
else
    redis.call('SET', key, new, 'PX', expires_ms)
end
return 1
