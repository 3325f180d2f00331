// The broker proves itself: leases, beats and the schema, seen from outside. What a session must
// never notice is in every test: it stays open, and talks again.
import assert from 'node:assert/strict';
import { connectUser, connectUsers, refusal, uniqueUser } from './lib/client.mjs';
import { Gateway } from './lib/gateway.mjs';
import { BACKOFF_MS, assertAnswered, assertNotReady, healed, readyz } from './lib/outage.mjs';
import { BEAT_MS, LEASE_MS, SPARE_MS, incarnation } from './lib/presence.mjs';
import { Redis } from './lib/redis.mjs';
import { System } from './lib/system.mjs';
import { after, before, describe, test } from './lib/test.mjs';
import { DEADLINE, until } from './lib/wait.mjs';

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

test('Redis is demoted to a replica, and a master again', async (t) => {
  const { redis, gateways: [gateway] } = await startOne(t);
  const alice = await connectUser(gateway, 'alice');
  const [from, was] = [gateway.log.length, incarnation(gateway)];
  let since = performance.now();
  await redis.cli('REPLICAOF', '127.0.0.1', 1);
  await gateway.waitForLog('not_ready', {}, { from });
  const took = Math.round(performance.now() - since);
  t.diagnostic(`noticed after ${took} ms`);
  assert.ok(took <= BEAT_MS + SPARE_MS);
  await gateway.waitForLog('beat_missed', { reason: 'read_only' }, { from });
  await assertNotReady(gateway, alice);
  await assertAnswered(alice, 'unavailable');

  since = performance.now();
  await redis.cli('REPLICAOF', 'NO', 'ONE');
  await healed(t, 'replica and master again', gateway, { from, since, limit: BACKOFF_MS });
  await assertTalkToOneself(alice);
  assert.notEqual(incarnation(gateway), was); // its connection for commands was another
  await until(async () => (await gateways(redis)).join() === incarnation(gateway), DEADLINE,
    'the former incarnation to be cleaned up after');
});

test('Redis is slow for less than two beats: unknown for senders, and no outage', async (t) => {
  const { redis, gateways: [gateway] } = await startOne(t);
  const alice = await connectUser(gateway, 'alice');
  const name = 'parley_redis_beat_seconds';
  const lateBeats = async () => await gateway.metric(`${name}_count`)
    - await gateway.metric(`${name}_bucket`, '{le="0.5"}');
  const from = gateway.log.length;
  const late = await lateBeats();
  redis.pause();
  try {
    // Each answer takes 2 s: a beat was published in the first 3 s of these 4.
    for (let i = 0; i < 2; i++) await assertAnswered(alice, 'unknown');
    assert.equal((await readyz(gateway)).status, 200);
  } finally {
    redis.resume();
  }
  await until(async () => await lateBeats() > late, DEADLINE, 'the lag of the late beat');
  await assertTalkToOneself(alice);
  assert.deepEqual(gateway.log.slice(from).filter(({ event }) => /ready|redis_/.test(event)), []);
});

test('what an idle gateway asks of Redis does not grow with its sessions', async (t) => {
  const { redis, gateways: [gateway] } = await startOne(t, ['--ping', '0']);
  const beats = () => gateway.metric('parley_redis_beat_seconds_count');
  const processed = async () => Number((await redis.command('INFO', 'stats'))
    .match(/total_commands_processed:(\d+)/)[1]);
  // Between one beat and the next but one.
  const commands = async () => {
    const first = await beats() + 1;
    await until(async () => await beats() === first, DEADLINE, 'a beat');
    const before = await processed();
    await until(async () => await beats() === first + 2, DEADLINE, 'two more');
    return await processed() - before;
  };
  await connectUser(gateway, 'alice');
  const few = await commands();
  for (let i = 0; i < 3; i++) await connectUsers(gateway, 100, 'user');
  await gateway.subscribed();
  const many = await commands();
  t.diagnostic(`${few} commands with one session, ${many} with 301`);
  assert.ok(few > 0 && many < few + 100);
});

async function startOne(t, flags) {
  const system = await System.start({ flags });
  t.after(() => system.stop());
  return system;
}

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
    await healed(t, 'lease deleted', gateway, { from, since, limit: BEAT_MS });

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
    await healed(t, 'gateway stood still for a lease', gateway, { from, since, limit: 0 });
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
    await healed(t, 'schema mended', gateway, { from, since, limit: BACKOFF_MS });
    await assertTalkToOneself(alice);
  });
});
