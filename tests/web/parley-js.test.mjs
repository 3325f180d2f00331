// The JavaScript client in Node, on npm's ws: gateway/web/parley.js, docs/javascript.md.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import WebSocket from 'ws';
import { connect } from '../../gateway/web/parley.js';
import { uniqueUser } from '../system/lib/client.mjs';
import { Gateway } from '../system/lib/gateway.mjs';
import { System } from '../system/lib/system.mjs';
import { after, before, describe, test } from '../system/lib/test.mjs';
import { DEADLINE, until, within } from '../system/lib/wait.mjs';
import { event, isError, online, open } from './lib/parley.mjs';
import { ScriptedServer } from './lib/scripted.mjs';

const NEVER = 1e8; // milliseconds: a delay that no test waits for

describe('with real gateways', () => {
  let system;
  before(async () => { system = await System.start({ gateways: 2 }); });
  after(() => system?.stop());

  test('messages and signals cross two gateways, and sends are answered', async (t) => {
    const [one, two] = system.gateways;
    const [a, b] = [uniqueUser('alice'), uniqueUser('bob & "co" ü')];
    const alice = open(t, { url: one.url, user: a, device: 'phone' });
    const bob = open(t, { url: `${two.http}/`, user: b });
    await Promise.all([online(alice), online(bob)]);
    assert.equal(alice.welcome.user, a);
    assert.equal(alice.welcome.device, 'phone');
    assert.match(bob.welcome.gateway, /^g2-/);

    const content = { text: 'hello', list: [1, null] };
    const { id, ts, online: isOnline } = await alice.send(b, content);
    assert.equal(isOnline, true);
    assert.deepEqual(await event(bob, 'message'),
      { type: 'message', id, ts, sender: a, receiver: b, content });

    bob.typing(a);
    bob.typing(a);
    bob.delivered(a, id);
    bob.read(a, id);
    assert.equal((await event(alice, 'read')).id, id);
    assert.equal((await event(alice, 'delivered')).sender, b);
    assert.equal(alice.seen.filter(([name]) => name === 'typing').length, 1);
  });

  test('presence is answered, watched, and no longer watched', async (t) => {
    const [one, two] = system.gateways;
    const names = Array.from({ length: 120 }, (_, index) => uniqueUser(`watched-${index}`));
    const alice = open(t, { url: one.url, user: uniqueUser('alice') });
    const answers = await alice.watch([...names, names[0]]);
    assert.deepEqual(answers.map(({ user }) => user), names);
    assert.ok(answers.every((presence) => presence.online === false));

    const bob = open(t, { url: two.url, user: names[110] });
    const isBob = ({ user }) => user === names[110];
    const came = await event(alice, 'presence', (presence) => isBob(presence) && presence.online);
    assert.equal(came.sessions, 1);
    assert.deepEqual(await alice.presence([names[110]]), [came]);
    bob.close();
    await event(alice, 'presence', (presence) => isBob(presence) && presence.since > came.since);

    alice.unwatch(names);
    const seen = alice.seen.length;
    open(t, { url: two.url, user: names[110] });
    await until(async () => (await alice.presence([names[110]]))[0].online, DEADLINE, 'bob');
    assert.equal(alice.seen.length, seen);
  });

  test('a killed gateway loses no send, and what was watched is watched again', async (t) => {
    const [, two] = system.gateways;
    const [a, b, c] = ['alice', 'bob', 'carol'].map(uniqueUser);
    const first = await system.addGateway();
    const alice = open(t, { url: first.url, user: a });
    const bob = open(t, { url: two.url, user: b });
    await alice.watch([c]);
    await online(bob);

    await first.kill();
    await event(alice, 'state', ({ state, code }) => state === 'waiting' && code === 1006);
    const queued = [1, 2, 3].map((content) => alice.send(b, content));
    const again = await Gateway.start({ redis: system.redis, port: first.port });
    t.after(() => again.stop());
    await Promise.all(queued);
    await event(bob, 'message', ({ content }) => content === 3);
    const messages = bob.seen.filter(([name]) => name === 'message');
    assert.deepEqual(messages.map(([, { content }]) => content), [1, 2, 3]);

    await event(alice, 'presence', ({ user, online: is }) => user === c && !is);
    open(t, { url: two.url, user: c });
    await event(alice, 'presence', ({ user, online: is }) => user === c && is);
  });

  test('the adapter of docs/javascript.md serves uni.connectSocket', async (t) => {
    const UniSocket = await adapterOfTheDocs(uniOn(WebSocket));
    const [alice, bob] = system.gateways.map(({ url }) => (
      open(t, { url, user: uniqueUser(), WebSocket: UniSocket })));
    await Promise.all([online(alice), online(bob)]);
    await alice.send(bob.welcome.user, '你好');
    assert.equal((await event(bob, 'message')).content, '你好');
    alice.close();
    assert.equal(alice.state, 'closed');

    const lost = open(t, { url: 'ws://127.0.0.1:1', user: 'nobody', WebSocket: UniSocket });
    await event(lost, 'state', ({ state }) => state === 'waiting');
  });
});

