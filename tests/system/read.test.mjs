// What was read: kept in Redis, only ever forward, and told to the reader's other sessions.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { connectPair, connectUser, expectNothingBefore, uniqueUser } from './lib/client.mjs';
import { System } from './lib/system.mjs';
import { after, before, describe, test } from './lib/test.mjs';
import { DEADLINE, until } from './lib/wait.mjs';

const DAY_MS = 86_400_000;

describe('read', () => {
  let system;
  let gateways;
  let redis;
  before(async () => {
    system = await System.start({ gateways: 2 });
    ({ gateways, redis } = system);
  });
  after(() => system?.stop());

  const noted = (reader) => redis.command('HGETALL', `parley:read:{${reader}}`);
  const marks = (result) => gateways[0].metric('parley_read_marks_total', `{result="${result}"}`);

  test('the writer and the other sessions of the reader are told, and not the session itself',
    async () => {
      const [alice, bob] = [uniqueUser('alice'), uniqueUser('bob')];
      const reader = await connectUser(gateways[0], alice);
      const others = [await connectUser(gateways[0], alice), await connectUser(gateways[1], alice)];
      const writer = await connectUser(gateways[1], bob);

      reader.send({ type: 'read', receiverID: bob, id: '1700000000000-4' });
      const signal = { type: 'read', sender: alice, receiver: bob, id: '1700000000000-4' };
      assert.deepEqual(await writer.next(), signal);
      for (const other of others) {
        assert.deepEqual(await other.next(), { ...signal, session: reader.welcome.session });
      }
      await expectNothingBefore(reader, reader, alice);
      assert.deepEqual(await noted(alice), [bob, '1700000000000-4']);
      assert.deepEqual(await noted(bob), []);

      const [behind, frame] = [others[1].received.at(-1).text, `{"type":"read","session":"`
        + `${reader.welcome.session}","sender":"${alice}","receiver":"${bob}","id":"${signal.id}"}`];
      assert.ok(others[1].received.some(({ text }) => text === frame), behind);
    });

  test('goes forward only: what was read before is told to the writer alone', async () => {
    const [alice, bob] = [uniqueUser('alice'), uniqueUser('b:{o}b')];
    const reader = await connectUser(gateways[0], alice);
    const other = await connectUser(gateways[1], alice);
    const writer = await connectUser(gateways[1], bob);
    const [moved, old] = [await marks('moved'), await marks('old')];
    const field = bob.replaceAll(':', '%3A').replace('{', '%7B').replace('}', '%7D');
    const HIGH = '18446744073709551614';
    for (const [id, forward] of [['9-9', true], ['9-10', true], ['9-9', false], ['9-10', false],
      ['10-0', true], ['9-11', false], [`10-${HIGH}`, true], ['10-18446744073709551613', false],
      [`${HIGH}-0`, true], [`10-${HIGH}`, false]]) {
      const earlier = await noted(alice);
      reader.send({ type: 'read', receiverID: bob, id });
      assert.equal((await writer.next()).id, id);
      if (forward) assert.equal((await other.next()).id, id);
      assert.deepEqual(await noted(alice), forward ? [field, id] : earlier, id);
    }
    await expectNothingBefore(other, reader, alice);
    assert.deepEqual([await marks('moved'), await marks('old')], [moved + 5, old + 5]);
  });

  test('is kept for twice --mailbox-ttl from the last one on', async () => {
    const alice = uniqueUser('alice');
    const key = `parley:read:{${alice}}`;
    const [one, two] = [await connectUser(gateways[0], alice), await connectUser(gateways[1], alice)];
    for (const id of ['1-1', '1-2']) {
      one.send({ type: 'read', receiverID: 'bob', id });
      await two.next();
      const ttl = await redis.command('PTTL', key);
      assert.ok(ttl > 60 * DAY_MS - DEADLINE && ttl <= 60 * DAY_MS, `${ttl} ms`);
      await redis.command('PEXPIRE', key, '1000000');
    }
    const forever = await system.addGateway(['--mailbox-ttl', '0']);
    await redis.command('PERSIST', key);
    const three = await connectUser(forever, alice);
    three.send({ type: 'read', receiverID: 'bob', id: '1-3' });
    await two.next();
    assert.equal(await redis.command('PTTL', key), -1);
  });

  test('of what one wrote oneself the other sessions are told once', async () => {
    const alice = uniqueUser('alice');
    const [one, two] = [await connectUser(gateways[0], alice), await connectUser(gateways[1], alice)];
    one.send({ type: 'read', receiverID: alice, id: '1-1' });
    assert.equal((await two.next()).session, one.welcome.session);
    await expectNothingBefore(two, one, alice);
    assert.equal((await one.next()).type, 'message', 'the marker');
    assert.deepEqual(await noted(alice), [alice, '1-1']);
  });

  test('of a pair session is noted for the user who is its sender', async () => {
    const [a, b] = [uniqueUser('a'), uniqueUser('b')];
    const pair = await connectPair(gateways[0], a, b);
    const [native, writer] = [await connectUser(gateways[1], b), await connectUser(gateways[1], 'w')];
    pair.send({ type: 'read', sender: b, receiverID: 'w', id: '1-1' });
    assert.equal((await writer.next()).sender, b);
    assert.match((await native.next()).session, /^[0-9a-f]{16}$/);
    assert.deepEqual([await noted(a), await noted(b)], [[], ['w', '1-1']]);
    await expectNothingBefore(pair, pair, b);
  });

  test('works while Redis is full', async () => {
    const alice = uniqueUser('alice');
    const [one, two] = [await connectUser(gateways[0], alice), await connectUser(gateways[1], alice)];
    await redis.command('CONFIG', 'SET', 'maxmemory', '1');
    try {
      one.send({ type: 'read', receiverID: 'bob', id: '1-1' });
      assert.equal((await two.next()).id, '1-1');
      assert.deepEqual(await noted(alice), ['bob', '1-1']);
    } finally {
      await redis.command('CONFIG', 'SET', 'maxmemory', '0');
    }
  });

  test('is remembered for 1000 others: above that a low one goes', async () => {
    const alice = uniqueUser('alice');
    const key = `parley:read:{${alice}}`;
    const [one, two] = [await connectUser(gateways[0], alice), await connectUser(gateways[1], alice)];
    const fields = Array.from({ length: 1000 }, (_, at) => [`peer-${at}`, at < 990 ? `${at}-0` : 'x']);
    await redis.command('HSET', key, ...fields.flat());
    for (let number = 1; number <= 20; number++) {
      one.send({ type: 'read', receiverID: `new-${number}`, id: '0-1' });
      await two.next();
      assert.equal(await redis.command('HLEN', key), 1000);
      assert.equal(await redis.command('HGET', key, `new-${number}`), '0-1', 'never the new one');
    }
    // The lowest of 16 is the 950th or higher once in 10^19.
    const kept = await redis.command('HMGET', key, ...fields.slice(950, 990).map(([name]) => name));
    assert.ok(!kept.includes(null), `${kept}`);
  });

  test('the one that goes is never the new one, however low', async () => {
    const source = await readFile(new URL('../../gateway/broker/scripts/read.lua', import.meta.url));
    const key = 'parley:read:{few}';
    for (const [peer, id] of [['c', '9-0'], ['b', '10-0'], ['a', '5-0'], ['d', '1-0']]) {
      assert.equal(await redis.command('EVAL', source, '2', key, 'mailbox:{few}', 'c', peer, id, 'x', '0', '3'), 1);
    }
    const kept = await redis.command('HGETALL', key);
    assert.deepEqual(kept.filter((_, at) => at % 2 === 0).sort(), ['b', 'c', 'd']);
  });

  test('of more than there is counts for nothing, and gives way to what was', async () => {
    const [alice, bob] = [uniqueUser('alice'), uniqueUser('bob')];
    const reader = await connectUser(gateways[0], alice);
    const other = await connectUser(gateways[1], alice);
    const writer = await connectUser(gateways[1], bob);
    // Without a mailbox nothing says how much there is, nor what it was before it began anew.
    reader.send({ type: 'read', receiverID: bob, id: '99999999999999-0' });
    await other.next();
    writer.send({ receiverID: alice, content: 'first' });
    const { id } = await other.next(({ content }) => content === 'first');
    reader.send({ type: 'read', receiverID: bob, id: '88888888888888-0' });
    reader.send({ type: 'read', receiverID: bob, id });
    assert.equal((await other.next()).id, id);
    assert.deepEqual(await noted(alice), [bob, id]);
  });

  test('what somebody else put there is replaced; a key of another type is named', async () => {
    const [alice, bob] = [uniqueUser('alice'), uniqueUser('bob')];
    const key = `parley:read:{${alice}}`;
    const [one, two] = [await connectUser(gateways[0], alice), await connectUser(gateways[1], alice)];
    const writer = await connectUser(gateways[1], bob);
    for (const wrong of ['', 'x', '99', '-', '99-1x']) {
      await redis.command('HSET', key, bob, wrong);
      one.send({ type: 'read', receiverID: bob, id: '1-1' });
      await two.next();
      assert.deepEqual(await noted(alice), [bob, '1-1']);
      await writer.next();
    }
    await redis.command('DEL', key);
    await redis.command('SET', key, 'x');
    const failed = await marks('failed');
    one.send({ type: 'read', receiverID: bob, id: '1-2' });
    assert.equal((await writer.next()).id, '1-2');
    await gateways[0].waitForLog('redis_refused', { script: 'read', key });
    await until(async () => await marks('failed') === failed + 1, DEADLINE, 'it to be counted');
  });
});

describe('read and --delivery live', () => {
  test('is told to the other sessions, and stored nowhere', async () => {
    const system = await System.start({ gateways: 2, flags: ['--delivery', 'live'] });
    try {
      const [alice, bob] = [uniqueUser('alice'), uniqueUser('bob')];
      const one = await connectUser(system.gateways[0], alice);
      const two = await connectUser(system.gateways[1], alice);
      const writer = await connectUser(system.gateways[1], bob);
      one.send({ type: 'read', receiverID: bob, id: '1-1' });
      const signal = { type: 'read', sender: alice, receiver: bob, id: '1-1' };
      assert.deepEqual(await writer.next(), signal);
      assert.deepEqual(await two.next(), { ...signal, session: one.welcome.session });
      await expectNothingBefore(one, one, alice);
      assert.equal(await system.redis.command('EXISTS', `parley:read:{${alice}}`), 0);
    } finally {
      await system.stop();
    }
  });
});
