// A mailbox of 100,000 messages, read by a client that takes its time: the gateway's memory is flat.
import assert from 'node:assert/strict';
import { assertReaches, connect, connectUser, uniqueUser } from './lib/client.mjs';
import { fillMailbox } from './lib/mailbox.mjs';
import { System } from './lib/system.mjs';
import { test } from './lib/test.mjs';
import { DEADLINE, until } from './lib/wait.mjs';

const COUNT = 100_000;
const SIZE = 400; // of a message: many times what the kernel buffers, all together
const OUTPUT_MAX = 1024 * 1024;
const LOOK_EVERY = 2000; // messages
const LEAST_CHATS = 50; // none waits for the long mailbox to be read

test('100,000 messages come in order, to a slow reader, and the memory is flat', async (t) => {
  const system = await System.start({ flags: ['--mailbox-max', COUNT, '--output-max', OUTPUT_MAX] });
  t.after(() => system.stop());
  const [gateway] = system.gateways;
  const memory = () => gateway.metric('process_resident_memory_bytes');
  const bob = uniqueUser('bob');
  await fillMailbox(system.redis, bob, COUNT, 'x'.repeat(SIZE));
  const others = [await connectUser(gateway, uniqueUser('alice')),
    await connectUser(gateway, uniqueUser('carol'))];
  await assertReaches(...others);

  const base = await memory();
  let highest = 0;
  let stuck = 0; // how often the gateway had to wait for it
  const look = async () => {
    highest = Math.max(highest, await memory() - base);
    if (await gateway.metric('parley_output_bytes') > OUTPUT_MAX / 2) stuck++;
  };
  const client = await connect(gateway, { user: bob });
  client.socket.pause();
  await until(async () => {
    await look();
    return stuck > 0;
  }, DEADLINE, 'it to be stuck');

  // It stops after some, until the gateway has answered how it is.
  let got = 0;
  let wrong;
  let looking = Promise.resolve();
  const take = ({ type, content }) => {
    if (type !== 'message') return;
    if (content[0] !== got) wrong ??= `${content[0]} instead of ${got}`;
    if (++got % LOOK_EVERY !== 0) return;
    client.socket.pause();
    looking = looking.then(look).then(() => client.socket.resume());
  };
  for (const { value } of client.received) take(value); // before it was paused
  client.socket.on('message', (data) => take(JSON.parse(data)));
  client.socket.resume();
  let chats = 0; // of others, meanwhile
  while (got < COUNT && !wrong && !client.close) {
    await assertReaches(...others);
    chats++;
  }
  await looking;
  assert.equal(wrong, undefined);
  assert.equal(client.close, undefined);
  await assertReaches(...others);
  assert.ok(chats >= LEAST_CHATS, `others got ${chats} messages through`);
  t.diagnostic(`${chats} messages of others meanwhile; ${highest} bytes at most, stuck at ${stuck} of ${COUNT / LOOK_EVERY} looks`);
  assert.ok(highest <= 3 * OUTPUT_MAX, `the gateway grew by ${highest} bytes`);
});
