#!lua flags=no-writes
-- Reads a page of one conversation out of a user's mailbox, backwards, with bounded work.
--
-- KEYS[1]  the mailbox, a stream
-- ARGV[1]  the id in front of which it reads; '': from the newest entry on
-- ARGV[2]  the other user: entries with another `peer` are passed over
-- ARGV[3]  how many messages at most
-- ARGV[4]  how many entries it may read for that, whoever they are from
-- ARGV[5]  and how many bytes of them; one entry is read whatever its size
-- ARGV[6]  the longest `m` that is worth sending
--
-- Answers {1 when the beginning of the mailbox was reached, else 0; the id to go on in front of; how
-- many entries were read; then of each that was found, newest first, its id and its `m`}. The `m` is
-- false when there is none, or a longer one, or no `peer`: that is no message.
--
-- no-writes: it also runs when Redis is full.
local STEP = 8 -- entries that are asked for at once: so much may be read in vain

local next_id, limit, bytes_left = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[5])
local entries_max, longest = tonumber(ARGV[4]), tonumber(ARGV[6])
local read, messages = 0, 0
local answer = {0, '0-0', 0}

local function finish(is_end)
  answer[1] = is_end and 1 or 0
  answer[2] = next_id == '' and '0-0' or next_id
  answer[3] = read
  return answer
end

local function older(count)
  local from = next_id == '' and '+' or '(' .. next_id
  return redis.call('XREVRANGE', KEYS[1], from, '-', 'COUNT', count)
end

local function look_at(entry, fields)
  local body = fields.m
  if fields.peer and fields.peer ~= ARGV[2] then
    return
  end
  if not fields.peer or not body or #body > longest then
    body = false
  else
    messages = messages + 1
  end
  answer[#answer + 1] = entry[1]
  answer[#answer + 1] = body
end

if next_id == '0-0' then -- nothing can be older, and no range begins in front of it
  return finish(true)
end
while read < entries_max do
  local count = math.min(STEP, entries_max - read)
  local entries = older(count)
  for number, entry in ipairs(entries) do
    local fields, size = {}, 0
    for i = 1, #entry[2], 2 do
      fields[entry[2][i]] = entry[2][i + 1]
      size = size + #entry[2][i] + #entry[2][i + 1]
    end
    if read > 0 and size > bytes_left then
      return finish(false)
    end
    bytes_left = bytes_left - size
    read = read + 1
    next_id = entry[1]
    look_at(entry, fields)
    if messages == limit then
      -- So that nobody asks for one more page in vain.
      local more = number < #entries or
        (#entries == count and (read == entries_max or #older(1) > 0))
      return finish(not more)
    end
  end
  if #entries < count then
    return finish(true)
  end
end
return finish(false)
