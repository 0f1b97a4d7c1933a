-- Publish the reply to a request and remove the request from the stream in one step, once per request. In two steps, a
-- consumer that froze or died between them would have its request answered twice.
--
-- KEYS[1]  stream of requests
-- ARGV[1]  group
-- ARGV[2]  entry id of the request
-- ARGV[3]  reply channel
-- ARGV[4]  reply, JSON
--
-- Returns how many subscribers received the reply, or -1 if the request was answered or dead-lettered before.
if #redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[2], ARGV[2], 1) == 0 then return -1 end
local received = redis.call('PUBLISH', ARGV[3], ARGV[4])
redis.call('XACK', KEYS[1], ARGV[1], ARGV[2])
redis.call('XDEL', KEYS[1], ARGV[2])
return received
