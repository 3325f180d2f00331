#!lua flags=no-writes
-- Reads a page of a user's mailbox: finds the position, whether something behind it is gone, and
-- what is stored behind it.
--
-- KEYS[1]  the mailbox, a stream
-- KEYS[2]  the cursors of the user's devices, a hash (see cursor.lua)
-- ARGV[1]  the position, MS-SEQ; '': the cursor of ARGV[2], and 0-0 where there is none, which is
--          no gap then
-- ARGV[2]  the device, encoded as in the names of keys
-- ARGV[3]  '1': the position that was given is from the epoch that Redis is in now
-- ARGV[4]  how many entries at most
-- ARGV[5]  bytes for which there is room: the page ends where the next entry might have none
-- ARGV[6]  how long an entry may be; the first one may be longer than all the room
--
-- Answers {'none', 'gap' or 'reset'; the position behind which was read; the last id that the
-- mailbox gave, 0-0 without one; 1 when nothing is stored behind these entries, else 0; what is wrong:
-- 'cursor', the stored one is none, 'mailbox', the key has another type and is read as empty, or '';
-- then of each entry its id and its `m`, false without one}.
--
-- What it costs does not depend on how much is stored. no-writes: it also runs when Redis is full,
-- or takes no writes.

local HEAD = 96 -- bytes of a frame in front of `m`, with the longest id

-- Ids are two numbers of up to 64 bits, more than Lua's hold: they are compared as digits.
local function is_number(digits)
  return #digits < 20 or (#digits == 20 and digits <= '18446744073709551615')
end

local function is_id(text)
  local ms, seq = string.match(text, '^(%d+)-(%d+)$')
  return ms ~= nil and not string.find(text, '^0%d') and not string.find(text, '-0%d') and
    is_number(ms) and is_number(seq)
end

local function is_number_above(left, right)
  return #left > #right or (#left == #right and left > right)
end

local function is_above(left, right)
  local left_ms, left_seq = string.match(left, '^(%d+)-(%d+)$')
  local right_ms, right_seq = string.match(right, '^(%d+)-(%d+)$')
  return is_number_above(left_ms, right_ms) or
    (left_ms == right_ms and is_number_above(left_seq, right_seq))
end

-- The cursor, or nil; and 'cursor' when what is there is none. A key of another type is no reason to keep
-- the mailbox from its user.
local function find_cursor()
  local found = redis.pcall('HGET', KEYS[2], ARGV[2])
  if type(found) == 'table' and not string.find(found.err, '^WRONGTYPE') then
    error(found)
  end
  if not found then
    return nil, ''
  elseif type(found) ~= 'string' or not is_id(found) then
    return nil, 'cursor'
  end
  return found, ''
end

local mailbox = {['last-generated-id'] = '0-0', ['entries-added'] = 0, length = 0}
local kind = redis.call('TYPE', KEYS[1]).ok
if kind == 'stream' then
  local info = redis.call('XINFO', 'STREAM', KEYS[1])
  for i = 1, #info, 2 do
    mailbox[info[i]] = info[i + 1]
  end
end
local last = mailbox['last-generated-id']

local position, wrong = ARGV[1], ''
local is_here, is_same_epoch = true, ARGV[3] == '1'
if position == '' then
  position, wrong = find_cursor()
  is_here, is_same_epoch = position ~= nil, true -- a cursor went where its mailbox went
  position = position or '0-0'
end
if kind ~= 'stream' and kind ~= 'none' then
  wrong = 'mailbox'
end

local gap = 'none'
if is_here then
  if is_above(position, last) then
    gap = 'reset'
  elseif position == '0-0' then
    if mailbox['entries-added'] ~= mailbox.length then
      gap = 'gap'
    end
  elseif #redis.call('XRANGE', KEYS[1], position, position) == 0 then
    if not is_same_epoch then
      gap = 'reset'
    elseif position ~= last then
      gap = 'gap'
    end
  end
end
if gap == 'reset' then
  position = '0-0'
end

local answer = {gap, position, last, 1, wrong}
local left, room, longest = tonumber(ARGV[4]), tonumber(ARGV[5]), tonumber(ARGV[6])

-- What surely has room. True when more may have.
local function read_some()
  local count = math.min(left, math.max(1, math.floor(room / longest)))
  local stored = redis.call('XRANGE', KEYS[1], '(' .. position, '+', 'COUNT', count)
  for _, entry in ipairs(stored) do
    local body = false
    for i = 1, #entry[2], 2 do
      if entry[2][i] == 'm' then
        body = entry[2][i + 1]
      end
    end
    answer[#answer + 1] = entry[1]
    answer[#answer + 1] = body
    room = room - HEAD - #(body or '')
    position = entry[1]
  end
  left = left - #stored
  return #stored == count and left > 0 and room >= longest and is_above(last, position)
end

if is_above(last, position) then -- else there is nothing, nor is every such range a valid one
  repeat until not read_some()
  if mailbox['last-entry'] and is_above(mailbox['last-entry'][1], position) then
    answer[4] = 0
  end
end
return answer
