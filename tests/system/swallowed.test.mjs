// A network between a gateway and Redis that keeps TCP open and swallows what is sent, in one direction
// or both: nothing breaks, so only what does not come back can tell.
import assert from 'node:assert/strict';
import { connect, connectUser } from './lib/client.mjs';
import { Gateway } from './lib/gateway.mjs';
import {
  BACKOFF_MS, assertAnswered, assertComplete, assertNotReady, healed, readyz,
} from './lib/outage.mjs';
import { BEAT_MS } from './lib/presence.mjs';
import { Proxy } from './lib/proxy.mjs';
import { Redis } from './lib/redis.mjs';
import { after, before, describe, test } from './lib/test.mjs';
import { DEADLINE, until } from './lib/wait.mjs';

const STALL_MS = 6000; // a connection is given up that answers nothing for so long

describe('a connection that leads nowhere', () => {
  let redis;
  let other; // a Redis that is none of ours
  let proxy;
  let gateway;
  let alice;
  let bob;
  before(async () => {
    redis = await Redis.start();
    other = await Redis.start();
    proxy = await Proxy.start(redis.port);
    gateway = await Gateway.start({ redis: proxy, flags: ['--id', 'g'] });
    alice = await connectUser(gateway, 'alice');
    bob = await connectUser(gateway, 'bob');
  });
  after(async () => {
    await gateway?.stop();
    await proxy?.stop();
    await redis?.stop();
    await other?.stop();
  });

  const missed = (reason) => gateway.metric('parley_redis_beats_missed_total', `{reason="${reason}"}`);
  const begin = () => ({ from: gateway.log.length, since: performance.now(), made: { ...proxy.made } });
  // So many connections were made since then.
  const assertMade = (before, command, subscription) => assert.deepEqual(proxy.made,
    { command: before.command + command, subscription: before.subscription + subscription });

  test('pushes are swallowed: the subscriptions are made anew', async (t) => {
    const { from, since, made } = begin();
    const unheard = await missed('unheard');
    proxy.swallow({ kind: 'subscription', direction: 'toGateway' });
    // Stored, so the sender is told so, and the receiver gets it when all is well.
    alice.send({ receiverID: 'bob', content: 'meanwhile', ref: 'meanwhile' });
    await alice.next(({ type, ref }) => type === 'sent' && ref === 'meanwhile');
    // The next beat, and one interval for hearing it.
    await healed(t, 'pushes swallowed', gateway, { from, since, limit: 2 * BEAT_MS });
    await bob.next(({ content }) => content === 'meanwhile');
    assert.equal(await missed('unheard'), unheard + 1);
    assertMade(made, 0, 1);
    await assertComplete(redis, gateway, [alice, bob]);
  });

  test('subscribing is swallowed: who is there gets messages, who comes is served soon', async (t) => {
    const { from, since, made } = begin();
    proxy.swallow({ kind: 'subscription', direction: 'toRedis' });
    const carol = await connect(gateway, { user: 'carol' });
    alice.send({ receiverID: 'bob', content: 'still there', ref: 'still' });
    await bob.next(({ content }) => content === 'still there');
    assert.deepEqual(carol.received, [], 'Redis has not confirmed it');
    await healed(t, 'subscribing swallowed', gateway, { from, since, limit: STALL_MS });
    carol.welcome = await carol.next();
    assert.equal(carol.welcome.type, 'welcome');
    assertMade(made, 0, 1);
    await assertComplete(redis, gateway, [alice, bob, carol]);
    await carol.end();
  });

  test('the subscriptions lead to another Redis: made anew until they do not', async (t) => {
    const { from } = begin();
    const none = await missed('no_subscriber');
    proxy.route('subscription', other.port);
    proxy.cut({ kind: 'subscription' });
    await gateway.waitForLog('beat_missed', { reason: 'no_subscriber' }, { from });
    await until(async () => await missed('no_subscriber') > none + 1, DEADLINE, 'the next try');
    await assertNotReady(gateway, alice, /beat|channels/);

    const since = performance.now();
    proxy.route('subscription', redis.port);
    await healed(t, 'another Redis', gateway, { from, since, limit: BACKOFF_MS });
    await assertComplete(redis, gateway, [alice, bob]);
  });

  for (const [what, direction] of [
    ['answers to commands are swallowed', 'toGateway'], ['commands are swallowed', 'toRedis'],
  ]) {
    test(`${what}: unknown, and both connections are made anew`, async (t) => {
      const { from, since, made } = begin();
      proxy.swallow({ kind: 'command', direction });
      await assertAnswered(alice, 'unknown');
      await healed(t, what, gateway, { from, since, limit: 3 * BEAT_MS });
      assert.ok(await missed('unanswered') > 0);
      assertMade(made, 1, 1);
      await assertComplete(redis, gateway, [alice, bob]);
    });
  }

  test('everything is swallowed: unknown, and both connections are made anew', async (t) => {
    const { from, since, made } = begin();
    proxy.swallow();
    await assertAnswered(alice, 'unknown');
    await healed(t, 'everything swallowed', gateway, { from, since, limit: 3 * BEAT_MS });
    assertMade(made, 1, 1);
    await assertComplete(redis, gateway, [alice, bob]);
  });

  test('everything is swallowed for long, new connections too: refused until it ends', async (t) => {
    const { from } = begin();
    proxy.swallowAll();
    await assertAnswered(alice, 'unknown');
    await gateway.waitForLog('not_ready', {}, { from, deadline: 2 * DEADLINE });
    await assertNotReady(gateway, alice);
    await assertAnswered(alice, 'unavailable');
    const attempts = proxy.made.command;
    await until(() => proxy.made.command > attempts, 2 * DEADLINE, 'the next try');
    assert.equal((await readyz(gateway)).status, 503);

    const since = performance.now();
    proxy.restore();
    // The try that is under way, and a pause.
    await healed(t, 'network whole again', gateway, { from, since, limit: STALL_MS + BACKOFF_MS });
    await assertComplete(redis, gateway, [alice, bob]);
  });
});
