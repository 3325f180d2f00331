// Redis goes away and comes back, or does not let us in: seen from two gateways.
import assert from 'node:assert/strict';
import { connectPair, connectUser, uniqueUser } from './lib/client.mjs';
import { Gateway } from './lib/gateway.mjs';
import { assertAnswered, assertNotReady, readyz } from './lib/outage.mjs';
import { Redis } from './lib/redis.mjs';
import { System } from './lib/system.mjs';
import { after, before, describe, test } from './lib/test.mjs';
import { DEADLINE, until } from './lib/wait.mjs';

async function assertTalk(from, to) {
  const receiverID = to.welcome.user;
  from.send({ receiverID, content: 'hello again', ref: uniqueUser('ref') });
  assert.equal((await to.next()).content, 'hello again');
  assert.equal((await from.next()).type, 'sent');
}

describe('an outage of Redis', () => {
  let system;
  let one;
  let two;
  before(async () => {
    system = await System.start({ gateways: 2 });
    [one, two] = system.gateways;
  });
  after(() => system?.stop());

  test('clients stay, senders are told, and all works again by itself', async () => {
    const alice = await connectUser(one, uniqueUser('alice'));
    const bob = await connectUser(two, uniqueUser('bob'));
    const [a, b] = [uniqueUser('a'), uniqueUser('b')];
    const pair = await connectPair(one, a, b);
    const marks = [one.log.length, two.log.length];

    await system.redis.kill();
    await assertAnswered(alice, 'unavailable', 'unknown'); // it may not be known yet
    pair.send([{ receiverID: b, content: 'into the outage' }]);
    await one.waitForLog('bad_frame', { user_a: a, user_b: b }, { from: marks[0] });
    for (const [at, [gateway, client]] of [[one, alice], [two, bob]].entries()) {
      const { reason } = await gateway.waitForLog('not_ready', {}, { from: marks[at] });
      assert.match(reason, /not connected|not all channels/); // whichever broke first
      await assertNotReady(gateway, client, /not connected/);
      await assertAnswered(client, 'unavailable');
    }

    await system.redis.restart();
    for (const [at, gateway] of [one, two].entries()) {
      await gateway.waitForLog('ready', {}, { from: marks[at] });
      assert.equal((await readyz(gateway)).status, 200);
    }
    await assertTalk(alice, bob);
    await assertTalk(bob, alice);
    pair.send([{ receiverID: b, content: 'after the outage' }]);
    assert.equal((await pair.next()).content, 'after the outage');
    const carol = await connectUser(two, uniqueUser('carol'));
    await assertTalk(carol, alice);
  });

  test('who left during the outage is not subscribed after it', async () => {
    const stays = await connectUser(one, uniqueUser('stays'));
    const leaves = await connectUser(one, uniqueUser('leaves'));
    const from = one.log.length;
    await system.redis.kill();
    await one.waitForLog('not_ready', {}, { from });
    await leaves.end();
    await system.redis.restart();
    await one.waitForLog('ready', {}, { from });
    assert.equal(await system.redis.subscribers(`parley:user:{${stays.welcome.user}}`), 1);
    assert.equal(await system.redis.subscribers(`parley:user:{${leaves.welcome.user}}`), 0);
    await until(async () => (await readyz(two)).status === 200, DEADLINE, 'the other gateway');
  });

  test('one broken connection is made again', async () => {
    const alice = await connectUser(one, uniqueUser('alice'));
    const bob = await connectUser(two, uniqueUser('bob'));
    for (const type of ['normal', 'pubsub']) {
      const marks = [one.log.length, two.log.length];
      await system.redis.cli('CLIENT', 'KILL', 'TYPE', type);
      await one.waitForLog('ready', {}, { from: marks[0] });
      await two.waitForLog('ready', {}, { from: marks[1] });
      await assertTalk(alice, bob);
    }
  });
});

describe('the way to Redis', () => {
  test('a gateway may start before Redis', async (t) => {
    const redis = await Redis.start();
    t.after(() => redis.stop());
    await redis.kill();
    const gateway = await Gateway.start({ redis, ready: false });
    t.after(() => gateway.stop());

    await assertNotReady(gateway);
    await redis.restart();
    await gateway.waitForLog('ready');
    assert.equal((await readyz(gateway)).status, 200);
    const alice = await connectUser(gateway, 'alice');
    await assertTalkToOneself(alice);
  });

  for (const [what, address, error] of [
    ['no password', (port) => `127.0.0.1:${port}`, /NOAUTH/],
    ['a wrong password', (port) => `redis://:wr0ngpass@127.0.0.1:${port}`, /WRONGPASS/],
  ]) {
    test(`${what}: it is not ready, and the log says why`, async (t) => {
      const redis = await Redis.start({ args: ['--requirepass', 's3cret'] });
      t.after(() => redis.stop());
      const gateway = await Gateway.start({ redis: address(redis.port), ready: false });
      t.after(() => gateway.stop());

      await until(() => error.test(gateway.process.stderr), DEADLINE, () => gateway.tail());
      assert.equal((await readyz(gateway)).status, 503);
      assert.doesNotMatch(gateway.process.stderr, /wr0ngpass/);
      // An operator mends it; nobody restarts the gateway.
      await redis.cli('--no-auth-warning', '-a', 's3cret', 'CONFIG', 'SET', 'requirepass',
        'wr0ngpass');
      if (what === 'a wrong password') await gateway.waitForLog('ready');
    });
  }

  test('a unix socket', async (t) => {
    const redis = await Redis.start({ unix: true });
    t.after(() => redis.stop());
    const gateway = await Gateway.start({ redis });
    t.after(() => gateway.stop());
    await assertTalkToOneself(await connectUser(gateway, 'alice'));
  });

  test('a URL with user, password and database', async (t) => {
    const redis = await Redis.start();
    t.after(() => redis.stop());
    await redis.cli('ACL', 'SETUSER', 'chat', 'on', '>s3/cr@t', '~two:*', '&two:*', '+@all');
    const gateway = await Gateway.start({
      redis: `redis://chat:s3%2Fcr%40t@127.0.0.1:${redis.port}/2`, flags: ['--prefix', 'two'],
    });
    t.after(() => gateway.stop());

    await assertTalkToOneself(await connectUser(gateway, 'alice'));
    const { incarnation } = await gateway.waitForLog('lease_claimed');
    assert.deepEqual((await redis.cli('-n', 2, 'KEYS', '*')).split('\n').sort(), [
      `two:gateway:${incarnation}:users`, 'two:gateways', 'two:mailbox:{alice}',
      'two:presence:{alice}', 'two:schema',
    ]);
    assert.equal(await redis.cli('DBSIZE'), '0');
    assert.doesNotMatch(gateway.process.stderr, /s3\/cr|s3%2F/);
  });

  async function assertTalkToOneself(client) {
    client.send({ receiverID: client.welcome.user, content: 'note to self' });
    assert.equal((await client.next()).content, 'note to self');
  }
});
