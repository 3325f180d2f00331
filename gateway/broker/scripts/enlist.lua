#!lua flags=allow-oom
-- Notes that an incarnation is about to register a user, so that others can clean up after its death.
--
-- KEYS[1]  the users of the incarnation, a set
-- ARGV[1]  the user, encoded as in the names of keys
--
-- A script only for its flag: over maxmemory a plain SADD is refused.
return redis.call('SADD', KEYS[1], ARGV[1])
