#!lua
-- Accepts one message: stores it in the receiver's mailbox and publishes it, or does neither.
--
-- KEYS[1]  the receiver's mailbox, a stream
-- ARGV[1]  the receiver's channel (of the same hash slot)
-- ARGV[2]  the frame without its head
-- ARGV[3]  the sender
-- ARGV[4]  the accepting gateway
-- ARGV[5]  the sending session
-- ARGV[6]  about how many entries the mailbox may keep
-- ARGV[7]  after how many ms without a message it expires; 0: never
--
-- Answers {id of the entry, number of subscribers of that channel}. The number is not the answer of
-- PUBLISH, which counts also who only watches with a pattern (redis-cli PSUBSCRIBE).
-- What is published is the frame that clients get: its head, made here because only here the id is
-- known, and ARGV[2].
--
-- No flags in the first line: over maxmemory, and on a replica, Redis refuses before anything runs.
local id = redis.call('XADD', KEYS[1], 'MAXLEN', '~', ARGV[6], '*',
  'm', ARGV[2], 'peer', ARGV[3], 'g', ARGV[4], 's', ARGV[5])
if ARGV[7] ~= '0' then
  redis.call('PEXPIRE', KEYS[1], ARGV[7])
end
local ts = string.match(id, '^%d+')
local head = '{"type":"message","id":"' .. id .. '","ts":' .. ts .. ','
redis.call('PUBLISH', ARGV[1], head .. ARGV[2])
return {id, redis.call('PUBSUB', 'NUMSUB', ARGV[1])[2]}
