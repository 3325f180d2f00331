// Outages of Redis by name: what clients see meanwhile, and that everything returns by itself. The
// time each took to heal is a diagnostic.
import assert from 'node:assert/strict';
import { connectUser, refusal, uniqueUser } from './lib/client.mjs';
import { Gateway } from './lib/gateway.mjs';
import { System } from './lib/system.mjs';
import { test } from './lib/test.mjs';
import { DEADLINE, SLOWNESS, until } from './lib/wait.mjs';

const ANSWER_MS = 2000 + 1000 * SLOWNESS; // a sender is told within two seconds

async function start(t, options) {
  const system = await System.start(options);
  t.after(() => system.stop());
  return { redis: system.redis, gateway: system.gateways[0] };
}

async function status(gateway, path) {
  const answer = await fetch(gateway.http + path);
  await answer.text();
  return answer.status;
}

// Some at a time: the backlog of a listening socket is bounded.
async function connectMany(gateway, count) {
  const sessions = [];
  while (sessions.length < count) {
    const some = Array.from({ length: Math.min(100, count - sessions.length) },
      () => connectUser(gateway, uniqueUser('many')));
    sessions.push(...await Promise.all(some));
  }
  return sessions;
}

async function assertSends(from, to) {
  const receiverID = to.welcome.user;
  const ref = uniqueUser('hello');
  from.send({ receiverID, content: 'hello', ref });
  assert.equal((await to.next()).content, 'hello');
  assert.equal((await from.next((frame) => frame.ref === ref)).type, 'sent');
}

async function assertUnavailable(from, receiverID) {
  from.send({ receiverID, content: 'in vain', ref: 'in vain' });
  const { type, code, ref } = await from.next(undefined, ANSWER_MS);
  assert.deepEqual({ type, code, ref }, { type: 'error', code: 'unavailable', ref: 'in vain' });
}

// Each session gets a message, and none was closed.
async function assertAllReached(sender, sessions) {
  const content = `to all, ${sessions.length}`;
  for (const { welcome } of sessions) sender.send({ receiverID: welcome.user, content });
  const waiting = new Set(sessions);
  await until(() => {
    for (const session of waiting) {
      assert.equal(session.close, undefined, 'the session stays');
      if (session.received.at(-1).value.content === content) waiting.delete(session);
    }
    return waiting.size === 0;
  }, DEADLINE, () => `${waiting.size} sessions to be reached`);
}

// From now until the gateway says it is ready again, after line `from` of its log.
async function healed(t, gateway, from) {
  const start = performance.now();
  await gateway.waitForLog('ready', {}, { from });
  t.diagnostic(`healed after ${Math.round(performance.now() - start)} ms`);
  assert.equal(await status(gateway, '/readyz'), 200);
}

test('loading: unavailable, until it has read its data', async (t) => {
  const { redis, gateway } = await start(t);
  const alice = await connectUser(gateway, 'alice');
  const bob = await connectUser(gateway, 'bob');
  await assertSends(alice, bob);
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
  assert.equal(await status(gateway, '/readyz'), 503);
  assert.equal((await refusal(gateway, { user: 'carol' })).status, 503);
  await assertUnavailable(alice, 'bob');

  await redis.command('CONFIG', 'SET', 'key-load-delay', 0);
  await healed(t, gateway, from);
  await assertSends(alice, bob);
  assert.equal(await redis.command('XLEN', 'parley:mailbox:{bob}'), 2, 'the first one is back');
});

