// Outages of Redis by name: what clients see meanwhile, and that everything returns by itself. The
// time each took to heal is a diagnostic.
import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { assertReaches, connectUser, connectUsers } from './lib/client.mjs';
import { NXDOMAIN, NameServer, SERVFAIL } from './lib/dns.mjs';
import { Gateway } from './lib/gateway.mjs';
import {
  BACKOFF_MS, assertAnswered, assertComplete, assertNotReady, healed, readyz,
  tellHealed,
} from './lib/outage.mjs';
import { System } from './lib/system.mjs';
import { test } from './lib/test.mjs';
import { DEADLINE, until } from './lib/wait.mjs';

const LOOKUP_MS = 6000; // one that is not answered
const LOADING_MS = 2000; // what Redis does between two looks at its sockets, and a pause

async function start(t, options) {
  const system = await System.start(options);
  t.after(() => system.stop());
  return { redis: system.redis, gateway: system.gateways[0] };
}

test('stopped, and started again empty', async (t) => {
  const { redis, gateway } = await start(t);
  const clients = await connectUsers(gateway, 100, 'user');
  const from = gateway.log.length;
  await redis.kill();
  await gateway.waitForLog('not_ready', {}, { from });
  await assertNotReady(gateway, clients[0], /not connected/);
  await assertAnswered(clients[0], 'unavailable');
  // Not before the attempts have got rare: the next one is at most a pause away.
  await delay(BACKOFF_MS);
  const since = performance.now();
  await redis.restart();
  await healed(t, 'Redis stopped', gateway, { from, since, limit: BACKOFF_MS });
  await assertComplete(redis, gateway, clients);
});

test('stands still for longer than the time-outs: unknown, then unavailable', async (t) => {
  const { redis, gateway } = await start(t);
  const [alice, bob] = [await connectUser(gateway, 'alice'), await connectUser(gateway, 'bob')];
  const from = gateway.log.length;
  redis.pause();
  try {
    await assertAnswered(alice, 'unknown');
    await gateway.waitForLog('not_ready', {}, { from, deadline: 2 * DEADLINE });
    await assertNotReady(gateway, bob);
    await assertAnswered(alice, 'unavailable');
  } finally {
    redis.resume();
  }
  await healed(t, 'Redis stood still', gateway, { from, limit: BACKOFF_MS });
  await assertComplete(redis, gateway, [alice, bob]);
  // What was unknown is stored once, if at all.
  assert.ok(await redis.command('XLEN', 'parley:mailbox:{nobody}') <= 1);
});

test('loading: unavailable, until it has read its data', async (t) => {
  const { redis, gateway } = await start(t);
  const [alice, bob] = [await connectUser(gateway, 'alice'), await connectUser(gateway, 'bob')];
  await assertReaches(alice, bob);
  // It takes 20 ms for each key, and looks at its sockets after each kilobyte: after each key.
  await redis.command('CONFIG', 'SET', 'rdbcompression', 'no');
  await redis.command('EVAL',
    'for i = 1, 1000 do redis.call("SET", "key" .. i, string.rep("x", 1000)) end', 0);
  await redis.command('SAVE');
  redis.args.push('--key-load-delay', '20000', '--loading-process-events-interval-bytes', '1024');
  const from = gateway.log.length;
  await redis.restart();

  await until(() => gateway.log.slice(from).some(({ reason }) => /^LOADING/.test(reason)),
    DEADLINE, () => gateway.tail());
  await assertNotReady(gateway, bob);
  await assertAnswered(alice, 'unavailable');

  const since = performance.now();
  await redis.command('CONFIG', 'SET', 'key-load-delay', 0);
  await healed(t, 'loading', gateway, { from, since, limit: LOADING_MS + BACKOFF_MS });
  assert.equal(await redis.command('XLEN', 'parley:mailbox:{bob}'), 1, 'what was stored is back');
  await assertComplete(redis, gateway, [alice, bob]);
});

test('full: sends are unavailable, everything else goes on', async (t) => {
  const { redis, gateway } = await start(t);
  const alice = await connectUser(gateway, 'alice');
  const bob = await connectUser(gateway, 'bob');
  const from = gateway.log.length;
  await redis.command('CONFIG', 'SET', 'maxmemory', 1);

  await assertAnswered(alice, 'unavailable');
  alice.send({ type: 'typing', receiverID: 'bob' });
  assert.equal((await bob.next()).type, 'typing');
  await redis.command('PUBLISH', 'parley:user:{bob}',
    '{"type":"message","sender":"cron","receiver":"bob","content":"by hand"}');
  assert.equal((await bob.next()).content, 'by hand');
  assert.equal((await readyz(gateway)).status, 200);
  const carol = await connectUser(gateway, 'carol');
  bob.send({ type: 'read', receiverID: 'carol', id: '1-0' });
  assert.equal((await carol.next()).type, 'read');
  await gateway.waitForLog('redis_refused', {}, { from });

  // Also a connection that is made meanwhile.
  let since = performance.now();
  await redis.command('CLIENT', 'KILL', 'TYPE', 'normal');
  await healed(t, 'commands killed while full', gateway, { from, since, limit: BACKOFF_MS });
  await assertAnswered(alice, 'unavailable');

  since = performance.now();
  await redis.command('CONFIG', 'SET', 'maxmemory', 0);
  await assertReaches(alice, bob);
  tellHealed(t, 'full', since);
  assert.equal(await redis.command('EXISTS', 'parley:mailbox:{nobody}'), 0);
  await assertComplete(redis, gateway, [alice, bob, carol]);
});

