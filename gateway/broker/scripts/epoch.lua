#!lua flags=no-writes
-- In which epoch this Redis is: the id of its history of writes, which changes at a fail-over, and
-- when it starts anew.
--
-- Answers {the id, ''}, or {'', why not}: where INFO is not permitted, everything else still is.
local info = redis.pcall('INFO', 'replication')
if type(info) == 'table' then
  return {'', info.err}
end
local id = string.match(info, 'master_replid:(%x+)')
return id and {id, ''} or {'', 'INFO has no master_replid'}
