// What watchers are told when answers and events overtake each other, and after outages.
import assert from 'node:assert/strict';
import { ask, nothingMore, refused, told, unsubscribed } from './lib/asking.mjs';
import { connectUser, uniqueUser } from './lib/client.mjs';
import { Gateway } from './lib/gateway.mjs';
import { Proxy } from './lib/proxy.mjs';
import { Redis } from './lib/redis.mjs';
import { System } from './lib/system.mjs';
import { after, before, describe, test } from './lib/test.mjs';
import { DEADLINE, until } from './lib/wait.mjs';

const DOUBT_MS = 10_000; // after which a user without a trace is offline

describe('a gateway behind a proxy, and one beside it', () => {
  let redis;
  let proxy;
  let far; // behind the proxy
  let near;
  before(async () => {
    redis = await Redis.start();
    proxy = await Proxy.start(redis.port);
    far = await Gateway.start({ redis: proxy, flags: ['--id', 'far'] });
    near = await Gateway.start({ redis, flags: ['--id', 'near'] });
  });
  after(async () => {
    await far?.stop();
    await near?.stop();
    await proxy?.stop();
    await redis?.stop();
  });

  // Runs `meanwhile` while the far gateway has no Redis, and resolves when it has read again.
  async function outage(meanwhile) {
    const from = far.log.length;
    for (const kind of ['command', 'subscription']) proxy.route(kind, 1);
    proxy.cut();
    await far.waitForLog('not_ready', {}, { from });
    await meanwhile();
    for (const kind of ['command', 'subscription']) proxy.route(kind, redis.port);
    await far.waitForLog('ready', {}, { from });
    await far.waitForLog('watched_users_read', {}, { from });
  }

  // Runs `meanwhile` while what Redis sends on one of the two connections is held back, then
  // `check`. All of it again when that says false, because the gateway gave up an answer for it, on a
  // machine that was busy. Each gets what `prepare` resolved with.
  async function overtaken(kind, { prepare, meanwhile, check }) {
    let checked = false;
    while (!checked) {
      const prepared = await prepare();
      proxy.hold({ kind });
      try {
        await meanwhile(prepared);
      } finally {
        proxy.release({ kind });
      }
      checked = await check(prepared);
    }
  }

  const users = (frame) => frame.users?.map(({ user, online }) => [user, online]);

  const heldEvents = () => far.metric('parley_presence_events_total', '{result="held"}');

  // Every answer is taken before.
  async function heldOrGivenUp(client, before) {
    await until(async () => client.taken < client.received.length || await heldEvents() > before,
      DEADLINE, 'the event to be held');
  }

  // What it sent before has been handled.
  async function isHandled(client) {
    client.send({ type: 'ping' });
    assert.equal((await client.next()).type, 'pong');
  }

  test('an event that overtakes the answer to watch comes behind it', async () => {
    await overtaken('command', {
      prepare: async () => ({
        alice: await connectUser(far, uniqueUser('alice')),
        user: uniqueUser('bob'),
        before: await heldEvents(),
      }),
      meanwhile: async ({ alice, user, before: held }) => {
        alice.send({ type: 'watch', users: [user], ref: 'w' });
        await isHandled(alice);
        await until(async () => await redis.subscribers(`parley:presence-events:{${user}}`) === 1,
          DEADLINE, 'the subscription');
        await connectUser(near, user);
        await heldOrGivenUp(alice, held);
      },
      check: async ({ alice, user }) => {
        const answer = await alice.next();
        if (answer.code === 'unavailable') return false;
        // He was read before he came, or after: the last word is the same.
        if (!answer.users[0].online) await told(alice, user, true);
        await nothingMore(alice);
        return true;
      },
    });
  });

  test('an event that overtakes another answer to a watcher comes behind it', async () => {
    await overtaken('command', {
      prepare: async () => {
        const alice = await connectUser(far, uniqueUser('alice'));
        const bob = await connectUser(near, uniqueUser('bob'));
        await ask(alice, 'watch', [bob.welcome.user]);
        return { alice, bob, before: await heldEvents() };
      },
      meanwhile: async ({ alice, bob, before: held }) => {
        alice.send({ type: 'presence', users: [bob.welcome.user], ref: 'p' });
        await isHandled(alice);
        await bob.end();
        await heldOrGivenUp(alice, held);
      },
      check: async ({ alice, bob: { welcome: { user } } }) => {
        const answer = await alice.next();
        if (answer.code === 'unavailable') return false;
        // It was read before he left, or after: the last word is the same.
        if (answer.users[0].online) await told(alice, user, false);
        await nothingMore(alice);
        return true;
      },
    });
  });

  test('an event that the answer overtook is no news', async () => {
    await overtaken('subscription', {
      prepare: async () => {
        const alice = await connectUser(far, uniqueUser('alice'));
        const bob = await connectUser(near, uniqueUser('bob'));
        await ask(alice, 'watch', [bob.welcome.user]);
        return { alice, bob };
      },
      meanwhile: async ({ alice, bob }) => {
        await bob.end();
        await until(async () =>
          await redis.command('EXISTS', `parley:presence:{${bob.welcome.user}}`) === 0,
        DEADLINE, 'him to be gone');
        alice.send({ type: 'presence', users: [bob.welcome.user] });
        await until(() => alice.received.length > 2, DEADLINE, 'the answer');
      },
      check: async ({ alice, bob: { welcome: { user } } }) => {
        const answer = await alice.next();
        if (answer.code === 'unavailable') return false;
        assert.deepEqual(users(answer), [[user, false]]);
        await nothingMore(alice);
        await connectUser(near, user);
        await told(alice, user, true);
        return true;
      },
    });
  });

  test('nothing changed: nothing is told', async () => {
    const alice = await connectUser(far, uniqueUser('alice'));
    const online = await connectUser(near, uniqueUser('online'));
    const offline = uniqueUser('offline');
    await ask(alice, 'watch', [online.welcome.user, offline, alice.welcome.user]);
    await outage(() => {});
    await nothingMore(alice);
    await online.end();
    await told(alice, online.welcome.user, false);
    await connectUser(near, offline);
    await told(alice, offline, true);
  });

  test('what changed is told, to who watches; questions meanwhile are unavailable', async () => {
    const alice = await connectUser(far, uniqueUser('alice'));
    const carol = await connectUser(far, uniqueUser('carol'));
    const users = Array.from({ length: 200 }, () => uniqueUser('bob'));
    const [goes, comes, stays, late] = users;
    const sessions = await Promise.all([goes, stays].map((user) => connectUser(near, user)));
    for (let at = 0; at < users.length; at += 100) {
      await ask(alice, 'watch', users.slice(at, at + 100));
    }
    const differences = await far.metric('parley_presence_differences_total');
    let sessionOfComes;
    await outage(async () => {
      for (const type of ['presence', 'watch']) {
        const { code } = await refused(carol, { type, users: [stays, late] });
        assert.equal(code, 'unavailable');
      }
      await sessions[0].end();
      sessionOfComes = await connectUser(near, comes);
      await until(async () => (await redis.command('EXISTS', `parley:presence:{${goes}}`)) === 0,
        DEADLINE, 'him to be gone');
    });
    const frames = await alice.take(2);
    assert.deepEqual(frames.map(({ users: [{ user, online }] }) => [user, online])
      .sort(([left], [right]) => users.indexOf(left) - users.indexOf(right)),
    [[goes, false], [comes, true]]);
    await nothingMore(alice);
    assert.equal(await far.metric('parley_presence_differences_total'), differences + 2);
    await sessionOfComes.end();
    await told(alice, comes, false);
    await connectUser(near, late);
    await told(alice, late, true);
    await nothingMore(carol); // what was refused is not watched
  });

  test('Redis loses its data: who stays is not told to be offline in between', async () => {
    const alice = await connectUser(far, uniqueUser('alice'));
    const bob = await connectUser(near, uniqueUser('bob'));
    const goes = await connectUser(near, uniqueUser('goes'));
    await ask(alice, 'watch', [bob.welcome.user, goes.welcome.user]);
    const from = [far.log.length, near.log.length];
    near.process.signal('SIGSTOP'); // it comes back after the other
    try {
      await redis.kill();
      await far.waitForLog('not_ready', {}, { from: from[0] });
      await redis.restart();
      await far.waitForLog('watched_users_read', {}, { from: from[0], deadline: 2 * DEADLINE });
      goes.socket.terminate();
    } finally {
      near.process.signal('SIGCONT');
    }
    await near.waitForLog('ready', {}, { from: from[1], deadline: 2 * DEADLINE });
    // Nobody who was registered left: there is no event, only the second look.
    const { users } = await alice.next(undefined, DOUBT_MS + DEADLINE);
    assert.equal(users[0].user, goes.welcome.user);
    assert.equal(users[0].online, false);
    await nothingMore(alice);
    await bob.end();
    await told(alice, bob.welcome.user, false);
  });
});

