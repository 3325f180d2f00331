#!lua flags=allow-oom
-- Claims or renews the lease of one incarnation, by Redis' own clock, and tells who else has one.
--
-- KEYS[1]  the gateways: a sorted set of incarnations by the expiry of their leases, in Unix ms
-- ARGV[1]  the incarnation
-- ARGV[2]  for how many ms from now
-- ARGV[3]  'claim': its first lease, which nobody may have already
--          'renew': only what is still there, expired or not
--
-- Answers {1 when it has the lease now, else 0; then every incarnation whose lease has not expired}.
-- `dead:…` members, of gateways that are being cleaned up after, are no incarnations.
--
-- allow-oom: or over maxmemory every gateway would be taken for dead.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)
local is_there = redis.call('ZSCORE', KEYS[1], ARGV[1]) ~= false
local answer = {0}
if is_there == (ARGV[3] == 'renew') then
  redis.call('ZADD', KEYS[1], now + ARGV[2], ARGV[1])
  answer[1] = 1
end
for _, name in ipairs(redis.call('ZRANGE', KEYS[1], '(' .. now, '+inf', 'BYSCORE')) do
  if string.sub(name, 1, 5) ~= 'dead:' then
    answer[#answer + 1] = name
  end
end
return answer
