// The JavaScript client and what it is told rarely: messages twice, gaps, answers that are lost. A
// server that follows a script says it.
import assert from 'node:assert/strict';
import WebSocket from 'ws';
import { connect } from '../../gateway/web/parley.js';
import { describe, test } from '../system/lib/test.mjs';
import { DEADLINE, until } from '../system/lib/wait.mjs';
import { contents, event, isError, online, open } from './lib/parley.mjs';
import { ScriptedServer } from './lib/scripted.mjs';

const NEVER = 1e8; // milliseconds: a delay that no test waits for

async function serve(t, place = { last: '0-0', gap: false, reset: false, epoch: 'e1' }) {
  const server = await ScriptedServer.start(t);
  server.place = place;
  return server;
}

// A message to x, with its id as its content.
const message = (id, more) => ({ type: 'message', id, ts: Number.parseInt(id, 10), sender: 'y',
  receiver: 'x', content: id, ...more });

// What x sent to y, as x's other sessions get it.
const copy = (id, { session = 'a-session', ...more }) => (
  message(id, { copy: { id: '7-7', session, ...more }, sender: 'x', receiver: 'y' }));

// All that the server has said so far is heard, and the client has said nothing of its own.
async function heard(parley, connection) {
  const answer = parley.presence(['y']);
  const { type, ref } = await connection.next();
  assert.equal(type, 'presence');
  connection.say({ type: 'presence', users: [], ref });
  await answer;
}

// The ping by which a client that knows no place of its own finds out where it is.
async function answerPlace(connection) {
  const ping = await connection.next();
  assert.deepEqual(Object.keys(ping), ['type', 'ref']);
  assert.equal(ping.type, 'ping');
  connection.say({ type: 'pong', ref: ping.ref });
}

const place = ({ query }) => [query.get('since'), query.get('epoch')];

describe('where it goes on', () => {
  test('behind the highest id that it has shown, whatever comes twice', async (t) => {
    const server = await serve(t);
    const parley = open(t, { url: server.url, user: 'x' });
    const first = await server.connection(1);
    assert.deepEqual(place(first), [null, null]);
    await first.next();
    for (const id of ['9-1', '9-10', '9-2', '10-0', '9-10', '10-0', '9-9', '18446744073709551615-2',
      '18446744073709551615-1']) first.say(message(id));
    await heard(parley, first);
    const shown = ['9-1', '9-10', '10-0', '18446744073709551615-2'];
    assert.deepEqual(contents(parley), shown);
    assert.deepEqual([parley.since, parley.epoch], [shown.at(-1), 'e1']);

    server.place = { ...server.place, epoch: 'e2' };
    first.socket.terminate();
    const second = await server.connection(2);
    assert.deepEqual(place(second), [shown.at(-1), 'e1']);
    second.say(message('10-0'));
    await heard(parley, second);
    assert.deepEqual(contents(parley), shown);
    second.socket.terminate();
    assert.deepEqual(place(await server.connection(3)), [shown.at(-1), 'e2']);
  });

  test('at `last`, when the device had everything', async (t) => {
    const server = await serve(t, { last: '5-0', epoch: 'e1' });
    const parley = open(t, { url: server.url, user: 'x' });
    const first = await server.connection(1);
    await answerPlace(first);
    await until(() => parley.since === '5-0', DEADLINE, 'the place');
    first.socket.terminate();
    const second = await server.connection(2);
    assert.deepEqual(place(second), ['5-0', 'e1']);
    await heard(parley, second); // and it does not ask again
  });

  test('at `last`, and yet takes what comes late behind entries that nobody may see', async (t) => {
    const server = await serve(t, { last: '5-0', epoch: 'e1' });
    const parley = open(t, { url: server.url, user: 'x' });
    const connection = await server.connection(1);
    await answerPlace(connection);
    await until(() => parley.since === '5-0', DEADLINE, 'the place');
    for (const id of ['3-0', '4-0', '3-0', '5-0']) connection.say(message(id));
    await heard(parley, connection);
    assert.deepEqual(contents(parley), ['3-0', '4-0', '5-0']);
    assert.equal(parley.since, '5-0');
  });

  test('not at `last` while something is on its way', async (t) => {
    const server = await serve(t, { last: '5-0', epoch: 'e1' });
    const parley = open(t, { url: server.url, user: 'x' });
    const first = await server.connection(1);
    first.say(message('4-0'));
    await answerPlace(first);
    await heard(parley, first);
    assert.equal(parley.since, '4-0');
    first.socket.terminate();
    assert.deepEqual(place(await server.connection(2)), ['4-0', 'e1']);
  });

  test('nowhere, when it was cut off before it knew', async (t) => {
    const server = await serve(t, { last: '5-0', epoch: 'e1' });
    open(t, { url: server.url, user: 'x' });
    const first = await server.connection(1);
    await first.next();
    first.socket.terminate();
    const second = await server.connection(2);
    assert.deepEqual(place(second), [null, null]);
    await answerPlace(second);
  });

  test('where the application says', async (t) => {
    const server = await serve(t);
    const parley = open(t, { url: server.url, user: 'x', since: '3-0', epoch: 'e0' });
    const connection = await server.connection(1);
    assert.deepEqual(place(connection), ['3-0', 'e0']);
    connection.say(message('3-0'));
    connection.say(message('3-1'));
    await event(parley, 'message');
    assert.deepEqual(contents(parley), ['3-1']);
    assert.throws(() => connect({ url: server.url, user: 'x', WebSocket, since: '3' }), TypeError);
  });

  test('where no messages are kept ids mean nothing', async (t) => {
    const server = await serve(t, {});
    const parley = open(t, { url: server.url, user: 'x' });
    const first = await server.connection(1);
    for (const id of ['9-0', '8-0']) first.say(message(id)); // the clocks of two gateways
    await heard(parley, first);
    assert.deepEqual(contents(parley), ['9-0', '8-0']);
    first.socket.terminate();
    assert.deepEqual(place(await server.connection(2)), [null, null]);
  });

  test('what was published by hand has no place', async (t) => {
    const server = await serve(t);
    const parley = open(t, { url: server.url, user: 'x' });
    const connection = await server.connection(1);
    await answerPlace(connection);
    connection.say(message('9-0'));
    for (const content of [1, 1]) {
      connection.say({ type: 'message', sender: 'cron', receiver: 'x', content });
    }
    await heard(parley, connection);
    assert.deepEqual(contents(parley), ['9-0', 1, 1]);
    assert.equal(parley.since, '9-0');
  });
});

