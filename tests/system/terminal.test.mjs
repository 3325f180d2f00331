// build/bin/parley gateways, presence and why: what Redis knows, without asking a gateway.
import assert from 'node:assert/strict';
import { program, run } from './lib/process.mjs';
import { freePort, Redis } from './lib/redis.mjs';
import { uniqueUser } from './lib/client.mjs';
import { System } from './lib/system.mjs';
import { after, before, describe, test } from './lib/test.mjs';
import { DEADLINE, until } from './lib/wait.mjs';

const parley = (redis, ...args) => run(program('parley'), args,
  { env: { PARLEY_REDIS: redis.address ?? redis } });

// What an answered question prints, line by line; standard error is empty.
async function ask(redis, ...args) {
  const { code, stdout, stderr } = await parley(redis, ...args);
  assert.equal(code, 0, stderr);
  assert.equal(stderr, '');
  return stdout.trimEnd().split('\n');
}

const why = async (redis, user) => (await ask(redis, 'why', user)).at(-1);

const presence = (user) => `parley:presence:{${user}}`;
const channel = (user) => `parley:user:{${user}}`;
const SINCE = '1795500159187';
const SINCE_ISO = '2026-11-24T06:02:39Z';

// By Redis' clock, in so many milliseconds.
async function inMs(redis, ms) {
  const [seconds, microseconds] = await redis.command('TIME');
  return Number(seconds) * 1000 + Math.floor(Number(microseconds) / 1000) + ms;
}

const HOUR = 3_600_000;

