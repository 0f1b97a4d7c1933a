-- Take all of the requested tokens from a bucket, or none. publish.lua fills and empties the same buckets.
--
-- KEYS[1]  hash  tokens, at: the token bucket of a tenant's channel (expires when it is full again)
-- ARGV[1]  tokens per second
-- ARGV[2]  tokens in a full bucket
-- ARGV[3]  requested tokens, at most those of a full bucket
--
-- Returns {milliseconds to wait, tokens left}. 0 milliseconds means that the tokens were taken.
local bucket = KEYS[1]
local rate, burst, asked = tonumber(ARGV[1]), tonumber(ARGV[2]), tonumber(ARGV[3])
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)

local held = redis.call('HMGET', bucket, 'tokens', 'at')
local tokens, at = tonumber(held[1]) or burst, tonumber(held[2]) or now
-- After the clock was set back, the same milliseconds must not fill the bucket twice.
now = math.max(now, at)
tokens = math.min(burst, tokens + (now - at) * rate / 1000)
local wait = 0
if tokens >= asked then tokens = tokens - asked else wait = math.ceil((asked - tokens) * 1000 / rate) end
redis.call('HSET', bucket, 'tokens', string.format('%.17g', tokens), 'at', string.format('%.0f', now))
-- The expiry follows the clock of the bucket, for the same reason.
redis.call('PEXPIREAT', bucket, string.format('%.0f', now + math.ceil(burst * 1000 / rate) + 1000))
return {string.format('%.0f', wait), string.format('%.17g', tokens)}