describe('storage', () => {
  test('is asked first, and told behind each message', async (t) => {
    const server = await serve(t);
    const stored = [];
    const get = () => Promise.resolve({ since: '3-0', epoch: 'e0' });
    const set = ({ since, epoch }) => stored.push([since, epoch, contents(parley).length]);
    const parley = open(t, { url: server.url, user: 'x', storage: { get, set } });
    const connection = await server.connection(1);
    assert.deepEqual(place(connection), ['3-0', 'e0']);
    await online(parley);
    for (const id of ['4-0', '4-0', '5-0']) connection.say(message(id));
    await heard(parley, connection);
    assert.deepEqual(stored, [['3-0', 'e1', 0], ['4-0', 'e1', 1], ['5-0', 'e1', 2]]);
  });

  test('may be empty', async (t) => {
    const server = await serve(t);
    const stored = [];
    const storage = { get: () => null, set: (value) => stored.push(value) };
    open(t, { url: server.url, user: 'x', storage });
    const connection = await server.connection(1);
    assert.deepEqual(place(connection), [null, null]);
    await answerPlace(connection);
    await until(() => stored.length > 0, DEADLINE, 'the place');
    assert.deepEqual(stored, [{ since: '0-0', epoch: 'e1' }]);
  });

  test('is not waited for by who has closed', async (t) => {
    const server = await serve(t);
    let found;
    const get = () => new Promise((resolve) => { found = resolve; });
    const parley = open(t, { url: server.url, user: 'x', storage: { get, set() {} } });
    parley.close();
    found(null);
    const other = open(t, { url: server.url, user: 'x' });
    await online(other);
    assert.equal(server.connections.length, 1);
    assert.equal(parley.state, 'closed');
  });
});

