-- Count the isolated attempts of a suspected entry: begin one, or withdraw one. An attempt that is begun and never ended
-- means that the process died during it.
--
-- KEYS[1]  stream  of the entry
-- KEYS[2]  hash    entry id -> attempts begun and not ended
-- ARGV[1]  group
-- ARGV[2]  consumer
-- ARGV[3]  entry id
-- ARGV[4]  'begin' or 'withdraw'
--
-- Returns the count afterwards. 'begin' returns 0 and counts nothing if the consumer no longer owns the entry: a consumer
-- that was frozen must not raise the count of an entry that another consumer works on.
if ARGV[4] == 'begin' then
    if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1, ARGV[2]) == 0 then return 0 end
    return redis.call('HINCRBY', KEYS[2], ARGV[3], 1)
end
-- Withdraw one attempt, not all: those of other consumers still count.
local left = (tonumber(redis.call('HGET', KEYS[2], ARGV[3])) or 0) - 1
if left > 0 then redis.call('HSET', KEYS[2], ARGV[3], left) else redis.call('HDEL', KEYS[2], ARGV[3]) end
return math.max(0, left)
