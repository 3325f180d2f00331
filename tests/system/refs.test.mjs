// A message is accepted once for its ref: sent again it is the same one, whichever way it comes.
import assert from 'node:assert/strict';
import { connectUser, expectNothingBefore, uniqueUser } from './lib/client.mjs';
import { Proxy } from './lib/proxy.mjs';
import { System } from './lib/system.mjs';
import { after, before, describe, test } from './lib/test.mjs';
import { DEADLINE, until } from './lib/wait.mjs';

// The answer to one request.
async function ask(client, request) {
  client.send(request);
  return client.next(({ ref }) => ref === request.ref);
}

const stored = (redis, user) => redis.command('XLEN', `parley:mailbox:{${user}}`);

describe('a ref', () => {
  const REF_TTL_MS = 2000;
  let system;
  let one;
  let two;
  let brief; // forgets refs soon
  before(async () => {
    system = await System.start({ gateways: 2 });
    [one, two] = system.gateways;
    brief = await system.addGateway(['--ref-ttl', `${REF_TTL_MS}ms`]);
  });
  after(() => system?.stop());

  test('with the same bytes is the same message, on any gateway and after a reconnect', async () => {
    const [alice, bob] = [uniqueUser('alice'), uniqueUser('bob')];
    const receiver = await connectUser(two, bob);
    const first = await connectUser(one, alice);
    const other = await connectUser(two, alice);
    const message = { receiverID: bob, content: { n: 1 }, ref: 'r' };
    const answers = await Promise.all([ask(first, message), ask(other, message)]);
    answers.push(await ask(first, message));
    await first.end();
    const again = await connectUser(two, alice);
    // What counts is the frame that the receiver gets, not how it was written.
    answers.push(await ask(again, { type: 'message', ref: 'r', sender: alice, ...message }));
    assert.deepEqual(answers, answers.map(() => ({ ...answers[0], type: 'sent', ref: 'r' })));
    assert.equal(answers[0].online, true);

    assert.equal((await receiver.next()).id, answers[0].id);
    await expectNothingBefore(receiver, again, bob);
    assert.equal(await stored(system.redis, bob), 2);
    assert.equal(await system.redis.command('XLEN', `parley:mailbox:{${alice}}`), 2); // copies
    const repeated = await Promise.all([one, two].map((gateway) =>
      gateway.metric('parley_messages_repeated_total')));
    assert.equal(repeated[0] + repeated[1], 3);
  });

  test('twice in one batch is one message, with two answers', async () => {
    const bob = uniqueUser('bob');
    const alice = await connectUser(one, uniqueUser('alice'));
    const message = { receiverID: bob, content: 1, ref: 'twin' };
    alice.send([message, message]);
    const [first, second] = await alice.take(2);
    assert.equal(first.type, 'sent');
    assert.deepEqual(second, first);
    assert.equal(await stored(system.redis, bob), 1);
  });

  test('with other bytes is a conflict, and nothing is stored or pushed', async () => {
    const bob = uniqueUser('bob');
    const receiver = await connectUser(two, bob);
    const alice = await connectUser(one, uniqueUser('alice'));
    const refused = () => one.metric('parley_messages_refused_total', '{code="ref_conflict"}');
    const before = await refused();
    alice.send(`{"receiverID":"${bob}","ref":"r","content":[1,2]}`);
    const { id } = await alice.next();
    for (const content of ['[1, 2]', '[1,2.0]', '"other"']) {
      alice.send(`{"receiverID":"${bob}","ref":"r","content":${content}}`);
      const { type, code, ref, message } = await alice.next();
      assert.deepEqual([type, code, ref], ['error', 'ref_conflict', 'r']);
      assert.match(message, /not stored/);
    }
    assert.equal(await refused(), before + 3);
    // The first one is still known.
    alice.send(`{ "receiverID" : "${bob}" , "ref":"r", "content" : [1,2] }`);
    assert.equal((await alice.next()).id, id);
    assert.equal((await receiver.next()).id, id);
    await expectNothingBefore(receiver, alice, bob);
  });

  test('is of one sender and one receiver', async () => {
    const [bob, carol] = [uniqueUser('bob'), uniqueUser('carol')];
    const alice = await connectUser(one, uniqueUser('alice'));
    const dave = await connectUser(one, uniqueUser('dave'));
    const ids = [];
    for (const [client, receiverID] of [[alice, bob], [alice, carol], [dave, bob]]) {
      const { type, id } = await ask(client, { receiverID, content: receiverID, ref: 'same' });
      assert.equal(type, 'sent');
      ids.push(id);
    }
    assert.equal(await stored(system.redis, bob), 2);
    assert.equal(await stored(system.redis, carol), 1);
  });

  test('without one the same message is stored again', async () => {
    const bob = uniqueUser('bob');
    const alice = await connectUser(one, uniqueUser('alice'));
    const receiver = await connectUser(two, bob);
    alice.send([{ receiverID: bob, content: 1 }, { receiverID: bob, content: 1 }]);
    const [first, second] = await receiver.take(2);
    assert.notEqual(first.id, second.id);
    assert.equal(await stored(system.redis, bob), 2);
  });

  test('--ref-ttl: is known for so long, and then it is new', async () => {
    const bob = uniqueUser('bob');
    const alice = await connectUser(brief, uniqueUser('alice'));
    const message = { receiverID: bob, content: 1, ref: 'r:{1}' };
    const key = `parley:ref:{${bob}}:${alice.welcome.user}:r%3A%7B1%7D`;
    const first = await ask(alice, message);
    assert.equal((await system.redis.command('GET', key)).split(' ')[0], first.id);
    const left = await system.redis.command('PTTL', key);
    assert.ok(left > 0 && left <= REF_TTL_MS, `${left} ms`);
    await until(async () => await system.redis.command('EXISTS', key) === 0, DEADLINE,
      'the ref to expire');
    const second = await ask(alice, message);
    assert.equal(second.type, 'sent');
    assert.notEqual(second.id, first.id);
    assert.equal(await stored(system.redis, bob), 2);
  });
});