describe('copies', () => {
  test('of what it sent settle that, and are not shown', async (t) => {
    const server = await serve(t);
    const parley = open(t, { url: server.url, user: 'x', since: '1-0' });
    const first = await server.connection(1);
    const lost = parley.send('y', 'its answer is lost');
    const { ref } = await first.next();
    first.socket.terminate();

    const second = await server.connection(2);
    assert.equal((await second.next()).ref, ref);
    second.say(copy('6-0', { ref }));
    assert.deepEqual(await lost, { type: 'sent', ref, id: '7-7', ts: 7 });
    second.say({ type: 'sent', ref, id: '7-7', ts: 7, online: true });

    const answered = parley.send('y', 'its answer comes first');
    const { ref: other } = await second.next();
    second.say({ type: 'sent', ref: other, id: '8-0', ts: 8, online: true });
    assert.equal((await answered).online, true);
    second.say(copy('9-0', { ref: other }));
    await heard(parley, second);
    assert.deepEqual(contents(parley), []);
    assert.equal(parley.since, '9-0');
    assert.deepEqual(parley.seen.filter(([name]) => name === 'error'), []);
  });

  test('of what this user sent elsewhere are shown', async (t) => {
    const server = await serve(t);
    const parley = open(t, { url: server.url, user: 'x', since: '1-0' });
    const connection = await server.connection(1);
    const copies = [copy('2-0', {}), copy('3-0', { ref: 'another-1' }), copy('4-0', { ref: '' })];
    for (const one of copies) connection.say(one);
    await heard(parley, connection);
    assert.deepEqual(parley.seen.filter(([name]) => name === 'message').map(([, one]) => one),
      copies);
  });

  test('ref_conflict is final', async (t) => {
    const server = await serve(t);
    const parley = open(t, { url: server.url, user: 'x', since: '1-0' });
    const connection = await server.connection(1);
    const refused = assert.rejects(parley.send('y', 1), isError('ref_conflict'));
    const { ref } = await connection.next();
    connection.say({ type: 'error', code: 'ref_conflict', message: 'no', ref });
    await refused;
    await heard(parley, connection);
  });
});

describe('gaps', () => {
  const gaps = (parley) => parley.seen.filter(([name]) => name === 'gap').map(([, gap]) => gap);

  test('are told, from a welcome and in between', async (t) => {
    const server = await serve(t, { last: '9-0', gap: true, reset: false, epoch: 'e1' });
    const parley = open(t, { url: server.url, user: 'x', since: '5-0', epoch: 'e1' });
    const connection = await server.connection(1);
    connection.say(message('8-0'));
    connection.say({ type: 'gap', last: '12-0', reset: false });
    connection.say(message('8-0'));
    connection.say(message('12-0'));
    await heard(parley, connection);
    assert.deepEqual(gaps(parley), [{ last: '9-0', reset: false }, { last: '12-0', reset: false }]);
    assert.deepEqual(contents(parley), ['8-0', '12-0']);
    const names = parley.seen.map(([name]) => name);
    assert.ok(names.indexOf('gap') < names.indexOf('message'));
  });

  test('a reset forgets the place, but not what was shown', async (t) => {
    const server = await serve(t);
    const stored = [];
    const storage = { get: () => ({ since: '5-0', epoch: 'e1' }),
      set: ({ since }) => stored.push(since) };
    const parley = open(t, { url: server.url, user: 'x', storage });
    const first = await server.connection(1);
    for (const id of ['6-0', '9-0']) first.say(message(id));
    first.say({ type: 'gap', last: '7-0', reset: true, epoch: 'e2' });
    for (const id of ['3-0', '6-0', '7-0']) first.say(message(id));
    await heard(parley, first);
    assert.deepEqual(gaps(parley), [{ last: '7-0', reset: true }]);
    assert.deepEqual(contents(parley), ['6-0', '9-0', '3-0', '7-0']);
    assert.deepEqual(stored, ['5-0', '6-0', '9-0', '0-0', '3-0', '6-0', '7-0']);
    assert.equal(parley.epoch, 'e2');

    server.place = { last: '2-0', gap: true, reset: true, epoch: 'e3' };
    first.socket.terminate();
    const second = await server.connection(2);
    assert.deepEqual(place(second), ['7-0', 'e2']);
    await until(() => gaps(parley).length === 2, DEADLINE, 'the gap');
    assert.deepEqual([parley.since, parley.epoch], ['0-0', 'e3']);
    second.socket.terminate();
    assert.deepEqual(place(await server.connection(3)), ['0-0', 'e3']);
  });

  test('after close() in a listener none is told', async (t) => {
    const server = await serve(t, { last: '9-0', gap: true, reset: false, epoch: 'e1' });
    const parley = open(t, { url: server.url, user: 'x', since: '5-0' });
    parley.on('state', ({ state }) => { if (state === 'online') parley.close(); });
    await event(parley, 'state', ({ state }) => state === 'closed');
    assert.deepEqual(gaps(parley), []);
  });
});

