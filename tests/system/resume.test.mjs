// What was stored while somebody was away comes when they are back: once, in order.
import assert from 'node:assert/strict';
import {
  assertReaches, connect, connectPair, connectUser, expectNothingBefore, refusal, uniqueUser,
} from './lib/client.mjs';
import { RawSocket, TEXT, frame } from './lib/raw.mjs';
import { System } from './lib/system.mjs';
import { after, before, describe, test } from './lib/test.mjs';
import { DEADLINE, until } from './lib/wait.mjs';

const isMessage = ({ type }) => type === 'message';
const isGap = ({ type }) => type === 'gap';

// Sends the contents to `receiver`, and resolves with the answers.
async function sendAll(sender, receiver, contents) {
  sender.send(contents.map((content) => ({ receiverID: receiver, content, ref: uniqueUser('ref') })));
  const answers = [];
  while (answers.length < contents.length) {
    answers.push(await sender.next(({ type }) => type === 'sent' || type === 'error'));
  }
  assert.deepEqual(answers.map(({ type }) => type), contents.map(() => 'sent'));
  return answers;
}

async function contents(client, count) {
  const found = [];
  while (found.length < count) found.push((await client.next(isMessage)).content);
  return found;
}

const ready = (system) => Promise.all(system.gateways.map((gateway) =>
  until(async () => await gateway.metric('parley_redis_up') === 1, DEADLINE, 'the gateways to be ready')));

const range = (from, to) => Array.from({ length: to - from }, (_, index) => from + index);

