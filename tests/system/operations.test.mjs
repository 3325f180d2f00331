// docs/operations.md against the programs: settings, metrics, log events, rights in Redis.
import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { connectPair, connectUser, uniqueUser } from './lib/client.mjs';
import { Document, plain } from './lib/document.mjs';
import { Gateway } from './lib/gateway.mjs';
import { program, run } from './lib/process.mjs';
import { Redis } from './lib/redis.mjs';
import { System } from './lib/system.mjs';
import { describe, test } from './lib/test.mjs';
import { DEADLINE, until } from './lib/wait.mjs';

const document = await Document.read('operations.md');

describe('docs/operations.md', () => {
  test('has every setting of --help, with its default', async () => {
    const { stdout } = await run(program('parley-gateway'), ['--help']);
    // What stands behind an empty line is a setting; --config and the like come before.
    const settings = [...stdout.split('\n\n').find((part) => part.startsWith('  --port'))
      .matchAll(/^ {2}(--[a-z-]+).*?(?: {4}default ([^;\n]+).*)?$/gm)]
      .map(([, name, value]) => [name, value ?? '']);
    const documented = document.table('Settings')
      .map(([name, value]) => [plain(name), plain(value)]);
    assert.deepEqual(documented.sort(), settings.sort());
  });

  test('has every metric of /metrics', async () => {
    const system = await System.start();
    try {
      const text = await (await fetch(`${system.gateways[0].http}/metrics`)).text();
      const metrics = [...text.matchAll(/^# TYPE (\S+) /gm)].map(([, name]) => name);
      const documented = document.table('Metrics').map(([name]) => plain(name));
      assert.deepEqual(documented.sort(), metrics.sort());
    } finally {
      await system.stop();
    }
  });

  test('names no log event, level or reason of /readyz that the gateway does not have', async () => {
    const folder = fileURLToPath(new URL('../../gateway/', import.meta.url));
    const names = (await readdir(folder, { withFileTypes: true })).flatMap((entry) => entry.name);
    let source = '';
    for (const name of names) {
      const at = path.join(folder, name);
      const files = name.endsWith('.c') ? [at]
        : (await readdir(at).catch(() => [])).filter((file) => file.endsWith('.c'))
          .map((file) => path.join(at, file));
      for (const file of files) source += await readFile(file, 'utf8');
    }
    for (const [event, level] of document.table('The log')) {
      const call = `log_(${level}\\(|repeated\\(LOG_LEVEL_${level.toUpperCase()}, )\\s*"${plain(event)}"`;
      assert.match(source, new RegExp(call), event);
    }
    const reasons = document.tables.find(({ rows }) => rows[0][0] === '`/readyz` says').rows.slice(1);
    assert.notEqual(reasons.length, 0);
    for (const [reason] of reasons) {
      for (const part of reason.split(/"…"/)) assert.ok(source.includes(part.trim()), reason);
    }
  });
});

// The rights that the document gives a user: [the words for ACL SETUSER, the commands granted].
function rights(user) {
  const line = document.lines('acl').find((candidate) => candidate.startsWith(`user ${user} `));
  const words = line.split(' ').slice(1);
  return [words, words.filter((word) => word.startsWith('+')).map((word) => word.slice(1)).sort()];
}

// What was called since CONFIG RESETSTAT, but for what `mine` says.
async function called(redis, mine) {
  const stats = await redis.command('INFO', 'commandstats');
  return [...stats.matchAll(/^cmdstat_([^:]+):/gm)].map(([, name]) => name)
    .filter((name) => !mine.test(name)).sort();
}

describe('the rights in Redis that docs/operations.md gives', () => {
  test('are all that gateways use, and no more', async () => {
    const redis = await Redis.start();
    const gateways = [];
    try {
      const [words, granted] = rights('gateway');
      await redis.command('ACL', 'SETUSER', ...words);
      await redis.command('CONFIG', 'RESETSTAT');
      const start = async (id) => {
        gateways.push(await Gateway.start({
          redis: `redis://gateway:secret@127.0.0.1:${redis.port}/0`, flags: ['--id', id],
        }));
        return gateways.at(-1);
      };
      const [one, two] = [await start('g1'), await start('g2')];
      await exercise(redis, one, two);
      assert.deepEqual(await redis.command('ACL', 'LOG'), []);
      assert.deepEqual(await called(redis, /^(acl|config|client|auth)\b/),
        granted.filter((name) => name !== 'select'));
    } finally {
      for (const gateway of gateways) await gateway.kill();
      await redis.stop();
    }
  });

  test('are all that parley gateways, presence, why and trace use, and no more', async () => {
    const redis = await Redis.start();
    try {
      const [words, granted] = rights('watcher');
      for (const command of [['ACL', 'SETUSER', ...words], ['SET', 'parley:schema', '1 durable'],
        ['ZADD', 'parley:gateways', '1', 'g1-0a'], ['SET', 'parley:presence:{wrong}', 'x'],
        ['HSET', 'parley:presence:{bob}', 'g1-0a/1', '1 x'],
        ['XADD', 'parley:mailbox:{bob}', '1-1', 'm', 'x'], ['HSET', 'parley:cursor:{bob}', 'x', '1-0'],
        ['CONFIG', 'RESETSTAT']]) {
        await redis.command(...command);
      }
      const PARLEY_REDIS = `redis://watcher:secret@127.0.0.1:${redis.port}/0`;
      for (const [status, ...args] of [[0, 'gateways'], [0, 'presence', 'bob', 'carol'],
        [0, 'why', 'bob'], [0, 'trace', 'bob', '1-1'], [1, 'why', 'wrong']]) {
        const { code, stderr } = await run(program('parley'), args, { env: { PARLEY_REDIS } });
        assert.equal(code, status, stderr);
        assert.doesNotMatch(stderr, /NOPERM/);
      }
      assert.deepEqual(await redis.command('ACL', 'LOG'), []);
      assert.deepEqual(await called(redis, /^(acl|config|client|info|auth)\b/),
        granted.filter((name) => name !== 'select'));
    } finally {
      await redis.stop();
    }
  });
});

// So many that some are forgotten.
async function readMany(redis, from, gateway) {
  const { user } = from.welcome;
  const other = await connectUser(gateway, user);
  const fields = Array.from({ length: 1000 }, (_, at) => [`peer-${at}`, `${at}-0`]);
  await redis.command('HSET', `parley:read:{${user}}`, ...fields.flat());
  from.send({ type: 'read', receiverID: 'somebody', id: '5000-0' });
  await other.next(({ type }) => type === 'read');
  await other.end();
}

// Everything that makes gateways talk to Redis.
async function exercise(redis, one, two) {
  const [alice, bob] = [uniqueUser('alice'), uniqueUser('bob')];
  const from = await connectUser(one, alice);
  const to = await connectUser(two, bob);
  await connectPair(two, bob, alice);
  from.send([{ receiverID: bob, content: 1, ref: '1' }, { type: 'typing', receiverID: bob },
    { type: 'watch', users: [bob] }, { type: 'presence', users: [bob, 'nobody'], ref: '2' },
    { type: 'history', with: bob }]);
  await from.next(({ type }) => type === 'sent');
  await to.next(({ type }) => type === 'message');
  await from.next(({ type }) => type === 'history');
  await until(() => redis.command('HGET', `parley:cursor:{${bob}}`, 'default'), DEADLINE,
    'his pong to move the cursor');
  await readMany(redis, from, two);
  await to.end();
  await (await connectUser(two, bob, { device: 'new' })).next(({ type }) => type === 'message');
  await redis.command('CLIENT', 'KILL', 'USER', 'gateway');
  for (const gateway of [one, two]) {
    await gateway.waitForLog('not_ready');
    const at = gateway.log.findLastIndex(({ event }) => event === 'not_ready');
    await gateway.waitForLog('ready', {}, { from: at });
    await gateway.waitForLog('incarnation_cleaned'); // its own former name
  }
  await one.stop(); // its sessions leave
}
