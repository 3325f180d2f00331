// A message reaches every session of its receiver, once, in order, byte by byte, on any gateway.
import assert from 'node:assert/strict';
import { connectPair, connectUser, expectNothingBefore, uniqueUser } from './lib/client.mjs';
import { System } from './lib/system.mjs';
import { after, before, describe, test } from './lib/test.mjs';

describe('delivery', () => {
  let system;
  let gateways;
  before(async () => {
    system = await System.start({ gateways: 3, flags: ['--max-sessions-per-user', 32] });
    gateways = system.gateways;
  });
  after(() => system?.stop());

  for (const [name, from, to] of [['one gateway', 0, 0], ['two gateways', 0, 1]]) {
    test(`a message and its answer on ${name}`, async () => {
      const [alice, bob] = [uniqueUser('alice'), uniqueUser('bob')];
      const a = await connectUser(gateways[from], alice);
      const b = await connectUser(gateways[to], bob);

      a.send({ receiverID: bob, content: 'hello' });
      const hello = await b.next();
      assert.deepEqual(Object.keys(hello), ['type', 'id', 'ts', 'sender', 'receiver', 'content']);
      assert.equal(hello.type, 'message');
      assert.match(hello.id, /^\d+-\d+$/);
      assert.equal(hello.ts, Number(hello.id.split('-')[0]));
      assert.ok(Math.abs(Date.now() - hello.ts) < 60_000);
      assert.deepEqual([hello.sender, hello.receiver, hello.content], [alice, bob, 'hello']);

      b.send({ receiverID: alice, content: 'hello yourself' });
      assert.equal((await a.next()).content, 'hello yourself');
      await expectNothingBefore(b, a, bob);
    });
  }

  test('three gateways: everybody with everybody', async () => {
    const people = await Promise.all(gateways.map(async (gateway) => {
      const user = uniqueUser();
      return { user, client: await connectUser(gateway, user) };
    }));
    for (const { client } of people) {
      client.send(people.map(({ user }) => ({ receiverID: user, content: 'hello' })));
    }
    for (const { user, client } of people) {
      const frames = await client.take(3);
      assert.deepEqual(frames.map(({ sender }) => sender).sort(),
        people.map((person) => person.user).sort());
      assert.ok(frames.every(({ receiver }) => receiver === user));
    }
  });

  test('every session of the receiver gets it once, wherever it is', async () => {
    const [alice, bob] = [uniqueUser('alice'), uniqueUser('bob')];
    const sender = await connectUser(gateways[0], alice);
    const sessions = await Promise.all(gateways.flatMap((gateway) => [
      connectUser(gateway, bob), connectUser(gateway, bob, { device: 'phone' }),
      connectUser(gateway, bob, { device: 'phone' }), connectPair(gateway, bob, uniqueUser()),
    ]));

    sender.send([1, 2, 3].map((content) => ({ receiverID: bob, content })));
    for (const session of sessions) {
      assert.deepEqual((await session.take(3)).map(({ content }) => content), [1, 2, 3]);
    }
    sender.send({ receiverID: bob, content: 'last' });
    for (const session of sessions) assert.equal((await session.next()).content, 'last');
  });

  test('the order of one sender is kept, and ids grow', async () => {
    const bob = uniqueUser('bob');
    const receiver = await connectUser(gateways[1], bob);
    const senders = await Promise.all(gateways.map((gateway) =>
      connectUser(gateway, uniqueUser())));

    const count = 1000;
    for (let number = 0; number < count; number++) {
      for (const sender of senders) sender.send({ receiverID: bob, content: number });
    }
    const frames = await receiver.take(senders.length * count);
    for (const { welcome } of senders) {
      const numbers = frames.filter(({ sender }) => sender === welcome.user)
        .map(({ content }) => content);
      assert.deepEqual(numbers, [...Array(count).keys()]);
    }
    const ids = frames.map(({ id }) => id.split('-').map(BigInt));
    assert.ok(ids.every(([ms, seq], at) => at === 0 || ms > ids[at - 1][0]
      || (ms === ids[at - 1][0] && seq > ids[at - 1][1])), 'ids grow strictly');
    await expectNothingBefore(receiver, senders[0], bob);
  });

  test('a batch is handled in order, and larger than one turn', async () => {
    const [bob, carol] = [uniqueUser('bob'), uniqueUser('carol')];
    const sender = await connectUser(gateways[0], uniqueUser());
    const [b, c] = [await connectUser(gateways[1], bob), await connectUser(gateways[2], carol)];

    for (let batch = 0; batch < 10; batch++) {
      sender.send(Array.from({ length: 100 }, (_, at) => ({
        receiverID: at % 2 ? bob : carol, content: batch * 100 + at, ref: `${batch * 100 + at}`,
      })));
    }
    const expected = [...Array(1000).keys()];
    assert.deepEqual((await b.take(500)).map(({ content }) => content),
      expected.filter((number) => number % 2));
    assert.deepEqual((await c.take(500)).map(({ content }) => content),
      expected.filter((number) => !(number % 2)));
    assert.deepEqual((await sender.take(1000)).map(({ ref }) => Number(ref)), expected);
  });

  test('content is any JSON, and arrives byte by byte', async () => {
    const [alice, bob] = [uniqueUser('alice'), uniqueUser('bob')];
    const a = await connectUser(gateways[0], alice);
    const b = await connectUser(gateways[1], bob);
    const contents = [
      'null', 'true', 'false', '0', '-0', '1.0', '12345678901234567890', '1e400', '-1.50E+02',
      '3.141592653589793238462643383279', '""', '"text"', '"\\ud800"', '"\\u0000"', '"\\u0041\\/"',
      '"\\"\\\\\\b\\f\\n\\r\\t"', '"ünïcödé 发送 😀"', '"\u2028\u2029\u007f"', '"<script>&amp;"',
      '[]', '{}', '[1, 2 ,\n3\t]', '{"b":1,"a":2}', '{"a":1,"a":2}', '{"":{"":[[[]]]}}',
      '{ "type" : "typing", "sender" : "mallory", "receiverID":"nobody", "content":1 }',
      `"${'long '.repeat(10_000)}"`,
    ];

    for (const content of contents) {
      a.send(`{"content": ${content} ,"receiverID":"${bob}"}`);
      await b.next();
      const { text } = b.received.at(-1);
      assert.equal(text.slice(text.indexOf('"content":')), `"content":${content}}`);
    }
  });

  test('a message to oneself goes to all sessions, the sending one too', async () => {
    const alice = uniqueUser('alice');
    const sessions = [await connectUser(gateways[0], alice), await connectUser(gateways[1], alice)];
    sessions[0].send({ receiverID: alice, content: 'a note', sender: alice });
    for (const session of sessions) assert.equal((await session.next()).content, 'a note');
    const mailbox = await system.redis.command('XLEN', `parley:mailbox:{${alice}}`);
    assert.equal(mailbox, 1);
    await expectNothingBefore(sessions[1], sessions[0], alice);
  });

  test('a burst of messages arrives whole', async () => {
    const bob = uniqueUser('bob');
    const sender = await connectUser(gateways[0], uniqueUser());
    const receiver = await connectUser(gateways[1], bob);
    // Sizes around those at which a frame's header grows (RFC 6455, section 5.2).
    const sizes = [0, 1, 20, 125, 126, 127, 300, 1000, 5000, 65_000];
    const contents = Array.from({ length: 1000 }, (_, at) => 'x'.repeat(
      at % 100 ? sizes[at % 8] : sizes[(at / 100) % sizes.length]));

    for (const content of contents) sender.send({ receiverID: bob, content });
    const frames = await receiver.take(contents.length);
    assert.ok(frames.every(({ content }, at) => content === contents[at]));
  });

  test('what is published is what the client receives, and Redis keeps it', async () => {
    const [alice, bob] = [uniqueUser('alice'), uniqueUser('bo{b')];
    const name = bob.replace('{', '%7B');
    const a = await connectUser(gateways[0], alice);
    const b = await connectUser(gateways[1], bob);
    const channel = await system.redis.subscribe(`parley:user:{${name}}`);

    a.send({ receiverID: bob, content: { note: 'ünï' }, ref: 'r' });
    const published = await channel.next();
    channel.close();
    const { id, ts } = await b.next();
    const received = b.received.at(-1).text;
    assert.equal(published.toString(), received);
    const { online, ...sent } = await a.next();
    assert.deepEqual(sent, { type: 'sent', ref: 'r', id, ts });
    assert.equal(online, true);

    const key = `parley:mailbox:{${name}}`;
    const [[entry, pairs]] = await system.redis.command('XRANGE', key, '-', '+');
    const fields = Object.fromEntries(pairs.flatMap((field, at) =>
      (at % 2 ? [] : [[field, pairs[at + 1]]])));
    assert.equal(entry, id);
    assert.deepEqual(Object.keys(fields).sort(), ['g', 'm', 'peer', 's']);
    assert.equal(`{"type":"message","id":"${id}","ts":${ts},${fields.m}`, received);
    assert.equal(fields.peer, alice);
    assert.match(fields.g, /^g1/);
    assert.equal(fields.s, a.welcome.session);
    const days = await system.redis.command('TTL', key) / 86400;
    assert.ok(days > 29 && days <= 30, `--mailbox-ttl: ${days}`);
  });

  test('a mailbox is trimmed to about --mailbox-max', async () => {
    const gateway = await system.addGateway(['--mailbox-max', 100, '--mailbox-ttl', '1m']);
    const bob = uniqueUser('bob');
    const sender = await connectUser(gateway, uniqueUser());
    for (let batch = 0; batch < 5; batch++) {
      sender.send(Array(100).fill({ receiverID: bob, content: 1 }));
    }
    sender.send({ receiverID: bob, content: 'last', ref: 'last' });
    await sender.next();
    const length = await system.redis.command('XLEN', `parley:mailbox:{${bob}}`);
    assert.ok(length >= 100 && length <= 200, `${length} entries`); // MAXLEN ~: up to a node more
    assert.ok(await system.redis.command('TTL', `parley:mailbox:{${bob}}`) <= 60);
  });

  describe('from somebody else, by PUBLISH', () => {
    test('a message is delivered as it is', async () => {
      const bob = uniqueUser('bob');
      const native = await connectUser(gateways[0], bob);
      const sessions = [native, await connectPair(gateways[1], bob, uniqueUser())];
      const frames = [
        `{"type":"message","sender":"cron","receiver":"${bob}","content":"backup done"}`,
        `{ "type":"message" , "content" : {"deep":[[[[1e400]]]]}, "more":"ünï"}`,
        `{"content":1,"type":"message","id":"${Date.now()}-0","ts":1}`,
      ];
      for (const frame of frames) {
        const receivers = await system.redis.cli('PUBLISH', `parley:user:{${bob}}`, frame);
        assert.equal(receivers, '2');
      }
      for (const session of sessions) {
        await session.take(frames.length);
        assert.deepEqual(session.received.slice(-frames.length).map(({ text }) => text), frames);
      }
    });

    test('a signal reaches native sessions only', async () => {
      const bob = uniqueUser('bob');
      const native = await connectUser(gateways[0], bob);
      const pair = await connectPair(gateways[0], bob, uniqueUser());
      const typing = `{"type":"typing","sender":"alice","receiver":"${bob}"}`;
      await system.redis.cli('PUBLISH', `parley:user:{${bob}}`, typing);
      assert.equal((await native.next()).type, 'typing');
      await expectNothingBefore(pair, native, bob);
    });

    test('what is not a frame is dropped and counted', async () => {
      const bob = uniqueUser('bob');
      const client = await connectUser(gateways[0], bob);
      const bad = [
        '', 'hello', '[]', '[{"type":"message"}]', '{}', '{"type":"nonsense"}', '{"type":1}', '{',
        '{"type":"message"} {"type":"message"}', '{"type":"message","content":01}',
        '\ufeff{"type":"message"}', Buffer.from('{"type":"message","content":"\xff"}', 'latin1'),
        `{"type":"message","content":"${'x'.repeat(65 * 1024)}"}`,
        `{"type":"message","content":${'['.repeat(1000)}${']'.repeat(1000)}}`,
      ];
      const before = await gateways[0].metric('parley_published_total', '{result="dropped"}');
      for (const bytes of bad) {
        await system.redis.command('PUBLISH', `parley:user:{${bob}}`, bytes);
      }
      await expectNothingBefore(client, client, bob);
      const dropped = await gateways[0].metric('parley_published_total', '{result="dropped"}');
      assert.equal(dropped - before, bad.length);
    });
  });
});