describe('who was away', () => {
  let system;
  let one;
  let two;
  let sender;
  const cursor = (user, device = 'default') =>
    system.redis.command('HGET', `parley:cursor:{${user}}`, device);
  const cursorIs = (user, id, device) => until(async () => await cursor(user, device) === id,
    DEADLINE, `the cursor of ${user} to be ${id}`);

  before(async () => {
    system = await System.start({ gateways: 2 });
    [one, two] = system.gateways;
    sender = await connectUser(one, uniqueUser('sender'));
  });
  after(() => system?.stop());

  test('gets what was sent meanwhile, behind the welcome, and then what is sent now', async () => {
    const bob = uniqueUser('bob');
    const sent = await sendAll(sender, bob, range(0, 40));
    const client = await connectUser(two, bob);
    assert.equal(client.welcome.last, sent.at(-1).id);
    assert.equal(client.welcome.gap, false);
    await sendAll(sender, bob, [40]);
    const frames = await client.take(41);
    assert.deepEqual(frames.map(({ content }) => content), range(0, 41));
    assert.deepEqual(frames.slice(0, 40).map(({ id }) => id), sent.map(({ id }) => id));
    assert.equal(frames[0].ts, sent[0].ts);
  });

  test('is given it from the cursor that a pong has moved', async () => {
    const bob = uniqueUser('bob');
    const first = await connectUser(one, bob);
    const [, second] = await sendAll(sender, bob, ['a', 'b']);
    await contents(first, 2);
    await cursorIs(bob, second.id);
    first.socket.terminate();
    await sendAll(sender, bob, ['c']);
    const again = await connectUser(two, bob);
    assert.equal((await again.next()).content, 'c');
    // Another device has a cursor of its own, and begins at the beginning.
    const phone = await connectUser(two, bob, { device: 'phone' });
    assert.deepEqual(await contents(phone, 3), ['a', 'b', 'c']);
    await cursorIs(bob, phone.welcome.last, 'phone');
  });

  test('is given again what no pong has acknowledged', async () => {
    const bob = uniqueUser('bob');
    const deaf = await connectUser(one, bob, { autoPong: false });
    await sendAll(sender, bob, ['a', 'b']);
    await contents(deaf, 2);
    await deaf.end(); // a close proves nothing
    const again = await connectUser(one, bob);
    assert.deepEqual(await contents(again, 2), ['a', 'b']);
  });

  test('says with since where it was, whatever the cursor', async () => {
    const bob = uniqueUser('bob');
    const sent = await sendAll(sender, bob, range(0, 5));
    const first = await connectUser(one, bob);
    await contents(first, 5);
    await cursorIs(bob, sent[4].id);
    const again = await connectUser(two, bob, { since: sent[2].id, epoch: first.welcome.epoch });
    assert.equal(again.welcome.gap, false);
    assert.deepEqual(await contents(again, 2), [3, 4]);
    const all = await connectUser(two, bob, { since: '0-0' });
    assert.equal(all.welcome.gap, false);
    assert.deepEqual(await contents(all, 5), range(0, 5));
  });

  test('acknowledges by itself with ack=client, and at most what it was given', async () => {
    const bob = uniqueUser('bob');
    const client = await connectUser(one, bob, { ack: 'client' });
    const sent = await sendAll(sender, bob, range(0, 3));
    await contents(client, 3);
    client.send({ type: 'ack', id: sent[1].id });
    await cursorIs(bob, sent[1].id);
    client.send({ type: 'ack', id: sent[0].id }); // cursors do not go back
    client.send({ type: 'ack', id: '18446744073709551615-0' });
    await cursorIs(bob, sent[2].id);
  });

  test('is not given again, with ack=client, what it sent behind the last one it was given', async () => {
    const bob = uniqueUser('bob');
    const client = await connectUser(one, bob, { ack: 'client' });
    const [{ id }] = await sendAll(sender, bob, ['a']);
    await contents(client, 1);
    const lastId = async () => (await system.redis.command('XREVRANGE', `parley:mailbox:{${bob}}`,
      '+', '-', 'COUNT', 1))[0][0];
    await sendAll(client, uniqueUser(), ['mine']);
    await cursorIs(bob, null);
    client.send({ type: 'ack', id });
    await cursorIs(bob, await lastId());
    await sendAll(client, uniqueUser(), ['mine too']); // there is nothing to say
    await cursorIs(bob, await lastId());
    await sendAll(sender, bob, ['b']);
    await sendAll(client, uniqueUser(), ['and mine']);
    await client.end();
    const again = await connectUser(two, bob, { ack: 'client' });
    assert.deepEqual(await contents(again, 2), ['b', 'and mine']);
  });

  test('is back at once, and given nothing again that it has acknowledged', async () => {
    const bob = uniqueUser('bob');
    for (let round = 0; round < 10; round++) {
      const client = await connectUser(one, bob, { ack: 'client' });
      const [{ id }] = await sendAll(sender, bob, [round]);
      assert.equal((await client.next()).content, round);
      client.send({ type: 'ack', id });
      await client.end();
    }
  });

  test('is refused with words when it names what is no position', async () => {
    const bob = uniqueUser('bob');
    for (const query of [{ user: bob, since: '17' }, { user: bob, ack: 'gateway' },
      { user: bob, epoch: '?' }, { userA: bob, since: '1-1' }, { userA: bob, ack: 'client' }]) {
      const { status, body } = await refusal(one, query);
      assert.equal(status, 400);
      assert.equal(body.error, 'bad_request');
      assert.match(body.message, new RegExp(`^${Object.keys(query)[1]} `));
    }
  });

  test('pair sessions get what was stored for both, merged by id', async () => {
    const [a, b] = [uniqueUser('a'), uniqueUser('b')];
    for (const number of range(0, 50)) await sendAll(sender, number % 3 === 0 ? a : b, [number]);
    const pair = await connect(two, { userA: a, userB: b });
    assert.deepEqual((await pair.take(50)).map(({ content }) => content), range(0, 50));
    pair.send([{ sender: a, receiverID: b, content: 50 }]);
    assert.equal((await pair.next()).content, 50);
    await pair.end();
  });

  test('pair sessions have a cursor in each of their mailboxes', async () => {
    const [a, b] = [uniqueUser('a'), uniqueUser('b')];
    const device = `pair%3A${a}%3A${b}`;
    const pair = await connectPair(two, a, b);
    const [toA] = await sendAll(sender, a, ['to a']);
    const [toB] = await sendAll(sender, b, ['to b']);
    assert.deepEqual(await contents(pair, 2), ['to a', 'to b']);
    await cursorIs(a, toA.id, device);
    await cursorIs(b, toB.id, device);
    pair.socket.terminate();
    await sendAll(sender, a, ['more to a']);
    await sendAll(sender, b, ['more to b']);
    const again = await connectPair(one, a, b);
    assert.deepEqual(await contents(again, 2), ['more to a', 'more to b']);
  });

  test('a gap is told when messages were trimmed, and reading goes on behind it', async () => {
    const bob = uniqueUser('bob');
    const first = await connectUser(one, bob);
    const [{ id }] = await sendAll(sender, bob, ['read']);
    await contents(first, 1);
    await cursorIs(bob, id);
    await first.end();
    await sendAll(sender, bob, ['trimmed', 'kept']);
    await system.redis.command('XTRIM', `parley:mailbox:{${bob}}`, 'MAXLEN', 1);
    const again = await connectUser(one, bob);
    assert.equal(again.welcome.gap, true);
    assert.equal(again.welcome.reset, false);
    assert.equal((await again.next()).content, 'kept');
    // Who was never here misses nothing, nor does who has read all that there is.
    for (const device of ['new', 'new']) {
      const { welcome, socket } = await connectUser(one, bob, { device });
      assert.equal(welcome.gap, false);
      await cursorIs(bob, welcome.last, device);
      socket.terminate();
    }
    await system.redis.command('XTRIM', `parley:mailbox:{${bob}}`, 'MAXLEN', 0);
    for (const device of ['newer', 'newer']) {
      const { welcome, socket } = await connectUser(one, bob, { device });
      assert.equal(welcome.gap, false);
      await cursorIs(bob, welcome.last, device);
      socket.terminate();
    }
  });

  test('a Redis that came back empty resets positions, and the cursor is set anew', async () => {
    const bob = uniqueUser('bob');
    const since = `${Date.now() + 3_600_000}-0`; // above everything that will be stored
    await system.redis.command('HSET', `parley:cursor:{${bob}}`, 'default', since);
    for (const options of [{}, { since }]) {
      const { welcome } = await connectUser(one, bob, options);
      assert.deepEqual([welcome.gap, welcome.reset], [true, true]);
    }
    const client = await connectUser(one, bob);
    const [{ id }] = await sendAll(sender, bob, ['new']);
    assert.equal((await client.next(isMessage)).content, 'new');
    await cursorIs(bob, id);
  });

  test('a position of another epoch that is not stored is a reset, not a gap', async () => {
    const bob = uniqueUser('bob');
    const [first] = await sendAll(sender, bob, ['a', 'b']);
    const since = `${first.ts - 1000}-5`;
    const { welcome } = await connectUser(one, bob, { since });
    assert.deepEqual([welcome.gap, welcome.reset], [true, false]);
    const other = await connectUser(one, bob, { since, epoch: '0'.repeat(40) });
    assert.deepEqual([other.welcome.gap, other.welcome.reset], [true, true]);
    assert.deepEqual(await contents(other, 2), ['a', 'b']);
    // One that is stored is good in any epoch.
    const good = await connectUser(one, bob, { since: first.id, epoch: '0'.repeat(40) });
    assert.equal(good.welcome.gap, false);
    assert.deepEqual(await contents(good, 1), ['b']);
  });

  test('entries that no gateway wrote are passed over', async () => {
    const bob = uniqueUser('bob');
    const key = `parley:mailbox:{${bob}}`;
    await sendAll(sender, bob, ['good']);
    await system.redis.command('XADD', key, '*', 'm', 'rubbish');
    await system.redis.command('XADD', key, '*', 'n', '1');
    await sendAll(sender, bob, ['good too']);
    const client = await connectUser(two, bob);
    assert.deepEqual(await contents(client, 2), ['good', 'good too']);
    await expectNothingBefore(client, sender, bob);
    await cursorIs(bob, (await system.redis.command('XINFO', 'STREAM', key))
      .flatMap((value, at, all) => (all[at - 1] === 'last-generated-id' ? [value] : []))[0]);
  });

  test('a mailbox or cursors of another type do not keep anybody out', async () => {
    const [bob, carol] = [uniqueUser('bob'), uniqueUser('carol')];
    await system.redis.command('SET', `parley:mailbox:{${bob}}`, 'x');
    await system.redis.command('SET', `parley:cursor:{${carol}}`, 'x');
    const client = await connectUser(one, bob);
    await sendAll(client, carol, ['hello']);
    const other = await connectUser(two, carol);
    assert.deepEqual(await contents(other, 1), ['hello']);
    await one.waitForLog('mailbox_foreign', { user: bob });
    await two.waitForLog('cursor_invalid', { user: carol });
  });

  test('a message without an id, or with one that Redis cannot have given, moves no position', async () => {
    const bob = uniqueUser('bob');
    const client = await connectUser(one, bob);
    const publish = (frame) =>
      system.redis.command('PUBLISH', `parley:user:{${bob}}`, frame);
    await publish('{"type":"message","content":"by hand"}');
    assert.equal((await client.next()).content, 'by hand');
    const ms = Date.now() + 3_600_000;
    await publish(`{"type":"message","id":"${ms}-0","ts":${ms},"sender":"x","receiver":"y","content":1}`);
    const [{ id }] = await sendAll(sender, bob, ['real']);
    assert.equal((await client.next()).content, 'real');
    await cursorIs(bob, id);
  });
});

