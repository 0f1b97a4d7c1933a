-- Publish events: check, deduplicate and append each of them. The whole call is atomic.
--
-- KEYS[1]        stream  the stream to append to
-- KEYS[2]        set     ids of the registered tenants, and the mark that the set is complete
-- KEYS[3 + 3i]   string  entry id and fingerprint of the event published under the id of event i (expires)
-- KEYS[4 + 3i]   hash    tokens, at: the token bucket of the channel of event i
-- KEYS[5 + 3i]   hash    session id -> 'first last used': the derived sessions of the thread of event i (expires)
-- ARGV[1]        entries that may wait in the slowest group; 0 for no bound
-- ARGV[2]        seconds that a published event id is remembered
-- ARGV[3]        tokens per second of a bucket; 0 for no rate limit
-- ARGV[4]        tokens in a full bucket
-- ARGV[5]        seconds of a pause that ends a derived session
-- ARGV[6]        the mark of a complete set of tenants
-- ARGV[7 + 5i]   event i: tenant id
-- ARGV[8 + 5i]   event i: JSON
-- ARGV[9 + 5i]   event i: fingerprint of the message
-- ARGV[10 + 5i]  event i: the prefix of a derived session id, or '' if the event has a session id
-- ARGV[11 + 5i]  event i: when the message was written, in milliseconds since the epoch; '' for now
--
-- Returns, for each event, {status, value}: {'ok', entry id}, {'duplicate', entry id}, {'conflict', entry id of the other
-- message}, {'unknown_tenant', ''}, {'no_registry', ''}, {'rate_limited', milliseconds to wait}, {'backlog', entries that
-- wait}.
local SESSIONS_KEPT = 8
local stream, tenants = KEYS[1], KEYS[2]
local backlog_limit, remember_seconds = tonumber(ARGV[1]), ARGV[2]
local rate, burst, idle_seconds = tonumber(ARGV[3]), tonumber(ARGV[4]), tonumber(ARGV[5])
local clock = redis.call('TIME')
local now = tonumber(clock[1]) * 1000 + math.floor(tonumber(clock[2]) / 1000)

-- Return the number of unread and pending entries of the slowest group. Without a group, all entries are unread.
local function backlog()
    local read, groups = pcall(redis.call, 'XINFO', 'GROUPS', stream)
    if not read or type(groups) ~= 'table' or groups.err then return 0 end
    if #groups == 0 then return redis.call('XLEN', stream) end
    local most = 0
    for _, group in ipairs(groups) do
        local pending, lag, read_to = 0, nil, '0-0'
        for field = 1, #group, 2 do
            if group[field] == 'last-delivered-id' then read_to = group[field + 1] end
            if group[field] == 'pending' then pending = group[field + 1] end
            if group[field] == 'lag' then lag = group[field + 1] end
        end
        -- After XDEL or XSETID, Redis may not know the lag. It is 0 if no entry is left to read. Otherwise the length of
        -- the stream is an upper bound.
        if not lag then
            local unread = redis.call('XRANGE', stream, '(' .. read_to, '+', 'COUNT', 1)
            lag = #unread > 0 and redis.call('XLEN', stream) or 0
        end
        most = math.max(most, pending + lag)
    end
    return most
end

-- Take a token. Return 0, or the milliseconds until there is one. acquire_tokens.lua fills and empties the same buckets.
local function take_token(bucket)
    local held = redis.call('HMGET', bucket, 'tokens', 'at')
    local tokens, at = tonumber(held[1]) or burst, tonumber(held[2]) or now
    -- After the clock was set back, the same milliseconds must not fill the bucket twice.
    local moment = math.max(now, at)
    tokens = math.min(burst, tokens + (moment - at) * rate / 1000)
    local wait = 0
    if tokens >= 1 then tokens = tokens - 1 else wait = math.ceil((1 - tokens) * 1000 / rate) end
    redis.call('HSET', bucket, 'tokens', string.format('%.17g', tokens), 'at', string.format('%.0f', moment))
    redis.call('PEXPIREAT', bucket, string.format('%.0f', moment + math.ceil(burst * 1000 / rate) + 1000))
    return wait
end

-- Return the session of a message that names none: the session of its thread that is nearest in time, or a new one after
-- a pause.
--
-- A thread keeps its last sessions, each with its first and last moment. A message from a wrong clock (1970, 2099) gets a
-- session of its own and moves no other. A replay of history gets the sessions of the live conversation, in any order.
local function derive_session(key, prefix, at)
    local sessions, most_used = {}, 0
    local found, pause
    local flat = redis.call('HGETALL', key)
    for i = 1, #flat, 2 do
        local first, last, used = string.match(flat[i + 1], '^(-?%d+) (-?%d+) (%d+)$')
        if used then
            local session = {id = flat[i], first = tonumber(first), last = tonumber(last), used = tonumber(used)}
            sessions[#sessions + 1] = session
            most_used = math.max(most_used, session.used)
            local own = math.max(0, session.first - at, at - session.last)
            if own <= idle_seconds * 1000 and (not found or own < pause or own == pause and session.used > found.used) then
                found, pause = session, own
            end
        end
    end
    if not found then
        found = {id = prefix .. string.format('%.0f', at), first = at, last = at}
        if #sessions >= SESSIONS_KEPT then
            table.sort(sessions, function(a, b) return a.used < b.used end)
            redis.call('HDEL', key, sessions[1].id)
        end
    end
    local first, last = math.min(found.first, at), math.max(found.last, at)
    redis.call('HSET', key, found.id, string.format('%.0f %.0f %.0f', first, last, most_used + 1))
    redis.call('EXPIRE', key, idle_seconds)
    return found.id
end

local registered = redis.call('SISMEMBER', tenants, ARGV[6]) == 1
local waiting = backlog_limit > 0 and backlog() or 0
local results = {}
for i = 0, (#ARGV - 6) / 5 - 1 do
    local published, bucket, session = KEYS[3 + 3 * i], KEYS[4 + 3 * i], KEYS[5 + 3 * i]
    local tenant, body, mark, prefix, at = unpack(ARGV, 7 + 5 * i, 11 + 5 * i)
    local result
    local before, before_mark = string.match(redis.call('GET', published) or '', '^(%S+) ?(%S*)$')
    if redis.call('SISMEMBER', tenants, tenant) == 0 then
        result = {registered and 'unknown_tenant' or 'no_registry', ''}
    elseif before then
        -- The first publication of an older client has no fingerprint.
        result = {(before_mark == '' or before_mark == mark) and 'duplicate' or 'conflict', before}
    elseif backlog_limit > 0 and waiting >= backlog_limit then
        result = {'backlog', tostring(waiting)}
    else
        local wait = rate > 0 and take_token(bucket) or 0
        if wait > 0 then
            result = {'rate_limited', tostring(wait)}
        else
            if prefix ~= '' then
                local session_id = derive_session(session, prefix, tonumber(at) or now)
                -- The event is a JSON object without session_id, so session_id is added as its first member.
                body = '{"session_id":' .. cjson.encode(session_id) .. ',' .. string.sub(body, 2)
            end
            local entry_id = redis.call('XADD', stream, '*', '__data__', body)
            redis.call('SET', published, entry_id .. ' ' .. mark, 'EX', remember_seconds)
            waiting = waiting + 1
            result = {'ok', entry_id}
        end
    end
    results[i + 1] = result
end
return results
