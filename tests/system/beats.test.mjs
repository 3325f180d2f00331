// The broker proves itself: leases, beats and the schema, seen from outside. What a session must
// never notice is in every test: it stays open, and talks again.
import assert from 'node:assert/strict';
import { connectUser, refusal, uniqueUser } from './lib/client.mjs';
import { Gateway } from './lib/gateway.mjs';
import { Proxy } from './lib/proxy.mjs';
import { Redis } from './lib/redis.mjs';
import { after, before, describe, test } from './lib/test.mjs';
import { DEADLINE, SLOWNESS, until } from './lib/wait.mjs';

const BEAT_MS = 3000;
const LEASE_MS = 10_000;
const BACKOFF_MS = 2000; // the longest
const SPARE_MS = 4000; // for a busy machine

async function readyz(gateway) {
  const answer = await fetch(`${gateway.http}/readyz`);
  return { status: answer.status, text: await answer.text() };
}

// Resolves when it is ready again after it was not, which is to take no more than `limit` ms from
// `since`.
async function healed(t, gateway, { from, since, limit }) {
  const down = await gateway.waitForLog('not_ready', {}, { from, deadline: 2 * DEADLINE });
  await gateway.waitForLog('ready', {}, { from: gateway.log.indexOf(down), deadline: 2 * DEADLINE });
  const took = Math.round(performance.now() - since);
  t.diagnostic(`healed after ${took} ms`);
  assert.ok(took <= (limit + SPARE_MS) * SLOWNESS, `took ${took} ms, not ${limit}`);
  assert.equal((await readyz(gateway)).status, 200);
}

async function missed(gateway, reason) {
  return gateway.metric('parley_redis_beats_missed_total', `{reason="${reason}"}`);
}

async function assertTalkToOneself(client) {
  const content = uniqueUser('hello');
  client.send({ receiverID: client.welcome.user, content });
  await client.next((frame) => frame.content === content);
  assert.equal(client.close, undefined);
}

// The incarnations with a lease, in the order of its expiry.
async function gateways(redis) {
  return (await redis.cli('ZRANGE', 'parley:gateways', 0, -1)).split('\n').filter(Boolean);
}

function incarnation(gateway) {
  return gateway.log.findLast(({ event }) => event === 'lease_claimed')?.incarnation;
}

