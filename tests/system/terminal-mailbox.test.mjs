// build/bin/parley history, trace and why: mailboxes, through a gateway and in Redis.
import assert from 'node:assert/strict';
import { connectUser, uniqueUser } from './lib/client.mjs';
import { Gateway } from './lib/gateway.mjs';
import { program, run } from './lib/process.mjs';
import { Redis } from './lib/redis.mjs';
import { System } from './lib/system.mjs';
import { after, before, describe, test } from './lib/test.mjs';
import { DEADLINE, until } from './lib/wait.mjs';

const mailbox = (user) => `parley:mailbox:{${user}}`;
const cursor = (user) => `parley:cursor:{${user}}`;
const TIME = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z /;

// What an answered question prints, line by line, each run of blanks as one; standard error is empty.
async function ask(redis, ...args) {
  const { code, stdout, stderr } = await run(program('parley'), args,
    { env: { PARLEY_REDIS: redis.address } });
  assert.equal(code, 0, stderr);
  assert.equal(stderr, '');
  return stdout.trimEnd().split('\n').map((line) => line.replace(/ +/g, ' '));
}

const devices = (lines) => lines.filter((line) => line.startsWith('device '));

describe('parley trace and why: mailboxes and cursors written by hand', () => {
  let redis;
  let now; // by Redis' clock, ms
  before(async () => {
    redis = await Redis.start();
    await redis.command('SET', 'parley:schema', '1 durable');
    const [seconds] = await redis.command('TIME');
    now = Number(seconds) * 1000;
  });
  after(() => redis?.stop());

  const minutesAgo = (minutes) => `${now - minutes * 60_000 - 5000}-0`;

  const put = (user, id, fields = { m: '"sender":"alice","receiver":"bob","content":1}',
    peer: 'alice', g: 'g1-0a', s: '0123456789abcdef' }) => redis.command('XADD', mailbox(user), id,
    ...Object.entries(fields).flat());

  // Messages of 3, 2 and 1 minutes ago.
  async function three(user) {
    const ids = [minutesAgo(3), minutesAgo(2), minutesAgo(1)];
    for (const id of ids) await put(user, id);
    return ids;
  }

  test('trace: when, by which gateway and session, from whom, how long, and who has it', async () => {
    const bob = uniqueUser('bob');
    const ids = await three(bob);
    await redis.command('HSET', cursor(bob), 'phone', ids[1], 'my%20tablet', ids[2], 'tv', ids[0]);
    const ms = ids[1].split('-')[0];
    assert.deepEqual(await ask(redis, 'trace', bob, ids[1]), [
      `accepted ${ms} ${new Date(Number(ms)).toISOString().slice(0, 19)}Z 2 min ago`,
      'from alice',
      'gateway g1-0a',
      'session 0123456789abcdef',
      'size 46 bytes',
      `device my%20tablet ${ids[2]} up to date`,
      `device phone ${ids[1]} 1 message behind, for 1 min`,
      `device tv ${ids[0]} 2 messages behind, for 2 min`,
      `${ids[1]} is in the mailbox of ${bob}; acknowledged by 2 of 3 devices: my%20tablet, phone`,
    ]);
  });

  test('trace: a copy, and an entry that no gateway wrote', async () => {
    const bob = uniqueUser('bob');
    const [copy, own] = [minutesAgo(2), minutesAgo(1)];
    await put(bob, copy, { m: '"copy":{"id":"1795500159187-3","session":"0123456789abcdef","ref":"r 1"'
      + '},"sender":"bob","receiver":"carol d","content":{"copy":1}}', peer: 'carol d', g: 'g', s: 's' });
    await put(bob, own, { x: 'y' });
    const lines = await ask(redis, 'trace', bob, copy);
    assert.deepEqual(lines.slice(1), [
      'copy to carol%20d where it is 1795500159187-3 ref r%201',
      'gateway g', 'session s', 'size 130 bytes',
      `${copy} is in the mailbox of ${bob}; no device has acknowledged anything yet`]);
    assert.deepEqual((await ask(redis, 'trace', bob, own)).slice(1, -1),
      ['from -', 'gateway -', 'session -', 'size 0 bytes not what a gateway writes']);
  });

  test('trace: a message that is not there', async () => {
    const [bob, nobody, empty] = [uniqueUser('bob'), uniqueUser('nobody'), uniqueUser('empty')];
    const fate = async (user, id) => (await ask(redis, 'trace', user, id)).at(-1);
    const [first, , last] = await three(bob);
    const above = `${last.slice(0, -1)}1`;
    assert.equal(await fate(bob, '5-5'),
      '5-5 was never there: nothing has been removed from this mailbox');
    assert.equal(await fate(bob, above), `${above} was never there: it is above ${last}, the last id `
      + 'that this mailbox gave; or Redis has lost what came after');
    await redis.command('XTRIM', mailbox(bob), 'MAXLEN', '=', '2');
    assert.equal(await fate(bob, first), `${first} is no longer stored, if it ever was: the oldest `
      + `message in the mailbox is ${minutesAgo(2)}, and 1 came before`);
    const between = `${minutesAgo(2).slice(0, -1)}9`;
    assert.match(await fate(bob, between), /was never there, or was deleted by hand/);
    assert.match(await fate(nobody, first), /is not stored: there is no mailbox/);
    await three(empty);
    await redis.command('XTRIM', mailbox(empty), 'MAXLEN', '=', '0');
    assert.equal(await fate(empty, last),
      `${last} is no longer stored, if it ever was: the mailbox is empty, and 3 came before`);
  });

  test('why: how far each device is behind, and which will be told a gap', async () => {
    const bob = uniqueUser('bob');
    const trimmed = minutesAgo(5);
    const kept = minutesAgo(4);
    await put(bob, trimmed);
    await put(bob, kept);
    const ids = await three(bob);
    await redis.command('XDEL', mailbox(bob), trimmed);
    await redis.command('XTRIM', mailbox(bob), 'MAXLEN', '=', '3');
    await redis.command('HSET', cursor(bob), 'a', ids[2], 'b', ids[0], 'c', kept, 'd', '0-0',
      'e', `${now + 99}-0`, 'f', 'not an id', 'g', '');
    const gap = '; a gap: some that it does not have may be no longer stored';
    assert.deepEqual(devices(await ask(redis, 'why', bob)), [
      `device a ${ids[2]} up to date`,
      `device b ${ids[0]} 2 messages behind, for 2 min`,
      `device c ${kept} 3 messages behind, for 3 min${gap}`,
      `device d 0-0 3 messages behind, for 3 min${gap}`,
      `device e ${now + 99}-0 above the mailbox' last id, so worth nothing: 3 messages behind, for 3 min`,
      'device f not%20an%20id no id, so worth nothing: 3 messages behind, for 3 min',
      'device g no id, so worth nothing: 3 messages behind, for 3 min',
    ]);
  });

  test('why: who is connected and has acknowledged nothing', async () => {
    const bob = uniqueUser('bob');
    await redis.command('ZADD', 'parley:gateways', now + 3_600_000, 'g1-0a', now - 3_600_000, 'g2-0b');
    await redis.command('HSET', `parley:presence:{${bob}}`, 'g1-0a/1', `${now} my phone`,
      'g1-0a/2', `${now} tv`, 'g2-0b/1', `${now} dead`);
    assert.deepEqual(devices(await ask(redis, 'why', bob)), []);
    const [first] = await three(bob);
    await redis.command('HSET', cursor(bob), 'tv', first);
    assert.deepEqual(devices(await ask(redis, 'why', bob)), [
      'device my%20phone no cursor 3 messages behind, for 3 min',
      `device tv ${first} 2 messages behind, for 2 min`]);
  });

  test('of a long mailbox 1000 messages are counted, of long messages 4 MiB', async () => {
    const [bob, big] = [uniqueUser('bob'), uniqueUser('big')];
    const fill = (user, count, m) => redis.command('EVAL',
      'for i = 1, tonumber(ARGV[1]) do redis.call("XADD", KEYS[1], "1000-" .. i, "m", ARGV[2]) end',
      1, mailbox(user), count, m);
    await fill(bob, 3000, 'x');
    await redis.command('HSET', cursor(bob), 'a', '1000-2995', 'b', '1000-2000', 'c', '1000-1999',
      'd', '1000-1000', 'e', '0-5');
    const states = async (user) => devices(await ask(redis, 'why', user))
      .map((line) => line.replace(/^device (\S+) \S+ /, '$1 ').replace(/, for .*? (min|h|d)(?=;|$)/, ''));
    assert.deepEqual(await states(bob), [
      'a 5 messages behind', 'b at least 1000 messages behind', 'c at least 1000 messages behind',
      'd at least 1000 messages behind',
      'e 3000 messages behind; a gap: some that it does not have may be no longer stored']);
    await fill(big, 300, 'x'.repeat(64 * 1024));
    await redis.command('HSET', cursor(big), 'a', '1000-290', 'b', '1000-20');
    assert.deepEqual(await states(big), ['a 10 messages behind', 'b at least 100 messages behind']);
  });

  test('of more than 100 devices 100 are shown, and it says so', async () => {
    const bob = uniqueUser('bob');
    const [first] = await three(bob);
    await redis.command('HSET', cursor(bob), ...Array.from({ length: 600 },
      (_, number) => [`d${number}`, number % 2 ? first : 'x'.repeat(100)]).flat());
    for (const args of [['why', bob], ['trace', bob, first]]) {
      const { code, stdout, stderr } = await run(program('parley'), args,
        { env: { PARLEY_REDIS: redis.address } });
      assert.equal(code, 0);
      assert.equal(devices(stdout.split('\n')).length, 100);
      assert.match(stderr, /there are more than 100 devices/);
    }
  });

  test('names that are nobody\'s encoding are shown, and harmless', async () => {
    const bob = uniqueUser('bob');
    const [first] = await three(bob);
    await redis.command('HSET', cursor(bob), '%zz\x1b[2J', first, '', '\x00\n');
    assert.deepEqual(devices(await ask(redis, 'why', bob)).map((line) => line.replace(/, for .*/, '')), [
      'device %00%0A no id, so worth nothing: 3 messages behind',
      `device %25zz%1B[2J ${first} 2 messages behind`]);
  });

  test('a key of a wrong type is named, with what it is and should be', async () => {
    for (const [key, make, is, should] of [[mailbox, 'SADD', 'set', 'stream'],
      [cursor, 'RPUSH', 'list', 'hash']]) {
      const bob = uniqueUser('bob');
      await redis.command(make, key(bob), 'x');
      for (const args of [['trace', bob, '1-1'], ['why', bob]]) {
        const { code, stdout, stderr } = await run(program('parley'), args,
          { env: { PARLEY_REDIS: redis.address } });
        assert.equal(code, 1);
        assert.equal(stdout, '');
        assert.ok(stderr.includes(`${key(bob)} is a ${is} in Redis, and should be a ${should}`), stderr);
      }
    }
  });

  test('a wrong command line ends with 2 and says what would be right', async () => {
    for (const [args, right] of [
      [['trace'], /takes USER and ID/], [['trace', 'bob'], /takes USER and ID/],
      [['trace', 'bob', '1-1', 'x'], /takes USER and ID/],
      [['trace', 'bob', 'x'], /ID is no id of a message/],
      [['trace', 'bob', '01-1'], /ID is no id of a message/],
      [['trace', 'bob', '18446744073709551616-1'], /ID is no id of a message/],
      [['trace', 'x'.repeat(129), '1-1'], /1 to 128 bytes/],
      [['history', 'bob'], /takes USER and PEER/],
      [['history', 'bob', ''], /1 to 128 bytes/],
      [['history', '--limit', '0', 'a', 'b'], /a number from 1 to 10000/],
      [['history', '--url', 'x', 'a', 'b'], /must begin with ws/],
    ]) {
      const { code, stdout, stderr } = await run(program('parley'), args,
        { env: { PARLEY_REDIS: redis.address } });
      assert.equal(code, 2, `${args}: ${stderr}`);
      assert.equal(stdout, '');
      assert.match(stderr, right);
    }
    for (const command of ['chat', 'history', 'trace']) {
      const { code, stdout } = await run(program('parley'), [command, '--help']);
      assert.equal(code, 0);
      assert.match(stdout, /^usage: parley .*\n[^]*Exit status: 0 /);
    }
  });
});

