-- Let a thread's next message begin a session of its own, if the thread is in a certain one still: the gateway's script may
-- have begun another meanwhile.
--
-- KEYS[1]  hash {session_id, at}  the derived session that the thread is in; publish.lua writes it
-- ARGV[1]  the session that was closed
--
-- Returns 1, or 0 where the thread is in none or in another.
if redis.call('HGET', KEYS[1], 'session_id') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
