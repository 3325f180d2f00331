// Who is online: presence, watch, unwatch, as docs/protocol.md has them, over two gateways.
import assert from 'node:assert/strict';
import { ask, nothingMore, refused, told, unsubscribed } from './lib/asking.mjs';
import { connectPair, connectUser, expectNothingBefore, uniqueUser } from './lib/client.mjs';
import { System } from './lib/system.mjs';
import { after, before, describe, test } from './lib/test.mjs';
import { DEADLINE, until } from './lib/wait.mjs';

const WATCHED_MAX = 1000;

describe('presence and watch', () => {
  let system;
  let one;
  let two;
  before(async () => {
    system = await System.start({ gateways: 2, flags: ['--max-sessions-per-user', 0] });
    [one, two] = system.gateways;
  });
  after(() => system?.stop());

  test('presence: in the order asked, each once, sessions of all gateways', async () => {
    const [bob, nobody] = [uniqueUser('b"ö\\b {:}'), uniqueUser('nobody')];
    const alice = await connectUser(one, uniqueUser('alice'));
    const start = Date.now();
    await connectUser(one, bob);
    await connectUser(two, bob);
    const [first, second, third, ...rest] = await ask(alice, 'presence',
      [nobody, bob, alice.welcome.user, bob, nobody]);
    assert.deepEqual(rest, []);
    assert.deepEqual(first, { user: nobody, online: false, sessions: 0 });
    const { since, ...second_ } = second;
    assert.deepEqual(second_, { user: bob, online: true, sessions: 2 });
    assert.ok(since >= start - 1000 && since <= Date.now() + 1000);
    assert.equal(third.user, alice.welcome.user);
    assert.equal(third.sessions, 1);

    alice.send({ type: 'presence', users: [nobody] });
    assert.deepEqual(await alice.next(), { type: 'presence', users: [first] }, 'no ref');
    await nothingMore(alice);
  });

  test('presence: since when somebody is gone', async () => {
    const alice = await connectUser(one, uniqueUser('alice'));
    const bob = await connectUser(two, uniqueUser('bob'));
    const user = bob.welcome.user;
    const [{ since: online }] = await ask(alice, 'presence', [user]);
    await bob.end();
    const offline = await until(async () => {
      const [state] = await ask(alice, 'presence', [user]);
      return !state.online && state;
    }, DEADLINE, 'him to be gone');
    assert.deepEqual({ ...offline, since: 0 }, { user, online: false, sessions: 0, since: 0 });
    assert.ok(offline.since >= online);
  });

  test('watch: the state, then the first and the last session, on any gateway', async () => {
    const user = uniqueUser('bob "ö\\');
    const alice = await connectUser(one, uniqueUser('alice'));
    const carol = await connectUser(two, uniqueUser('carol'));
    for (const watcher of [alice, carol]) {
      assert.deepEqual(await ask(watcher, 'watch', [user]), [{ user, online: false, sessions: 0 }]);
    }
    const first = await connectUser(two, user);
    for (const watcher of [alice, carol]) await told(watcher, user, true);
    const second = await connectUser(one, user);
    await first.end();
    await until(async () => (await ask(alice, 'presence', [user]))[0].sessions === 1, DEADLINE,
      'the first to be gone');
    await second.end();
    for (const watcher of [alice, carol]) {
      const { since } = await told(watcher, user, false);
      const [state] = await ask(watcher, 'presence', [user]);
      assert.deepEqual(state, { user, online: false, sessions: 0, since });
    }
    await nothingMore(alice);
    await nothingMore(carol);
  });

  test('all sessions of a watcher watch for themselves, and one may watch itself', async () => {
    const user = uniqueUser('bob');
    const alice = uniqueUser('alice');
    const phone = await connectUser(one, alice);
    const laptop = await connectUser(one, alice);
    const [state] = await ask(phone, 'watch', [alice, user]);
    assert.equal(state.sessions, 2);
    const bob = await connectUser(one, user);
    await told(phone, user, true);
    await expectNothingBefore(laptop, bob, alice);
  });

  test('watch again answers again; unwatch ends it, and ignores who is not watched', async () => {
    const user = uniqueUser('bob');
    const alice = await connectUser(one, uniqueUser('alice'));
    await ask(alice, 'watch', [user]);
    const bob = await connectUser(two, user);
    await told(alice, user, true);
    const [state] = await ask(alice, 'watch', [user]);
    assert.equal(state.online, true);
    assert.equal(await one.metric('parley_watched_users') > 0, true);

    alice.send({ type: 'unwatch', users: [user, uniqueUser('unknown')] });
    await unsubscribed(system.redis, user);
    await bob.end();
    const [gone] = await until(async () => {
      const users = await ask(alice, 'presence', [user]);
      return !users[0].online && users;
    }, DEADLINE, 'him to be gone');
    assert.equal(gone.online, false);
    await nothingMore(alice);
    assert.equal((await ask(alice, 'watch', [user]))[0].online, false);
    await connectUser(one, user);
    await told(alice, user, true);
  });

  test('a request that is overtaken by unwatch is answered all the same', async () => {
    const user = uniqueUser('bob');
    const alice = await connectUser(one, uniqueUser('alice'));
    alice.send([{ type: 'watch', users: [user], ref: 'a' }, { type: 'unwatch', users: [user] },
      { type: 'watch', users: [user], ref: 'b' }, { type: 'presence', users: [user], ref: 'c' },
      { type: 'watch', users: [user], ref: 'd' }, { type: 'unwatch', users: [user] }]);
    const answers = await alice.take(4);
    assert.deepEqual(answers.map(({ ref }) => ref).sort(), ['a', 'b', 'c', 'd']);
    for (const { users } of answers) assert.deepEqual(users, [{ user, online: false, sessions: 0 }]);
    await unsubscribed(system.redis, user);
    await connectUser(two, user);
    await nothingMore(alice);
  });

  test('the watches of a session that goes end with it', async () => {
    const users = Array.from({ length: 100 }, () => uniqueUser('bob'));
    const watched = await one.metric('parley_watched_users');
    const alice = await connectUser(one, uniqueUser('alice'));
    const carol = await connectUser(one, uniqueUser('carol'));
    await ask(alice, 'watch', users);
    await ask(carol, 'watch', users.slice(0, 1));
    assert.equal(await one.metric('parley_watched_users'), watched + 100);
    assert.equal(await system.redis.subscribers(`parley:presence-events:{${users[1]}}`), 1);
    alice.socket.terminate();
    await unsubscribed(system.redis, users[1]);
    assert.equal(await one.metric('parley_watched_users'), watched + 1);
    await connectUser(two, users[0]);
    await told(carol, users[0], true);
  });

  test('who comes while somebody asks: the last that is told is the truth', async () => {
    const user = uniqueUser('bob');
    const watchers = await Promise.all([one, two].flatMap((gateway) => Array.from({ length: 5 },
      () => connectUser(gateway, uniqueUser('watcher')))));
    for (const watcher of watchers) await ask(watcher, 'watch', [user]);
    let asking = true;
    const asked = Promise.all(watchers.map(async (watcher, number) => {
      while (asking) {
        if (number % 5 === 0) watcher.send({ type: 'unwatch', users: [user] });
        await ask(watcher, number % 5 < 2 ? 'watch' : 'presence', [user, watcher.welcome.user]);
      }
    }));
    let last;
    for (let turn = 0; turn < 60; turn++) {
      const session = await connectUser(turn % 2 ? one : two, user);
      await last?.end();
      if (turn % 3 === 0) await session.end();
      last = turn % 3 === 0 ? undefined : session;
    }
    asking = false;
    await asked;
    await last?.end();
    for (const watcher of watchers) {
      await until(() => watcher.received.flatMap(({ value }) => value.users ?? [])
        .findLast((state) => state.user === user).online === false,
      DEADLINE, () => `the truth; ${watcher.received.slice(-3).map(({ text }) => text)}`);
      watcher.taken = watcher.received.length;
      await nothingMore(watcher);
    }
  });

  describe('what is wrong is named', () => {
    for (const [request, words] of [
      [{ type: 'presence' }, /users is missing/],
      [{ type: 'watch', users: 'bob' }, /users is not an array/],
      [{ type: 'unwatch', users: [] }, /users is empty/],
      [{ type: 'presence', users: Array(101).fill('bob') }, /101 elements.*100/],
      [{ type: 'watch', users: ['bob', 'x'.repeat(129)] }, /users\[1\] is too long/],
      [{ type: 'watch', users: ['bob', 5] }, /users\[1\] is not a string/],
      [{ type: 'unwatch', users: [''] }, /users\[0\] is empty/],
    ]) {
      test(JSON.stringify(request).slice(0, 60), async () => {
        const alice = await connectUser(one, uniqueUser('alice'));
        const { code, message } = await refused(alice, request);
        assert.equal(code, 'bad_request');
        assert.match(message, words);
        await nothingMore(alice);
      });
    }
  });

  test('1000 users are watched by a session, and of one request all or none', async () => {
    const alice = await connectUser(one, uniqueUser('alice'));
    const users = Array.from({ length: WATCHED_MAX + 1 }, () => uniqueUser('w'));
    for (let at = 0; at < WATCHED_MAX - 1; at += 100) {
      await ask(alice, 'watch', users.slice(at, Math.min(at + 100, WATCHED_MAX - 1)));
    }
    const { code, message } = await refused(alice, { type: 'watch', users: users.slice(-3) });
    assert.equal(code, 'bad_request');
    assert.match(message, /watches 999 users.*1000/);
    await unsubscribed(system.redis, users.at(-1));
    await ask(alice, 'watch', users.slice(-4, -1)); // only one of them is new
    await refused(alice, { type: 'watch', users: users.slice(-1) });
    await ask(alice, 'watch', users.slice(0, 100)); // all there already
    alice.send({ type: 'unwatch', users: users.slice(0, 1) });
    await ask(alice, 'watch', users.slice(-1));
  });

  test('a pair session asks in vain, which is logged', async () => {
    const [a, b] = [uniqueUser('a'), uniqueUser('b')];
    const pair = await connectPair(one, a, b);
    const from = one.log.length;
    pair.send({ type: 'watch', users: [a] });
    const line = await one.waitForLog('bad_frame', { code: 'unsupported' }, { from });
    assert.equal(line.user_a, a);
    await expectNothingBefore(pair, pair, a);
  });

  test('what no gateway published is not told, and counted', async () => {
    const user = uniqueUser('bob');
    const alice = await connectUser(one, uniqueUser('alice'));
    await ask(alice, 'watch', [user]);
    const dropped = () => one.metric('parley_presence_events_total', '{result="dropped"}');
    const before = await dropped();
    const from = one.log.length;
    for (const bytes of ['x', '{"type":"message","sender":"x"}',
      '{"type":"presence","users":[{"online":true,"sessions":1,"since":1,"user":"other"}]}']) {
      assert.equal(await system.redis.command('PUBLISH', `parley:presence-events:{${user}}`, bytes),
        1);
    }
    await nothingMore(alice);
    assert.equal(await dropped(), before + 3);
    await one.waitForLog('presence_event_dropped', { user }, { from });
  });

  test('a watcher who does not read is closed, rather than left with what is not so', async () => {
    const user = uniqueUser('bob');
    const gateway = await system.addGateway(['--output-max', '128KiB']);
    const alice = await connectUser(gateway, uniqueUser('alice'));
    await ask(alice, 'watch', [user]);
    alice.socket.pause();
    const bob = await connectUser(one, user);
    const content = 'x'.repeat(60_000);
    await until(async () => {
      alice.send(Array(100).fill({ type: 'ping', ref: 'x'.repeat(64) }));
      bob.send({ receiverID: alice.welcome.user, content });
      return gateway.log.some(({ event }) => event === 'slow_session_closed');
    }, DEADLINE, 'her to be slow');
    alice.socket.resume();
    assert.equal(await alice.closeCode(), 4408);
    await unsubscribed(system.redis, user);
  });
});

