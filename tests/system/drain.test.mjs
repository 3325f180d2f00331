// SIGTERM with a drain time: sessions go one after the other, and everybody is told in time.
import assert from 'node:assert/strict';
import http from 'node:http';
import { connect, connectPair, connectUser, refusal, uniqueUser } from './lib/client.mjs';
import { request } from './lib/http.mjs';
import { BINARY, RawSocket, frame } from './lib/raw.mjs';
import { System } from './lib/system.mjs';
import { after, before, describe, test } from './lib/test.mjs';
import { DEADLINE, until } from './lib/wait.mjs';

const GATEWAY_STOPS = /gateway stops/;

describe('draining', () => {
  let system;
  before(async () => { system = await System.start({ gateways: 0 }); });
  after(() => system?.stop());

  const withDrain = (time, ...flags) => system.addGateway(['--drain', time, ...flags]);
  const mailbox = (user) => `parley:mailbox:{${user}}`;

  // SIGTERM, and that the gateway knows of it.
  async function terminate(gateway) {
    gateway.process.signal('SIGTERM');
    return gateway.waitForLog('draining');
  }

  async function assertEnds(gateway) {
    assert.deepEqual(await gateway.process.end(), { code: 0, signal: null }, gateway.tail());
    assert.equal(gateway.log.at(-1).event, 'stopped');
  }

  // So the gateway has read what the client sent before.
  async function assertRead(client) {
    client.send({ type: 'ping', ref: 'read' });
    await client.next(({ ref }) => ref === 'read');
  }

  test('each session is closed in its own slot, which native ones are told', async () => {
    const drainMs = 2000;
    const gateway = await withDrain('2s');
    const clients = [];
    for (let nth = 0; nth < 4; nth++) {
      clients.push(await connectUser(gateway, uniqueUser()));
      clients.push(await connectPair(gateway, uniqueUser('a'), uniqueUser('b')));
    }
    const order = [];
    const start = performance.now();
    for (const client of clients) {
      client.closed.then(() => {
        client.closedAfter = performance.now() - start;
        client.othersOpen = clients.length - order.push(client);
      });
    }
    const { sessions, drain_ms: logged } = await terminate(gateway);
    assert.deepEqual([sessions, logged], ['8', String(drainMs)]);

    for (const [nth, client] of clients.entries()) {
      assert.equal(await client.closeCode(), 1001);
      // Two clocks in whole milliseconds: hence the 2.
      const slot = drainMs * (nth + 1) / clients.length;
      assert.ok(client.closedAfter > slot - 2, `${client.closedAfter} is before the slot ${slot}`);
      const frames = client.received.slice(client.taken).map(({ value }) => value);
      assert.deepEqual(frames, nth % 2 ? [] : [{ type: 'reconnect', after_ms: slot }]);
    }
    assert.ok(clients[0].othersOpen >= clients.length / 2, 'all were closed together');
    await assertEnds(gateway);
  });

  test('HTTP is answered, upgrades are refused; it ends when everybody has left', async (t) => {
    const gateway = await withDrain('1h');
    const bob = uniqueUser('bob');
    const leaving = [await connectUser(gateway, bob), await connectUser(gateway, uniqueUser())];
    const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
    t.after(() => agent.destroy());
    const get = (path, options) => request(gateway.port, path, options);
    const kept = await get('/readyz', { agent });
    assert.equal(kept.status, 200);
    assert.equal(await gateway.metric('parley_draining'), 0);
    await terminate(gateway);

    const readyz = await get('/readyz', { agent });
    assert.equal(readyz.localPort, kept.localPort, 'the connection from before');
    assert.equal(readyz.status, 503);
    assert.match(readyz.json.message, /^draining/);
    assert.match(readyz.headers['retry-after'], /^\d+$/);
    assert.equal(readyz.headers.connection, 'close');
    assert.equal((await get('/', { agent })).status, 200);
    assert.equal((await get('/healthz')).status, 200);
    assert.equal(await gateway.metric('parley_draining'), 1);
    for (const query of [{ user: bob }, { userA: 'a', userB: 'b' }]) {
      const refused = await refusal(gateway, query);
      assert.equal(refused.status, 503);
      assert.match(refused.headers['retry-after'], /^\d+$/);
      assert.match(refused.body.message, /draining/);
    }

    // Who is still there is served as before.
    leaving[1].send({ receiverID: bob, content: 'goodbye', ref: '1' });
    assert.equal((await leaving[1].next(({ ref }) => ref === '1')).type, 'sent');
    await leaving[0].next(({ content }) => content === 'goodbye');
    for (const client of leaving) await client.end();
    await assertEnds(gateway);
  });

  test('sends in flight are answered before the close, later ones refused', async (t) => {
    const gateway = await withDrain('0');
    const bob = uniqueUser('bob');
    const alice = await connectUser(gateway, uniqueUser('alice'));
    system.redis.pause();
    t.after(() => system.redis.resume());
    alice.send([1, 2, 3].map((n) => ({ receiverID: bob, content: n, ref: String(n) })));
    await assertRead(alice);
    const opening = await connect(gateway, { user: uniqueUser('opening') });
    const frames = await gateway.metric('parley_frames_received_total');
    opening.send({ receiverID: bob, content: 'held', ref: 'held' });
    await until(async () => await gateway.metric('parley_frames_received_total') > frames,
      DEADLINE, 'the frame of a session without a welcome');

    await terminate(gateway);
    alice.send({ receiverID: bob, content: 'too late', ref: 'late' });
    const late = await alice.next(({ ref }) => ref === 'late');
    assert.equal(late.code, 'unavailable');
    assert.match(late.message, GATEWAY_STOPS);
    assert.equal(alice.close, undefined);
    system.redis.resume();

    // `unknown` only on a machine that took two seconds to get here.
    const answers = [];
    for (const ref of ['1', '2', '3']) answers.push(await alice.next((frame) => frame.ref === ref));
    answers.push(await opening.next(({ ref }) => ref === 'held'));
    for (const { type, code } of answers) assert.ok(type === 'sent' || code === 'unknown', code);
    assert.equal(await alice.closeCode(), 1001);
    assert.equal(await opening.closeCode(), 1001);
    await assertEnds(gateway);
    assert.equal(await system.redis.command('XLEN', mailbox(bob)), 4);
  });

  test('a Redis that never answers does not hold it up', async (t) => {
    const gateway = await withDrain('0');
    const alice = await connectUser(gateway, uniqueUser('alice'));
    system.redis.pause();
    t.after(() => system.redis.resume());
    alice.send({ receiverID: uniqueUser('bob'), content: 1, ref: '1' });
    await assertRead(alice);
    await terminate(gateway);
    assert.equal((await alice.next()).code, 'unknown');
    assert.equal(await alice.closeCode(), 1001);
    // The last session is gone, and the gateway waits for Redis: it still says how it is.
    assert.equal((await request(gateway.port, '/healthz')).status, 200);
    assert.match((await request(gateway.port, '/readyz')).json.message, /^draining/);
    await assertEnds(gateway);
  });

  test('a session that is closing already when its slot comes is left alone', async () => {
    const gateway = await withDrain('1s');
    const closing = await RawSocket.open(gateway.port, `/?user=${uniqueUser()}`);
    const other = await connectUser(gateway, uniqueUser()); // its slot is the later one
    const { user } = JSON.parse((await closing.frame()).payload);
    other.send({ receiverID: user, content: 'whose ping is never answered' });
    await closing.frame();
    await terminate(gateway);
    closing.write(frame(BINARY)); // whose close frame is never answered either
    assert.equal(await other.closeCode(), 1001);
    closing.destroy();
    await assertEnds(gateway);
  });

  test('a second signal ends it at once', async (t) => {
    const gateway = await withDrain('1h');
    const alice = await connectUser(gateway, uniqueUser('alice'));
    const pair = await connectPair(gateway, uniqueUser('a'), uniqueUser('b'));
    system.redis.pause();
    t.after(() => system.redis.resume());
    alice.send({ receiverID: uniqueUser('bob'), content: 1, ref: '1' });
    await assertRead(alice);
    await terminate(gateway);
    gateway.process.signal('SIGINT');
    assert.deepEqual(await gateway.process.end(), { code: 0, signal: null }, gateway.tail());
    await gateway.waitForLog('drain_interrupted', { sessions: 2 });
    assert.ok(!gateway.log.some(({ event }) => event === 'stopped'));
    await alice.closeCode();
    await pair.closeCode();
  });

  // Sends one message after the other on `from`, and on `to` once that has closed the session;
  // what has no answer by then is sent again. Resolves with the ids of `sent`.
  async function talk(user, receiver, from, to, { enough }) {
    const ids = [];
    let gateway = from;
    let client = await connectUser(gateway, user);
    for (let onOther = 0, n = 0; onOther < enough; n++) {
      const ref = `${user}-${n}`;
      client.send({ receiverID: receiver, content: ref, ref });
      const answer = await Promise.race([client.closed, client.next((frame) => frame.ref === ref)
        .catch((error) => { if (!client.close) throw error; })]);
      if (answer?.type === 'sent') {
        ids.push(answer.id);
        if (gateway === to) onOther++;
      }
      if (client.close) {
        assert.equal(client.close.code, 1001);
        assert.equal(gateway, from, 'only one of them drains');
        gateway = to;
        client = await connectUser(gateway, user);
      }
    }
    await client.end();
    return ids;
  }

  test('under traffic, with clients that go on at another gateway', async () => {
    const flags = ['--mailbox-max', '100000'];
    const [stops, stays] = [await withDrain('1s', ...flags), await withDrain('0', ...flags)];
    const bob = await connectUser(stays, uniqueUser('bob'));
    const receiver = bob.welcome.user;
    const senders = Array.from({ length: 10 }, (_, nth) => uniqueUser(`sender-${nth}`));
    const talks = Promise.all(senders.map((user) =>
      talk(user, receiver, stops, stays, { enough: 5 })));
    await until(() => bob.received.length >= 50, DEADLINE, 'traffic');
    await terminate(stops);
    const sent = (await talks).flat();
    await assertEnds(stops);

    const stored = (await system.redis.command('XRANGE', mailbox(receiver), '-', '+'))
      .map(([id]) => id);
    assert.deepEqual(missing(sent, stored), []);
    const received = () => bob.received.map(({ value }) => value.id);
    await until(() => missing(sent, received()).length === 0, DEADLINE,
      () => `bob to get ${missing(sent, received())}`);
    for (const user of senders) assert.equal(await subscribers(user), 0);
  });

  function missing(wanted, there) {
    const set = new Set(there);
    return wanted.filter((id) => !set.has(id));
  }

  function subscribers(user) {
    return system.redis.subscribers(`parley:user:{${user}}`);
  }
});