describe('with a server that follows a script', () => {
  test('what says "later" is sent again, in order and with its ref', async (t) => {
    const server = await ScriptedServer.start(t);
    const parley = open(t, { url: server.url, user: 'x' });
    const connection = await server.connection(1);
    for (const code of ['unavailable', 'unknown', 'rate_limited']) {
      const outcome = Promise.all([parley.send('y', 1), parley.send('y', 2)]);
      const [first, second] = [await connection.next(), await connection.next()];
      const error = { type: 'error', code, message: '…', retry_after_ms: 1 };
      connection.say({ ...error, ref: first.ref });
      connection.say({ ...error, ref: second.ref });
      assert.deepEqual(await connection.next(), first);
      assert.deepEqual(await connection.next(), second);
      connection.say({ type: 'sent', ref: first.ref, id: '1-0', ts: 1 });
      connection.say({ type: 'sent', ref: second.ref, id: '1-1', ts: 1 });
      assert.deepEqual((await outcome).map(({ ref }) => ref), [first.ref, second.ref]);
    }
    assert.deepEqual(parley.seen.filter(([name]) => name === 'error'), []);
  });

  test('any other error is told', async (t) => {
    const server = await ScriptedServer.start(t);
    const parley = open(t, { url: server.url, user: 'x' });
    const connection = await server.connection(1);
    const refused = assert.rejects(parley.send('', 1), isError('bad_receiver'));
    const { ref } = await connection.next();
    connection.say({ type: 'error', code: 'bad_receiver', message: 'no', ref });
    await refused;
    const unwatched = assert.rejects(parley.watch(['y']), isError('unsupported'));
    const watch = await connection.next();
    connection.say({ type: 'error', code: 'unsupported', message: 'off', ref: watch.ref });
    await unwatched;
    connection.say({ type: 'error', code: 'bad_json', message: 'what?' });
    assert.equal((await event(parley, 'error')).code, 'bad_json');
    await assert.rejects(parley.send('y', 1n), TypeError);
  });

  test('a lost connection: unanswered requests go again, behind renewed watches', async (t) => {
    const server = await ScriptedServer.start(t);
    const parley = open(t, { url: server.url, user: 'x' });
    const first = await server.connection(1);
    const watched = parley.watch(['y']);
    const watch = await first.next();
    first.say({ type: 'presence', users: [{ user: 'y', online: false }], ref: watch.ref });
    await watched;
    const sent = parley.send('y', 1);
    const frame = await first.next();
    first.socket.terminate();
    const second = await server.connection(2);
    const frames = [await second.next(), await second.next()];
    assert.deepEqual(frames.find(({ type }) => type === 'watch').users, ['y']);
    assert.deepEqual(frames.find(({ ref }) => ref === frame.ref), frame);
    second.say({ type: 'sent', ref: frame.ref, id: '1-0', ts: 1, online: true });
    await sent;
  });

  test('refs never repeat', async (t) => {
    const server = await ScriptedServer.start(t);
    const clients = Array.from({ length: 5 }, () => open(t, { url: server.url, user: 'x' }));
    for (const parley of clients) parley.send('y', 1).catch(() => {});
    const refs = new Set();
    for (let number = 1; number <= clients.length; number++) {
      const { ref } = await (await server.connection(number)).next();
      assert.ok(Buffer.byteLength(ref) <= 64);
      refs.add(ref);
    }
    assert.equal(refs.size, clients.length);
  });

  test('`reconnect` is obeyed, whatever the back-off', async (t) => {
    const server = await ScriptedServer.start(t);
    const parley = open(t, { url: server.url, user: 'x', minDelay: NEVER, maxDelay: NEVER });
    const connection = await server.connection(1);
    connection.say({ type: 'reconnect', after_ms: 20 });
    assert.equal((await event(parley, 'reconnect')).after_ms, 20);
    await connection.end(1001);
    const { delay } = await event(parley, 'state', ({ state }) => state === 'waiting');
    assert.ok(delay <= 20);
    await server.connection(2);
  });

  test('the delay grows, up to its bound, with chance in it', async (t) => {
    const server = await ScriptedServer.start(t);
    server.welcomes = false;
    const parley = open(t, { url: server.url, user: 'x', minDelay: 4, maxDelay: 20 });
    for (let number = 1; number <= 5; number++) await (await server.connection(number)).end(1011);
    const delays = () => parley.seen.filter(([, { state }]) => state === 'waiting')
      .map(([, { delay }]) => delay);
    await until(() => delays().length >= 5, DEADLINE, 'five delays');
    for (const [index, bound] of [4, 8, 16, 20, 20].entries()) {
      assert.ok(delays()[index] >= bound / 2 && delays()[index] <= bound, `${delays()}`);
    }
  });

  test('4401 and 4403 are final, 4409 waits longest', async (t) => {
    const server = await ScriptedServer.start(t);
    let number = 0;
    for (const code of [4401, 4403]) {
      const parley = open(t, { url: server.url, user: 'x' });
      const connection = await server.connection(++number);
      await online(parley);
      const refused = assert.rejects(parley.send('y', 1), isError('closed'));
      await connection.end(code);
      await refused;
      assert.equal((await event(parley, 'state', ({ state }) => state === 'closed')).code, code);
      await assert.rejects(parley.presence(['y']), isError('closed'));
    }
    const parley = open(t, { url: server.url, user: 'x', maxDelay: NEVER });
    await (await server.connection(++number)).end(4409);
    const { delay } = await event(parley, 'state', ({ state }) => state === 'waiting');
    assert.ok(delay >= NEVER / 2);
    assert.equal(server.connections.length, number);
  });

  test('1009 costs the longest request, and only that', async (t) => {
    const server = await ScriptedServer.start(t);
    const parley = open(t, { url: server.url, user: 'x' });
    const connection = await server.connection(1);
    const short = parley.send('y', 'short');
    const long = assert.rejects(parley.send('y', 'long'.repeat(100)), isError('too_large'));
    const { ref } = await connection.next();
    await connection.next();
    await connection.end(1009);
    await long;
    const second = await server.connection(2);
    assert.equal((await second.next()).content, 'short');
    second.say({ type: 'sent', ref, id: '1-0', ts: 1, online: false });
    await short;
  });

  test('what waits is bounded', async (t) => {
    const server = await ScriptedServer.start(t);
    server.welcomes = false;
    const parley = open(t, { url: server.url, user: 'x', queue: 2 });
    const waiting = [1, 2].map((content) => parley.send('y', content));
    await assert.rejects(parley.send('y', 3), isError('queue_full'));
    parley.close();
    for (const send of waiting) await assert.rejects(send, isError('closed'));
  });

  test('a gateway that falls silent is noticed, before and after its welcome', async (t) => {
    const server = await ScriptedServer.start(t);
    server.welcomes = false;
    open(t, { url: server.url, user: 'x', pingAfter: 20, timeout: 50 });
    await server.connection(2);
    server.welcomes = true;
    const silent = server.connections.length + 1;
    const connection = await server.connection(silent);
    assert.deepEqual(await connection.next(), { type: 'ping' });
    await within(connection.closed, DEADLINE, 'it to be given up');
    await server.connection(silent + 1);
  });

  test('after close() in a listener nothing more is heard', async (t) => {
    const server = await ScriptedServer.start(t);
    const parley = open(t, { url: server.url, user: 'x' });
    const contents = [];
    parley.on('message', ({ content }) => {
      contents.push(content);
      if (content === 2) parley.close();
    });
    const connection = await server.connection(1);
    connection.say({ type: 'later', than: 'us' });
    for (const content of [1, 2, 3]) {
      connection.say({ type: 'message', sender: 'y', receiver: 'x', content });
    }
    await within(connection.closed, DEADLINE, 'the close');
    assert.deepEqual(contents, [1, 2]);
  });

  test('a user that no gateway takes is refused at once', () => {
    for (const user of ['', 'a\n', 'x'.repeat(129), 'ü'.repeat(65)]) {
      assert.throws(() => connect({ url: 'ws://127.0.0.1:1', user, WebSocket }), TypeError);
    }
  });
});

// The part of uni that the adapter uses, on another WebSocket.
function uniOn(Base) {
  return {
    connectSocket({ url }) {
      const socket = new Base(url);
      return {
        onMessage: (listener) => { socket.onmessage = ({ data }) => listener({ data }); },
        onClose: (listener) => { socket.onclose = ({ code }) => listener({ code }); },
        onError: (listener) => { socket.onerror = ({ message }) => listener({ errMsg: message }); },
        send: ({ data }) => socket.send(data),
        close: ({ code }) => socket.close(code),
      };
    },
  };
}

// The docs' code block that begins with `export class UniSocket`, run with this `uni`.
async function adapterOfTheDocs(uni) {
  const docs = await readFile(new URL('../../docs/javascript.md', import.meta.url), 'utf8');
  const [, code] = /```js\n([^`]*export class UniSocket[^`]*)```/.exec(docs);
  return new Function('uni', `${code.replace('export class', 'return class')}`)(uni);
}
