// Who reads slowly, but reads, is not taken for dead, however much is waiting for it.
import assert from 'node:assert/strict';
import { connectUser, uniqueUser } from './lib/client.mjs';
import { fillMailbox } from './lib/mailbox.mjs';
import { System } from './lib/system.mjs';
import { after, before, describe, test } from './lib/test.mjs';
import { DEADLINE, until } from './lib/wait.mjs';

const COUNT = 500;
const SIZE = 16 * 1024; // of a message: all together take many times as long as a pong may
const BYTES_PER_MS = 1000;
const PONG_TIMEOUT_MS = 2000;

// Takes what comes in no faster than the link is.
function slowDown(socket) {
  let ready = performance.now();
  let timer;
  socket.on('message', (data) => {
    ready = Math.max(ready, performance.now()) + data.length / BYTES_PER_MS;
    socket.pause();
    clearTimeout(timer);
    timer = setTimeout(() => socket.resume(), ready - performance.now());
  });
}

test('with --delivery live a client whose pongs come late is not closed', async (t) => {
  const system = await System.start({ flags: ['--delivery', 'live'] });
  t.after(() => system.stop());
  const [gateway] = system.gateways;
  const alice = await connectUser(gateway, uniqueUser());
  const bob = await connectUser(gateway, uniqueUser(), { autoPong: false });
  const count = 300;
  const content = 'x'.repeat(SIZE);
  for (let number = 0; number < count; number++) {
    alice.send({ receiverID: bob.welcome.user, content, ref: `${number}` });
    await alice.next(({ ref }) => ref === `${number}`);
  }
  assert.equal((await bob.take(count)).length, count);
  assert.equal(bob.close, undefined);
});

describe('a link that is slow', () => {
  let system;
  let gateway;
  before(async () => {
    system = await System.start({
      flags: ['--ping', '1s', '--pong-timeout', `${PONG_TIMEOUT_MS}ms`, '--mailbox-max', 10_000],
    });
    [gateway] = system.gateways;
  });
  after(() => system?.stop());

  test('keeps its session while a long mailbox comes through it', async () => {
    const bob = uniqueUser('bob');
    await fillMailbox(system.redis, bob, COUNT, 'x'.repeat(SIZE));
    const client = await connectUser(gateway, bob);
    slowDown(client.socket);
    const begin = performance.now();
    await until(() => client.received.length >= COUNT + 1 || client.close, 3 * DEADLINE,
      () => `all; it has ${client.received.length}`);
    assert.equal(client.close, undefined, `closed after ${client.received.length} frames`);
    assert.ok(performance.now() - begin > 2 * PONG_TIMEOUT_MS, 'that was no slow link');
    await client.end();
  });

  test('whose pongs come late behind many sends gets all its answers', async () => {
    const client = await connectUser(gateway, uniqueUser('alice'));
    const count = 20_000; // their answers are more than a session may have waiting
    for (let ref = 0; ref < count; ref++) {
      client.send({ receiverID: 'nobody', content: ref, ref: `${ref}` });
    }
    const answers = await client.take(count, 3 * DEADLINE);
    assert.equal(client.close, undefined);
    assert.deepEqual(answers.map(({ ref }) => ref), answers.map((_, ref) => `${ref}`));
    // `unknown` only on a machine where Redis takes two seconds.
    const outcomes = new Set(answers.map(({ type, code }) => code ?? type));
    outcomes.delete('unknown');
    assert.deepEqual([...outcomes], ['sent']);
    await client.end();
  });

  test('to a client that sends, but answers no ping, is still written to', async () => {
    const bob = uniqueUser('bob');
    await fillMailbox(system.redis, bob, COUNT, 'x'.repeat(SIZE));
    const client = await connectUser(gateway, bob, { autoPong: false });
    const asking = setInterval(() => client.send({ type: 'ping' }), PONG_TIMEOUT_MS / 4);
    try {
      await until(() => client.received.filter(({ value }) => value.type === 'message').length === COUNT
        || client.close, 3 * DEADLINE, () => `all; it has ${client.received.length}`);
    } finally {
      clearInterval(asking);
    }
    assert.equal(client.close, undefined);
    await client.end();
  });
});
