// While Redis is away a sender is told so at once: before the gateway answers a ping that was sent when
// it had answered one behind the message. No time-out and no attempt to connect lies in between.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import net from 'node:net';
import { connectUser, uniqueUser } from './lib/client.mjs';
import { Gateway } from './lib/gateway.mjs';
import { Proxy } from './lib/proxy.mjs';
import { Redis } from './lib/redis.mjs';
import { test } from './lib/test.mjs';
import { DEADLINE, until } from './lib/wait.mjs';

async function start(t) {
  const redis = await Redis.start();
  t.after(() => redis.stop());
  const proxy = await Proxy.start(redis.port);
  t.after(() => proxy.stop());
  const gateway = await Gateway.start({ redis: proxy.address });
  t.after(() => gateway.stop());
  return { redis, proxy, gateway, alice: await connectUser(gateway, uniqueUser('alice')) };
}

async function assertAtOnce(client, requests) {
  client.send(requests.map((request, at) => ({ ...request, ref: `${at}` })));
  for (const ref of ['behind', 'after that']) {
    client.send({ type: 'ping', ref });
    await until(() => client.received.some(({ value }) => value.ref === ref), DEADLINE, 'the pong');
  }
  const frames = client.received.map(({ value }) => value);
  const last = frames.findIndex(({ ref }) => ref === 'after that');
  for (const [at] of requests.entries()) {
    const answer = frames.findIndex(({ ref }) => ref === `${at}`);
    assert.equal(frames[answer]?.code, 'unavailable');
    assert.ok(answer < last, `${JSON.stringify(requests[at])} is answered later`);
  }
}

const requests = [
  { receiverID: 'bob', content: 'in vain' }, { receiverID: 'carol', content: 'in vain too' },
  { type: 'history', with: 'bob' }, { type: 'presence', users: ['bob'] },
  { type: 'watch', users: ['bob'] },
];

test('Redis is gone', async (t) => {
  const { redis, gateway, alice } = await start(t);
  const from = gateway.log.length;
  await redis.kill();
  await gateway.waitForLog('not_ready', {}, { from });
  await assertAtOnce(alice, requests);
});

test('something accepts the connection and says nothing', async (t) => {
  const { proxy, gateway, alice } = await start(t);
  const silent = net.createServer((socket) => socket.on('error', () => {})).listen(0, '127.0.0.1');
  await once(silent, 'listening');
  t.after(() => silent.close());
  const from = gateway.log.length;
  const made = proxy.made.command;
  proxy.route('command', silent.address().port);
  proxy.cut();
  await gateway.waitForLog('not_ready', {}, { from });
  await until(() => proxy.made.command > made, DEADLINE, 'another connection');
  await assertAtOnce(alice, requests);
});
