#!lua flags=no-writes
-- Reads the next page of a mailbox behind a position, and finds out what is missing in front of it.
--
-- KEYS[1]  the mailbox, a stream
-- KEYS[2]  the cursors of its devices, a hash
-- ARGV[1]  the position, MS-SEQ; '': the cursor of the device, or 0-0 when it has none
-- ARGV[2]  the device
-- ARGV[3]  '1' when the position is of the epoch in which Redis is now; else '0'
-- ARGV[4]  how many entries at most
--
-- Answers {position, last, gap, is_last, wrong, id, m, id, m, ...}:
--   position  behind which it was read: that of ARGV, or 0-0 after a reset
--   last      the id that was given to an entry last; 0-0: none
--   gap       'none'
--             'gap': entries behind the position may have been there and are not any more
--             'reset': the position is of another history, and reading begins at 0-0
--   is_last   1 when nothing is stored behind these entries
--   wrong     what somebody else put there: 'mailbox' (of another type: read as empty), 'cursor' (no
--             id: as none), or ''
--   m         the frame without its head; nil when the entry has none
local key, position = KEYS[1], ARGV[1]
local none = '0-0'
local wrong = ''

-- Ids have no leading zeros.
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

local is_new = false
if position == '' then
  position = none
  local cursor = redis.pcall('HGET', KEYS[2], ARGV[2])
  if type(cursor) == 'string' and string.match(cursor, '^%d+-%d+$') then
    position = cursor
  else
    is_new = true
    if cursor then -- no id, or an error: the key has another type
      wrong = 'cursor'
    end
  end
end

local kind = redis.call('TYPE', key).ok
local last, is_complete = none, true
if kind == 'stream' then
  local info, length, added = redis.call('XINFO', 'STREAM', key), 0, 0
  for i = 1, #info, 2 do
    if info[i] == 'length' then
      length = info[i + 1]
    elseif info[i] == 'entries-added' then
      added = info[i + 1]
    elseif info[i] == 'last-generated-id' then
      last = info[i + 1]
    end
  end
  is_complete = length == added
elseif kind ~= 'none' then
  wrong = 'mailbox'
end

local gap = 'none'
if position == none then
  if not is_new and not is_complete then
    gap = 'gap'
  end
elseif is_less(last, position) then
  gap = 'reset'
elseif last ~= position and #redis.call('XRANGE', key, position, position) == 0 then
  gap = ARGV[3] == '1' and 'gap' or 'reset'
end
if gap == 'reset' then
  position = none
end

local answer = {position, last, gap, 1, wrong}
if not is_less(position, last) then
  return answer
end
local count = tonumber(ARGV[4])
local entries = redis.call('XRANGE', key, '(' .. position, '+', 'COUNT', count)
for _, entry in ipairs(entries) do
  local id, fields = entry[1], entry[2]
  local m = false
  for i = 1, #fields, 2 do
    if fields[i] == 'm' then
      m = fields[i + 1]
      break
    end
  end
  answer[#answer + 1] = id
  answer[#answer + 1] = m
end
if #entries == count and entries[count][1] ~= last then
  answer[4] = 0
end
return answer
