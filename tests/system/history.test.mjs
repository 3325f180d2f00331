// Pages of a conversation: both directions, each message once, in order, with bounded work.
import assert from 'node:assert/strict';
import { connectPair, connectUser, uniqueUser } from './lib/client.mjs';
import { System } from './lib/system.mjs';
import { after, before, describe, test } from './lib/test.mjs';
import { DEADLINE, until } from './lib/wait.mjs';

const ENTRIES = 'parley_history_entries_total';
const READ = ['sent', 'other', 'no_room', 'wrong', 'gone'];
const HIGHEST = '18446744073709551615-18446744073709551615';

let refs = 0;

async function request(client, fields) {
  const ref = `h${++refs}`;
  client.send({ type: 'history', ...fields, ref });
  return client.next((frame) => frame.ref === ref);
}

// A page: the answer without what every one has.
async function page(client, peer, fields = {}) {
  const { type, with: other, ref, ...rest } = await request(client, { with: peer, ...fields });
  assert.equal(type, 'history', JSON.stringify(rest));
  assert.equal(other, peer);
  assert.deepEqual(Object.keys(rest), ['messages', 'next', 'end']);
  return rest;
}

// All pages to the end, the oldest message first.
async function all(client, peer, fields = {}, pages = []) {
  for (let next; ; next = pages.at(-1).next) {
    pages.push(await page(client, peer, { ...fields, ...(next && { before: next }) }));
    if (pages.at(-1).end) return pages.toReversed().flatMap(({ messages }) => messages);
  }
}

const contents = (messages) => messages.map(({ content }) => content);
const numbers = (from, to) => Array.from({ length: to - from + 1 }, (_, at) => from + at);

