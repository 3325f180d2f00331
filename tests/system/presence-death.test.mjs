// Gateways that die, or seem to: whose users go offline, when others know, and who must not flicker.
// A user is offline once the lease has expired and the next beat of another gateway has noticed.
import assert from 'node:assert/strict';
import { connectUser, connectUsers } from './lib/client.mjs';
import {
  assertGone, assertRegistered, DEATH_DEADLINE, expectOnline, incarnation, lastTold, names,
  openWatchers, SPARE_MS, untilAnswered, untilGone, Watcher,
} from './lib/presence.mjs';
import { System } from './lib/system.mjs';
import { test } from './lib/test.mjs';

async function start(t, gateways) {
  const system = await System.start({ gateways });
  t.after(() => system.stop());
  return system;
}

test('SIGKILL: everyone knows within 15 s, and nobody else flickers', async (t) => {
  const { redis, gateways: [dead, one, two] } = await start(t, 3);
  const doomed = names(await connectUsers(dead, 20, 'doomed'));
  const elsewhere = names([
    ...await connectUsers(one, 5, 'else'), ...await connectUsers(two, 5, 'else'),
  ]);
  const both = names(await connectUsers(dead, 5, 'both'));
  await Promise.all(both.map((user) => connectUser(one, user)));
  const steady = [...elsewhere, ...both];
  const watchers = await openWatchers([one, two], [...doomed, ...steady]);
  const askers = await connectUsers(one, 2, 'asker');
  const asking = askers.map((asker) => expectOnline(asker, steady));
  const name = incarnation(dead);

  const since = performance.now();
  await dead.kill();
  await Promise.all(watchers.map((watcher) => watcher.until(false, doomed)));
  const took = lastTold(watchers, doomed, false, since);
  t.diagnostic(`healed gateway killed: ${took} ms`);
  assert.ok(took <= DEATH_DEADLINE);
  for (const asker of askers) await untilAnswered(asker, doomed, false, SPARE_MS);
  await untilGone(redis, name);
  await assertGone(redis, name, [...doomed, ...steady]);
  for (const answers of await Promise.all(asking.map((one) => one.stop()))) assert.ok(answers > 1);
  for (const watcher of watchers) {
    watcher.assertTold(doomed, [false]);
    watcher.assertTold(steady, []);
  }
  const [{ since: seen }] = watchers[0].frames.get(doomed[0]);
  assert.equal(await redis.command('GET', `parley:seen:{${doomed[0]}}`), String(seen));
  assert.equal(await redis.command('EXISTS', `parley:presence:{${doomed[0]}}`), 0);
  await assertRegistered(redis, one, both);
});

test('SIGKILL of the only gateway: the next one tells who does not come back', async (t) => {
  const system = await start(t, 1);
  const [first] = system.gateways;
  const doomed = names(await connectUsers(first, 5, 'doomed'));
  const since = performance.now();
  await first.kill();
  const next = await system.addGateway(['--id', 'g1']);
  const watcher = await Watcher.open(next, doomed);
  await watcher.until(false, doomed);
  t.diagnostic(`healed the only gateway killed: ${lastTold([watcher], doomed, false, since)} ms`);
  await untilGone(system.redis, incarnation(first));
  await assertGone(system.redis, incarnation(first), doomed);
});

test('a fixed --id, restarted at once: who came back never flickers, who did not is offline', async (t) => {
  const system = await start(t, 2);
  const { redis, gateways: [first, other] } = system;
  const back = names(await connectUsers(first, 20, 'back'));
  const doomed = names(await connectUsers(first, 20, 'doomed'));
  const watchers = await openWatchers([other], [...back, ...doomed]);
  const since = performance.now();
  await first.kill();
  const next = await system.addGateway(['--id', 'g1']);
  assert.notEqual(incarnation(next), incarnation(first));
  await Promise.all(back.map((user) => connectUser(next, user)));
  const asking = expectOnline((await connectUsers(next, 1, 'asker'))[0], back);
  watchers.push(await Watcher.open(next, [...back, ...doomed]));

  await Promise.all(watchers.map((watcher) => watcher.until(false, doomed)));
  const took = lastTold(watchers, doomed, false, since);
  t.diagnostic(`healed gateway killed and started: ${took} ms`);
  assert.ok(took <= DEATH_DEADLINE);
  await untilGone(redis, incarnation(first));
  await assertGone(redis, incarnation(first), [...back, ...doomed]);
  assert.ok(await asking.stop() > 1);
  for (const watcher of watchers) {
    watcher.assertTold(back, []);
    watcher.assertTold(doomed, [false]);
  }
  await assertRegistered(redis, next, back);
});
