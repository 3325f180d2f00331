// Cleaning up after a dead gateway, and what may come between: the cleaner dies too, two want to
// clean, users come back meanwhile. Each watcher hears of each change once.
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { connectUser, connectUsers, uniqueUser } from './lib/client.mjs';
import { Crowd } from './lib/crowd.mjs';
import { Gateway } from './lib/gateway.mjs';
import {
  assertGone, assertRegistered, BEAT_MS, incarnation, lastTold, leases, names, openWatchers,
  untilAnswered, untilGivenUp, untilGone, untilReaping, untilSettled,
} from './lib/presence.mjs';
import { Proxy } from './lib/proxy.mjs';
import { System } from './lib/system.mjs';
import { test } from './lib/test.mjs';
import { DEADLINE, until } from './lib/wait.mjs';

const LATENCY_MS = 150; // of the cleaner: what takes several round trips can be seen half done
const MANY = 300; // users on a dead gateway; they do not fit in one batch
const ROUNDS = 3;

async function start(t, gateways) {
  const system = await System.start({ gateways });
  t.after(() => system.stop());
  return system;
}

// As if its lease had expired at this moment.
async function expire(redis, name) {
  assert.equal(await redis.command('ZADD', 'parley:gateways', 'XX', 'CH', 1, name), 1);
}

// A gateway that is far from Redis.
async function addFarGateway(t, system) {
  const proxy = await Proxy.start(system.redis.port, { latency: LATENCY_MS });
  const far = await Gateway.start({ redis: proxy, flags: ['--id', 'far'] });
  t.after(async () => {
    await far.stop();
    await proxy.stop();
  });
  return far;
}

// Many users on a gateway that dies, which the one that is far from Redis has begun to clean up
// after: the other one has just started, and as yet gives up nobody. Watchers are on the latter.
async function startCleaning(t) {
  const system = await start(t, 1);
  const { redis, gateways: [dead] } = system;
  // Before there is a proxy in this process, whose work they would hold up.
  const crowd = await Crowd.open([dead], MANY, uniqueUser('doomed'));
  t.after(() => crowd.end());
  const far = await addFarGateway(t, system);
  await untilReaping(redis);
  const other = await system.addGateway(['--id', 'other']);
  const users = { dead: crowd.users, far: names(await connectUsers(far, 5, 'far')) };
  const watchers = await openWatchers([other, other], [...users.dead, ...users.far]);
  const name = incarnation(dead);
  await dead.kill();
  await expire(redis, name);
  await untilGivenUp(redis, name);
  assert.ok((await leases(redis)).has(`dead:${name}`), 'somebody cleans up');
  return { redis, far, other, users, watchers, name };
}

test('the cleaner is killed half way: another one finishes', async (t) => {
  const { redis, far, users, watchers, name } = await startCleaning(t);
  const listed = `parley:gateway:${name}:users`;
  await until(async () => await redis.command('SCARD', listed) < MANY, DEADLINE, 'a first batch');
  const since = performance.now();
  await far.kill();
  const left = await redis.command('SCARD', listed);
  t.diagnostic(`killed with ${left} users of ${MANY} left`);
  assert.ok(left > 0);

  await Promise.all(watchers.map((watcher) => watcher.until(false)));
  t.diagnostic(`healed cleaner killed, the dead one's: ${lastTold(watchers, users.dead, false, since)} ms`);
  t.diagnostic(`healed cleaner killed, its own: ${lastTold(watchers, users.far, false, since)} ms`);
  for (const one of [name, incarnation(far)]) {
    await untilGone(redis, one);
    await assertGone(redis, one, [...users.dead, ...users.far]);
  }
  for (const watcher of watchers) watcher.assertTold([...users.dead, ...users.far], [false]);
});

test('users come back while their dead gateway is cleaned up after: they are online', async (t) => {
  const { redis, other, users, watchers, name } = await startCleaning(t);
  for (const user of users.dead) await connectUser(other, user); // while batch follows batch
  await untilGone(redis, name);
  const [asker] = await connectUsers(other, 1, 'asker');
  await untilAnswered(asker, users.dead, true);
  await Promise.all(watchers.map((watcher) => watcher.until(true)));
  const flickered = users.dead.filter((user) => watchers[0].frames.get(user).length > 0);
  t.diagnostic(`${flickered.length} of ${MANY} were told offline, and online again`);
  for (const watcher of watchers) watcher.assertAlternates();
  await assertGone(redis, name, users.dead);
  await assertRegistered(redis, other, users.dead);
});

test('two want to clean up after one: each watcher is told once', async (t) => {
  const system = await start(t, 2);
  const { redis, gateways: [one, two] } = system;
  await untilReaping(redis);
  for (let round = 1; round <= ROUNDS; round++) {
    const dead = await Gateway.start({ redis, flags: ['--id', `dead${round}`] });
    const users = names(await connectUsers(dead, 50, 'doomed'));
    const watchers = await openWatchers([one, two], users);
    const name = incarnation(dead);
    await dead.kill();
    // A beat of both is due when they go on, in the same moment.
    for (const gateway of [one, two]) gateway.process.signal('SIGSTOP');
    await delay(BEAT_MS);
    await expire(redis, name);
    for (const gateway of [one, two]) gateway.process.signal('SIGCONT');
    await Promise.all(watchers.map((watcher) => watcher.until(false)));
    await untilGone(redis, name);
    await assertGone(redis, name, users);
    // What would be told a second time would be told before this.
    await untilSettled(redis, [one, two]);
    for (const watcher of watchers) {
      watcher.assertTold(users, [false]);
      await watcher.client.end();
    }
  }
});
