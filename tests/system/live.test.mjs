// --delivery live: who is connected gets it, and nothing is stored.
import assert from 'node:assert/strict';
import {
  assertReaches, connectPair, connectUser, expectNothingBefore, uniqueUser,
} from './lib/client.mjs';
import { System } from './lib/system.mjs';
import { after, before, describe, test } from './lib/test.mjs';

describe('--delivery live', () => {
  let system;
  let one;
  let two;
  before(async () => {
    system = await System.start({ gateways: 2, flags: ['--delivery', 'live'] });
    [one, two] = system.gateways;
  });
  after(() => system?.stop());

  async function ask(client, request) {
    client.send(request);
    return client.next(({ ref }) => ref === request.ref);
  }

  test('delivers, answers, copies, and leaves nothing in Redis', async () => {
    const [alice, bob] = [uniqueUser('alice'), uniqueUser('bob')];
    const sender = await connectUser(one, alice);
    const other = await connectUser(two, alice);
    const receiver = await connectUser(two, bob);
    const sent = await ask(sender, { receiverID: bob, content: [1.0], ref: 'r' });
    assert.deepEqual(sent, {
      type: 'sent', ref: 'r', id: sent.id, ts: Number(sent.id.split('-')[0]), online: true,
    });
    assert.ok(Math.abs(Date.now() - sent.ts) < 60_000);
    const { id, ts } = sent;
    const message = { sender: alice, receiver: bob, content: [1] };
    assert.deepEqual(await receiver.next(), { type: 'message', id, ts, ...message });
    const copy = await other.next();
    assert.deepEqual(copy, {
      type: 'message', id: copy.id, ts: copy.ts,
      copy: { id, session: sender.welcome.session, ref: 'r' }, ...message,
    });
    await expectNothingBefore(sender, receiver, alice);
    await expectNothingBefore(receiver, sender, bob);

    const kinds = (await system.redis.command('KEYS', '*')).map((key) => key.split(':')[1]);
    assert.deepEqual([...new Set(kinds)].sort(), ['gateway', 'gateways', 'presence', 'schema']);
    assert.equal(await system.redis.command('GET', 'parley:schema'), '1 live');
  });

  test('ids grow, and a ref that comes again is another message', async () => {
    const bob = uniqueUser('bob');
    const sender = await connectUser(one, uniqueUser('alice'));
    const receiver = await connectUser(two, bob);
    sender.send(Array(50).fill({ receiverID: bob, content: 1, ref: 'same' }));
    const answers = await sender.take(50);
    assert.deepEqual(answers.map(({ type }) => type), Array(50).fill('sent'));
    const ids = (await receiver.take(50)).map(({ id }) => id);
    assert.deepEqual(ids, answers.map(({ id }) => id));
    const numbers = ids.map((id) => id.split('-').map(BigInt));
    assert.ok(numbers.every(([ms, seq], at) => at === 0 || ms > numbers[at - 1][0]
      || (ms === numbers[at - 1][0] && seq > numbers[at - 1][1])));
  });

  test('who is away misses it; since and epoch are ignored', async () => {
    const bob = uniqueUser('bob');
    const sender = await connectUser(one, uniqueUser('alice'));
    const sent = await ask(sender, { receiverID: bob, content: 'too early', ref: 'r' });
    assert.deepEqual([sent.type, sent.online], ['sent', false]);
    await one.waitForLog('receiver_offline', { receiver: bob });
    for (const position of [{}, { since: '0-0' }, { since: '99999999999999-0', epoch: 'other' }]) {
      const late = await connectUser(two, bob, position);
      for (const name of ['last', 'gap', 'reset', 'epoch']) assert.ok(!(name in late.welcome), name);
      await expectNothingBefore(late, sender, bob);
    }
  });

  test('ack and history are unsupported', async () => {
    const client = await connectUser(one, uniqueUser('alice'), { ack: 'client' });
    client.send({ type: 'ack', id: '1-1' });
    const { code, message } = await client.next();
    assert.equal(code, 'unsupported');
    assert.match(message, /^ack.*live/);
    client.send({ type: 'history', with: 'bob' });
    assert.equal((await client.next()).code, 'unsupported');
  });

  test('pair sessions get messages, each once, and no copies', async () => {
    const [a, b, bob] = [uniqueUser('a'), uniqueUser('b'), uniqueUser('bob')];
    const pair = await connectPair(two, a, b);
    const native = await connectUser(one, a);
    pair.send([{ sender: a, receiverID: b, content: 'hi' }]);
    assert.equal((await pair.next()).content, 'hi');
    assert.equal((await native.next()).copy.session.length, 16);
    native.send({ receiverID: bob, content: 'a copy for nobody' });
    await expectNothingBefore(pair, native, b);
  });

  test('who does not read is closed with 4408, the others go on', async (t) => {
    const gateway = await system.addGateway(['--delivery', 'live', '--output-max', '256KiB']);
    t.after(() => gateway.stop());
    const bob = uniqueUser('bob');
    const sender = await connectUser(one, uniqueUser('alice'));
    const reader = await connectUser(gateway, bob);
    const slow = await connectUser(gateway, bob);
    slow.socket.pause();
    const content = 'x'.repeat(60_000);
    let count = 0;
    while (!gateway.log.some(({ event }) => event === 'slow_session_closed')) {
      assert.ok(count < 1000, 'nothing limits what is kept for a slow reader');
      await ask(sender, { receiverID: bob, content: [count, content], ref: `${count++}` });
    }
    const frames = await reader.take(count);
    assert.ok(frames.every((frame, at) => frame.content[0] === at));
    await assertReaches(sender, reader);
    slow.socket.resume();
    assert.equal(await slow.closeCode(), 4408);
    assert.equal(await gateway.metric('parley_sessions_slow_total'), 1);
  });

  test('goes on after a lost subscription; the session stays and is not told of a gap', async () => {
    const bob = await connectUser(two, uniqueUser('bob'));
    const sender = await connectUser(one, uniqueUser('alice'));
    const marks = [one.log.length, two.log.length];
    await system.redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
    await one.waitForLog('ready', {}, { from: marks[0] });
    await two.waitForLog('ready', {}, { from: marks[1] });
    await expectNothingBefore(bob, sender, bob.welcome.user);
  });
});
