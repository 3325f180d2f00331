#!lua flags=allow-oom
-- Notes how far one device has come in its user's mailbox. Cursors only go forward; but one above
-- the mailbox' last id is of another history (Redis came back empty, or older) and worth nothing.
--
-- KEYS[1]  the cursors of the user's devices, a hash: device -> id
-- KEYS[2]  the mailbox, a stream
-- ARGV[1]  the device
-- ARGV[2]  the id up to which it has everything
-- ARGV[3]  after how many ms without a change the cursors expire; 0: never
-- ARGV[4]  how many devices are kept: of more, the one with the lowest id goes
--
-- Answers 'set', or why nothing was done: 'old', 'beyond' (no entry ever had that id), 'foreign'
-- (one of the keys has another type).
--
-- allow-oom: or over maxmemory everybody would be sent the same messages again and again.
local function number_is_less(left, right)
  if #left ~= #right then
    return #left < #right
  end
  return left < right
end

local function is_less(left, right)
  local left_ms, left_seq = string.match(left, '^(%d+)-(%d+)$')
  local right_ms, right_seq = string.match(right, '^(%d+)-(%d+)$')
  if left_ms ~= right_ms then
    return number_is_less(left_ms, right_ms)
  end
  return number_is_less(left_seq, right_seq)
end

local function is_id(value)
  return type(value) == 'string' and string.match(value, '^%d+-%d+$') ~= nil
end

local kinds = {redis.call('TYPE', KEYS[1]).ok, redis.call('TYPE', KEYS[2]).ok}
if (kinds[1] ~= 'none' and kinds[1] ~= 'hash') or (kinds[2] ~= 'none' and kinds[2] ~= 'stream') then
  return 'foreign'
end

local last = '0-0'
if kinds[2] == 'stream' then
  local info = redis.call('XINFO', 'STREAM', KEYS[2])
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then
      last = info[i + 1]
    end
  end
end

local device, id = ARGV[1], ARGV[2]
if is_less(last, id) then
  return 'beyond'
end
local cursor = redis.call('HGET', KEYS[1], device)
if is_id(cursor) and not is_less(last, cursor) and not is_less(cursor, id) then
  return 'old'
end
redis.call('HSET', KEYS[1], device, id)
if redis.call('HLEN', KEYS[1]) > tonumber(ARGV[4]) then
  local lowest, lowest_id
  local fields = redis.call('HGETALL', KEYS[1])
  for i = 1, #fields, 2 do
    local other = is_id(fields[i + 1]) and fields[i + 1] or '0-0'
    if lowest == nil or is_less(other, lowest_id) then
      lowest, lowest_id = fields[i], other
    end
  end
  redis.call('HDEL', KEYS[1], lowest)
end
if ARGV[3] ~= '0' then
  redis.call('PEXPIRE', KEYS[1], ARGV[3])
end
return 'set'
