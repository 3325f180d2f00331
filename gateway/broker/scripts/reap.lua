#!lua flags=allow-oom
-- Claims the cleaning up after an incarnation. Of several gateways that try, one wins; when it dies
-- too, its claim expires, and the next one wins.
--
-- KEYS[1]  the gateways (see renew.lua)
-- ARGV[1]  the member: an incarnation, or `dead:INCARNATION`
-- ARGV[2]  for how many ms the claim holds
-- ARGV[3]  'expired': only when the member's time is over
--          'own': in any case, because it is the caller's own former name, or own claim
--
-- Answers 1 when it is the caller's now, else 0.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local expiry = redis.call('ZSCORE', KEYS[1], ARGV[1])
if not expiry or (ARGV[3] == 'expired' and tonumber(expiry) > now) then
  return 0
end
redis.call('ZREM', KEYS[1], ARGV[1])
redis.call('ZADD', KEYS[1], now + ARGV[2], 'dead:' .. string.gsub(ARGV[1], '^dead:', ''))
return 1