describe('parley gateways, presence and why: Redis written by hand', () => {
  let redis;
  before(async () => {
    redis = await Redis.start();
    await redis.command('SET', 'parley:schema', '1 durable');
    // Far enough that no clock of a slow machine changes what they are.
    await redis.command('ZADD', 'parley:gateways', await inMs(redis, HOUR), 'g1-0a',
      await inMs(redis, HOUR), 'g2-0b', await inMs(redis, -HOUR), 'g3-0c',
      await inMs(redis, HOUR), 'dead:g4-0d');
  });
  after(() => redis?.stop());

  async function subscribed(user, count) {
    const watchers = [];
    for (let i = 0; i < count; i++) watchers.push(await redis.subscribe(channel(user)));
    return () => watchers.forEach((watcher) => watcher.close());
  }

  test('gateways: live, expired and being cleaned up, in aligned columns', async () => {
    await redis.command('SADD', 'parley:gateway:g2-0b:users', 'bob', 'a%3Ab');
    const watcher = await redis.subscribe('parley:gateway:g1-0a');
    const lines = await ask(redis, 'gateways');
    watcher.close();
    const table = lines.map((line) => line.split(/ +/));
    assert.deepEqual(table[0], ['GATEWAY', 'STATE', 'LEFT', 'USERS', 'SUBSCRIBERS']);
    assert.deepEqual(table.slice(1).map(([name, state, , ...rest]) => [name, state, ...rest]), [
      ['g1-0a', 'live', '0', '1'],
      ['g2-0b', 'live', '2', '0'],
      ['g3-0c', 'expired', '0', '0'],
      ['g4-0d', 'cleaning', '0', '0'],
    ]);
    for (const [, state, left] of table.slice(1)) {
      assert.match(left, /^-?[0-9]+\.[0-9]$/);
      assert.equal(Math.sign(left), state === 'expired' ? -1 : 1);
      assert.ok(Math.abs(left) > 3000 && Math.abs(left) < 4000, left);
    }
    const columns = lines.map((line) => [...line.matchAll(/\S+/g)].map(({ index }) => index));
    columns.forEach((starts) => assert.deepEqual(starts, columns[0]));
  });

  test('presence: who is online since when, session by session', async () => {
    const bob = uniqueUser('bob');
    await redis.command('HSET', presence(bob), 'g2-0b/4', `${Number(SINCE) + 1000} my phone`,
      'g1-0a/17', `${SINCE} default`);
    assert.deepEqual(await ask(redis, 'presence', bob), [
      `${bob}: online, 2 sessions, since ${SINCE_ISO}`,
      `  g1-0a  17  default     ${SINCE_ISO}`,
      '  g2-0b  4   my%20phone  2026-11-24T06:02:40Z',
    ]);
  });

  test('presence: sessions of dead gateways are shown and not counted', async () => {
    const bob = uniqueUser('bob');
    await redis.command('HSET', presence(bob), 'g3-0c/1', '1795500159100 a', 'g4-0d/2',
      '1795500159101 b', 'g5-0e/3', '1795500159102 c', 'nonsense', '');
    const [state, ...sessions] = await ask(redis, 'presence', bob);
    assert.equal(state, `${bob}: offline`);
    assert.match(sessions[0], /nonsense.*does not count: INCARNATION\/NUMBER and SINCE DEVICE/);
    assert.match(sessions[1], /g3-0c +1 +a .*does not count: the lease expired 1 h ago/);
    assert.match(sessions[2], /g4-0d +2 +b .*does not count: the gateway is dead and being cleaned/);
    assert.match(sessions[3], /g5-0e +3 +c .*does not count: the gateway has no lease/);
    await redis.command('HSET', presence(bob), 'g1-0a/1', `${SINCE} d`);
    assert.equal((await ask(redis, 'presence', bob))[0],
      `${bob}: online, 1 session, since ${SINCE_ISO}`);
  });

  test('presence: who is offline was last seen, when that is known', async () => {
    const [gone, never] = [uniqueUser('gone'), uniqueUser('never')];
    await redis.command('SET', `parley:seen:{${gone}}`, SINCE);
    assert.deepEqual(await ask(redis, 'presence', never, gone),
      [`${never}: offline`, `${gone}: offline, last seen ${SINCE_ISO}`]);
  });

  test('ids are found under their encoded names, and shown so', async () => {
    const user = 'a b:{c}%\u{1F600}';
    await redis.command('HSET', 'parley:presence:{a%20b%3A%7Bc%7D%25\u{1F600}}', 'g1-0a/1',
      `${SINCE} x`);
    assert.equal((await ask(redis, 'presence', user))[0],
      `a%20b%3A%7Bc%7D%25\u{1F600}: online, 1 session, since ${SINCE_ISO}`);
  });

  test('a user with hundreds of sessions is read to the end', async () => {
    const bob = uniqueUser('bob');
    for (let i = 0; i < 700; i++) {
      await redis.command('HSET', presence(bob), `g1-0a/${i}`, `${SINCE} d${i}`);
    }
    const lines = await ask(redis, 'presence', bob);
    assert.equal(lines.length, 701);
    assert.match(lines[0], /online, 700 sessions/);
  });

  test('of more than 1000 sessions 1000 are shown, and it says so', async () => {
    const bob = uniqueUser('bob');
    for (let i = 0; i < 1001; i += 77) {
      await redis.command('HSET', presence(bob), ...Array.from({ length: 77 },
        (_, k) => [`g1-0a/${i + k}`, `${SINCE} d`]).flat());
    }
    const { code, stdout, stderr } = await parley(redis, 'presence', bob);
    assert.equal(code, 0);
    assert.equal(stdout.trimEnd().split('\n').length, 1001);
    assert.match(stderr, /there are more than 1000 sessions/);
  });

  test('why: a session on each of two live gateways, two subscribers', async () => {
    const bob = uniqueUser('bob');
    await redis.command('HSET', presence(bob), 'g1-0a/17', `${SINCE} phone`, 'g2-0b/4',
      `${SINCE} default`);
    const close = await subscribed(bob, 2);
    const lines = await ask(redis, 'why', bob);
    close();
    const words = lines.map((line) => line.replace(/ +/g, ' ').replace(/[0-9.]+ s left/, '… s left'));
    assert.deepEqual(words, [
      'schema 1 durable',
      `session g1-0a/17 lease live, … s left phone since ${SINCE_ISO}`,
      `session g2-0b/4 lease live, … s left default since ${SINCE_ISO}`,
      `channel ${channel(bob)} 2 subscribers`,
      `mailbox parley:mailbox:{${bob}} 0 messages`,
      `${bob} receives: 2 sessions on 2 live gateways, 2 subscribers`,
    ]);
  });

  test('why: registered, and nobody or too few subscribe', async () => {
    const bob = uniqueUser('bob');
    await redis.command('HSET', presence(bob), 'g1-0a/17', `${SINCE} phone`);
    assert.equal(await why(redis, bob), `${bob} does not receive: registered, but nobody subscribes `
      + `to ${channel(bob)}: gateway g1-0a is not delivering; see its /readyz`);
    await redis.command('HSET', presence(bob), 'g2-0b/1', `${SINCE} phone`);
    const close = await subscribed(bob, 1);
    assert.match(await why(redis, bob), /receives in part: 2 sessions on 2 live gateways, 1 subscr/);
    close();
  });

  test('why: somebody watches who is no gateway', async () => {
    const bob = uniqueUser('bob');
    const close = await subscribed(bob, 2);
    assert.match(await why(redis, bob), /no session is registered, but .* has 2 subscribers/);
    await redis.command('HSET', presence(bob), 'g1-0a/17', `${SINCE} phone`);
    assert.match(await why(redis, bob), /receives: .*2 subscribers; more than gateways/);
    close();
  });

  test('why: nobody is there, and the mailbox waits', async () => {
    const bob = uniqueUser('bob');
    assert.equal(await why(redis, bob),
      `${bob} does not receive: no session is registered; the mailbox is empty`);
    const [seconds] = await redis.command('TIME');
    for (const id of [`${seconds - 300}000-0`, `${seconds - 200}000-7`]) {
      await redis.command('XADD', `parley:mailbox:{${bob}}`, id, 'm', 'x');
    }
    const lines = await ask(redis, 'why', bob);
    assert.match(lines.at(-2),
      new RegExp(`^mailbox .* 2 messages  last ${seconds - 200}000-7  3 min ago$`));
    assert.equal(lines.at(-1),
      `${bob} does not receive: no session is registered; 2 messages wait in the mailbox`);
  });

  test('why: dead gateways', async () => {
    for (const [gateway, words] of [
      ['g3-0c', /registered on g3-0c, whose lease expired 1 h ago: it is being cleaned up$/],
      ['g4-0d', /registered on g4-0d, which is dead: it is being cleaned up$/],
      ['g5-0e', /registered on g5-0e, which has no lease: left over/],
    ]) {
      const bob = uniqueUser('bob');
      await redis.command('HSET', presence(bob), `${gateway}/1`, `${SINCE} d`);
      assert.match(await why(redis, bob), words);
    }
  });

  test('a key of a wrong type is named, with what it is and should be', async () => {
    for (const [name, ...make] of [['presence', 'SET'], ['mailbox', 'SADD'], ['seen', 'RPUSH']]) {
      const bob = uniqueUser('bob');
      const key = `parley:${name}:{${bob}}`;
      await redis.command(...make, key, 'x');
      const { code, stdout, stderr } = await parley(redis, name === 'seen' ? 'presence' : 'why', bob);
      assert.equal(code, 1);
      assert.equal(stdout, '');
      const [is, should] = { presence: ['string', 'hash'], mailbox: ['set', 'stream'],
        seen: ['list', 'string'] }[name];
      assert.ok(stderr.includes(`${key} is a ${is} in Redis, and should be a ${should}`), stderr);
    }
  });

  test('a wrong command line ends with 2 and says what would be right', async () => {
    for (const [args, right] of [
      [['gateways', 'x'], /takes flags only/],
      [['presence'], /USER is missing/],
      [['why'], /takes one USER/],
      [['why', 'a', 'b'], /takes one USER/],
      [['why', 'x'.repeat(129)], /1 to 128 bytes/],
      [['presence', 'a', 'a\n'], /USER 2 .*without control characters/],
      [['gateways', '--redis', 'redis://word@x'], /--redis .*redis:\/\/\[\[USER\]:PASSWORD@\]HOST/],
      [['gateways', '--redis', 'redis://:secret@x:x'], /--redis redis:\/\/:\*\*\*@x:x: HOST/],
      [['gateways', '--prefix', 'a b'], /--prefix a b: a name is/],
      [['gateways', '--url', 'x'], /no flag --url; the flags are --redis --prefix/],
    ]) {
      const { code, stdout, stderr } = await parley(redis, ...args);
      assert.equal(code, 2, `${args}: ${stderr}`);
      assert.equal(stdout, '');
      assert.match(stderr, right);
      assert.doesNotMatch(stderr, /secret/);
    }
    const { code, stderr } = await parley('no:where', 'gateways');
    assert.equal(code, 2);
    assert.match(stderr, /PARLEY_REDIS no:where: HOST/);
  });

  test('--help says what the command prints and what it takes', async () => {
    for (const command of ['gateways', 'presence', 'why']) {
      const { code, stdout } = await parley(redis, command, '--help');
      assert.equal(code, 0);
      for (const word of ['--redis WHERE', '--prefix NAME', 'Exit status']) {
        assert.ok(stdout.includes(word), `${command}: ${word}`);
      }
    }
  });
});

