-- Begin a trial of a suspected entry, or take one back: how often it has run alone without its consumer living to tell.
--
-- KEYS[1]  stream  where the entry is
-- KEYS[2]  hash    entry id -> trials that were begun and not ended
-- ARGV[1]  the group
-- ARGV[2]  the consumer
-- ARGV[3]  the entry id
-- ARGV[4]  'begin' or 'withdraw'
--
-- Returns how many trials there are then; 'begin' returns 0, and counts nothing, where the consumer has the entry no
-- longer: one that was frozen must not run up the count against an entry that others have in hand.
if ARGV[4] == 'begin' then
    if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[3], ARGV[3], 1, ARGV[2]) == 0 then return 0 end
    return redis.call('HINCRBY', KEYS[2], ARGV[3], 1)
end
-- Only its own: what another consumer has begun meanwhile still counts.
local left = (tonumber(redis.call('HGET', KEYS[2], ARGV[3])) or 0) - 1
if left > 0 then redis.call('HSET', KEYS[2], ARGV[3], left) else redis.call('HDEL', KEYS[2], ARGV[3]) end
return math.max(0, left)
