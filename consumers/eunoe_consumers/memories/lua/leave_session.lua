-- Take a thread out of a closed session, so that its next message begins a new one. Do nothing if the thread is in another
-- session: publish.lua may have begun one meanwhile.
--
-- KEYS[1]  hash {session_id, at}  the thread's current derived session; publish.lua writes it
-- ARGV[1]  the closed session
--
-- Returns 1, or 0 if the thread is in no session or in another one.
if redis.call('HGET', KEYS[1], 'session_id') ~= ARGV[1] then return 0 end
return redis.call('DEL', KEYS[1])
