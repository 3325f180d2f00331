#!lua flags=allow-oom
-- Notes up to which message a user has read what another one wrote, and tells the user's sessions.
--
-- KEYS[1]  what the user has read, a hash: the other user, encoded as in the names of keys -> id
-- KEYS[2]  the user's mailbox, a stream
-- ARGV[1]  the user's channel (of the same hash slot)
-- ARGV[2]  the other user, encoded
-- ARGV[3]  the id
-- ARGV[4]  what is published
-- ARGV[5]  after how many ms without a change it expires; 0: never
-- ARGV[6]  how many other users it may have: above that the lowest of a few drawn at random goes
--
-- Answers 1; or 0, and did nothing, when it was noted up to this id already, or further, or when the
-- mailbox has not come so far. What is noted beyond that is from before the mailbox began anew, and
-- worth nothing. Where there is no mailbox nothing says so.
--
-- allow-oom: over maxmemory a user's devices go on agreeing about what was read.
local DRAWN = 16

-- Ids are two numbers of up to 64 bits, more than Lua's hold: they are compared as digits.
local function is_number_above(left, right)
  return #left > #right or (#left == #right and left > right)
end

local function parts(id)
  local ms, seq = string.match(id, '^(%d+)-(%d+)$')
  return ms or '0', seq or '0' -- else somebody else put it there
end

local function is_above(left, right)
  local left_ms, left_seq = parts(left)
  local right_ms, right_seq = parts(right)
  return is_number_above(left_ms, right_ms) or
    (left_ms == right_ms and is_number_above(left_seq, right_seq))
end

local function forget_one()
  local drawn = redis.call('HRANDFIELD', KEYS[1], DRAWN, 'WITHVALUES')
  local lowest, lowest_id
  for i = 1, #drawn, 2 do
    if drawn[i] ~= ARGV[2] and (not lowest or is_above(lowest_id, drawn[i + 1])) then
      lowest, lowest_id = drawn[i], drawn[i + 1]
    end
  end
  redis.call('HDEL', KEYS[1], lowest)
end

local last
if redis.call('TYPE', KEYS[2]).ok == 'stream' then
  local info = redis.call('XINFO', 'STREAM', KEYS[2])
  for i = 1, #info, 2 do
    if info[i] == 'last-generated-id' then
      last = info[i + 1]
    end
  end
end

local function is_beyond(id)
  return last and is_above(id, last)
end

local noted = redis.call('HGET', KEYS[1], ARGV[2])
if is_beyond(ARGV[3]) or noted and not is_beyond(noted) and not is_above(ARGV[3], noted) then
  return 0
end
redis.call('HSET', KEYS[1], ARGV[2], ARGV[3])
if redis.call('HLEN', KEYS[1]) > tonumber(ARGV[6]) then
  forget_one()
end
if ARGV[5] ~= '0' then
  redis.call('PEXPIRE', KEYS[1], ARGV[5])
end
redis.call('PUBLISH', ARGV[1], ARGV[4])
return 1