describe('a connection that leads nowhere', () => {
  let redis;
  let other; // a Redis that is none of ours
  let proxy;
  let gateway;
  let alice;
  before(async () => {
    redis = await Redis.start();
    other = await Redis.start();
    proxy = await Proxy.start(redis.port);
    gateway = await Gateway.start({ redis: proxy, flags: ['--id', 'g'] });
    alice = await connectUser(gateway, 'alice');
  });
  after(async () => {
    await gateway?.stop();
    await proxy?.stop();
    await redis?.stop();
    await other?.stop();
  });

  test('pushes are swallowed: the subscriptions are made anew', async (t) => {
    const [from, since, made] = [gateway.log.length, performance.now(), { ...proxy.made }];
    const unheard = await missed(gateway, 'unheard');
    proxy.swallow({ kind: 'subscription', direction: 'toGateway' });
    // The next beat, and one interval for hearing it.
    await healed(t, gateway, { from, since, limit: 2 * BEAT_MS });
    assert.equal(await missed(gateway, 'unheard'), unheard + 1);
    assert.deepEqual(proxy.made, { command: made.command, subscription: made.subscription + 1 });
    assert.equal(await redis.subscribers('parley:user:{alice}'), 1);
    await assertTalkToOneself(alice);
  });

  test('the subscriptions lead to another Redis: made anew until they do not', async (t) => {
    const from = gateway.log.length;
    const none = await missed(gateway, 'no_subscriber');
    proxy.route('subscription', other.port);
    proxy.cut({ kind: 'subscription' });
    await gateway.waitForLog('beat_missed', { reason: 'no_subscriber' }, { from });
    await until(async () => await missed(gateway, 'no_subscriber') > none + 1, DEADLINE,
      'the next try');
    const { status, text } = await readyz(gateway);
    assert.equal(status, 503);
    assert.match(text, /beat|channels/);
    assert.equal((await refusal(gateway, { user: 'bob' })).status, 503);

    const since = performance.now();
    proxy.route('subscription', redis.port);
    await healed(t, gateway, { from, since, limit: BACKOFF_MS })
    await assertTalkToOneself(alice);
  });

  for (const [what, direction, outcome] of [
    ['answers to commands are swallowed', 'toGateway', /^unknown$/],
    ['commands are swallowed', 'toRedis', /^unknown$/],
  ]) {
    test(`${what}: both connections are made anew`, async (t) => {
      const [from, since, made] = [gateway.log.length, performance.now(), { ...proxy.made }];
      proxy.swallow({ kind: 'command', direction });
      alice.send({ receiverID: 'nobody', content: 1, ref: what });
      assert.match((await alice.next(({ ref }) => ref === what, 3000 * SLOWNESS)).code, outcome);
      await healed(t, gateway, { from, since, limit: 3 * BEAT_MS });
      assert.ok(await missed(gateway, 'unanswered') > 0);
      assert.deepEqual(proxy.made,
        { command: made.command + 1, subscription: made.subscription + 1 });
      await assertTalkToOneself(alice);
    });
  }

  test('both directions of everything are swallowed', async (t) => {
    const [from, since] = [gateway.log.length, performance.now()];
    proxy.swallow();
    await healed(t, gateway, { from, since, limit: 3 * BEAT_MS });
    await assertTalkToOneself(alice);
  });

  test('CLIENT KILL TYPE pubsub', async (t) => {
    const [from, since] = [gateway.log.length, performance.now()];
    await redis.cli('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await healed(t, gateway, { from, since, limit: 0 });
    await assertTalkToOneself(alice);
  });

  test('Redis is demoted to a replica, and a master again', async (t) => {
    const [from, was] = [gateway.log.length, incarnation(gateway)];
    let since = performance.now();
    await redis.cli('REPLICAOF', '127.0.0.1', 1);
    await gateway.waitForLog('not_ready', {}, { from });
    t.diagnostic(`noticed after ${Math.round(performance.now() - since)} ms`);
    assert.ok(performance.now() - since <= (BEAT_MS + SPARE_MS) * SLOWNESS);
    assert.equal((await readyz(gateway)).status, 503);
    await gateway.waitForLog('beat_missed', { reason: 'read_only' }, { from });
    assert.match((await refusal(gateway, { user: 'bob' })).body.message, /Redis/);
    alice.send({ receiverID: 'bob', content: 1, ref: 'ro' });
    assert.equal((await alice.next(({ ref }) => ref === 'ro')).code, 'unavailable');

    since = performance.now();
    await redis.cli('REPLICAOF', 'NO', 'ONE');
    await healed(t, gateway, { from, since, limit: BACKOFF_MS });
    await assertTalkToOneself(alice);
    assert.notEqual(incarnation(gateway), was); // its connection for commands was another
    await until(async () => (await gateways(redis)).join() === incarnation(gateway), DEADLINE,
      'the former incarnation to be cleaned up after');
  });

  test('Redis is slow for less than two beats: unknown for senders, and no outage', async () => {
    const from = gateway.log.length;
    const late = await lateBeats();
    redis.pause();
    try {
      // Each answer takes 2 s: a beat was published in the first 3 s of these 4.
      for (const ref of ['slow', 'slower']) {
        alice.send({ receiverID: 'bob', content: 1, ref });
        assert.equal((await alice.next((frame) => frame.ref === ref)).code, 'unknown');
      }
      assert.equal((await readyz(gateway)).status, 200);
    } finally {
      redis.resume();
    }
    await until(async () => await lateBeats() > late, DEADLINE, 'the lag of the late beat');
    await assertTalkToOneself(alice);
    assert.deepEqual(gateway.log.slice(from).filter(({ event }) => /ready|redis_/.test(event)), []);
  });

  async function lateBeats() {
    const name = 'parley_redis_beat_seconds';
    return await gateway.metric(`${name}_count`) - await gateway.metric(`${name}_bucket`, '{le="0.5"}');
  }
});

describe('the lease', () => {
  let redis;
  before(async () => { redis = await Redis.start(); });
  after(() => redis?.stop());

  test('two gateways of one --id are two incarnations; what stops is gone', async (t) => {
    const twins = [];
    t.after(() => Promise.all(twins.map((twin) => twin.stop())));
    while (twins.length < 2) {
      twins.push(await Gateway.start({ redis, flags: ['--id', 'twin'] }));
    }
    const names = await gateways(redis);
    assert.equal(names.length, 2);
    for (const [i, twin] of twins.entries()) {
      assert.match(incarnation(twin), /^twin-[0-9a-f]{8}$/);
      assert.ok(names.includes(incarnation(twin)));
      assert.equal((await connectUser(twin, uniqueUser())).welcome.gateway, incarnation(twin));
      assert.equal(await redis.subscribers(`parley:gateway:${incarnation(twin)}`), 1);
      const left = Number(await redis.cli('ZSCORE', 'parley:gateways', names[i])) - Date.now();
      assert.ok(left > 0 && left <= LEASE_MS + 1000, `${left} ms are left`);
    }
    await twins[0].stop();
    assert.deepEqual(await gateways(redis), [incarnation(twins[1])]);
    await twins[1].stop();
    assert.deepEqual(await gateways(redis), []);
  });

  test('a killed gateway leaves its lease, which does not stop the next one', async (t) => {
    const first = await Gateway.start({ redis, flags: ['--id', 'same'] });
    await first.kill();
    const next = await Gateway.start({ redis, flags: ['--id', 'same'] });
    t.after(() => next.stop());
    assert.notEqual(incarnation(first), incarnation(next));
    assert.deepEqual(await gateways(redis), [incarnation(first), incarnation(next)]);
    await redis.cli('ZREM', 'parley:gateways', incarnation(first));
  });

  test('deleted by hand: a new incarnation, and ready again', async (t) => {
    const gateway = await Gateway.start({ redis, flags: ['--id', 'g'] });
    t.after(() => gateway.stop());
    const alice = await connectUser(gateway, uniqueUser('alice'));
    const was = incarnation(gateway);
    const from = gateway.log.length;
    const since = performance.now();
    await redis.cli('DEL', 'parley:gateways');
    await gateway.waitForLog('lease_gone', { incarnation: was }, { from });
    await healed(t, gateway, { from, since, limit: BEAT_MS });

    assert.notEqual(incarnation(gateway), was);
    assert.deepEqual(await gateways(redis), [incarnation(gateway)]);
    assert.equal(await redis.subscribers(`parley:gateway:${was}`), 0);
    await assertTalkToOneself(alice);
    const bob = await connectUser(gateway, uniqueUser('bob'));
    assert.equal(bob.welcome.gateway, incarnation(gateway));
    assert.equal(await gateway.metric('parley_leases_claimed_total'), 2);
    const sent = await redis.cli('XREVRANGE', `parley:mailbox:{${alice.welcome.user}}`, '+', '-');
    assert.ok(sent.includes(incarnation(gateway)));
  });

  test('a gateway that stood still for longer than its lease goes on', async (t) => {
    const gateway = await Gateway.start({ redis, flags: ['--id', 'still'] });
    t.after(() => gateway.stop());
    const alice = await connectUser(gateway, uniqueUser('alice'));
    const was = incarnation(gateway);
    const from = gateway.log.length;
    gateway.process.signal('SIGSTOP');
    await until(async () => {
      const [time] = await redis.command('TIME');
      return await redis.command('ZSCORE', 'parley:gateways', was) < time * 1000;
    }, 2 * DEADLINE, 'the lease to expire');
    const since = performance.now();
    gateway.process.signal('SIGCONT');
    await healed(t, gateway, { from, since, limit: 0 });
    // Its users were offline, for whoever asked: only under another name they come back.
    assert.notEqual(incarnation(gateway), was);
    await assertTalkToOneself(alice);
  });
});

describe('the schema', () => {
  let redis;
  before(async () => { redis = await Redis.start(); });
  after(() => redis?.stop());

  test('of another version: never ready, said once, and mended without a restart', async (t) => {
    await redis.cli('SET', 'parley:schema', '2 "durable"');
    const gateway = await Gateway.start({ redis, ready: false });
    t.after(() => gateway.stop());
    const { found, wanted } = await gateway.waitForLog('schema_mismatch');
    assert.deepEqual({ found, wanted }, { found: '2 "durable"', wanted: '1 durable' });
    const { status, text } = await readyz(gateway);
    assert.equal(status, 503);
    assert.match(JSON.parse(text).message, /schema in Redis is "2 "durable"".*"1 durable"/);
    assert.equal((await refusal(gateway, { user: 'alice' })).status, 503);

    await redis.cli('SET', 'parley:schema', '3');
    await gateway.waitForLog('schema_mismatch', { found: '3' });
    // By now it has tried several times.
    assert.equal(gateway.log.filter(({ event }) => event === 'schema_mismatch').length, 2);
    assert.deepEqual(await gateways(redis), []);

    const since = performance.now();
    await redis.cli('DEL', 'parley:schema');
    await gateway.waitForLog('ready');
    t.diagnostic(`ready after ${Math.round(performance.now() - since)} ms`);
    assert.equal(await redis.cli('GET', 'parley:schema'), '1 durable');
    assert.equal((await readyz(gateway)).text, 'ready\n');
  });

  test('of another --delivery: the second gateway is never ready, the first goes on', async (t) => {
    const first = await Gateway.start({ redis });
    t.after(() => first.stop());
    const alice = await connectUser(first, uniqueUser('alice'));
    const second = await Gateway.start({ redis, flags: ['--delivery', 'live'], ready: false });
    t.after(() => second.stop());
    const { found, wanted } = await second.waitForLog('schema_mismatch');
    assert.deepEqual({ found, wanted }, { found: '1 durable', wanted: '1 live' });
    await until(async () => await second.metric('parley_redis_connections_total',
      '{connection="subscription"}') > 0, DEADLINE, 'everything else that readiness needs');
    const { status, text } = await readyz(second);
    assert.equal(status, 503);
    assert.match(JSON.parse(text).message, /schema in Redis is "1 durable".*"1 live"/);
    assert.equal((await refusal(second, { user: 'alice' })).status, 503);
    assert.equal(await redis.cli('GET', 'parley:schema'), '1 durable');
    assert.equal(second.log.some(({ event }) => event === 'ready'), false);
    assert.equal((await gateways(redis)).length, 1);
    assert.equal((await readyz(first)).status, 200);
    await assertTalkToOneself(alice);
  });

  test('changed while a gateway runs: noticed when it connects again', async (t) => {
    const gateway = await Gateway.start({ redis });
    t.after(() => gateway.stop());
    const alice = await connectUser(gateway, 'alice');
    const from = gateway.log.length;
    await redis.cli('SET', 'parley:schema', '1 live');
    await redis.cli('CLIENT', 'KILL', 'TYPE', 'normal');
    await gateway.waitForLog('schema_mismatch', { found: '1 live' }, { from });
    assert.equal((await readyz(gateway)).status, 503);
    alice.send({ receiverID: 'bob', content: 1, ref: 'other' });
    assert.equal((await alice.next()).code, 'unavailable');
    const since = performance.now();
    await redis.cli('SET', 'parley:schema', '1 durable');
    await healed(t, gateway, { from, since, limit: BACKOFF_MS });
    await assertTalkToOneself(alice);
  });
});
