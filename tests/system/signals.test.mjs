// Signals are at most once; each that is lost is counted.
import assert from 'node:assert/strict';
import { connectPair, connectUser, expectNothingBefore, uniqueUser } from './lib/client.mjs';
import { Gateway } from './lib/gateway.mjs';
import { Proxy } from './lib/proxy.mjs';
import { Redis } from './lib/redis.mjs';
import { test } from './lib/test.mjs';
import { DEADLINE, until } from './lib/wait.mjs';

const KIB = 1024;

// A gateway behind a proxy, with a low --output-max.
async function start(t) {
  const redis = await Redis.start();
  t.after(() => redis.stop());
  const proxy = await Proxy.start(redis.port);
  t.after(() => proxy.stop());
  const gateway = await Gateway.start({
    redis: proxy.address, flags: ['--output-max', '64KiB', '--max-message', '16KiB'],
  });
  t.after(() => gateway.stop());
  return { redis, proxy, gateway };
}

const dropped = (gateway) => gateway.metric('parley_signals_dropped_total');
const typing = (receiverID) => ({ type: 'typing', receiverID });

test('signals for who does not read are dropped and counted, and the session stays', async (t) => {
  const { gateway } = await start(t);
  const [alice, bob, reader] = [await connectUser(gateway, uniqueUser('alice')),
    await connectUser(gateway, uniqueUser('bob')), await connectUser(gateway, uniqueUser('reader'))];
  bob.socket.pause();
  // Until the last one waits in the mailbox, because there is no room for it.
  let count = 0;
  while (await gateway.metric('parley_sessions_slow_total') === 0) {
    assert.ok(count < 5000, 'nothing limits what is kept for who does not read');
    alice.send({ receiverID: bob.welcome.user, content: [count, 'x'.repeat(12 * KIB)], ref: `${count++}` });
    await alice.next();
  }
  // The room that is left takes some signals.
  let sent = 0;
  while (await dropped(gateway) === 0) {
    assert.ok(sent < 5000, 'nothing limits signals');
    for (let i = 0; i < 100; i++, sent++) alice.send(typing(bob.welcome.user));
    alice.send(typing(reader.welcome.user));
    await reader.next();
  }
  bob.socket.resume();
  await bob.next(({ content }) => content?.[0] === count - 1, 3 * DEADLINE);
  await expectNothingBefore(bob, alice, bob.welcome.user);
  const signals = bob.received.filter(({ value }) => value.type === 'typing').length;
  assert.equal(signals + await dropped(gateway), sent);
});

test('signals that come before the welcome are not for that session, and counted', async (t) => {
  const { redis, proxy, gateway } = await start(t);
  const [alice, bob, other] = [uniqueUser('alice'), uniqueUser('bob'), uniqueUser('other')];
  const first = await connectUser(gateway, bob);
  const pair = await connectPair(gateway, bob, other);
  const sender = await connectUser(gateway, alice);
  proxy.hold({ kind: 'command' });
  const opening = connectUser(gateway, bob);
  await until(async () => await gateway.metric('parley_sessions', '{kind="native"}') === 3, DEADLINE,
    'the upgrade');
  await redis.command('PUBLISH', `parley:user:{${bob}}`,
    `{"type":"typing","sender":"${alice}","receiver":"${bob}"}`);
  assert.equal((await first.next()).type, 'typing');
  proxy.release({ kind: 'command' });
  const second = await opening;
  await expectNothingBefore(second, sender, bob);
  assert.equal((await pair.next()).type, 'message');
  assert.equal(await dropped(gateway), 1, 'one session, but not the pair session');
});

test('signals that Redis does not get are counted, and not answered', async (t) => {
  const { redis, gateway } = await start(t);
  const alice = await connectUser(gateway, uniqueUser('alice'));
  const from = gateway.log.length;
  await redis.kill();
  await gateway.waitForLog('not_ready', {}, { from });
  for (const type of ['typing', 'delivered']) {
    alice.send({ type, receiverID: uniqueUser(), id: '1-1' });
  }
  alice.send({ type: 'ping' });
  assert.equal((await alice.next()).type, 'pong');
  assert.equal(await dropped(gateway), 2);
});
