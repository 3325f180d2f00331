#!lua
-- Accepts one message: stores it in the receiver's mailbox and publishes it, or does neither; and
-- puts a copy of it into the sender's own mailbox and channel.
--
-- KEYS[1]   the receiver's mailbox, a stream
-- KEYS[2]   with a ref only: what this ref of this sender got, a string
-- KEYS[n]   with a copy only, the last one: the sender's mailbox
-- ARGV[1]   the receiver's channel (of the same hash slot)
-- ARGV[2]   the frame without its head
-- ARGV[3]   the sender
-- ARGV[4]   the accepting gateway
-- ARGV[5]   the sending session
-- ARGV[6]   about how many entries a mailbox may keep
-- ARGV[7]   after how many ms without a message it expires; 0: never
-- ARGV[8]   the ref as a JSON string; '': none
-- ARGV[9]   for how many ms the ref is known
-- ARGV[10]  with a copy only: the receiver
-- ARGV[11]  with a copy only: the sender's channel
--
-- Answers {'stored', id of the entry, number of subscribers of the receiver's channel}, and, when
--     the copy was refused, behind that why;
--   {'repeated', id, subscribers}: nothing was done, this ref had stored these bytes under this id;
--   {'conflict', id, subscribers}: nothing was done, this ref had stored other bytes.
-- An error means that nothing was stored or published. The number is not the answer of PUBLISH, which
-- counts also who only watches with a pattern (redis-cli PSUBSCRIBE).
-- What is published is the frame that clients get: its head, made here because only here the id is
-- known, and what is stored as `m`.
--
-- No flags in the first line: over maxmemory, and on a replica, Redis refuses before anything runs.
local channel, body, ttl, ref, ref_ttl = ARGV[1], ARGV[2], ARGV[7], ARGV[8], ARGV[9]
local ref_key = ref ~= '' and KEYS[2]

-- Whatever would be refused behind XADD, which nothing takes back, is looked at before it.
if not (redis.acl_check_cmd('PUBLISH', channel, '') and
    (ttl == '0' or redis.acl_check_cmd('PEXPIRE', KEYS[1], ttl)) and
    (not ref_key or redis.acl_check_cmd('SET', ref_key, '', 'PX', ref_ttl))) then
  return redis.error_reply('NOPERM no right to PUBLISH, PEXPIRE or SET for ' .. channel)
end
local subscribers = redis.call('PUBSUB', 'NUMSUB', channel)[2]

local hash
if ref_key then
  hash = redis.sha1hex(body)
  local known = redis.pcall('GET', ref_key)
  if type(known) == 'table' then
    return redis.error_reply(known.err .. ': ' .. ref_key)
  elseif known then
    local known_id, known_hash = string.match(known, '^(%d+%-%d+) (%x+)$')
    if not known_id then
      return redis.error_reply('ERR no ref of ours: ' .. ref_key)
    end
    return {known_hash == hash and 'repeated' or 'conflict', known_id, subscribers}
  end
end

local function store(mailbox, to, frame, peer)
  local id = redis.call('XADD', mailbox, 'MAXLEN', '~', ARGV[6], '*',
    'm', frame, 'peer', peer, 'g', ARGV[4], 's', ARGV[5])
  if ttl ~= '0' then
    redis.call('PEXPIRE', mailbox, ttl)
  end
  local head = '{"type":"message","id":"' .. id .. '","ts":' .. string.match(id, '^%d+') .. ','
  redis.call('PUBLISH', to, head .. frame)
  return id
end

local id = store(KEYS[1], channel, body, ARGV[3])
if ref_key then
  redis.call('SET', ref_key, id .. ' ' .. hash, 'PX', ref_ttl)
end

-- The copy. Of what is above it needs the id alone: where the two users are in different slots, a
-- second script can do it. The message is accepted whatever becomes of it.
if ARGV[11] then
  local copy = '"copy":{"id":"' .. id .. '","session":"' .. ARGV[5] .. '"'
  if ref_key then
    copy = copy .. ',"ref":' .. ref
  end
  local stored, refusal = pcall(store, KEYS[#KEYS], ARGV[11], copy .. '},' .. body, ARGV[10])
  if not stored then
    return {'stored', id, subscribers, refusal.err or tostring(refusal)}
  end
end
return {'stored', id, subscribers}
