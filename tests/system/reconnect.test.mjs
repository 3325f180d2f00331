// Connections come and go quickly, and a session is reachable from its first moment on.
import assert from 'node:assert/strict';
import { connect, connectUser, uniqueUser } from './lib/client.mjs';
import { System } from './lib/system.mjs';
import { after, before, describe, test } from './lib/test.mjs';
import { DEADLINE, until } from './lib/wait.mjs';

describe('reconnecting', () => {
  let system;
  let one;
  let two;
  before(async () => {
    system = await System.start({ gateways: 2 });
    [one, two] = system.gateways;
  });
  after(() => system?.stop());

  const isMessage = ({ type }) => type === 'message';

  function subscribers(user) {
    return system.redis.subscribers(`parley:user:{${user}}`);
  }

  test('what is sent as soon as the connection is open arrives, 300 times', async () => {
    // Ten at a time: SUBSCRIBE and the first message race each other on busy connections.
    await Promise.all(Array.from({ length: 10 }, async (_, lane) => {
      for (let round = 0; round < 30; round++) {
        const user = `self-${lane}-${round}`;
        const client = await connect(lane % 2 ? one : two, { user });
        client.send({ receiverID: user, content: round });
        assert.equal((await client.next(isMessage)).content, round);
        client.socket.close();
      }
    }));
  });

  test('what is sent just before leaving is stored', async () => {
    const receiver = uniqueUser('receiver');
    await Promise.all(Array.from({ length: 50 }, async (_, index) => {
      const user = uniqueUser('leaving');
      const client = await connect(one, index % 2 ? { user } : { userA: user });
      client.send([{ receiverID: receiver, content: index }]);
      client.socket.close();
    }));
    const stored = () => system.redis.command('XLEN', `parley:mailbox:{${receiver}}`);
    await until(async () => await stored() === 50, DEADLINE, '50 messages in the mailbox');
  });

  test('a receiver is there for another gateway with its welcome', async () => {
    const alice = await connectUser(one, uniqueUser('alice'));
    for (let round = 0; round < 100; round++) {
      const client = await connectUser(two, `fresh-${round}`);
      alice.send({ receiverID: `fresh-${round}`, content: round });
      assert.equal((await client.next()).content, round);
      client.socket.close();
    }
  });

  test('a user who reconnects again and again stays reachable', async () => {
    const [alice, bob] = [uniqueUser('alice'), uniqueUser('bob')];
    const sender = await connectUser(one, alice);
    let client = await connectUser(two, bob);
    for (let round = 0; round < 100; round++) {
      const old = client;
      if (round % 3 === 0) old.socket.terminate(); // gone first
      client = await connectUser(two, bob);
      old.socket.close(); // or replaced first
      sender.send({ receiverID: bob, content: round });
      await client.next(({ content }) => content === round);
    }
    assert.equal(await subscribers(bob), 1);
    await client.end();
    await until(async () => await subscribers(bob) === 0, DEADLINE, 'no subscription to be left');
  });

  test('the last session to close ends the subscription, not an earlier one', async () => {
    const bob = uniqueUser('bob');
    const sessions = [];
    for (let count = 0; count < 3; count++) sessions.push(await connectUser(one, bob));
    assert.equal(await subscribers(bob), 1, 'one for all sessions of a gateway');
    const elsewhere = await connectUser(two, bob);
    assert.equal(await subscribers(bob), 2);

    await elsewhere.end();
    await until(async () => await subscribers(bob) === 1, DEADLINE, 'the other gateway to leave');
    await sessions[0].end();
    await sessions[1].end();
    sessions[2].send({ receiverID: bob, content: 'still here' });
    assert.equal((await sessions[2].next()).content, 'still here');
    await sessions[2].end();
    await until(async () => await subscribers(bob) === 0, DEADLINE, 'no subscription to be left');
  });

  test('a thousand that leave at once leave nothing behind', async () => {
    const clients = await Promise.all(Array.from({ length: 500 }, (_, at) =>
      connect(at % 2 ? one : two, { userA: `left-${at}`, userB: `right-${at}` })));
    await Promise.all([one.subscribed(), two.subscribed()]);
    assert.equal(await subscribers('left-0'), 1);
    for (const client of clients) client.socket.terminate();
    const channels = () => system.redis.command('PUBSUB', 'CHANNELS', 'parley:user:{left-*');
    await until(async () => (await channels()).length === 0, DEADLINE, 'all to be unsubscribed');
    await until(async () => await one.metric('parley_sessions', '{kind="pair"}') === 0, DEADLINE,
      'no session to be left');
  });
});
