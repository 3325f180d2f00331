#!lua flags=allow-oom
-- Is this user online? And what a session changes in that: one script, so that what is told to the
-- watchers has one order.
--
-- KEYS[1]   the user's sessions on all gateways, a hash: `INCARNATION/NUMBER` -> `SINCE DEVICE`
-- KEYS[2]   when the user was seen last: Unix ms
-- ARGV[1]   'look'
--           'register': the session ARGV[6] is there
--           'leave': the session ARGV[6] is gone; or, when that ends with '/', all of an incarnation
-- ARGV[2]   the live incarnations, each as NAME=EXPIRY between blanks: by now they may not live
-- ARGV[3]   incarnations that were looked up and are not live, each between blanks
-- ARGV[4]   the channel for who watches the user; '': nobody is told
-- ARGV[5]   the user, as a JSON string
-- ARGV[6]   `INCARNATION/NUMBER`, or `INCARNATION/`
-- ARGV[7]   after how many ms KEYS[2] expires; 0: never
-- ARGV[8]   the device
-- ARGV[9]   how many sessions the user may have; 0: any number
-- ARGV[10]  former incarnations of the same gateway, each between blanks: what the session has there
--           is moved, or removed too
-- ARGV[11]  those of ARGV[3] that are not even expired: what they left came late, and is removed
--
-- Answers {'ok', sessions, since, now}, or
--   {'full', sessions}: not registered, or
--   {'unknown', incarnation…}: nothing was done, because it has fields of an incarnation of which
--     these lists say nothing that holds now. Who lives is known in another hash slot.
--
-- A session is there since it was registered; moving it from one live incarnation to another changes
-- nothing in that. All times are Redis'. allow-oom: or over maxmemory nobody could come, nor go.
local operation, field = ARGV[1], ARGV[6]
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local number = string.match(field, '/(%d+)$')

local function has(list, name)
  return string.find(list, ' ' .. name .. ' ', 1, true) ~= nil
end

local function lives(name)
  local _, at = string.find(ARGV[2], ' ' .. name .. '=', 1, true)
  return at ~= nil and tonumber(string.match(ARGV[2], '^%d+', at + 1)) > now
end

-- Whether this call takes the place of, or removes, what is there.
local function is_mine(name, owner)
  if operation == 'look' then
    return false
  elseif number == nil then
    return owner .. '/' == field
  end
  return name == field or (name == owner .. '/' .. number and has(ARGV[10], owner))
end

local function remove(names)
  for _, name in ipairs(names) do
    redis.call('HDEL', KEYS[1], name)
  end
end

local function tell(online, sessions, since)
  if ARGV[4] ~= '' then
    redis.call('PUBLISH', ARGV[4], '{"type":"presence","users":[{"online":' .. online ..
      ',"sessions":' .. sessions .. ',"since":' .. since .. ',"user":' .. ARGV[5] .. '}]}')
  end
end

local sessions, since, unknown = 0, now, {'unknown'} -- of the others
local mine, mine_is_live, mine_since = {}, false, now
local leftovers = {}
local fields = redis.call('HGETALL', KEYS[1])
for i = 1, #fields, 2 do
  local name, value = fields[i], fields[i + 1]
  local owner = string.match(name, '^([%w._-]+)/%d+$') -- anything else is nothing of ours
  if owner then
    local is_live = lives(owner)
    local session_since = tonumber(string.match(value, '^%d+')) or now
    if is_mine(name, owner) then
      mine[#mine + 1] = name
      if is_live then
        mine_is_live = true
        mine_since = math.min(mine_since, session_since)
      end
    elseif is_live then
      sessions = sessions + 1
      since = math.min(since, session_since)
    elseif not has(ARGV[3], owner) then
      unknown[#unknown + 1] = owner
    elseif has(ARGV[11], owner) then
      leftovers[#leftovers + 1] = name
    end
  end
end
if #unknown > 1 then
  return unknown
end
remove(leftovers)

if operation == 'register' then
  if #mine == 0 and ARGV[9] ~= '0' and sessions >= tonumber(ARGV[9]) then
    return {'full', sessions}
  end
  since = math.min(since, mine_since)
  remove(mine)
  redis.call('HSET', KEYS[1], field, mine_since .. ' ' .. ARGV[8])
  if sessions == 0 and not mine_is_live then
    tell('true', 1, since)
  end
  return {'ok', sessions + 1, since, now}
end

if #mine > 0 then
  remove(mine)
  if sessions == 0 then
    redis.call('SET', KEYS[2], now)
    if ARGV[7] ~= '0' then
      redis.call('PEXPIRE', KEYS[2], ARGV[7])
    end
    tell('false', 0, now)
  elseif number == nil then
    -- While it was dead and not removed, somebody may have been told that the user is offline.
    tell('true', sessions, since)
  end
end
if sessions == 0 then
  since = tonumber(redis.call('GET', KEYS[2])) or 0
end
return {'ok', sessions, since, now}
