// Outages of Redis, and what watchers are told: differences afterwards, and nothing false that stays.
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { assertReaches, connectUser, connectUsers, uniqueUser } from './lib/client.mjs';
import { tellHealed } from './lib/outage.mjs';
import {
  assertGone, assertRegistered, BEAT_MS, fieldsOfAll, incarnation, LEASE_MS, leases, names, openWatchers,
  SPARE_MS, untilAnswered, untilGone, untilSettled, Watcher,
} from './lib/presence.mjs';
import { System } from './lib/system.mjs';
import { test } from './lib/test.mjs';
import { DEADLINE, until } from './lib/wait.mjs';

const COUNT = 30; // users on each gateway

// Two gateways with users, and watchers of all of them on both.
async function start(t) {
  const system = await System.start({ gateways: 2 });
  t.after(() => system.stop());
  const { redis, gateways } = system;
  const clients = [];
  for (const gateway of gateways) clients.push(await connectUsers(gateway, COUNT, 'user'));
  const users = clients.map(names);
  const watchers = await openWatchers(gateways, users.flat());
  return { redis, gateways, clients, users, watchers };
}

// Asks all the time, also while Redis is away: then the answer is an error, and never that one of
// the users is offline. stop() resolves with the number of answers and of errors.
function expectNeverOffline(client, users) {
  let running = true;
  const counts = { answers: 0, errors: 0 };
  const asking = (async () => {
    while (running) {
      const ref = uniqueUser('ask');
      client.send({ type: 'presence', users, ref });
      const frame = await client.next((value) => value.ref === ref);
      if (frame.type === 'error') {
        assert.equal(frame.code, 'unavailable');
        counts.errors++;
      } else {
        assert.deepEqual(frame.users.filter(({ online }) => !online), []);
        counts.answers++;
      }
    }
  })();
  asking.catch(() => {}); // it is told by stop()
  return {
    stop: async () => {
      running = false;
      await asking;
      return counts;
    },
  };
}

function waitForAll(gateways, event, marks) {
  return Promise.all(gateways.map((gateway, i) => gateway.waitForLog(event, {}, { from: marks[i] })));
}

// Everybody is registered and online, the sessions are open and talk.
async function assertWhole({ redis, gateways, clients, users, watchers }) {
  await Promise.all(watchers.map((watcher) => watcher.until(true, users.flat())));
  for (const { client } of watchers) await untilAnswered(client, users.flat(), true);
  for (const [i, gateway] of gateways.entries()) await assertRegistered(redis, gateway, users[i]);
  for (const client of clients.flat()) assert.equal(client.close, undefined);
  await assertReaches(clients[0][0], clients[1][0]);
  await assertReaches(clients[1][0], clients[0][0]);
}

test('Redis restarted empty: all are registered again, and who left meanwhile is told', async (t) => {
  const world = await start(t);
  const { redis, gateways, clients, users, watchers } = world;
  const marks = gateways.map(({ log }) => log.length);
  await redis.kill();
  await waitForAll(gateways, 'not_ready', marks);
  const left = [clients[0].pop(), clients[1].pop()];
  for (const client of left) await client.end();
  for (const list of users) list.pop();
  const since = performance.now();
  await redis.restart();
  await untilSettled(redis, gateways);
  await Promise.all(watchers.map((watcher) => watcher.until(false, names(left))));
  await assertWhole(world);
  tellHealed(t, 'Redis restarted empty, presence', since);
  for (const watcher of watchers) {
    watcher.assertAlternates();
    watcher.assertTold(names(left), [false]);
  }
});

test('Redis restarted with older data: who had left by then does not come back', async (t) => {
  const world = await start(t);
  const { redis, gateways, clients, users, watchers } = world;
  const marks = gateways.map(({ log }) => log.length);
  await redis.command('SAVE');
  const left = [clients[0].pop(), clients[1].pop()];
  for (const client of left) await client.end();
  for (const list of users) list.pop();
  await Promise.all(watchers.map((watcher) => watcher.until(false, names(left))));
  await redis.restart();
  await waitForAll(gateways, 'ready', marks);
  await untilSettled(redis, gateways);
  await Promise.all(watchers.map((watcher) => watcher.until(false, names(left))));
  await assertWhole(world);
  assert.deepEqual((await fieldsOfAll(redis, names(left))).flat(), []);
  for (const watcher of watchers) watcher.assertAlternates();
});

test('Redis stands still for longer than the lease: nobody is given up', async (t) => {
  const world = await start(t);
  const { redis, gateways, users, watchers } = world;
  const marks = gateways.map(({ log }) => log.length);
  redis.pause();
  try {
    await delay(LEASE_MS + BEAT_MS);
  } finally {
    redis.resume();
  }
  const since = performance.now();
  await waitForAll(gateways, 'ready', marks);
  await untilSettled(redis, gateways);
  tellHealed(t, 'Redis stood still for a lease, presence', since);
  await assertWhole(world);
  for (const watcher of watchers) watcher.assertTold(users.flat(), []);
});