describe('history', () => {
  let system;
  let gateways;
  let redis;
  before(async () => {
    system = await System.start({ gateways: 2, flags: ['--mailbox-max', 5000] });
    ({ gateways, redis } = system);
  });
  after(() => system?.stop());

  // As accept.lua writes them: what `peer` wrote to `user`.
  const store = (user, peer, content, id = '*') => redis.command(
    'XADD', `parley:mailbox:{${user}}`, id, 'm',
    `"sender":"${peer}","receiver":"${user}","content":${JSON.stringify(content)}}`,
    'peer', peer, 'g', 'g1-00', 's', '0123456789abcdef');

  async function storeMany(user, count, peerOf, contentOf) {
    const connection = await redis.connect();
    for (let number = 1; number <= count; number++) {
      const peer = peerOf(number);
      connection.send('XADD', `parley:mailbox:{${user}}`, '*', 'm',
        `"sender":"${peer}","receiver":"${user}","content":${JSON.stringify(contentOf(number))}}`,
        'peer', peer, 'g', 'g1-00', 's', '0123456789abcdef');
    }
    for (let number = 1; number <= count; number++) await connection.reply();
    connection.close();
  }

  // What `result` does, and how many entries were read for it, by what became of them.
  async function counted(result) {
    const count = () => Promise.all(READ.map((name) =>
      gateways[0].metric(ENTRIES, `{result="${name}"}`)));
    const earlier = await count();
    const value = await result();
    const later = await count();
    return [value, Object.fromEntries(READ.map((name, at) => [name, later[at] - earlier[at]]))];
  }

  test('has the messages as they were delivered, byte by byte, the newest last', async () => {
    const [alice, bob] = [uniqueUser('alice'), uniqueUser('bob')];
    const a = await connectUser(gateways[0], alice);
    const b = await connectUser(gateways[1], bob);
    for (const content of ['1.0', '{ "b":1e400, "a":"\\ud800" }', '"\\u00e9 é 😀"']) {
      a.send(`{"receiverID":"${bob}","content":${content}}`);
    }
    await b.take(3);
    const delivered = b.received.slice(-3).map(({ text }) => text);

    b.send({ type: 'history', with: alice, ref: 'é"' });
    const { next, end, ref } = await b.next();
    assert.deepEqual([next, end, ref], [JSON.parse(delivered[0]).id, true, 'é"']);
    assert.equal(b.received.at(-1).text, `{"type":"history","with":"${alice}","messages":[`
      + `${delivered.join(',')}],"next":"${next}","end":true,"ref":"é\\""}`);

    b.send({ type: 'history', with: alice });
    assert.deepEqual(Object.keys(await b.next()), ['type', 'with', 'messages', 'next', 'end']);
  });

  test('has both directions, copies as they are stored, and no other conversation', async () => {
    const [alice, bob] = [uniqueUser('alice'), uniqueUser('b"ob')];
    const a = await connectUser(gateways[0], alice);
    const elsewhere = await connectUser(gateways[1], alice);
    const b = await connectUser(gateways[1], bob);
    b.send({ receiverID: alice, content: 'question' });
    const question = await a.next();
    await store(alice, 'carol', 'not this');
    a.send({ receiverID: bob, content: 'answer', ref: 'r"1' });
    const { id } = await a.next();
    a.send({ receiverID: alice, content: 'a note' });
    const [, copy, note] = await elsewhere.take(3);
    assert.deepEqual(copy.copy, { id, session: a.welcome.session, ref: 'r"1' });

    for (const client of [a, elsewhere]) {
      assert.deepEqual(await page(client, bob),
        { messages: [question, copy], next: question.id, end: true });
      assert.deepEqual((await page(client, alice)).messages, [note], 'with oneself');
    }
    const { messages } = await page(b, alice);
    assert.deepEqual(messages.map(({ content, id: of }) => [content, of]),
      [['question', messages[0].id], ['answer', id]]);
    assert.ok(messages[0].copy && !messages[1].copy, 'in the mailbox of who wrote it');
  });

  test('page by page to the end gives every message once, in order', async () => {
    const [alice, bob, carol] = ['alice', 'b{o"b', 'carol'].map(uniqueUser);
    const a = await connectUser(gateways[0], alice);
    const connection = await redis.connect();
    for (let number = 1; number <= 184; number++) { // whole steps of history.lua
      const peer = number % 3 === 0 ? carol : bob;
      const m = `"sender":${JSON.stringify(peer)},"receiver":"${alice}","content":${number}}`;
      connection.send('XADD', `parley:mailbox:{${alice}}`, '*', 'm', m, 'peer', peer);
      await connection.reply();
    }
    connection.close();
    const expected = numbers(1, 184).filter((number) => number % 3 !== 0);
    for (const limit of [1, 7, 41, 50, 122, 123, 200]) {
      const pages = [];
      assert.deepEqual(contents(await all(a, bob, { limit }, pages)), expected, `limit ${limit}`);
      assert.ok(pages.every(({ messages }) => messages.length <= limit));
      assert.equal(pages.length, Math.ceil(123 / limit), 'no page in vain');
    }
    assert.equal((await page(a, bob)).messages.length, 50, 'when no limit is given');
  });

  test('before may be any id, and nothing is where nothing can be', async () => {
    const [alice, bob] = [uniqueUser('alice'), uniqueUser('bob')];
    const a = await connectUser(gateways[0], alice);
    const nothing = (next) => ({ messages: [], next, end: true });
    assert.deepEqual(await page(a, bob), nothing('0-0'), 'there is no mailbox');
    for (const id of ['5-1', '5-2', '6-0']) await store(alice, bob, id, id);
    for (const [before, expected] of [['5-1', []], ['5-2', ['5-1']], ['5-7', ['5-1', '5-2']],
      ['0-1', []], ['6-1', ['5-1', '5-2', '6-0']], [HIGHEST, ['5-1', '5-2', '6-0']]]) {
      const { messages, end } = await page(a, bob, { before });
      assert.deepEqual(contents(messages), expected, before);
      assert.equal(end, true);
    }
    assert.deepEqual(await page(a, bob, { before: '0-0' }), nothing('0-0'));
    assert.deepEqual(await page(a, bob, { before: '5-1' }), nothing('5-1'));
  });

  test('reads at most 200 entries, whoever they are from', async () => {
    const [alice, bob] = [uniqueUser('alice'), uniqueUser('bob')];
    const a = await connectUser(gateways[0], alice);
    await store(alice, bob, 'first');
    await storeMany(alice, 1000, (number) => `other-${number % 10}`, (number) => number);

    const pages = [];
    let before;
    do {
      const [answer, read] = await counted(() => page(a, bob, { limit: 200, ...before }));
      assert.equal(read.other, pages.length < 5 ? 200 : 0);
      assert.equal(read.sent, answer.messages.length);
      pages.push(answer);
      before = { before: answer.next };
    } while (!pages.at(-1).end);
    assert.deepEqual(pages.map(({ messages }) => contents(messages)),
      [[], [], [], [], [], ['first']]);
  });

  test('reads at most 512 KiB, but always one message', async () => {
    const [alice, bob] = [uniqueUser('alice'), uniqueUser('bob')];
    const a = await connectUser(gateways[0], alice);
    const long = 'x'.repeat(60_000);
    await storeMany(alice, 20, (number) => (number % 2 ? 'other' : bob), (number) => number + long);
    const [answer, read] = await counted(() => page(a, bob));
    assert.deepEqual([read.sent, read.other], [4, 4], '8 times 60 KB');
    assert.deepEqual(answer.messages.map(({ content }) => parseInt(content, 10)), [14, 16, 18, 20]);
    assert.equal(answer.end, false);
    assert.equal((await all(a, bob)).length, 10);
  });

  test('an answer has the messages that there is room for', async () => {
    const gateway = await system.addGateway(['--output-max', '128KiB', '--mailbox-max', 5000]);
    const [alice, bob] = [uniqueUser('alice'), uniqueUser('bob')];
    await storeMany(alice, 12, () => bob, (number) => number + 'y'.repeat(20_000));
    const start = `{"receiverID":"${alice}","content":"13`;
    const longest = 'z'.repeat(64 * 1024 - start.length - 2);
    const b = await connectUser(gateway, bob);
    b.send(`${start}${longest}z"}`);
    assert.equal((await b.next()).code, 'too_large', 'so that the next one is the longest');
    b.send(`${start}${longest}"}`);
    b.send({ type: 'ping' });
    await b.next();

    const a = await connectUser(gateway, alice);
    const pages = [];
    const messages = await all(a, bob, {}, pages);
    assert.deepEqual(messages.map(({ content }) => parseInt(content, 10)), numbers(1, 13));
    assert.equal(pages[0].messages.length, 1, 'the longest that there may be');
    assert.equal(pages[1].messages.length, 3, 'half of what is free');
    assert.equal(a.socket.readyState, 1);
  });

  test('what is no message is passed over, counted and logged', async () => {
    const [alice, bob] = [uniqueUser('alice'), uniqueUser('bob')];
    const a = await connectUser(gateways[0], alice);
    const rest = `"receiver":"${alice}","content":1}`;
    await store(alice, bob, 'one');
    const wrong = [
      ['peer', bob], ['m', `"sender":"${bob}",${rest}`], ['m', '', 'peer', bob],
      ['m', 'text', 'peer', bob], ['m', `"sender":"${bob}",${rest},{"x":1}`, 'peer', bob],
      ['m', `"sender":"${bob}","sender":"x",${rest}`, 'peer', bob],
      ['m', `"type":"error","sender":"${bob}",${rest}`, 'peer', bob],
      ['m', `"x":1,"sender":"${bob}",${rest}`, 'peer', bob],
      ['m', `"sender":"${bob}","content":"${'x'.repeat(67_000)}"}`, 'peer', bob],
    ];
    const ids = [];
    for (const fields of wrong) {
      ids.push(await redis.command('XADD', `parley:mailbox:{${alice}}`, '*', ...fields));
    }
    await store(alice, bob, 'two');
    const from = gateways[0].log.length;
    const earlier = await gateways[0].metric('parley_mailbox_entries_passed_over_total');

    const [answer, read] = await counted(() => page(a, bob));
    assert.deepEqual(contents(answer.messages), ['one', 'two']);
    assert.equal(answer.end, true);
    assert.deepEqual(read, { sent: 2, other: 0, no_room: 0, wrong: wrong.length, gone: 0 });
    assert.equal(await gateways[0].metric('parley_mailbox_entries_passed_over_total'),
      earlier + wrong.length);
    for (const id of ids) await gateways[0].waitForLog('mailbox_entry_passed_over', { id }, { from });
  });

  test('what is wrong with a request is said, and the session stays', async () => {
    const a = await connectUser(gateways[0], uniqueUser());
    for (const [fields, message] of [[{}, /^with is missing/], [{ with: 'b', before: 5 }, /^before /],
      [{ with: 'b', limit: 201 }, /^limit is too large: .* 1 to 200/]]) {
      const { type, code, message: words } = await request(a, fields);
      assert.deepEqual([type, code], ['error', 'bad_request']);
      assert.match(words, message);
    }
    assert.equal((await page(a, 'b')).end, true);
  });

  test('one at a time: a second one is refused, and may be asked again', async () => {
    const a = await connectUser(gateways[0], uniqueUser());
    const results = () => Promise.all(['answered', 'refused'].map((result) =>
      gateways[0].metric('parley_history_requests_total', `{result="${result}"}`)));
    const earlier = await results();
    a.send([{ type: 'history', with: 'b', ref: '1' }, { type: 'history', with: 'c', ref: '2' }]);
    const [first, second] = await a.take(2);
    assert.deepEqual([first.type, first.ref, first.code], ['error', '2', 'not_allowed']);
    assert.deepEqual([second.type, second.ref], ['history', '1']);
    assert.equal((await page(a, 'c')).end, true);
    assert.deepEqual(await results(), [earlier[0] + 2, earlier[1] + 1]);
  });

  test('a pair session gets no history, and the log says why', async () => {
    const [a, b] = [uniqueUser('a'), uniqueUser('b')];
    const pair = await connectPair(gateways[0], a, b);
    pair.send({ type: 'history', with: b });
    const { why } = await gateways[0].waitForLog('bad_frame', { code: 'unsupported', user_a: a });
    assert.match(why, /native session/);
  });

  test('a key of another type is unavailable, and the log names it', async () => {
    const alice = uniqueUser('alice');
    const a = await connectUser(gateways[0], alice);
    const key = `parley:mailbox:{${alice}}`;
    await redis.command('SET', key, 'x');
    assert.equal((await request(a, { with: 'b' })).code, 'unavailable');
    await gateways[0].waitForLog('redis_refused', { script: 'history', key });
    await redis.command('DEL', key);
    assert.equal((await page(a, 'b')).end, true);
  });

  test('who is gone when the answer comes costs nothing, and is counted', async () => {
    const a = await connectUser(gateways[0], uniqueUser());
    const b = await connectUser(gateways[0], uniqueUser());
    const gone = '{result="gone"}';
    const earlier = await gateways[0].metric('parley_history_requests_total', gone);
    const sessions = () => gateways[0].metric('parley_sessions', '{kind="native"}');
    const open = await sessions();
    redis.pause();
    try {
      a.send({ type: 'history', with: 'x' });
      a.send({ type: 'ping' });
      await a.next();
      a.socket.terminate();
      await until(async () => await sessions() < open, DEADLINE, 'it to be gone');
    } finally {
      redis.resume();
    }
    await page(b, 'x');
    assert.equal(await gateways[0].metric('parley_history_requests_total', gone), earlier + 1);
  });

  test('works while Redis is full', async () => {
    const [alice, bob] = [uniqueUser('alice'), uniqueUser('bob')];
    const a = await connectUser(gateways[0], alice);
    await store(alice, bob, 'kept');
    await redis.command('CONFIG', 'SET', 'maxmemory', '1');
    try {
      assert.deepEqual(contents((await page(a, bob)).messages), ['kept']);
    } finally {
      await redis.command('CONFIG', 'SET', 'maxmemory', '0');
    }
  });
});

