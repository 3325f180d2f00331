// What a user sends is told to the user's other sessions, and kept for those that are away.
import assert from 'node:assert/strict';
import { connect, connectPair, connectUser, expectNothingBefore, uniqueUser } from './lib/client.mjs';
import { System } from './lib/system.mjs';
import { after, before, describe, test } from './lib/test.mjs';
import { DEADLINE, until } from './lib/wait.mjs';

// Sends one message, and resolves with its answer.
async function send(client, receiverID, content, ref = uniqueUser('ref')) {
  client.send({ receiverID, content, ref });
  const answer = await client.next((frame) => frame.ref === ref);
  assert.equal(answer.type, 'sent', JSON.stringify(answer));
  return answer;
}

// The entries of a mailbox: { id, m, peer, g, s }.
async function entries(redis, user) {
  return (await redis.command('XRANGE', `parley:mailbox:{${user}}`, '-', '+')).map(([id, fields]) => ({
    id,
    ...Object.fromEntries(fields.flatMap((field, at) => (at % 2 === 0 ? [[field, fields[at + 1]]] : []))),
  }));
}

describe('a copy', () => {
  let system;
  let one;
  let two;
  let carol; // sends the markers: what was published before them has come before
  before(async () => {
    system = await System.start({ gateways: 2 });
    [one, two] = system.gateways;
    carol = await connectUser(one, uniqueUser('carol'));
  });
  after(() => system?.stop());

  // Nothing is on its way to these sessions of `user`.
  async function expectNothing(user, ...clients) {
    const [first, ...others] = clients;
    await expectNothingBefore(first, carol, user);
    for (const client of others) assert.match((await client.next()).content, /^marker/);
  }

  test("is a frame for the sender's other sessions, on all gateways, and an entry", async () => {
    const [alice, bob] = [uniqueUser('alice'), uniqueUser('bob')];
    const sender = await connectUser(one, alice);
    const others = [
      await connectUser(one, alice), await connectUser(two, alice, { device: 'phone' })];
    const receiver = await connectUser(two, bob);
    const made = await one.metric('parley_copies_total', '{result="made"}');

    const sent = await send(sender, bob, { a: 1 }, 'r"1');
    const [entry, ...more] = await entries(system.redis, alice);
    assert.equal(more.length, 0);
    assert.deepEqual(entry, {
      id: entry.id,
      m: `"copy":{"id":"${sent.id}","session":"${sender.welcome.session}","ref":"r\\"1"},`
        + `"sender":"${alice}","receiver":"${bob}","content":{"a":1}}`,
      peer: bob,
      g: sender.welcome.gateway,
      s: sender.welcome.session,
    });
    for (const other of others) {
      assert.deepEqual(await other.next(), {
        type: 'message',
        id: entry.id,
        ts: Number(entry.id.split('-')[0]),
        copy: { id: sent.id, session: sender.welcome.session, ref: 'r"1' },
        sender: alice,
        receiver: bob,
        content: { a: 1 },
      });
    }
    await expectNothing(alice, sender, ...others); // to the session that sent it neither
    assert.deepEqual(Object.keys(await receiver.next()),
      ['type', 'id', 'ts', 'sender', 'receiver', 'content']);
    await expectNothing(bob, receiver);
    assert.equal((await entries(system.redis, bob))[0].peer, alice);
    // carol's markers, which are copied too, are from this gateway as well.
    assert.ok(await one.metric('parley_copies_total', '{result="made"}') > made);
    assert.equal(await one.metric('parley_copies_total', '{result="refused"}'), 0);
  });

  test('of a message without ref has none', async () => {
    const [alice, bob] = [uniqueUser('alice'), uniqueUser('bob')];
    const sender = await connectUser(one, alice);
    const other = await connectUser(two, alice);
    sender.send({ receiverID: bob, content: 1 });
    const { copy } = await other.next();
    assert.deepEqual(copy, {
      id: (await entries(system.redis, bob))[0].id, session: sender.welcome.session,
    });
  });

  test('is pulled by a session that comes later, in its place among what was received', async () => {
    const [alice, bob] = [uniqueUser('alice'), uniqueUser('bob')];
    const sender = await connectUser(one, alice);
    const answerer = await connectUser(two, bob);
    const ids = [];
    for (const n of [1, 2, 3]) {
      ids.push((await send(sender, bob, `question ${n}`)).id);
      await send(answerer, alice, `answer ${n}`);
    }
    const phone = await connectUser(two, alice, { device: 'phone' });
    const frames = await phone.take(6);
    assert.deepEqual(frames.map(({ content }) => content),
      [1, 2, 3].flatMap((n) => [`question ${n}`, `answer ${n}`]));
    assert.deepEqual(frames.map(({ copy }) => copy?.id), ids.flatMap((id) => [id, undefined]));
    await expectNothing(alice, phone);
  });

  test('moves the cursor of the session that sent it, which has it without being told', async () => {
    const [alice, bob] = [uniqueUser('alice'), uniqueUser('bob')];
    const sender = await connectUser(one, alice);
    await send(sender, bob, 'mine');
    const [{ id }] = await entries(system.redis, alice);
    await until(async () => await system.redis.command('HGET', `parley:cursor:{${alice}}`, 'default')
      === id, DEADLINE, 'the cursor to be at the copy');
    await sender.end();
    await expectNothing(alice, await connectUser(two, alice));
  });

  test('goes to no pair session, neither pushed nor pulled', async () => {
    const [alice, bob, dave] = [uniqueUser('alice'), uniqueUser('bob'), uniqueUser('dave')];
    const pair = await connectPair(two, alice, bob);
    const sender = await connectUser(one, alice);
    await send(sender, dave, 'a copy for nobody');
    await expectNothing(alice, pair);
    const late = await connect(two, { userA: alice });
    assert.match((await late.next()).content, /^marker/);
    await expectNothing(alice, late);
  });

  test('is made of what a pair session sends, and comes to it as the message alone', async () => {
    const [alice, bob] = [uniqueUser('alice'), uniqueUser('bob')];
    const pair = await connectPair(two, alice, bob);
    const native = await connectUser(one, alice);
    pair.send([{ sender: alice, receiverID: bob, content: 'hi' }]);
    const frame = await pair.next();
    assert.deepEqual([frame.content, frame.copy], ['hi', undefined]);
    const { copy, content } = await native.next();
    assert.equal(content, 'hi');
    assert.equal(copy.id, frame.id);
    assert.match(copy.session, /^[0-9a-f]{16}$/);
    await expectNothing(alice, pair);
    await expectNothing(bob, pair);
  });

  test('there is none of a message to oneself, which all sessions get', async () => {
    const alice = uniqueUser('alice');
    const sessions = [await connectUser(one, alice), await connectUser(two, alice)];
    sessions[0].send({ receiverID: alice, content: 'note' });
    for (const session of sessions) {
      const { content, copy } = await session.next();
      assert.deepEqual([content, copy], ['note', undefined]);
    }
    await expectNothing(alice, ...sessions);
    const [note, marker, ...more] = await entries(system.redis, alice);
    assert.match(note.m, /"note"/);
    assert.match(marker.m, /"marker/);
    assert.deepEqual(more, []);
  });

  test('--copies off: there is none', async () => {
    const gateway = await system.addGateway(['--copies', 'off']);
    const [alice, bob] = [uniqueUser('alice'), uniqueUser('bob')];
    const sender = await connectUser(gateway, alice);
    const other = await connectUser(two, alice);
    await send(sender, bob, 'for bob alone');
    assert.equal((await entries(system.redis, bob)).length, 1);
    assert.deepEqual(await entries(system.redis, alice), []);
    await expectNothing(alice, other);
    assert.equal(await gateway.metric('parley_copies_total', '{result="made"}'), 0);
  });
});