describe('an answer that is lost', () => {
  let system;
  let proxy;
  let behind; // the gateway behind the proxy
  let direct;
  before(async () => {
    system = await System.start();
    [direct] = system.gateways;
    proxy = await Proxy.start(system.redis.port);
    behind = await system.addGateway([], { redis: proxy });
  });
  after(async () => {
    await system?.stop();
    await proxy?.stop();
  });

  for (const [what, lose, stores] of [
    ['the answer', () => proxy.hold({ kind: 'command' }), 1],
    ['the message', () => proxy.swallow({ kind: 'command', direction: 'toRedis' }), 0],
  ]) {
    test(`${what} never arrives: unknown, and sent again it is there once`, async () => {
      const [alice, bob] = [uniqueUser('alice'), uniqueUser('bob')];
      const sender = await connectUser(behind, alice);
      const receiver = await connectUser(direct, bob);
      const message = { receiverID: bob, content: what, ref: uniqueUser('ref') };
      const from = behind.log.length;

      lose();
      sender.send(message);
      if (stores) await until(() => stored(system.redis, bob), DEADLINE, 'it to be stored');
      const error = await sender.next(({ ref }) => ref === message.ref);
      assert.equal(error.code, 'unknown');
      assert.match(error.message, /same ref/);
      assert.equal(await stored(system.redis, bob), stores);

      proxy.cut({ kind: 'command' });
      await behind.waitForLog('ready', {}, { from });
      const again = await ask(sender, message);
      assert.equal(again.type, 'sent');
      const elsewhere = await ask(await connectUser(direct, alice), message);
      assert.equal(elsewhere.id, again.id);
      assert.equal((await receiver.next()).id, again.id);
      await expectNothingBefore(receiver, sender, bob);
      assert.equal(await stored(system.redis, bob), 2); // with the marker
    });
  }
});
