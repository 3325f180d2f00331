// Who does not read costs what --output-max allows, delays nobody, and gets everything later.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import { readFile, writeFile } from 'node:fs/promises';
import { connectUser, uniqueUser } from './lib/client.mjs';
import { fillMailbox } from './lib/mailbox.mjs';
import { System } from './lib/system.mjs';
import { after, before, beforeEach, describe, test } from './lib/test.mjs';
import { DEADLINE, SLOWNESS, until, within } from './lib/wait.mjs';

const KIB = 1024;
const OUTPUT_MAX = 512 * KIB;
const SESSIONS = 12;
const SIZE = 16 * KIB; // of a message
const COUNT = 640; // messages: more than the kernel buffers for a socket that nobody reads
const MEASURED = 160; // of those: the first, while all read, against the last
const SLOWER = 2; // at most, should the machine be busier at the end; in fact it is faster

// The most memory that a process has had since peak() was last asked, in bytes; see proc(5).
async function peak({ process: { pid } }) {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  await writeFile(`/proc/${pid}/clear_refs`, '5');
  return Number(status.match(/^VmHWM:\s+(\d+) kB$/m)[1]) * KIB;
}

// The next frame, without the moments between two looks of next().
const arrival = ({ socket }) => once(socket, 'message').then(([text]) => JSON.parse(text).content);

const median = (values) => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)];

describe('sessions that do not read', () => {
  let system;
  let gateway; // of each test: no memory is left over from another
  before(async () => {
    system = await System.start({ gateways: 0 });
  });
  after(() => system?.stop());
  beforeEach(async () => {
    gateway = await system.addGateway(
      ['--output-max', `${OUTPUT_MAX / KIB}KiB`, '--mailbox-max', 10_000]);
  });

  const devices = (user) => Promise.all(Array.from({ length: SESSIONS },
    (_, number) => connectUser(gateway, user, { device: `slow-${number}` })));
  const memory = () => gateway.metric('process_resident_memory_bytes');

  // Every one has as much waiting for it as it may have.
  async function untilStuck() {
    await until(async () => await gateway.metric('parley_output_bytes') >= SESSIONS * OUTPUT_MAX / 2,
      3 * DEADLINE, 'all of them to be stuck');
    assert.ok(await gateway.metric('parley_output_bytes') <= SESSIONS * OUTPUT_MAX);
  }

  async function readAll(client, count) {
    const frames = (await client.take(count, 3 * DEADLINE)).filter(({ type }) => type === 'message');
    assert.deepEqual(frames.map(({ content: [number] }) => number), frames.map((_, at) => at));
    assert.equal(frames.length, count);
    await client.end();
  }

  // From `base` on, when nobody had anything waiting, until all have read it.
  async function assertBounded(t, base) {
    const growth = await peak(gateway) - base;
    t.diagnostic(`${growth} bytes at most, of ${3 * SESSIONS * OUTPUT_MAX}`);
    if (SLOWNESS > 1) return; // a sanitizer keeps what is freed
    assert.ok(growth <= 3 * SESSIONS * OUTPUT_MAX, `it grew by ${growth} bytes`);
  }

  test('of a user who is written to: the memory is bounded, who reads is not delayed', async (t) => {
    const bob = uniqueUser('bob');
    const [alice, quick, other] = await Promise.all([connectUser(gateway, uniqueUser('alice')),
      connectUser(gateway, bob), connectUser(gateway, uniqueUser('other'))]);
    const slow = await devices(bob);
    const base = await memory();
    await peak(gateway);

    const padding = 'x'.repeat(SIZE);
    const times = [];
    for (let number = 0; number < COUNT; number++) {
      if (number === MEASURED) slow.forEach(({ socket }) => socket.pause());
      const arrivals = Promise.all([arrival(quick), arrival(other)]);
      const begin = performance.now();
      alice.send([{ receiverID: bob, content: [number, padding] },
        { receiverID: other.welcome.user, content: number }]);
      const [[first], second] = await within(arrivals, DEADLINE, 'a message');
      times.push(performance.now() - begin);
      assert.deepEqual([first, second], [number, number]);
    }
    await untilStuck();
    const [all, some] = [median(times.slice(0, MEASURED)), median(times.slice(-MEASURED))];
    t.diagnostic(`${all.toFixed(1)} ms while all read, ${some.toFixed(1)} ms while most do not`);
    assert.ok(some <= SLOWER * all, `who reads waits ${some} ms instead of ${all} ms`);

    slow.forEach(({ socket }) => socket.resume());
    await Promise.all(slow.map((client) => readAll(client, COUNT)));
    await assertBounded(t, base);
  });

  test('of a user with a long mailbox: the same, though each is read on its own', async (t) => {
    const bob = uniqueUser('bob');
    await fillMailbox(system.redis, bob, COUNT, 'x'.repeat(SIZE));
    const quick = await connectUser(gateway, uniqueUser('quick'));
    const base = await memory();
    await peak(gateway);
    const slow = await devices(bob);
    slow.forEach(({ socket }) => socket.pause());
    await untilStuck();
    quick.send({ receiverID: quick.welcome.user, content: 'hello' });
    assert.equal((await quick.next()).content, 'hello');

    slow.forEach(({ socket }) => socket.resume());
    await Promise.all(slow.map((client) => readAll(client, COUNT)));
    await assertBounded(t, base);
  });
});
