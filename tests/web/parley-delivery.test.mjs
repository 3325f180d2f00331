// The JavaScript client on real gateways: nothing is lost, each message is shown once.
import assert from 'node:assert/strict';
import WebSocket from 'ws';
import { uniqueUser } from '../system/lib/client.mjs';
import { System } from '../system/lib/system.mjs';
import { after, before, describe, test } from '../system/lib/test.mjs';
import { DEADLINE, until } from '../system/lib/wait.mjs';
import { contents, event, isError, online, open } from './lib/parley.mjs';

// A WebSocket class whose connections the test cuts, without a word of farewell. `deaf`: what the
// gateway says is not heard, so that an answer is lost.
function cuttable() {
  return class Cuttable extends WebSocket {
    static open = new Set();
    static deaf = false;

    static cut() {
      for (const socket of Cuttable.open) socket.terminate();
    }

    constructor(url) {
      super(url);
      Cuttable.open.add(this);
      this.once('close', () => Cuttable.open.delete(this));
    }

    emit(name, ...values) {
      return name === 'message' && Cuttable.deaf ? true : super.emit(name, ...values);
    }
  };
}

const numbers = (count, from = 1) => Array.from({ length: count }, (_, index) => from + index);

describe('with real gateways', () => {
  let system;
  let redis;
  before(async () => {
    system = await System.start({ gateways: 2 });
    ({ redis } = system);
  });
  after(() => system?.stop());

  const urls = () => system.gateways.map(({ url }) => url);
  const sentAll = (parley, receiver, list) => (
    Promise.all(list.map((content) => parley.send(receiver, content))));
  const shows = (parley, count) => until(() => contents(parley).length >= count, DEADLINE,
    () => `${count} messages: ${contents(parley)}`);

  test('cut off again and again, it shows each message once and in order', async (t) => {
    const [one, two] = urls();
    const Cuttable = cuttable();
    const alice = open(t, { url: one, user: uniqueUser('alice'), WebSocket: Cuttable });
    const bob = open(t, { url: two, user: uniqueUser('bob'), WebSocket: Cuttable });
    await Promise.all([online(alice), online(bob)]);
    const count = 300;
    const sending = [];
    for (const content of numbers(count)) {
      sending.push(alice.send(bob.welcome.user, content));
      if (content % 40 === 0) await sending.at(-1);
      if (content % 60 === 1) Cuttable.cut();
    }
    await Promise.all(sending);
    await shows(bob, count);
    await event(bob, 'message', ({ content }) => content === count);
    assert.deepEqual(contents(bob), numbers(count));
    assert.deepEqual(contents(alice), []);
    assert.deepEqual(bob.seen.filter(([name]) => name === 'gap'), []);
    const ids = bob.seen.filter(([name]) => name === 'message').map(([, { id }]) => id);
    assert.equal(bob.since, ids.at(-1));
    assert.equal(bob.epoch, bob.welcome.epoch);
  });

  test('what is stored while a tab is away comes, whoever else has acknowledged it', async (t) => {
    const [one, two] = urls();
    const Cuttable = cuttable();
    const user = uniqueUser('bob');
    const away = open(t, { url: one, user, WebSocket: Cuttable, minDelay: 1e8, maxDelay: 1e8 });
    await until(() => away.since === '0-0', DEADLINE, 'its place');
    Cuttable.cut();
    await event(away, 'state', ({ state }) => state === 'waiting');

    const alice = open(t, { url: two, user: uniqueUser('alice') });
    const there = open(t, { url: two, user });
    await sentAll(alice, user, [1, 2]);
    await shows(there, 2);
    const cursor = () => redis.command('HGET', `parley:cursor:{${user}}`, 'default');
    await until(async () => await cursor() === there.since, DEADLINE, 'the cursor');

    const back = open(t, { url: one, user, since: away.since, epoch: away.epoch });
    await shows(back, 2);
    assert.deepEqual(contents(back), [1, 2]);
    const late = open(t, { url: one, user });
    await until(() => late.since === there.since, DEADLINE, 'its place');
    assert.deepEqual(contents(late), []); // this device has them
  });

  test('a lost answer: stored once, settled, and shown elsewhere as one\'s own', async (t) => {
    const [one, two] = urls();
    const Deaf = cuttable();
    const user = uniqueUser('alice');
    const peer = uniqueUser('bob');
    const alice = open(t, { url: one, user, WebSocket: Deaf });
    const phone = open(t, { url: two, user, device: 'phone' });
    const bob = open(t, { url: two, user: peer });
    await Promise.all([online(alice), online(phone), online(bob)]);
    await until(() => alice.since, DEADLINE, 'its place');
    Deaf.deaf = true;
    const sent = alice.send(peer, 'once');
    const { id } = await event(bob, 'message');
    const { copy, sender, receiver } = await event(phone, 'message');
    Deaf.deaf = false;
    Deaf.cut();
    assert.equal((await sent).id, id);
    assert.deepEqual([copy.id, sender, receiver], [id, user, peer]);

    await alice.send(peer, 'twice');
    await event(bob, 'message', ({ content }) => content === 'twice');
    await alice.send(user, 'a note'); // behind whatever came for alice
    await event(alice, 'message', ({ content }) => content === 'a note');
    assert.deepEqual(contents(alice), ['a note']);
    assert.deepEqual(contents(bob), ['once', 'twice']);
  });

  test('a mailbox that has overflowed is a gap', async (t) => {
    const [one] = urls();
    const { url } = await system.addGateway(['--mailbox-max', 100]);
    const user = uniqueUser('bob');
    const alice = open(t, { url, user: uniqueUser('alice') });
    const before = open(t, { url: one, user });
    await online(before);
    await sentAll(alice, user, [0]);
    await event(before, 'message');
    before.close();
    await sentAll(alice, user, numbers(400));
    const bob = open(t, { url: one, user, since: before.since, epoch: before.epoch });
    const { reset } = await event(bob, 'gap');
    assert.equal(reset, false);
    await event(bob, 'message', ({ content }) => content === 400);
    const shown = contents(bob);
    assert.deepEqual(shown, numbers(shown.length, 401 - shown.length));
    assert.ok(shown.length < 400);
  });

  test('ack: \'client\': what was in hand comes again, and nothing else', async (t) => {
    const [one, two] = urls();
    const user = uniqueUser('worker');
    const alice = open(t, { url: two, user: uniqueUser('alice') });
    const first = open(t, { url: one, user, device: 'worker', ack: 'client' });
    first.on('message', ({ content }) => content <= 3 || new Promise(() => {}));
    await online(first);
    await sentAll(alice, user, numbers(5));
    await shows(first, 5);
    const cursor = () => redis.command('HGET', `parley:cursor:{${user}}`, 'worker');
    const { id } = await event(first, 'message', ({ content }) => content === 3);
    await until(async () => await cursor() === id, DEADLINE, 'the cursor');
    first.close();

    const second = open(t, { url: two, user, device: 'worker', ack: 'client' });
    await shows(second, 2);
    assert.deepEqual(contents(second), [4, 5]);
    assert.equal(second.since, (await event(second, 'message', ({ content }) => content === 5)).id);
    await until(async () => await cursor() === second.since, DEADLINE, 'the cursor again');
    assert.deepEqual(second.seen.filter(([name]) => name === 'error'), []);
  });

  test('a conversation, page by page, with both directions', async (t) => {
    const [one, two] = urls();
    const [alice, bob] = [[one, 'alice'], [two, 'bob']].map(([url, name]) => (
      open(t, { url, user: uniqueUser(name) })));
    await Promise.all([online(alice), online(bob)]);
    const [a, b] = [alice.welcome.user, bob.welcome.user];
    for (const content of numbers(6)) {
      if (content % 2 === 0) await bob.send(a, content);
      else await alice.send(b, content);
      await bob.send(bob.welcome.user, 'another conversation');
    }
    const [newest, older] = await Promise.all([undefined, '0-1']
      .map((before) => alice.history(b, { before, limit: 2 })));
    assert.deepEqual(newest.messages.map(({ sender, content }) => [sender, content]),
      [[a, 5], [b, 6]]);
    assert.equal(newest.end, false);
    assert.deepEqual([older.messages, older.end], [[], true]);
    const pages = [];
    for await (const messages of bob.historyPages(a, { limit: 4 })) {
      pages.unshift(...messages.map(({ content }) => content));
    }
    assert.deepEqual(pages, numbers(6));
    await assert.rejects(alice.history(b, { limit: 201 }), isError('bad_request'));
  });

  test('what one session has read, the others know', async (t) => {
    const [one, two] = urls();
    const user = uniqueUser('bob');
    const alice = open(t, { url: one, user: uniqueUser('alice') });
    const [phone, tab] = [one, two].map((url) => open(t, { url, user }));
    await Promise.all([alice, phone, tab].map(online));
    const { id } = await alice.send(user, 1);
    await event(phone, 'message');
    phone.read(alice.welcome.user, id);
    const { session, ...read } = await event(tab, 'read');
    assert.deepEqual(read, { type: 'read', sender: user, receiver: alice.welcome.user, id });
    assert.equal(session, phone.welcome.session);
    assert.equal((await event(alice, 'read')).session, undefined);
  });

  test('Redis comes back empty: a reset, and what is new is shown', async (t) => {
    const [one, two] = urls();
    const user = uniqueUser('bob');
    const alice = open(t, { url: two, user: uniqueUser('alice') });
    const bob = open(t, { url: one, user });
    await online(bob);
    await sentAll(alice, user, [1]);
    await event(bob, 'message');
    await redis.restart();
    await event(bob, 'gap', ({ reset }) => reset);
    await sentAll(alice, user, [2]);
    await event(bob, 'message', ({ content }) => content === 2);
    assert.deepEqual(contents(bob), [1, 2]);
  });
});

describe('with gateways that keep nothing', () => {
  let system;
  before(async () => {
    system = await System.start({ gateways: 2, flags: ['--delivery', 'live'] });
  });
  after(() => system?.stop());

  test('every message is shown, though the ids of two gateways have no order', async (t) => {
    const [one, two] = system.gateways.map(({ url }) => url);
    const bob = open(t, { url: one, user: uniqueUser('bob') });
    const writers = [one, two].map((url) => open(t, { url, user: uniqueUser('alice') }));
    await Promise.all([bob, ...writers].map(online));
    assert.equal(bob.welcome.last, undefined);
    const list = numbers(100);
    await Promise.all(writers.flatMap((alice) => (
      list.map((content) => alice.send(bob.welcome.user, content)))));
    await until(() => contents(bob).length === 2 * list.length, DEADLINE,
      () => `all of them; ${contents(bob).length}`);
    for (const alice of writers) {
      const from = bob.seen.filter(([name, value]) => (
        name === 'message' && value.sender === alice.welcome.user));
      assert.deepEqual(from.map(([, { content }]) => content), list);
    }
    assert.equal(bob.since, undefined);
    await assert.rejects(bob.history('alice'), isError('unsupported'));
  });
});