describe("ack: 'client'", () => {
  // Listeners that are done when the test says so.
  function openSlow(t, options) {
    const parley = open(t, { user: 'x', ack: 'client', since: '1-0', ...options });
    const done = new Map();
    parley.on('message', ({ id }) => (
      new Promise((resolve, reject) => { done.set(id, { resolve, reject }); })));
    const end = async (id, how = 'resolve') => {
      (await until(() => done.get(id), DEADLINE, id))[how](new Error(`of ${id}`));
      done.delete(id);
    };
    return { parley, end };
  }

  test('acknowledges what was handled, and all before it', async (t) => {
    const server = await serve(t);
    const { parley, end } = openSlow(t, { url: server.url });
    const first = await server.connection(1);
    assert.equal(first.query.get('ack'), 'client');
    assert.deepEqual(await first.next(), { type: 'ack', id: '1-0' }); // its place, at once
    for (const id of ['2-0', '3-0', '4-0', '5-0']) first.say(message(id));
    await end('3-0');
    await end('4-0');
    await heard(parley, first);
    assert.equal(parley.since, '1-0');
    await end('2-0');
    assert.deepEqual(await first.next(), { type: 'ack', id: '4-0' });
    assert.equal(parley.since, '4-0');

    first.socket.terminate();
    const second = await server.connection(2);
    assert.equal(second.query.get('since'), '5-0'); // it came, and is being handled
    assert.deepEqual(await second.next(), { type: 'ack', id: '4-0' });
    await end('5-0');
    assert.deepEqual(await second.next(), { type: 'ack', id: '5-0' });
    await heard(parley, second);
  });

  test('a few times a second, and when it closes', async (t) => {
    const server = await serve(t);
    const parley = open(t, { url: server.url, user: 'x', ack: 'client' });
    const connection = await server.connection(1);
    await answerPlace(connection);
    const ids = Array.from({ length: 500 }, (_, index) => `${index + 2}-0`);
    for (const id of ids) connection.say(message(id));
    await until(() => connection.frames.at(-1).id === ids.at(-1), DEADLINE, 'the last');
    const acks = connection.frames.filter(({ type }) => type === 'ack');
    assert.ok(acks.length < 20, `${acks.length}`);

    connection.say(message('600-0'));
    await until(() => parley.since === '600-0', DEADLINE, 'the message');
    parley.close();
    await until(() => connection.frames.at(-1).id === '600-0', DEADLINE, 'the last word');
  });

  test('not what a listener failed with, nor what is behind it', async (t) => {
    const failures = takeRejections(t);
    const server = await serve(t);
    const stored = [];
    const { parley, end } = openSlow(t, { url: server.url, since: undefined, storage: {
      get: () => ({ since: '1-0' }), set: ({ since }) => stored.push(since) } });
    const connection = await server.connection(1);
    assert.deepEqual(await connection.next(), { type: 'ack', id: '1-0' });
    for (const id of ['2-0', '3-0', '4-0']) connection.say(message(id));
    await end('4-0');
    await end('3-0', 'reject');
    await end('2-0');
    assert.deepEqual(await connection.next(), { type: 'ack', id: '2-0' });
    connection.say(message('5-0'));
    await end('5-0');
    await heard(parley, connection);
    assert.equal(stored.at(-1), '2-0');
    assert.deepEqual(failures.map(({ message: words }) => words), ['of 3-0']);

    connection.say({ type: 'gap', last: '4-0', reset: true }); // read again from the beginning
    for (const id of ['3-0', '4-0']) connection.say(message(id));
    await end('3-0');
    assert.deepEqual(await connection.next(), { type: 'ack', id: '4-0' });
  });

  test('not what nobody listens to', async (t) => {
    const server = await serve(t);
    const parley = connect({ url: server.url, user: 'x', WebSocket, ack: 'client', since: '1-0' });
    t.after(() => parley.close());
    const connection = await server.connection(1);
    assert.deepEqual(await connection.next(), { type: 'ack', id: '1-0' });
    connection.say(message('2-0'));
    await heard(parley, connection);
    assert.equal(parley.since, '1-0');
  });

  test('otherwise nothing is acknowledged, nor waited for', async (t) => {
    const server = await serve(t);
    const { parley } = openSlow(t, { url: server.url, ack: undefined });
    const connection = await server.connection(1);
    assert.equal(connection.query.get('ack'), null);
    connection.say(message('2-0'));
    await heard(parley, connection);
    assert.equal(parley.since, '2-0');
  });
});

