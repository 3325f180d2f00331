#!lua flags=allow-oom
-- Moves the cursors of some of a user's devices forward.
--
-- KEYS[1]  the cursors, a hash: device -> id up to which it has everything
-- KEYS[2]  the user's mailbox, a stream
-- ARGV[1]  after how many ms without a move the cursors expire; 0: never
-- ARGV[2]  how many devices may have one
-- ARGV[3]… a device, encoded as in the names of keys, and its id, MS-SEQ; then the next one
--
-- Answers how many were moved. A cursor above the last id that the mailbox gave is worth nothing: the
-- mailbox came back without what it had. One that is stored is set anew, one that is given is from
-- before that, and ignored. What is stored and no id is set anew too. When there are too many
-- devices the lowest cursor goes, the worthless ones first; it may be one that was moved here.
--
-- allow-oom: or over maxmemory everybody would get everything again.

-- Ids are two numbers of up to 64 bits, more than Lua's hold: they are compared as digits.
local function is_number_above(left, right)
  return #left > #right or (#left == #right and left > right)
end

local function is_above(left, right)
  local left_ms, left_seq = string.match(left, '^(%d+)-(%d+)$')
  local right_ms, right_seq = string.match(right, '^(%d+)-(%d+)$')
  return is_number_above(left_ms, right_ms) or
    (left_ms == right_ms and is_number_above(left_seq, right_seq))
end

local last = '0-0'
if redis.call('TYPE', KEYS[2]).ok ~= 'none' then
  local info = redis.call('XINFO', 'STREAM', KEYS[2])
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then
      last = info[i + 1]
    end
  end
end

-- What a stored cursor is worth: itself, or ''.
local function worth(id)
  if id and string.find(id, '^%d+-%d+$') and not string.find(id, '^0%d') and
    not string.find(id, '-0%d') and not is_above(id, last) then
    return id
  end
  return ''
end

local moved = 0
for i = 3, #ARGV, 2 do
  local device, id = ARGV[i], ARGV[i + 1]
  if not is_above(id, last) then
    local stored = worth(redis.call('HGET', KEYS[1], device))
    if stored == '' or is_above(id, stored) then
      redis.call('HSET', KEYS[1], device, id)
      moved = moved + 1
    end
  end
end
if moved == 0 then
  return 0
end

local surplus = redis.call('HLEN', KEYS[1]) - ARGV[2]
if surplus > 0 then
  local all = redis.call('HGETALL', KEYS[1])
  local devices = {}
  for i = 1, #all, 2 do
    devices[#devices + 1] = {name = all[i], id = worth(all[i + 1])}
  end
  table.sort(devices, function(left, right)
    if left.id == '' or right.id == '' then
      return left.id == '' and right.id ~= ''
    end
    return is_above(right.id, left.id)
  end)
  for i = 1, surplus do
    redis.call('HDEL', KEYS[1], devices[i].name)
  end
end
if ARGV[1] ~= '0' then
  redis.call('PEXPIRE', KEYS[1], ARGV[1])
end
return moved
