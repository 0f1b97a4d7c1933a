-- Unregister a tenant, and keep the ids of the last entries that may be its own.
--
-- KEYS[1]    set     ids of the registered tenants
-- KEYS[2]    hash    tenant id and subject -> id of the last entry of the removed registration
-- KEYS[3..]  stream  every stream with entries of tenants
-- ARGV[1]    tenant id
-- ARGV[2..]  fields of the hash, one for each stream
redis.call('SREM', KEYS[1], ARGV[1])
for i = 3, #KEYS do
    if redis.call('EXISTS', KEYS[i]) == 1 then
        local info = redis.call('XINFO', 'STREAM', KEYS[i])
        for place = 1, #info, 2 do
            if info[place] == 'last-generated-id' and info[place + 1] ~= '0-0' then
                redis.call('HSET', KEYS[2], ARGV[i - 1], info[place + 1])
            end
        end
    end
end
return redis.status_reply('OK')
