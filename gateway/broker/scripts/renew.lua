#!lua flags=allow-oom
-- Claims or renews the lease of one incarnation, by Redis' own clock, and tells who else has one.
--
-- KEYS[1]  the gateways: a sorted set of incarnations by the expiry of their leases, in Unix ms
-- ARGV[1]  the incarnation
-- ARGV[2]  for how many ms from now
-- ARGV[3]  'claim': its first lease, which nobody may have already
--          'renew': only a lease that has not expired. Once it has, its users are offline for
--          everybody, and may have been told so: coming back in silence would leave that standing
-- ARGV[4]  its former incarnations, with blanks between them: renewed in the same way, while its
--          sessions are registered under the new name
--
-- Answers {1 when it has the lease now, else 0; the incarnations whose lease has not expired, each as
-- NAME=EXPIRY; the other members: expired ones, and `dead:…` of those that are being cleaned up after}.
--
-- allow-oom: or over maxmemory every gateway would be taken for dead.
local time = redis.call('TIME')
local now = time[1] * 1000 + math.floor(time[2] / 1000)

local function renew(name)
  local expiry = redis.call('ZSCORE', KEYS[1], name)
  local is_live = expiry and tonumber(expiry) > now
  if is_live then
    redis.call('ZADD', KEYS[1], now + ARGV[2], name)
  end
  return is_live
end

local has_lease
if ARGV[3] == 'claim' then
  has_lease = redis.call('ZADD', KEYS[1], 'NX', now + ARGV[2], ARGV[1]) == 1
else
  has_lease = renew(ARGV[1])
end
if has_lease then
  for former in string.gmatch(ARGV[4], '%S+') do
    renew(former)
  end
end
local live, others = {}, {}
local members = redis.call('ZRANGE', KEYS[1], 0, -1, 'WITHSCORES')
for i = 1, #members, 2 do
  if tonumber(members[i + 1]) > now and string.sub(members[i], 1, 5) ~= 'dead:' then
    live[#live + 1] = members[i] .. '=' .. members[i + 1]
  else
    others[#others + 1] = members[i]
  end
end
return {has_lease and 1 or 0, live, others}
