-- Replace a record, if it is still the one that was read: the one write by which records change hands.
--
-- KEYS[1]  string  a JSON record
-- ARGV[1]  the record that was read, or '' for none
-- ARGV[2]  the record to put in its place, or '' for none
-- ARGV[3]  milliseconds until it expires; 0 for never
--
-- Returns 1 where the new record stands, by this call or by an earlier one whose answer was lost, else 0.
local key, read, new, expires_ms = KEYS[1], ARGV[1], ARGV[2], ARGV[3]
local standing = redis.call('GET', key) or ''
if standing == new then return 1 end
if standing ~= read then return 0 end
if new == '' then
    redis.call('DEL', key)
elseif expires_ms == '0' then
    redis.call('SET', key, new)
else
    redis.call('SET', key, new, 'PX', expires_ms)
end
return 1
