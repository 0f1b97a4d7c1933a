-- Answer a request, once: publish the reply and take the request off the stream in one step, unless that has been done. A
-- consumer that was frozen, or died between the two, would otherwise have its orchestrator answered twice.
--
-- KEYS[1]  stream  the requests
-- ARGV[1]  the group
-- ARGV[2]  the entry id of the request
-- ARGV[3]  the reply channel
-- ARGV[4]  the reply, JSON
--
-- Returns how many have received the reply; -1 where the request was answered or buried before.
if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[2], ARGV[2], 1) == 0 then return -1 end
local received = redis.call('PUBLISH', ARGV[3], ARGV[4])
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
redis.call('XDEL', KEYS[1], ARGV[2])
return received
