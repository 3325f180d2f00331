// Clients that send faster than Redis answers: they wait, nobody else does, nothing is lost.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { setImmediate as turn } from 'node:timers/promises';
import { connectUser, uniqueUser } from './lib/client.mjs';
import { System } from './lib/system.mjs';
import { after, before, describe, test } from './lib/test.mjs';
import { DEADLINE, SLOWNESS, until, within } from './lib/wait.mjs';

const CONGESTION = 5000; // commands without an answer, from which on who sends is paused
const READ_BYTES = 1024; // of one read: what a session may send after that
const BEAT = 2; // commands of the gateway's own
const MIB = 1024 * 1024;

// Sends `count` messages of about `size` bytes, with their numbers as content and ref.
// Pings are answered in between.
async function flood(client, receiverID, count, size) {
  const padding = 'x'.repeat(size);
  for (let number = 0; number < count; number++) {
    client.send({ receiverID, content: [number, padding], ref: String(number) });
    if (number % 100 === 0) await turn();
  }
}

// The answers to flood(), which must be all there, in order, each once: how many of each kind.
async function answers(client, count) {
  const kinds = {};
  const frames = await client.take(count, 3 * DEADLINE);
  assert.equal(client.close, undefined, 'the session is open');
  frames.forEach(({ type, code, ref }, number) => {
    assert.equal(ref, String(number));
    const kind = code ?? type;
    kinds[kind] = (kinds[kind] ?? 0) + 1;
  });
  return { sent: 0, unknown: 0, unavailable: 0, ...kinds };
}

// The numbers of the messages of flood() in the receiver's mailbox.
async function stored(redis, user) {
  const numbers = [];
  for (let from = '-'; ;) {
    const entries = await redis.command('XRANGE', `parley:mailbox:{${user}}`, from, '+', 'COUNT',
      100);
    if (entries.length === 0) return numbers;
    for (const [, [, body]] of entries) numbers.push(JSON.parse(`{${body}`).content[0]);
    from = `(${entries.at(-1)[0]}`;
  }
}

// Every number once, ascending; all that were answered with `sent`, and perhaps those `unknown`.
function assertStored(numbers, { sent, unknown }) {
  assert.ok(numbers.every((number, at) => at === 0 || number > numbers[at - 1]));
  assert.ok(numbers.length >= sent && numbers.length <= sent + unknown,
    `${numbers.length} stored, ${sent} sent, ${unknown} unknown`);
}