test('Redis stands still: questions are unavailable in time, and a drain waits for that', async (t) => {
  const system = await System.start();
  t.after(() => system.stop());
  const [gateway] = system.gateways;
  const alice = await connectUser(gateway, 'alice');
  await ask(alice, 'watch', ['bob']);
  system.redis.pause();
  try {
    alice.send([{ type: 'presence', users: ['bob'] }, { type: 'watch', users: ['bob', 'carol'] }]);
    const answers = await alice.take(2);
    assert.deepEqual(answers.map(({ code }) => code), ['unavailable', 'unavailable']);
  } finally {
    system.redis.resume();
  }
  await unsubscribed(system.redis, 'carol');
  await connectUser(gateway, 'carol');
  await connectUser(gateway, 'bob');
  await told(alice, 'bob', true);
  await nothingMore(alice);

  system.redis.pause();
  try {
    alice.send([{ type: 'watch', users: ['dave'], ref: 'last' }, { type: 'ping' }]);
    assert.equal((await alice.next()).type, 'pong');
    gateway.process.signal('SIGTERM');
    const { code, ref } = await alice.next();
    assert.deepEqual({ code, ref }, { code: 'unavailable', ref: 'last' });
    assert.equal(await alice.closeCode(), 1001);
  } finally {
    system.redis.resume();
  }
});
