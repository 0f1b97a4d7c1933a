-- Append messages of one scope to its window: in stream order, each once, trimmed to size. Calls in any order, also
-- repeated ones, give the same list. There is one exception: an event may have two entries, if it was published again
-- after the gateway forgot it, or without the client. The window takes the first of them that comes, and leaves out the
-- other. If the other is another message, the caller learns of the conflict.
--
-- KEYS[1]  list  JSON objects {"role", "content", "id", "event_id", ...}, the oldest first
-- KEYS[2]  set   ids of the registered tenants, and the mark that the set was filled from the table
-- KEYS[3]  hash  tenant id and subject -> id of the last entry of the removed registration
-- ARGV[1]  size of the window
-- ARGV[2]  '1' if the caller has loaded the scope's last turns and sends them along, else ''
-- ARGV[3]  tenant id
-- ARGV[4]  mark of the registry
-- ARGV[5]  field of KEYS[3]
-- ARGV[6..] messages, JSON
--
-- Returns the length of the window, and the ids of entries whose event id names another message in it. Returns {-1} if the
-- window is absent and nothing was loaded: the scope is new, or Redis has lost its window, and only PostgreSQL knows.
-- Returns {-2} if the tenant is not registered: its window must not come back after the tenant was removed.
local key, size, loaded = KEYS[1], tonumber(ARGV[1]), ARGV[2] == '1'
if redis.call('SISMEMBER', KEYS[2], ARGV[4]) == 1 and redis.call('SISMEMBER', KEYS[2], ARGV[3]) == 0 then return {-2} end
local present = redis.call('EXISTS', key) == 1
if not present and not loaded then return {-1} end

-- Return an element as {milliseconds, sequence, event id, JSON, message}. A foreign element without an id gets zeros.
local function parse(json)
    local ok, message = pcall(cjson.decode, json)
    if not ok or type(message) ~= 'table' then message = {} end
    local ms, sequence = string.match(tostring(message.id), '^(%d+)%-(%d+)$')
    return {tonumber(ms) or 0, tonumber(sequence) or 0, message.event_id, json, message}
end

local function is_before(a, b)
    if a[1] ~= b[1] then return a[1] < b[1] end
    return a[2] < b[2]
end

-- eunoe_schema.event_ids.fingerprint_of compares the same members.
local function is_same(a, b)
    return a.role == b.role and a.content == b.content and a.thread_id == b.thread_id and a.channel == b.channel
end

local kept, ids, events, conflicts = {}, {}, {}, {}
for place, json in ipairs(redis.call('LRANGE', key, 0, -1)) do
    local element = parse(json)
    -- An element without an id stays behind its predecessor. At the beginning it is older than every entry.
    if place > 1 and element[1] + element[2] == 0 then element[1], element[2] = kept[place - 1][1], kept[place - 1][2] end
    kept[place] = element
    ids[element[1] .. '-' .. element[2]] = true
    if type(element[3]) == 'string' then events[element[3]] = element[5] end
end
local before = #kept
local full, first, last = before >= size, kept[1], kept[before]

-- Entries up to this one are of a removed registration of the tenant: a consumer may have held them meanwhile.
local removed = redis.call('HGET', KEYS[3], ARGV[5])
if removed then removed = parse(cjson.encode({id = removed})) end

local appended, in_order = {}, true
for i = 6, #ARGV do
    local element = parse(ARGV[i])
    local id = element[1] .. '-' .. element[2]
    local too_old = full and is_before(element, first)
    local event = type(element[3]) == 'string' and element[3] or nil
    local is_removed = removed and not is_before(removed, element)
    local other = event and events[event]
    local is_new = not (ids[id] or too_old or is_removed)
    if is_new and other and not is_same(other, element[5]) then conflicts[#conflicts + 1] = id end
    if is_new and not other then
        ids[id] = true
        if event then events[event] = element[5] end
        if last and is_before(element, last) then in_order = false end
        last = element
        appended[#appended + 1] = element[4]
        kept[#kept + 1] = element
    end
end
if #appended == 0 then return {before, unpack(conflicts)} end
if in_order then
    redis.call('RPUSH', key, unpack(appended))
    redis.call('LTRIM', key, -size, -1)
    return {math.min(#kept, size), unpack(conflicts)}
end

-- A message came late, so the list is sorted and written again. Elements without an id share the order of their
-- predecessor; the third key keeps them behind it.
for place, element in ipairs(kept) do element[6] = place end
table.sort(kept, function(a, b)
    if a[1] ~= b[1] then return a[1] < b[1] end
    if a[2] ~= b[2] then return a[2] < b[2] end
    return a[6] < b[6]
end)
local rows = {}
for place = math.max(1, #kept - size + 1), #kept do rows[#rows + 1] = kept[place][4] end
redis.call('DEL', key)
redis.call('RPUSH', key, unpack(rows))
return {#rows, unpack(conflicts)}