describe('a session that stays', () => {
  let system;
  let sender;
  before(async () => {
    system = await System.start({ gateways: 2 });
    sender = await connectUser(system.gateways[0], uniqueUser('sender'));
  });
  after(() => system?.stop());

  test('is given what was published while its gateway was not subscribed', async () => {
    const bob = uniqueUser('bob');
    const client = await connectUser(system.gateways[1], bob);
    let sent = 0;
    for (let round = 0; round < 5; round++) {
      const sending = sendAll(sender, bob, range(sent, sent + 100));
      await system.redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
      await sending;
      sent += 100;
    }
    const frames = [];
    while (frames.length < sent) frames.push(await client.next(isMessage));
    assert.deepEqual(frames.map(({ content }) => content), range(0, sent));
    assert.ok(client.received.every(({ value }) => value.type !== 'gap'));
  });

  test('is told when Redis came back empty, and goes on', async () => {
    const bob = uniqueUser('bob');
    await ready(system);
    const client = await connectUser(system.gateways[1], bob);
    await sendAll(sender, bob, ['before']);
    await client.next(isMessage);
    await system.redis.command('FLUSHALL');
    await system.redis.command('CLIENT', 'KILL', 'TYPE', 'pubsub');
    const gap = await client.next(isGap);
    assert.deepEqual(gap, { type: 'gap', last: '0-0', reset: true, epoch: client.welcome.epoch });
    await ready(system);
    await sendAll(sender, bob, ['after']);
    assert.equal((await client.next(isMessage)).content, 'after');
  });

  test('that leaves in a drain has its cursor where it was', async () => {
    const bob = uniqueUser('bob');
    const gateway = await system.addGateway(['--drain', '0s']);
    const client = await connectUser(gateway, bob);
    const sent = await sendAll(sender, bob, range(0, 10));
    await contents(client, 10);
    await gateway.stop();
    assert.equal(await client.closeCode(), 1001);
    assert.equal(await system.redis.command('HGET', `parley:cursor:{${bob}}`, 'default'),
      sent.at(-1).id);
  });
});