describe('a Redis that is behind', () => {
  const PING_MS = 300;
  const PONG_TIMEOUT_MS = 1200;
  let system;
  let gateway;
  const paused = () => gateway.metric('parley_reading_paused');
  const untilPaused = (count) => until(async () => await paused() === count, DEADLINE,
    `${count} to be paused`);
  // Redis stands still while `begin` sends, until at least `count` sessions are paused. Resolves with what
  // `begin` returned. A machine can be so slow that Redis is given up first: then `finish` takes the answers,
  // and it is done once more.
  const congest = async (count, begin, finish) => {
    for (;;) {
      const from = gateway.log.length;
      system.redis.pause();
      const begun = begin();
      const isGivenUp = () => gateway.log.slice(from).some(({ event }) => event === 'not_ready');
      await until(async () => isGivenUp() || await paused() >= count, DEADLINE, `${count} to be paused`);
      if (!isGivenUp()) return begun;
      await goOn();
      await finish(begun);
    }
  };
  // One session floods a user; resolves with the user, and with the end of the flood.
  const congestWith = (flooder, count, size) => congest(1, () => {
    const bob = uniqueUser('bob');
    return { bob, flooded: flood(flooder, bob, count, size) };
  }, async ({ flooded }) => {
    await flooded;
    await answers(flooder, count);
  });
  const untilReady = () => until(async () => await gateway.metric('parley_redis_up') === 1,
    DEADLINE, 'the gateway to be ready');
  // On a very slow machine the pause may have been long enough to make it an outage.
  const goOn = async () => {
    system.redis.resume();
    await untilReady();
  };

  before(async () => {
    system = await System.start({
      flags: ['--mailbox-max', 100_000, '--ping', `${PING_MS}ms`, '--pong-timeout',
        `${PONG_TIMEOUT_MS}ms`],
    });
    [gateway] = system.gateways;
  });
  after(() => system?.stop());

  test('who floods waits, is not dropped for it, and each message is answered once', async () => {
    const COUNT = 20_000;
    const SIZE = 1000;
    const flooder = await connectUser(gateway, uniqueUser('flooder'));
    const idle = await connectUser(gateway, uniqueUser('idle'));
    const from = gateway.log.length;
    const memory = await gateway.metric('process_resident_memory_bytes');
    const pauses = await gateway.metric('parley_reading_pauses_total');
    let pings = 0;
    idle.socket.on('ping', () => { pings++; });
    const { bob, flooded } = await congestWith(flooder, COUNT, SIZE);
    const pong = once(flooder.socket, 'pong');

    try {
      pings = 0;
      await flooded;
      flooder.socket.ping();
      assert.ok(flooder.socket.bufferedAmount > 0, 'TCP holds the flooder back');
      // Longer than it would take to drop a session that does not answer pings.
      await until(async () => {
        const pending = await gateway.metric('parley_redis_pending');
        assert.ok(pending <= CONGESTION + READ_BYTES / SIZE + BEAT, `${pending} commands`);
        return pings * PING_MS > PING_MS + PONG_TIMEOUT_MS;
      }, DEADLINE, 'pings to who does not send');
      if (SLOWNESS === 1) { // a sanitizer keeps what is freed
        const growth = await gateway.metric('process_resident_memory_bytes') - memory;
        assert.ok(growth < 32 * MIB, `${growth} bytes`);
      }
      // Who does not send is read as ever.
      idle.socket.ping();
      await within(once(idle.socket, 'pong'), DEADLINE, 'a pong');
      idle.send({ type: 'ping' });
      assert.equal((await idle.next()).type, 'pong');
      await gateway.waitForLog('reading_paused', { sessions: 1 }, { from });
    } finally {
      await goOn();
    }

    const kinds = await answers(flooder, COUNT);
    assertStored(await stored(system.redis, bob), kinds);
    await within(pong, DEADLINE, 'the answer to the ping behind the flood');
    await gateway.waitForLog('reading_resumed', {}, { from });
    await untilPaused(0);
    assert.ok(await gateway.metric('parley_reading_pauses_total') > pauses);
    assert.equal(idle.close, undefined);
  });

  test('a few long messages are enough', async () => {
    const COUNT = 500;
    const flooder = await connectUser(gateway, uniqueUser('flooder'));
    const { bob, flooded } = await congestWith(flooder, COUNT, 60_000);
    try {
      await flooded;
      assert.ok(await gateway.metric('parley_redis_pending') * 60_000 < 17 * MIB);
    } finally {
      await goOn();
    }
    const kinds = await answers(flooder, COUNT);
    assertStored(await stored(system.redis, bob), kinds);
  });

  test('many who send at once wait, and all are answered', async () => {
    const EACH = 200;
    const SIZE = 100;
    const senders = await Promise.all(Array.from({ length: 100 },
      () => connectUser(gateway, uniqueUser('sender'))));
    // To oneself: the messages come in between the answers.
    const assertAnswered = () => Promise.all(senders.map(async (sender) => {
      const refs = [];
      while (refs.length < EACH) refs.push((await sender.next(({ ref }) => ref)).ref);
      assert.deepEqual(refs, refs.map((_, number) => String(number)));
    }));
    try {
      const { flooded } = await congest(2, () => ({
        flooded: Promise.all(senders.map((sender) => flood(sender, sender.welcome.user, EACH, SIZE))),
      }), assertAnswered);
      await flooded;
      const pending = await gateway.metric('parley_redis_pending');
      assert.ok(pending <= CONGESTION + senders.length * READ_BYTES / SIZE, `${pending} commands`);
    } finally {
      await goOn();
    }
    await assertAnswered();
    await untilPaused(0);
    await Promise.all(senders.map((sender) => sender.end()));
  });

  test('Redis is killed meanwhile: who waits is told', async () => {
    const COUNT = 12_000;
    const flooder = await connectUser(gateway, uniqueUser('flooder'));
    system.redis.pause();
    await flood(flooder, uniqueUser('bob'), COUNT, 100);
    await untilPaused(1);
    await system.redis.kill();
    const kinds = await answers(flooder, COUNT);
    assert.ok(kinds.unknown + kinds.unavailable > 0, JSON.stringify(kinds));
    await untilPaused(0);
    await system.redis.restart();
    await untilReady();
  });

  test('who leaves meanwhile is gone when reading goes on', async () => {
    const before = await gateway.metric('parley_sessions', '{kind="native"}');
    const flooder = await connectUser(gateway, uniqueUser('flooder'));
    const { flooded } = await congestWith(flooder, CONGESTION + 1000, 10);
    try {
      await flooded;
      flooder.socket.terminate();
    } finally {
      await goOn();
    }
    await until(async () => await gateway.metric('parley_sessions', '{kind="native"}') === before,
      DEADLINE, 'the session to be gone');
    await untilPaused(0);
  });

  test('SIGTERM meanwhile: 1001, and a clean end', async () => {
    const other = await system.addGateway(['--drain', '1s']);
    const flooder = await connectUser(other, uniqueUser('flooder'));
    system.redis.pause();
    try {
      await flood(flooder, uniqueUser('bob'), CONGESTION + 1000, 10);
      await until(async () => await other.metric('parley_reading_paused') === 1, DEADLINE,
        'it to be paused');
      await other.stop();
    } finally {
      await goOn();
    }
    assert.equal(await flooder.closeCode(), 1001);
  });
});
