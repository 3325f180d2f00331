#!lua flags=allow-oom
-- Which keys, and of which shape, everybody on this Redis uses: the first one says.
--
-- KEYS[1]  the schema, a string
-- ARGV[1]  ours
--
-- Answers the one that holds. allow-oom: a gateway may come back while Redis is full.
local kind = redis.call('TYPE', KEYS[1]).ok
if kind ~= 'string' and kind ~= 'none' then
  return 'a key of the type ' .. kind
end
redis.call('SET', KEYS[1], ARGV[1], 'NX')
return redis.call('GET', KEYS[1])
