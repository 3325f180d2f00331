#!lua flags=allow-oom
-- Publishes one message, and the copy for its sender; stores nothing (--delivery live).
--
-- ARGV[1]  the receiver's channel
-- ARGV[2]  the frame
-- ARGV[3]  with a copy only: the sender's channel
-- ARGV[4]  with a copy only: the copy, a frame too
--
-- Answers {number of subscribers of the receiver's channel}, and, when the copy was refused, behind
-- that why. An error means that nothing was published. The number is not the answer of PUBLISH, which
-- counts also who only watches with a pattern. allow-oom: a full Redis has no reason to refuse.
local subscribers = redis.call('PUBSUB', 'NUMSUB', ARGV[1])[2]
redis.call('PUBLISH', ARGV[1], ARGV[2])
if ARGV[3] then
  local answer = redis.pcall('PUBLISH', ARGV[3], ARGV[4])
  if type(answer) == 'table' then
    return {subscribers, answer.err}
  end
end
return {subscribers}