describe('parley gateways, presence and why: any Redis', () => {
  test('who cannot be reached is named, without the password', async () => {
    const port = await freePort();
    for (const [where, words] of [
      [`127.0.0.1:${port}`, new RegExp(`Redis at 127.0.0.1:${port} cannot be reached: .*refused`)],
      [`redis://u:secret@127.0.0.1:${port}/1`, /redis:\/\/u:\*\*\*@127.*cannot be reached/],
      ['unix:/nothing/here', /unix:\/nothing\/here cannot be reached: No such file/],
    ]) {
      for (const args of [['gateways'], ['presence', 'bob'], ['why', 'bob']]) {
        const { code, stdout, stderr } = await parley(where, ...args);
        assert.equal(code, 1);
        assert.equal(stdout, '');
        assert.match(stderr, words);
        assert.doesNotMatch(stderr, /secret/);
      }
    }
  });

  test('a Redis that does not answer is given up', async () => {
    const redis = await Redis.start();
    try {
      redis.pause();
      const { code, stderr } = await parley(redis, 'gateways');
      assert.equal(code, 1);
      assert.match(stderr, /has not answered TIME within 5000 ms/);
    } finally {
      redis.resume();
      await redis.stop();
    }
  });

  test('user, password, database and prefix; a wrong password and a missing right', async () => {
    const redis = await Redis.start({ unix: false });
    try {
      await redis.command('ACL', 'SETUSER', 'ops', 'on', '>open sesame', '~*', '&*', '+@all');
      await redis.command('ACL', 'SETUSER', 'few', 'on', '>x', '~*', '&*', '+@all', '-zrange');
      const connection = await redis.connect();
      for (const command of [['SELECT', '3'], ['SET', 'other:schema', '1 durable'],
        ['ZADD', 'other:gateways', '1', 'g1-0a']]) {
        connection.send(...command);
        await connection.reply();
      }
      connection.close();
      const at = (user) => `redis://${user}@127.0.0.1:${redis.port}/3`;
      const [, gateway] = await ask(at('ops:open%20sesame'), 'gateways', '--prefix', 'other');
      assert.match(gateway, /^g1-0a +expired/);
      for (const [user, words] of [['ops:wrong', /refuses AUTH: WRONGPASS/],
        ['few:x', /refuses ZRANGE: NOPERM/]]) {
        const { code, stderr } = await parley(at(user), 'gateways', '--prefix', 'other');
        assert.equal(code, 1);
        assert.match(stderr, words);
        assert.doesNotMatch(stderr, /wrong$/);
      }
    } finally {
      await redis.stop();
    }
  });

  test('a unix socket', async () => {
    const redis = await Redis.start({ unix: true });
    try {
      await redis.command('SET', 'parley:schema', '1 durable');
      assert.equal((await ask(redis, 'gateways')).length, 1);
    } finally {
      await redis.stop();
    }
  });

  test('no schema, or another one', async () => {
    const redis = await Redis.start();
    try {
      assert.equal(await why(redis, 'bob'),
        'bob does not receive: no gateway was ever ready on this Redis with this prefix');
      for (const [args, words] of [[['gateways'], /there is no parley:schema/],
        [['presence', 'bob'], /there is no parley:schema/]]) {
        const { code, stderr } = await parley(redis, ...args);
        assert.equal(code, 0);
        assert.match(stderr, words);
      }
      await redis.command('SET', 'parley:schema', '2 other');
      const lines = await ask(redis, 'why', 'bob');
      assert.equal(lines[0].replace(/ +/g, ' '), 'schema 2%20other');
      assert.match(lines.at(-1), /the schema is neither "1 durable" nor "1 live"/);
      assert.match((await parley(redis, 'gateways')).stderr,
        /the schema is neither "1 durable" nor "1 live"/);
      await redis.command('SET', 'parley:schema', '1 live');
      assert.equal((await ask(redis, 'why', 'bob'))[0].replace(/ +/g, ' '), 'schema 1 live');
      assert.equal((await parley(redis, 'gateways')).stderr, '');
    } finally {
      await redis.stop();
    }
  });
});

describe('parley gateways with gateways', () => {
  let system;
  before(async () => { system = await System.start({ gateways: 2 }); });
  after(() => system?.stop());

  test('both are live and hear themselves; one that stopped is gone', async () => {
    const rows = async () => (await ask(system.redis, 'gateways')).slice(1)
      .map((line) => line.split(/ +/));
    const names = await rows();
    assert.equal(names.length, 2);
    for (const [name, state, left, users, subscribers] of names) {
      assert.match(name, /^g[12]-[0-9a-f]{8}$/);
      assert.deepEqual([state, users, subscribers], ['live', '0', '1']);
      assert.ok(left > 0 && left <= 10, left);
    }
    await system.gateways[1].stop();
    await until(async () => (await rows()).length === 1, DEADLINE, 'the second to be gone');
  });
});