test('who leaves in a drain, and is back elsewhere at once, is given nothing again', async (t) => {
  const system = await System.start({ gateways: 2, flags: ['--drain', '2s'] });
  t.after(() => system.stop());
  const [gateway, other] = system.gateways;
  const sender = await connectUser(other, uniqueUser('sender'));
  const connections = new Map(); // of each user, one after the other
  const backs = [];
  for (let nth = 0; nth < 6; nth++) {
    const client = await connectUser(gateway, uniqueUser('bob'));
    const { user } = client.welcome;
    connections.set(user, [client]);
    backs.push(client.closed.then(async ({ code }) => {
      assert.equal(code, 1001);
      connections.get(user).push(await connect(other, { user }));
    }));
  }
  const seen = (user) => connections.get(user).flatMap(({ received }) => received)
    .filter(({ value }) => isMessage(value)).map(({ value }) => value.content);
  const users = [...connections.keys()];
  const stopped = gateway.stop();
  let sent = 0;
  while (gateway.process.running) {
    for (const user of users) await sendAll(sender, user, [sent]);
    sent++;
  }
  await Promise.all([stopped, ...backs]);
  await until(() => users.every((user) => seen(user).includes(sent - 1)), DEADLINE, 'the last ones');
  for (const user of users) assert.deepEqual(seen(user), range(0, sent), user);
});

test('a mailbox that is longer than the output is read as fast as the client reads', async (t) => {
  const system = await System.start({
    gateways: 1, flags: ['--output-max', '128KiB', '--mailbox-max', 2000],
  });
  t.after(() => system.stop());
  const [gateway] = system.gateways;
  const bob = uniqueUser('bob');
  const sender = await connectUser(gateway, uniqueUser('sender'));
  const COUNT = 300;
  for (const number of range(0, COUNT)) {
    await sendAll(sender, bob, [[number, 'x'.repeat(20_000)]]);
  }
  const slow = await connect(gateway, { user: bob });
  slow.socket.pause();
  await until(async () => await gateway.metric('parley_output_messages') > 0, DEADLINE, 'a start');
  assert.ok(await gateway.metric('parley_output_bytes') <= 128 * 1024);
  const quick = await connectUser(gateway, bob, { device: 'quick' });
  assert.deepEqual((await contents(quick, COUNT)).map(([number]) => number), range(0, COUNT));
  slow.socket.resume();
  assert.deepEqual((await contents(slow, COUNT)).map(([number]) => number), range(0, COUNT));
});

