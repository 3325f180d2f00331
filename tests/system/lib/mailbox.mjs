// A long mailbox, written by Redis itself: as the gateway's accept.lua writes it, without publishing.

const FILL = `
for number = tonumber(ARGV[2]), tonumber(ARGV[3]) - 1 do
  redis.call('XADD', KEYS[1], '*', 'm', '"sender":"filler","receiver":"' .. ARGV[1]
    .. '","content":[' .. number .. ',"' .. ARGV[4] .. '"]}', 'peer', 'filler',
    'g', 'filler-00000000', 's', '0000000000000000')
end`;
const AT_ONCE = 5000; // Redis answers nobody meanwhile

// So many messages to `user`, with [0, padding], [1, padding], … as their content.
export async function fillMailbox(redis, user, count, padding) {
  for (let from = 0; from < count; from += AT_ONCE) {
    const to = Math.min(count, from + AT_ONCE);
    await redis.command('EVAL', FILL, 1, `parley:mailbox:{${user}}`, user, from, to, padding);
  }
}