test('--presence off: nobody is told who is online', async (t) => {
  const system = await System.start({ gateways: 1, flags: ['--presence', 'off'] });
  t.after(() => system.stop());
  const [gateway] = system.gateways;
  const events = await system.redis.subscribe('parley:presence-events:{bob}');
  const alice = await connectUser(gateway, 'alice');
  const bob = await connectUser(gateway, 'bob');
  for (const type of ['presence', 'watch', 'unwatch']) {
    const { code, message } = await refused(alice, { type, users: ['bob'] });
    assert.equal(code, 'unsupported');
    assert.equal(message, 'presence is switched off on this gateway (--presence off)');
  }
  alice.send({ receiverID: 'bob', content: 1, ref: 'r' });
  assert.deepEqual(Object.keys(await alice.next()), ['type', 'ref', 'id', 'ts']);
  // Redis knows, for its operator and for the limit.
  assert.equal(await system.redis.command('HLEN', 'parley:presence:{bob}'), 1);
  await bob.end();
  await until(async () => await system.redis.command('EXISTS', 'parley:presence:{bob}') === 0,
    DEADLINE, 'him to be gone');
  await system.redis.command('PUBLISH', 'parley:presence-events:{bob}', 'marker');
  assert.equal((await events.next()).toString(), 'marker');
  events.close();
});
