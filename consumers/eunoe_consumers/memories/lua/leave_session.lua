-- Take a thread out of a closed session, so that its next message begins a new one. The thread's other sessions stay.
--
-- KEYS[1]  hash  session id -> 'first last used': the thread's derived sessions; publish.lua writes it
-- ARGV[1]  the closed session
--
-- Returns 1, or 0 if the thread has no such session.
return redis.call('HDEL', KEYS[1], ARGV[1])