test('full: sends are unavailable, everything else goes on', async (t) => {
  const { redis, gateway } = await start(t);
  const alice = await connectUser(gateway, 'alice');
  const bob = await connectUser(gateway, 'bob');
  const from = gateway.log.length;
  await redis.command('CONFIG', 'SET', 'maxmemory', 1);

  await assertUnavailable(alice, 'bob');
  alice.send({ type: 'typing', receiverID: 'bob' });
  assert.equal((await bob.next()).type, 'typing');
  await redis.command('PUBLISH', 'parley:user:{bob}',
    '{"type":"message","sender":"cron","receiver":"bob","content":"by hand"}');
  assert.equal((await bob.next()).content, 'by hand');
  assert.equal(await status(gateway, '/readyz'), 200);
  const carol = await connectUser(gateway, 'carol');
  bob.send({ type: 'read', receiverID: 'carol', id: '1-0' });
  assert.equal((await carol.next()).type, 'read');
  await gateway.waitForLog('redis_refused', {}, { from });

  // Also a connection that is made meanwhile.
  await redis.command('CLIENT', 'KILL', 'TYPE', 'normal');
  await healed(t, gateway, from);
  await assertUnavailable(alice, 'bob');

  await redis.command('CONFIG', 'SET', 'maxmemory', 0);
  await assertSends(alice, bob);
  assert.equal(await redis.command('XLEN', 'parley:mailbox:{bob}'), 1);
});

test('the subscriber killed: sessions stay, and all of them are reached again', async (t) => {
  const { redis, gateway } = await start(t);
  const sender = await connectUser(gateway, 'sender');
  const sessions = await connectMany(gateway, 100);
  const from = gateway.log.length;
  assert.equal(await redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub'), 1);
  await healed(t, gateway, from);
  await assertAllReached(sender, sessions);
});

test("the subscriber's output buffer overrun: sessions stay, and all are reached again", async (t) => {
  const { redis, gateway } = await start(t);
  const sender = await connectUser(gateway, 'sender');
  const sessions = await connectMany(gateway, 100);
  const from = gateway.log.length;
  await redis.command('CONFIG', 'SET', 'client-output-buffer-limit', 'pubsub 1048576 0 0');
  const content = 'x'.repeat(60_000);
  const publisher = await redis.connect();
  gateway.process.signal('SIGSTOP');
  try {
    // To one after the other, or what the kernel has buffered were too much for one session.
    for (let sent = 0, heard = 1; heard > 0; sent++) {
      assert.ok(sent < 2000, 'Redis drops a subscriber that does not read');
      const user = sessions[sent % sessions.length].welcome.user;
      publisher.send('PUBLISH', `parley:user:{${user}}`,
        JSON.stringify({ type: 'message', sender: 'cron', receiver: user, content }));
      heard = await publisher.reply();
    }
  } finally {
    gateway.process.signal('SIGCONT');
    publisher.close();
  }
  await healed(t, gateway, from);
  await assertAllReached(sender, sessions);
});

test('the name is not found: not ready, and the log says why', async (t) => {
  const gateway = await Gateway.start({ redis: 'redis.invalid:6379', ready: false });
  t.after(() => gateway.stop());
  const { reason } = await gateway.waitForLog('redis_unreachable',
    { address: 'redis.invalid:6379', connection: 'command' });
  assert.notEqual(reason, '');
  t.diagnostic(`reason: ${reason}`);
  assert.equal(await status(gateway, '/readyz'), 503);
  assert.equal(await status(gateway, '/healthz'), 200);
  assert.equal(await status(gateway, '/'), 200);
  assert.equal((await refusal(gateway, { user: 'alice' })).status, 503);
  assert.ok(gateway.process.running);
});

test('2000 sessions and a restarted Redis: one return, and it is complete', async (t) => {
  const COUNT = 2000;
  const { redis, gateway } = await start(t);
  const sender = await connectUser(gateway, 'sender');
  const sessions = await connectMany(gateway, COUNT);
  const from = gateway.log.length;
  await redis.restart();
  await healed(t, gateway, from);
  const channels = await redis.command('PUBSUB', 'CHANNELS', 'parley:user:*');
  assert.equal(channels.length, COUNT + 1);
  await assertAllReached(sender, sessions);

  const events = gateway.log.slice(from);
  const count = (event, connection) => events.filter((line) => line.event === event
    && line.connection === connection).length;
  assert.equal(count('redis_connected', 'command'), 1);
  assert.equal(count('redis_connected', 'subscription'), 1);
  assert.equal(count('not_ready'), 1);
  assert.equal(count('ready'), 1);
  assert.equal(await gateway.metric('parley_sessions', '{kind="native"}'), COUNT + 1);
});