test('a gateway that returns before another one does not give it up', async (t) => {
  const world = await start(t);
  const { redis, gateways: [first, late], users, watchers } = world;
  const from = first.log.length;
  await redis.command('SAVE');
  await redis.kill();
  late.process.signal('SIGSTOP');
  await delay(LEASE_MS); // it has expired by then, and Redis does not know of anything later
  await redis.restart();
  await first.waitForLog('ready', {}, { from });
  const heard = () => first.metric('parley_redis_beat_seconds_count');
  const before = await heard();
  await until(async () => await heard() >= before + 2, DEADLINE, 'beats that could notice');
  late.process.signal('SIGCONT');
  await untilSettled(redis, world.gateways);
  await assertWhole(world);
  for (const watcher of watchers) watcher.assertTold(users.flat(), []);
});

test('CLIENT KILL of the connections for commands: new incarnations, and no flicker', async (t) => {
  const world = await start(t);
  const { redis, gateways, users, watchers } = world;
  const were = gateways.map(incarnation);
  const askers = await Promise.all(gateways.map((gateway) => connectUser(gateway, uniqueUser('asker'))));
  const asking = askers.map((asker) => expectNeverOffline(asker, users.flat()));
  const since = performance.now();
  await redis.command('CLIENT', 'KILL', 'TYPE', 'normal');
  await Promise.all(were.map((was) => untilGone(redis, was)));
  const took = tellHealed(t, 'commands killed, presence', since);
  assert.ok(took <= BEAT_MS + SPARE_MS);
  await untilSettled(redis, gateways);
  for (const one of asking) {
    const { answers, errors } = await one.stop();
    t.diagnostic(`presence: ${answers} answers, ${errors} errors`);
    assert.ok(answers > 1);
  }
  await assertWhole(world);
  for (const was of were) await assertGone(redis, was, users.flat());
  for (const watcher of watchers) watcher.assertTold(users.flat(), []);
});

test('FLUSHALL: noticed by a beat, and all are registered again', async (t) => {
  const world = await start(t);
  const { redis, gateways, watchers } = world;
  const since = performance.now();
  await redis.command('FLUSHALL');
  await untilSettled(redis, gateways);
  await assertWhole(world);
  const took = tellHealed(t, 'FLUSHALL', since);
  assert.ok(took <= 2 * BEAT_MS + SPARE_MS);
  for (const watcher of watchers) watcher.assertAlternates();
});

test('full: nobody goes offline, and users come and go', async (t) => {
  const world = await start(t);
  const { redis, gateways, users, watchers } = world;
  const were = gateways.map(incarnation);
  const [carol, dave] = [uniqueUser('carol'), uniqueUser('dave')];
  const others = await Promise.all(gateways.map((gateway) => Watcher.open(gateway, [carol, dave],
    { initial: false })));
  await redis.command('CONFIG', 'SET', 'maxmemory', 1);
  const clients = [await connectUser(gateways[0], carol), await connectUser(gateways[1], dave)];
  await Promise.all(others.map((watcher) => watcher.until(true)));
  const expiry = Math.max(...(await leases(redis)).values());
  await until(async () => Math.min(...(await leases(redis)).values()) > expiry, LEASE_MS + SPARE_MS,
    'the leases to be renewed');
  await clients[0].end();
  await Promise.all(others.map((watcher) => watcher.until(false, [carol])));
  for (const { client } of watchers) await untilAnswered(client, [...users.flat(), dave], true);
  for (const watcher of watchers) watcher.assertTold(users.flat(), []);
  for (const [i, gateway] of gateways.entries()) await assertRegistered(redis, gateway, users[i]);
  assert.deepEqual(gateways.map(incarnation), were);
  await redis.command('CONFIG', 'SET', 'maxmemory', 0);
  await assertWhole(world);
});

test('a full Redis does not keep a dead gateway online', async (t) => {
  const { redis, gateways: [dead, one], users: [doomed, others], watchers } = await start(t);
  await redis.command('CONFIG', 'SET', 'maxmemory', 1);
  const since = performance.now();
  await dead.kill();
  await watchers[1].until(false, doomed);
  tellHealed(t, 'gateway killed while Redis is full', since);
  await untilGone(redis, incarnation(dead));
  await assertGone(redis, incarnation(dead), doomed);
  watchers[1].assertTold(others, []);
  assert.ok(one.process.running);
});

test('SCRIPT FLUSH is not noticed', async (t) => {
  const world = await start(t);
  const { redis, gateways, users, watchers } = world;
  const carol = uniqueUser('carol');
  const watcher = await Watcher.open(gateways[0], [carol], { initial: false });
  await redis.command('SCRIPT', 'FLUSH');
  const client = await connectUser(gateways[1], carol);
  await watcher.until(true);
  await redis.command('SCRIPT', 'FLUSH');
  await client.end();
  await watcher.until(false);
  await redis.command('SCRIPT', 'FLUSH');
  await untilSettled(redis, gateways);
  await assertWhole(world);
  watcher.assertTold([carol], [true, false]);
  for (const one of watchers) one.assertTold(users.flat(), []);
});

test('SIGTERM: all of this incarnation is gone at once, and watchers are told', async (t) => {
  const { redis, gateways: [stops], users: [doomed, others], watchers } = await start(t);
  const name = incarnation(stops);
  const since = performance.now();
  await stops.stop();
  await assertGone(redis, name, doomed);
  await watchers[1].until(false, doomed, SPARE_MS);
  tellHealed(t, 'clean stop', since);
  watchers[1].assertTold(doomed, [false]);
  watchers[1].assertTold(others, []);
});