test('who stops reading until its mailbox overflows is told a gap, in its place', async (t) => {
  const system = await System.start({
    flags: ['--mailbox-max', 50, '--max-message', '4KiB', '--output-max', '16KiB'],
  });
  t.after(() => system.stop());
  const [gateway] = system.gateways;
  const [sender, client] = await Promise.all([connectUser(gateway, uniqueUser()),
    connectUser(gateway, uniqueUser('bob'))]);
  client.socket.pause();
  const padding = 'x'.repeat(2000);
  const sent = [];
  for (let number = 0; number < 500; number++) {
    sent.push(...await sendAll(sender, client.welcome.user, [[number, padding]]));
  }
  client.socket.resume();
  await client.next(({ content }) => content?.[0] === 499);
  const frames = client.received.slice(1).map(({ value }) => value);
  const gaps = frames.filter(isGap);
  assert.ok(gaps.length > 0);
  for (const gap of gaps) assert.deepEqual([gap.reset, gap.epoch], [false, client.welcome.epoch]);
  let before = -1;
  let isGapTold = false;
  for (const frame of frames) {
    if (isGap(frame)) isGapTold = true;
    else {
      assert.equal(frame.id, sent[frame.content[0]].id);
      assert.ok(frame.content[0] === before + 1 || (isGapTold && frame.content[0] > before),
        `${frame.content[0]} behind ${before}`);
      [before, isGapTold] = [frame.content[0], false];
    }
  }
});

test('who has no room for the answers to its first frames leaves nothing behind', async (t) => {
  const flags = ['--max-message', '1KiB', '--output-max', '2KiB', '--max-sessions-per-user', 0];
  const system = await System.start({ flags });
  t.after(() => system.stop());
  const [gateway] = system.gateways;
  const [crowd, bob] = [uniqueUser('crowd'), uniqueUser('bob')];
  for (const user of [crowd, bob]) {
    await system.redis.command('EVAL',
      "for i = 1, 3000 do redis.call('XADD', KEYS[1], '*', 'n', '1') end",
      1, `parley:mailbox:{${user}}`);
  }
  // They read a mailbox of rubbish, an entry a page, so that others wait for their turn.
  const sockets = await Promise.all(range(0, 100).map(() =>
    RawSocket.open(gateway.port, `/?user=${crowd}`)));
  const bad = frame(TEXT, '{}');
  for (let closed = 0; closed < 5; closed++) {
    const from = gateway.log.length;
    const socket = await RawSocket.open(gateway.port, `/?user=${bob}`);
    socket.write(...range(0, 100).map(() => bad));
    await gateway.waitForLog('slow_session_closed', { user: bob }, { from });
    socket.destroy();
  }
  for (const socket of sockets) socket.destroy();
  await until(async () => await gateway.metric('parley_sessions', '{kind="native"}') === 0, DEADLINE,
    'all sessions to be gone');
  await assertReaches(await connectUser(gateway, uniqueUser('a')),
    await connectUser(gateway, uniqueUser('b')));
});

test('a gap is told once, also in front of a message that fills the output alone', async (t) => {
  const system = await System.start({ flags: ['--max-message', '1KiB', '--output-max', '2KiB'] });
  t.after(() => system.stop());
  const [gateway] = system.gateways;
  const bob = uniqueUser('bob');
  const key = `parley:mailbox:{${bob}}`;
  const long = `"sender":"a","receiver":"${bob}","content":"${'x'.repeat(3000)}"}`; // of a former limit
  await system.redis.command('XADD', key, '1-0', 'm', 'gone', 'peer', 'a');
  await system.redis.command('XADD', key, '2-0', 'm', long, 'peer', 'a');
  await system.redis.command('XDEL', key, '1-0');
  const client = await connectUser(gateway, bob, { since: '1-0' });
  assert.equal(client.welcome.gap, true);
  assert.equal((await client.next(isMessage)).id, '2-0');
  assert.ok(client.received.filter(({ value }) => isGap(value)).length <= 1);
});