describe('history', () => {
  const answer = (connection, { ref }, messages, next, end) => (
    connection.say({ type: 'history', with: 'y', messages, next, end, ref }));

  test('is asked for one page at a time, and again behind a lost connection', async (t) => {
    const server = await serve(t, {});
    const parley = open(t, { url: server.url, user: 'x' });
    const first = await server.connection(1);
    await online(parley);
    const pages = [parley.history('y', { before: '9-0', limit: 2 }), parley.history('z'),
      parley.history('y')];
    const sent = parley.send('y', 1);
    const { ref, ...frame } = await first.next();
    assert.deepEqual(frame, { type: 'history', with: 'y', before: '9-0', limit: 2 });
    const { content, ref: sentRef } = await first.next();
    assert.equal(content, 1); // which does not wait for it
    first.say({ type: 'sent', ref: sentRef, id: '1-0', ts: 1 });
    await sent;
    await heard(parley, first);
    first.socket.terminate();

    const second = await server.connection(2);
    assert.deepEqual(await second.next(), { ref, ...frame });
    await heard(parley, second);
    answer(second, { ref }, [message('7-0'), message('8-0')], '7-0', false);
    assert.deepEqual((await pages[0]).messages, [message('7-0'), message('8-0')]);
    const other = await second.next();
    assert.equal(other.with, 'z');
    second.say({ type: 'error', code: 'unsupported', message: 'none', ref: other.ref });
    await assert.rejects(pages[1], isError('unsupported'));
    answer(second, await second.next(), [], '0-0', true);
    assert.equal((await pages[2]).end, true);
    assert.deepEqual(contents(parley), []);
  });

  test('goes back page by page, past empty ones, to the end', async (t) => {
    const server = await serve(t, {});
    const parley = open(t, { url: server.url, user: 'x' });
    const connection = await server.connection(1);
    const script = [['9-0', undefined, ['9-0'], false], ['5-0', '9-0', [], false],
      ['2-0', '5-0', ['2-0', '3-0'], false], ['0-0', '2-0', [], true]];
    const serving = (async () => {
      for (const [next, before, ids, end] of script) {
        const frame = await connection.next();
        assert.equal(frame.before, before);
        assert.equal(frame.limit, 5);
        answer(connection, frame, ids.map((id) => message(id)), next, end);
      }
    })();
    const pages = [];
    for await (const messages of parley.historyPages('y', { limit: 5 })) {
      pages.push(messages.map(({ id }) => id));
    }
    await serving;
    assert.deepEqual(pages, [['9-0'], ['2-0', '3-0']]);
  });
});

test('what another session of this user has read is told', async (t) => {
  const server = await serve(t);
  const parley = open(t, { url: server.url, user: 'x', minDelay: NEVER });
  const connection = await server.connection(1);
  const read = { type: 'read', session: 's2', sender: 'x', receiver: 'y', id: '3-0' };
  connection.say(read);
  assert.deepEqual(await event(parley, 'read'), read);
});

// The rejections that nobody handles, instead of a failed test.
function takeRejections(t) {
  const failures = [];
  const others = process.listeners('unhandledRejection');
  const take = (error) => { failures.push(error); };
  process.removeAllListeners('unhandledRejection');
  process.on('unhandledRejection', take);
  t.after(() => {
    process.off('unhandledRejection', take);
    for (const other of others) process.on('unhandledRejection', other);
  });
  return failures;
}