describe('history and a Redis that is away', () => {
  test('is unavailable, at once or when it does not answer, and works again after', async () => {
    const system = await System.start();
    try {
      const [gateway] = system.gateways;
      const a = await connectUser(gateway, uniqueUser());
      system.redis.pause();
      const { code, message } = await request(a, { with: 'b' });
      system.redis.resume();
      assert.deepEqual([code, message], ['unavailable', 'Redis is not available: ask again later']);
      assert.equal((await page(a, 'b')).end, true, 'slow is not away');

      const from = gateway.log.length;
      await system.redis.kill();
      await gateway.waitForLog('not_ready', {}, { from });
      assert.equal((await request(a, { with: 'b' })).code, 'unavailable');
      await system.redis.restart();
      await gateway.waitForLog('ready', {}, { from });
      assert.equal((await page(a, 'b')).end, true);
    } finally {
      await system.stop();
    }
  });
});

describe('history and --delivery live', () => {
  test('is unsupported: nothing is stored', async () => {
    const system = await System.start({ flags: ['--delivery', 'live'] });
    try {
      const a = await connectUser(system.gateways[0], uniqueUser());
      const { code, message } = await request(a, { with: 'b' });
      assert.equal(code, 'unsupported');
      assert.match(message, /--delivery live/);
      assert.equal((await request(a, {})).code, 'bad_request');
    } finally {
      await system.stop();
    }
  });
});