describe('parley history, trace and why with gateways', () => {
  let system;
  before(async () => { system = await System.start({ gateways: 2 }); });
  after(() => system?.stop());

  const parley = (...args) => run(program('parley'), args,
    { env: { PARLEY_REDIS: system.redis.address, PARLEY_URL: system.gateways[1].url } });

  async function history(...args) {
    const { code, stdout, stderr } = await parley('history', ...args);
    assert.equal(code, 0, stderr);
    assert.equal(stderr, '');
    return stdout.split('\n').slice(0, -1);
  }

  const contents = (lines) => lines.map((line) => line.replace(TIME, ''));

  let said = 0;
  async function say(client, receiver, content) {
    client.send({ receiverID: receiver, content, ref: `say ${++said}` });
    return (await client.next(({ type, ref }) => type === 'sent' && ref === `say ${said}`)).id;
  }

  test('history: both sides of one conversation, the newest last', async () => {
    const [alice, bob] = [uniqueUser('alice'), uniqueUser('bob')];
    const [hers, his] = [await connectUser(system.gateways[0], alice),
      await connectUser(system.gateways[1], bob)];
    await say(hers, bob, 'one');
    await say(his, alice, 'two\x1b');
    await say(hers, 'carol', 'other');
    await say(hers, bob, 'three');
    const lines = await history(alice, bob);
    for (const line of lines) assert.match(line, TIME);
    assert.deepEqual(contents(lines), [`${alice}: one`, `${bob}: two\\u001b`, `${alice}: three`]);
    assert.deepEqual(contents(await history('--limit', '2', bob, alice)),
      [`${bob}: two\\u001b`, `${alice}: three`]);
    const [last] = await history('--limit', '1', '--json', alice, bob);
    const { type, content, copy } = JSON.parse(last);
    assert.deepEqual([type, content, copy.session], ['message', 'three', hers.welcome.session]);
    assert.deepEqual(await history(bob, 'nobody'), []);
    // Who looks leaves no cursor, unlike who reads; those are written together.
    const read = () => system.redis.command('HKEYS', cursor(alice));
    await until(async () => (await read()).length > 0, DEADLINE, 'the cursor of the open session');
    assert.deepEqual(await read(), ['default']);
  });

  test('history: pages until there are enough, through what is not of the conversation', async () => {
    const bob = uniqueUser('bob');
    const clients = await Promise.all(['alice', 'carol'].map((name) => (
      connectUser(system.gateways[0], uniqueUser(name)))));
    for (let batch = 0; batch < 5; batch++) {
      for (const client of clients) {
        client.send(Array.from({ length: 100 }, (_, number) => (
          { receiverID: bob, content: batch * 100 + number, ref: `${batch}-${number}` })));
        await client.next(({ ref }) => ref === `${batch}-99`);
      }
    }
    const numbers = (lines) => lines.map((line) => Number(line.split(': ')[1]));
    for (const count of [500, 499, 201, 200]) {
      const lines = await history('--limit', `${count}`, bob, clients[1].welcome.user);
      assert.deepEqual(numbers(lines), Array.from({ length: count }, (_, i) => 500 - count + i));
    }
    assert.equal((await history('--limit', '10000', bob, clients[0].welcome.user)).length, 500);
  });

  test('history: what cannot be done ends with 1 and says why', async () => {
    const live = await Gateway.start({ redis: system.redis,
      flags: ['--prefix', 'other', '--delivery', 'live'] });
    try {
      const { code, stdout, stderr } = await parley('history', '--url', live.url, 'alice', 'bob');
      assert.equal(code, 1);
      assert.equal(stdout, '');
      assert.match(stderr, /unsupported/);
    } finally {
      await live.stop();
    }
    system.redis.pause();
    try {
      const { code, stdout, stderr } = await parley('history', '--timeout', '500ms', 'alice', 'bob');
      assert.equal(code, 1);
      assert.equal(stdout, '');
      assert.match(stderr, /no answer after 500 ms/);
    } finally {
      system.redis.resume();
    }
  });

  test('trace and why: what a gateway has accepted, and a device acknowledged', async () => {
    const bob = uniqueUser('bob');
    const [gateway] = system.gateways;
    const alice = await connectUser(gateway, uniqueUser('alice'));
    const id = await say(alice, bob, 'hello');
    const trace = async () => (await ask(system.redis, 'trace', bob, id));
    assert.deepEqual((await trace()).slice(1, 4), [`from ${alice.welcome.user}`,
      `gateway ${alice.welcome.gateway}`, `session ${alice.welcome.session}`]);
    assert.match((await trace()).at(-1), /no device has acknowledged anything yet/);
    const phone = await connectUser(system.gateways[1], bob, { device: 'my phone' });
    await phone.next(({ type }) => type === 'message');
    await until(async () => /acknowledged by 1 of 1 device: my%20phone$/.test((await trace()).at(-1)),
      DEADLINE, 'the acknowledgement');
    assert.deepEqual(devices(await ask(system.redis, 'why', bob)),
      [`device my%20phone ${id} up to date`]);
  });

  test('chat where nothing is stored', async () => {
    const live = await Gateway.start({ redis: system.redis,
      flags: ['--prefix', 'live', '--delivery', 'live'] });
    try {
      const bob = await connectUser(live, uniqueUser('bob'));
      const { code, stdout, stderr } = await run(program('parley'),
        ['chat', '--url', live.url, 'alice', bob.welcome.user], { input: 'hello\n' });
      assert.equal(code, 0, stderr);
      assert.match(stdout, /^\S+Z ✓ hello\n$/);
      assert.equal((await bob.next()).content, 'hello');
    } finally {
      await live.stop();
    }
  });
});
