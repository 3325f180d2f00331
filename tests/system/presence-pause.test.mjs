// A gateway that stands still (SIGSTOP; a suspended machine), and goes on: the world may have given
// it up meanwhile. Its sessions never notice.
import assert from 'node:assert/strict';
import { setTimeout as delay } from 'node:timers/promises';
import { assertReaches, connectUsers } from './lib/client.mjs';
import { tellHealed } from './lib/outage.mjs';
import {
  assertGone, assertRegistered, expectOnline, incarnation, LEASE_MS, names,
  untilGivenUp, untilAnswered, untilSettled, Watcher,
} from './lib/presence.mjs';
import { System } from './lib/system.mjs';
import { test } from './lib/test.mjs';

// Stops one of two gateways for as long as `condition` waits, and checks that all is as before soon
// after that. Resolves with what a watcher on the other one was told of each user (the same), and
// with the incarnations before and after it.
async function pauseAndReturn(t, count, condition) {
  const system = await System.start({ gateways: 2 });
  t.after(() => system.stop());
  const { redis, gateways: [paused, other] } = system;
  const clients = await connectUsers(paused, count, 'paused');
  const users = names(clients);
  const [outside] = await connectUsers(other, 1, 'outside');
  const watcher = await Watcher.open(other, users);
  const was = incarnation(paused);
  const since = performance.now();
  paused.process.signal('SIGSTOP');
  try {
    await condition({ redis, watcher, users, outside, was });
  } finally {
    paused.process.signal('SIGCONT');
  }
  const resumed = performance.now();
  t.diagnostic(`stopped for ${Math.round(resumed - since)} ms`);
  await untilSettled(redis, [paused, other]);
  await watcher.until(true);
  await untilAnswered(outside, users, true);
  tellHealed(t, 'gateway stood still, presence', resumed);

  await assertRegistered(redis, paused, users);
  watcher.assertAlternates();
  for (const client of clients) {
    assert.equal(client.close, undefined);
    await assertReaches(client, outside);
    await assertReaches(outside, client);
  }
  const is = incarnation(paused);
  if (is !== was) await assertGone(redis, was, users);
  return { told: watcher.frames, was, is };
}

test('longer than the lease: its users are offline for others, and come back', async (t) => {
  const { told, was, is } = await pauseAndReturn(t, 20, async ({ watcher, users, outside }) => {
    await watcher.until(false);
    await untilAnswered(outside, users, false);
  });
  assert.notEqual(is, was);
  for (const frames of told.values()) {
    assert.deepEqual(frames.map(({ online }) => online), [false, true]);
  }
});

test('for 12 s: whether it was given up or not, all is as before', async (t) => {
  const { told, was, is } = await pauseAndReturn(t, 20, () => delay(12_000));
  for (const frames of told.values()) assert.ok(frames.length === 0 || is !== was);
});

test('back just when others clean up after it', async (t) => {
  const { was, is } = await pauseAndReturn(t, 100, ({ redis, was: name }) =>
    untilGivenUp(redis, name));
  assert.notEqual(is, was);
});

test('shorter than the lease: nobody notices', async (t) => {
  const { told, was, is } = await pauseAndReturn(t, 20, async ({ users, outside }) => {
    const asking = expectOnline(outside, users);
    await delay(LEASE_MS / 2);
    assert.ok(await asking.stop() > 1);
  });
  assert.equal(is, was);
  for (const frames of told.values()) assert.deepEqual(frames, []);
});