test('the subscriber killed: sessions stay, and all of them are reached again', async (t) => {
  const { redis, gateway } = await start(t);
  const clients = await connectUsers(gateway, 100, 'user');
  const from = gateway.log.length;
  const since = performance.now();
  assert.equal(await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub'), 1);
  await healed(t, 'subscriber killed', gateway, { from, since, limit: BACKOFF_MS });
  await assertComplete(redis, gateway, clients);
});

test("the subscriber's output buffer overrun: sessions stay, and all are reached again", async (t) => {
  const { redis, gateway } = await start(t);
  const clients = await connectUsers(gateway, 100, 'user');
  const from = gateway.log.length;
  await redis.command('CONFIG', 'SET', 'client-output-buffer-limit', 'pubsub 1048576 0 0');
  const content = 'x'.repeat(60_000);
  const publisher = await redis.connect();
  gateway.process.signal('SIGSTOP');
  try {
    // To one after the other, or what the kernel has buffered were too much for one session.
    for (let sent = 0, heard = 1; heard > 0; sent++) {
      assert.ok(sent < 2000, 'Redis drops a subscriber that does not read');
      const { user } = clients[sent % clients.length].welcome;
      publisher.send('PUBLISH', `parley:user:{${user}}`,
        JSON.stringify({ type: 'message', sender: 'cron', receiver: user, content }));
      heard = await publisher.reply();
    }
  } finally {
    gateway.process.signal('SIGCONT');
    publisher.close();
  }
  await healed(t, 'output buffer overrun', gateway, { from, limit: BACKOFF_MS });
  await assertComplete(redis, gateway, clients);
});

test('scripts flushed: not noticed', async (t) => {
  const { redis, gateway } = await start(t);
  const [alice, bob] = [await connectUser(gateway, 'alice'), await connectUser(gateway, 'bob')];
  const from = gateway.log.length;
  for (let i = 0; i < 2; i++) {
    await redis.command('SCRIPT', 'FLUSH');
    await assertReaches(alice, bob);
    await redis.command('SCRIPT', 'FLUSH');
    await (await connectUser(gateway, 'carol')).end();
  }
  await assertComplete(redis, gateway, [alice, bob]);
  assert.deepEqual(gateway.log.slice(from).filter(({ level }) => level !== 'info'), []);
});

test('the name is not found: not ready, and the log says why', async (t) => {
  const gateway = await Gateway.start({ redis: 'redis.invalid:6379', ready: false });
  t.after(() => gateway.stop());
  const { reason } = await gateway.waitForLog('redis_unreachable',
    { address: 'redis.invalid:6379', connection: 'command' });
  assert.notEqual(reason, '');
  t.diagnostic(`reason: ${reason}`);
  await assertNotReady(gateway);
  assert.ok(gateway.process.running);
});

for (const [what, failure, reason] of [
  ['says that it failed', { failure: SERVFAIL }, /failure in name resolution/],
  ['does not know the name', { failure: NXDOMAIN }, /not known/],
  ['does not answer', { silent: true }, /timed out|failure in name resolution/],
]) {
  test(`the name server ${what} when Redis has moved: refused until it answers`, async (t) => {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'parley-dns-'));
    t.after(() => rm(folder, { recursive: true }));
    const server = await NameServer.start(folder);
    t.after(() => server.stop());
    const { redis } = await start(t, { gateways: 0 });
    const gateway = await Gateway.start({ redis: `redis.test:${redis.port}`, env: server.env });
    t.after(() => gateway.stop());
    const [alice, bob] = [await connectUser(gateway, 'alice'), await connectUser(gateway, 'bob')];
    const from = gateway.log.length;
    Object.assign(server, failure);
    await assertReaches(alice, bob); // connections that are there need no name
    await redis.restart();
    const failed = () => gateway.log.slice(from).find((line) => line.event === 'redis_unreachable'
      && line.connection === 'command' && reason.test(line.reason));
    await until(failed, 2 * DEADLINE, () => gateway.tail());
    await assertNotReady(gateway, bob);
    await assertAnswered(alice, 'unavailable');
    assert.doesNotMatch(gateway.process.stderr, /^(?!ts=)./m, 'every line is of the log');

    const since = performance.now();
    Object.assign(server, { failure: 0, silent: false });
    const limit = BACKOFF_MS + (failure.silent ? LOOKUP_MS : 0);
    await healed(t, `the name server ${what}`, gateway, { from, since, limit });
    await assertComplete(redis, gateway, [alice, bob]);
  });
}
