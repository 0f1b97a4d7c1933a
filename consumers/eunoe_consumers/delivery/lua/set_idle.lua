-- Say of entries how long they have lain untouched: 0 renews a claim, a long time releases it to the next claimer.
-- Touches only what the consumer still has: one that was frozen must not take back what another has claimed meanwhile.
--
-- KEYS[1]   stream
-- ARGV[1]   the group
-- ARGV[2]   the consumer
-- ARGV[3]   milliseconds
-- ARGV[4..] entry ids
--
-- Returns how many of them the consumer still has.
local kept = 0
for i = 4, #ARGV do
    local pending = redis.call('XPENDING', KEYS[1], ARGV[1], ARGV[i], ARGV[i], 1, ARGV[2])
    if #pending > 0 then
        local claim = {'XCLAIM', KEYS[1], ARGV[1], ARGV[2], 0, ARGV[i], 'IDLE', ARGV[3]}
        -- What an orderly stop releases is no suspect: its deliveries do not count.
        if ARGV[3] ~= '0' then claim[#claim + 1] = 'RETRYCOUNT' claim[#claim + 1] = 1 end
        claim[#claim + 1] = 'JUSTID'
        redis.call(unpack(claim))
        kept = kept + 1
    end
end
return kept
