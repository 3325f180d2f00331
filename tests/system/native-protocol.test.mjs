// What a native session sends and what it is answered: docs/protocol.md.
import assert from 'node:assert/strict';
import {
  connect, connectPair, connectUser, expectNothingBefore, refusal, uniqueUser,
} from './lib/client.mjs';
import { System } from './lib/system.mjs';
import { after, before, describe, test } from './lib/test.mjs';

const MAX_MESSAGE = 1024;
const MAX_DEPTH = 8;

describe('the native protocol', () => {
  let system;
  let gateway;
  before(async () => {
    system = await System.start({
      flags: ['--max-message', MAX_MESSAGE, '--max-depth', MAX_DEPTH, '--max-frame', '256KiB'],
    });
    [gateway] = system.gateways;
  });
  after(() => system?.stop());

  test('welcome is the first frame', async () => {
    const alice = uniqueUser('alice');
    const { welcome } = await connectUser(gateway, alice);
    const { session, gateway: name, epoch, ...rest } = welcome;
    assert.deepEqual(rest, {
      type: 'welcome', user: alice, device: 'default', last: '0-0', gap: false, reset: false,
    });
    assert.match(epoch, /^[0-9a-f]{40}$/);
    assert.equal(typeof session, 'string');
    assert.match(name, /^g1/);

    const phone = await connectUser(gateway, alice, { device: 'my phone' });
    assert.equal(phone.welcome.device, 'my phone');
    assert.notEqual(phone.welcome.session, session);
  });

  test('sent comes for a message with a ref, and for no other', async () => {
    const bob = uniqueUser('bob');
    const alice = await connectUser(gateway, uniqueUser());
    alice.send({ receiverID: bob, content: 'no ref' });
    alice.send({ type: 'message', receiverID: bob, content: 'ref', ref: 'k3J9-17' });
    const { id, ts, ...rest } = await alice.next();
    assert.deepEqual(rest, { type: 'sent', ref: 'k3J9-17', online: false });
    assert.equal(ts, Number(id.split('-')[0]));
  });

  test('online says whether some gateway has the receiver', async () => {
    const bob = uniqueUser('bob');
    const alice = await connectUser(gateway, uniqueUser());
    const online = async () => {
      alice.send({ receiverID: bob, content: 1, ref: uniqueUser('ref') });
      return (await alice.next()).online;
    };
    // Who only watches (redis-cli PSUBSCRIBE 'parley:*') is no receiver.
    const watcher = await system.redis.connect();
    watcher.send('PSUBSCRIBE', 'parley:*');
    await watcher.reply();
    assert.equal(await online(), false);
    watcher.close();
    const there = await connectUser(gateway, bob);
    assert.equal(await online(), true);
    await there.next();
  });

  test('ping is answered with pong', async () => {
    const alice = await connectUser(gateway, uniqueUser());
    alice.send({ type: 'ping' });
    assert.deepEqual(await alice.next(), { type: 'pong' });
    alice.send([{ type: 'ping', ref: 'a' }, { type: 'ping', ref: '"😀"' }]);
    assert.deepEqual(await alice.take(2), ['a', '"😀"'].map((ref) => ({ type: 'pong', ref })));
  });

  describe('errors name what was wrong, and the session stays open', () => {
    const cases = [
      ['bad_json', '', /JSON/i],
      ['bad_json', '{', /./],
      ['bad_json', '{"receiverID":"bob","content":01}', /./],
      ['bad_json', '{"receiverID":"bob","content":"\\x"}', /./],
      ['bad_json', '{"receiverID":"bob","content":1} x', /./],
      ['bad_json', '\ufeff{"receiverID":"bob","content":1}', /./],
      ['bad_request', '1', /object/],
      ['bad_request', '"text"', /object/],
      ['bad_request', '[]', /empty/],
      ['bad_request', '[1]', /object/],
      ['bad_request', '[[{}]]', /object/],
      ['bad_request', { receiverID: 'bob' }, /content/],
      ['bad_request', { content: 1, receiverID: 'bob', receiver: 'carol' }, /receiver/],
      ['bad_request', '{"receiverID":"bob","receiverID":"bob","content":1}', /receiverID/],
      ['bad_request', '{"receiverID":"bob","content":1,"\\u0063ontent":2}', /content/],
      ['bad_request', { receiverID: 'bob', content: 1, ref: 7 }, /ref/],
      ['bad_request', { receiverID: 'bob', content: 1, ref: 'r'.repeat(65) }, /ref/],
      ['bad_request', { receiverID: 'bob', content: 1, ref: '' }, /ref/],
      ['bad_request', { receiverID: 'bob', content: 1, sender: 5 }, /sender/],
      ['bad_request', { type: 5, receiverID: 'bob', content: 1 }, /type/],
      ['bad_request', { type: 'ping', ref: {} }, /ref/],
      ['unknown_type', { type: 'nonsense' }, /nonsense|type/],
      ['unknown_type', { type: 'Message', receiverID: 'bob', content: 1 }, /type/],
      ['bad_receiver', { content: 1 }, /receiverID/],
      ['bad_receiver', { content: 1, ReceiverID: 'bob' }, /receiverID/],
      ['bad_receiver', { receiverID: '', content: 1 }, /receiverID/],
      ['bad_receiver', { receiverID: 5, content: 1 }, /receiverID/],
      ['bad_receiver', { receiverID: 'x'.repeat(129), content: 1 }, /receiverID/],
      ['bad_receiver', { receiverID: 'bob\n', content: 1 }, /receiverID/],
      ['bad_receiver', { type: 'typing' }, /receiverID/],
      ['forbidden_sender', { receiverID: 'bob', content: 1, sender: 'mallory' }, /sender/],
      ['too_large', { receiverID: 'bob', content: 'x'.repeat(MAX_MESSAGE) }, /1024/],
      ['too_deep', `{"receiverID":"bob","content":${nested(MAX_DEPTH)}}`, /8/],
      ['batch_too_long', Array(101).fill({ type: 'ping' }), /100/],
      ['not_allowed', { type: 'ack', id: '1-1' }, /ack=client/],
      ['bad_request', { type: 'ack', id: 'x' }, /id/],
      ['unsupported', { type: 'auth', token: 'x' }, /supported/],
    ];
    for (const [code, frame, words] of cases) {
      const text = typeof frame === 'string' ? frame : JSON.stringify(frame);
      test(`${code}: ${text.slice(0, 70)}`, async () => {
        const client = await connectUser(gateway, uniqueUser());
        client.send(text);
        const error = await client.next();
        assert.equal(error.type, 'error', JSON.stringify(error));
        assert.equal(error.code, code, error.message);
        assert.match(error.message, words);
        client.send({ type: 'ping', ref: 'still here' });
        assert.deepEqual(await client.next(), { type: 'pong', ref: 'still here' });
      });
    }
  });

  test('\\u0000 in an id is bad_request', async () => {
    const client = await connectUser(gateway, uniqueUser());
    client.send('{"receiverID":"bob\\u0000x","content":1}');
    const { code, message } = await client.next();
    assert.match(code, /^bad_(request|receiver)$/);
    assert.match(message, /receiverID/);
  });

  test('an error has the ref of its request, and spares the rest of the batch', async () => {
    const bob = uniqueUser('bob');
    const client = await connectUser(gateway, uniqueUser());
    client.send([
      { receiverID: bob, content: 1, ref: 'first' },
      { receiverID: bob, content: 2, sender: 'mallory', ref: 'second' },
      { type: 'nonsense', ref: 'third' },
      { receiverID: bob, content: 4, ref: 'fourth' },
    ]);
    const answers = await client.take(4);
    // Errors need no round trip to Redis, so they may come before the answers around them.
    const byRef = Object.fromEntries(answers.map((answer) => [answer.ref, answer]));
    assert.deepEqual(Object.keys(byRef).sort(), ['first', 'fourth', 'second', 'third']);
    assert.equal(byRef.first.type, 'sent');
    assert.equal(byRef.second.code, 'forbidden_sender');
    assert.equal(byRef.third.code, 'unknown_type');
    assert.equal(byRef.fourth.type, 'sent');
  });

  test('an element that is too large spares the rest of the batch', async () => {
    const bob = uniqueUser('bob');
    const client = await connectUser(gateway, uniqueUser());
    client.send([
      { receiverID: bob, content: 'x'.repeat(MAX_MESSAGE), ref: 'large' },
      { receiverID: bob, content: 'x', ref: 'small' },
    ]);
    const answers = await client.take(2);
    assert.deepEqual(answers.map(({ type }) => type).sort(), ['error', 'sent']);
  });

  test('nothing of a frame that is not JSON is acted on', async () => {
    const bob = await connectUser(gateway, uniqueUser('bob'));
    bob.send(`[{"receiverID":"${bob.welcome.user}","content":1},{"receiverID":}]`);
    assert.equal((await bob.next()).code, 'bad_json');
    await expectNothingBefore(bob, bob, bob.welcome.user);
  });

  describe('limits, at and above', () => {
    async function answer(frame) {
      const client = await connectUser(gateway, uniqueUser());
      client.send(frame);
      const { type, code } = await client.next();
      await client.end();
      return code ?? type;
    }

    test('--max-message', async () => {
      const sized = (bytes) => {
        const empty = JSON.stringify({ receiverID: 'bob', content: '', ref: 'r' });
        return empty.replace('""', `"${'x'.repeat(bytes - empty.length)}"`);
      };
      assert.equal(await answer(sized(MAX_MESSAGE - 1)), 'sent');
      assert.equal(await answer(sized(MAX_MESSAGE)), 'sent');
      assert.equal(await answer(sized(MAX_MESSAGE + 1)), 'too_large');
      assert.equal(await answer(`[${sized(MAX_MESSAGE)}]`), 'sent');
      assert.equal(await answer(`[${sized(MAX_MESSAGE + 1)}]`), 'too_large');
    });

    test('--max-depth', async () => {
      const deep = (depth) => `{"receiverID":"bob","ref":"r","content":${nested(depth - 1)}}`;
      assert.equal(await answer(deep(MAX_DEPTH - 1)), 'sent');
      assert.equal(await answer(deep(MAX_DEPTH)), 'sent');
      assert.equal(await answer(`[${deep(MAX_DEPTH)}]`), 'sent');
      assert.equal(await answer(deep(MAX_DEPTH + 1)), 'too_deep');
      assert.equal(await answer(`[${deep(MAX_DEPTH + 1)}]`), 'too_deep');
      assert.equal(await answer('['.repeat(100_000)), 'too_deep');
    });

    test('objects of a batch', async () => {
      const client = await connectUser(gateway, uniqueUser());
      for (const count of [99, 100]) {
        client.send(Array(count).fill({ type: 'ping' }));
        assert.ok((await client.take(count)).every(({ type }) => type === 'pong'));
      }
      client.send(Array(101).fill({ type: 'ping' }));
      assert.equal((await client.next()).code, 'batch_too_long');
    });

    test('bytes of a ref', async () => {
      const ref = (text) => ({ receiverID: 'bob', content: 1, ref: text });
      assert.equal(await answer(ref('r'.repeat(63))), 'sent');
      assert.equal(await answer(ref('r'.repeat(64))), 'sent');
      assert.equal(await answer(ref('é'.repeat(32))), 'sent');
      assert.equal(await answer(ref('r'.repeat(65))), 'bad_request');
      assert.equal(await answer(ref(`${'é'.repeat(32)}r`)), 'bad_request');
    });

    test('bytes of a user', async () => {
      for (const user of ['u', 'u'.repeat(127), 'u'.repeat(128), 'é'.repeat(64)]) {
        const client = await connectUser(gateway, user);
        assert.equal(client.welcome.user, user);
        assert.equal(await answer({ receiverID: user, content: 1, ref: 'r' }), 'sent');
        await client.end();
      }
      for (const user of ['', 'u'.repeat(129), `${'é'.repeat(64)}u`, 'a\tb', '\x7f']) {
        assert.equal((await refusal(gateway, { user })).status, 400, JSON.stringify(user));
        assert.equal(await answer({ receiverID: user, content: 1, ref: 'r' }), 'bad_receiver');
      }
    });

    test('bytes of a device', async () => {
      for (const device of ['d', 'd'.repeat(63), 'd'.repeat(64), 'é'.repeat(32)]) {
        const client = await connectUser(gateway, uniqueUser(), { device });
        assert.equal(client.welcome.device, device);
      }
      for (const device of ['', 'd'.repeat(65), `${'é'.repeat(32)}d`, 'a\tb', 'pair:a:b']) {
        const { status, body } = await refusal(gateway, { user: uniqueUser(), device });
        assert.equal(status, 400, JSON.stringify(device));
        assert.match(body.message, /device/);
      }
    });
  });

  test('signals reach the native sessions of their receiver, and are not stored', async () => {
    const [alice, bob] = [uniqueUser('alice'), uniqueUser('bob')];
    const a = await connectUser(gateway, alice);
    const sessions = [await connectUser(gateway, bob), await connectUser(gateway, bob)];
    const pair = await connectPair(gateway, bob, uniqueUser());
    const about = { sender: alice, receiver: bob };

    a.send({ type: 'typing', receiverID: bob });
    a.send({ type: 'delivered', receiverID: bob, id: '1700000000000-3' });
    a.send({ type: 'read', receiverID: bob, id: '1700000000000-4' });
    for (const session of sessions) {
      assert.deepEqual(await session.take(3), [
        { type: 'typing', ...about },
        { type: 'delivered', ...about, id: '1700000000000-3' },
        { type: 'read', ...about, id: '1700000000000-4' },
      ]);
    }
    await expectNothingBefore(pair, a, bob);
    assert.equal(await system.redis.command('XLEN', `parley:mailbox:{${bob}}`), 1, 'the marker');
    a.send({ type: 'ping' });
    assert.equal((await a.next()).type, 'pong', 'a signal is not answered');
  });

  test('a signal is refused with a sender or an id that is wrong', async () => {
    const a = await connectUser(gateway, uniqueUser());
    for (const [frame, code] of [
      [{ type: 'typing', receiverID: 'bob', sender: 'mallory' }, 'forbidden_sender'],
      [{ type: 'read', receiverID: 'bob' }, 'bad_request'],
      [{ type: 'delivered', receiverID: 'bob', id: 'x' }, 'bad_request'],
      [{ type: 'read', receiverID: 'bob', id: 17 }, 'bad_request'],
    ]) {
      a.send(frame);
      assert.equal((await a.next()).code, code, JSON.stringify(frame));
    }
  });

  test('a binary frame is not accepted', async () => {
    const client = await connect(gateway, { user: uniqueUser() });
    client.socket.send(Buffer.from('{"type":"ping"}'));
    assert.equal(await client.closeCode(), 1003);
  });
});

// `depth` arrays, one in the other.
function nested(depth) {
  return '['.repeat(depth) + ']'.repeat(depth);
}
