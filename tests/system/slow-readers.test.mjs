// Who does not read costs what --output-max allows, delays nobody, and gets everything later.
import assert from 'node:assert/strict';
import { connectUser, uniqueUser } from './lib/client.mjs';
import { fillMailbox } from './lib/mailbox.mjs';
import { System } from './lib/system.mjs';
import { after, before, describe, test } from './lib/test.mjs';
import { DEADLINE, SLOWNESS, until } from './lib/wait.mjs';

const KIB = 1024;
const OUTPUT_MAX = 512 * KIB;
const SESSIONS = 12;
const SIZE = 16 * KIB; // of a message
const COUNT = 640; // messages: more than the kernel buffers for a socket that nobody reads
const TIMELY_MS = 500 * SLOWNESS; // half of the messages are there sooner, on a busy machine too

describe('sessions that do not read', () => {
  let system;
  let gateway;
  before(async () => {
    system = await System.start({
      flags: ['--output-max', `${OUTPUT_MAX / KIB}KiB`, '--mailbox-max', 10_000],
    });
    [gateway] = system.gateways;
  });
  after(() => system?.stop());

  const devices = (user) => Promise.all(Array.from({ length: SESSIONS },
    (_, number) => connectUser(gateway, user, { device: `slow-${number}` })));
  const memory = () => gateway.metric('process_resident_memory_bytes');
  // Every one has as much waiting for it as it may have.
  const untilStuck = () => until(
    async () => await gateway.metric('parley_output_bytes') >= SESSIONS * OUTPUT_MAX / 2,
    3 * DEADLINE, 'all of them to be stuck');

  async function assertFlat(base) {
    assert.ok(await gateway.metric('parley_output_bytes') <= SESSIONS * OUTPUT_MAX);
    if (SLOWNESS > 1) return; // a sanitizer keeps what is freed
    const growth = await memory() - base;
    assert.ok(growth <= 3 * SESSIONS * OUTPUT_MAX, `it grew by ${growth} bytes`);
  }

  async function assertAll(client, count) {
    const frames = (await client.take(count, 3 * DEADLINE)).filter(({ type }) => type === 'message');
    assert.deepEqual(frames.map(({ content: [number] }) => number), frames.map((_, at) => at));
    assert.equal(frames.length, count);
    await client.end();
  }

  test('of a user who is written to: the memory is bounded, who reads is not delayed', async (t) => {
    const bob = uniqueUser('bob');
    const [alice, quick, other] = await Promise.all([connectUser(gateway, uniqueUser('alice')),
      connectUser(gateway, bob), connectUser(gateway, uniqueUser('other'))]);
    const slow = await devices(bob);
    slow.forEach(({ socket }) => socket.pause());
    const base = await memory();

    const padding = 'x'.repeat(SIZE);
    const times = [];
    for (let number = 0; number < COUNT; number++) {
      const begin = performance.now();
      alice.send([{ receiverID: bob, content: [number, padding] },
        { receiverID: other.welcome.user, content: number }]);
      assert.equal((await quick.next()).content[0], number);
      assert.equal((await other.next()).content, number);
      times.push(performance.now() - begin);
    }
    await untilStuck();
    await assertFlat(base);
    const middle = times.sort((a, b) => a - b)[COUNT / 2];
    t.diagnostic(`${middle.toFixed(1)} ms, ${await memory() - base} bytes`);
    assert.ok(middle < TIMELY_MS, `who reads waits ${middle} ms`);

    slow.forEach(({ socket }) => socket.resume());
    await Promise.all(slow.map((client) => assertAll(client, COUNT)));
  });

  test('of a user with a long mailbox: the same, though each is read on its own', async (t) => {
    const bob = uniqueUser('bob');
    await fillMailbox(system.redis, bob, COUNT, 'x'.repeat(SIZE));
    const quick = await connectUser(gateway, uniqueUser('quick'));
    const base = await memory();
    const slow = await devices(bob);
    slow.forEach(({ socket }) => socket.pause());
    await untilStuck();
    await assertFlat(base);
    t.diagnostic(`${await memory() - base} bytes`);
    quick.send({ receiverID: quick.welcome.user, content: 'hello' });
    assert.equal((await quick.next()).content, 'hello');

    slow.forEach(({ socket }) => socket.resume());
    await Promise.all(slow.map((client) => assertAll(client, COUNT)));
  });
});
