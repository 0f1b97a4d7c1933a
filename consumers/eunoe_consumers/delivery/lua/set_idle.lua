-- Set the idle time of pending entries: 0 renews their claims, a long time releases them to the next consumer that claims.
-- Entries that the consumer no longer owns are skipped: a consumer that was frozen must not take back entries that another
-- has claimed.
--
-- KEYS[1]   stream
-- ARGV[1]   group
-- ARGV[2]   consumer
-- ARGV[3]   idle time in milliseconds
-- ARGV[4..] entry ids
--
-- Returns how many of the entries the consumer still owns.
local owned = 0
for i = 4, #ARGV do
    local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2])
    if #pending > 0 then
        local claim = {'XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'IDLE', ARGV[3]}
        -- A released entry did nothing wrong: resetting its deliveries keeps it from being suspected.
        if ARGV[3] ~= '0' then claim[#claim + 1] = 'RETRYCOUNT' claim[#claim + 1] = 1 end
        claim[#claim + 1] = 'JUSTID'
        redis.call(unpack(claim))
        owned = owned + 1
    end
end
return owned
