// SIGTERM: clients are told, Redis is left clean, the exit status is 0.
import assert from 'node:assert/strict';
import { connectPair, connectUser, uniqueUser } from './lib/client.mjs';
import { System } from './lib/system.mjs';
import { after, before, describe, test } from './lib/test.mjs';

describe('shutting down', () => {
  let system;
  before(async () => { system = await System.start({ gateways: 0 }); });
  after(() => system?.stop());

  test('clients get 1001, their subscriptions are gone, and so is the port', async () => {
    const gateway = await system.addGateway();
    const clients = [
      await connectUser(gateway, uniqueUser()), await connectUser(gateway, uniqueUser()),
      await connectPair(gateway, uniqueUser(), uniqueUser()),
    ];
    assert.equal((await channels()).length, 4);

    await gateway.stop(); // asserts exit status 0
    for (const client of clients) assert.equal(await client.closeCode(), 1001);
    assert.deepEqual(await channels(), []);
    assert.equal(gateway.log.at(-1).event, 'stopped');

    const successor = await system.addGateway([], { port: gateway.port });
    assert.equal(successor.port, gateway.port);
    await connectUser(successor, uniqueUser());
  });

  test('a client that does not answer the close does not hold it up', async () => {
    const gateway = await system.addGateway();
    const client = await connectUser(gateway, uniqueUser());
    client.socket.pause();
    await gateway.stop();
    client.socket.resume();
    assert.equal(await client.closeCode(), 1001);
  });

  test('without a client, without Redis, and with SIGINT', async () => {
    const idle = await system.addGateway();
    await idle.stop();

    const interrupted = await system.addGateway();
    interrupted.process.signal('SIGINT');
    assert.deepEqual(await interrupted.process.end(), { code: 0, signal: null });

    const alone = await system.addGateway();
    await connectUser(alone, uniqueUser());
    await system.redis.kill();
    await alone.waitForLog('not_ready');
    await alone.stop();
    await system.redis.restart();
  });

  test('the status is 0 however many signals come, and whenever', async () => {
    for (let round = 0; round < 15; round++) {
      const { process } = await system.addGateway();
      const hammer = setInterval(() => process.signal('SIGTERM'), 0);
      try {
        assert.deepEqual(await process.end(), { code: 0, signal: null });
      } finally {
        clearInterval(hammer);
      }
    }
  });

  test('what was sent before it is still stored', async () => {
    const gateway = await system.addGateway();
    const bob = uniqueUser('bob');
    const client = await connectUser(gateway, uniqueUser());
    client.send(Array(100).fill({ receiverID: bob, content: 1 }));
    client.send({ type: 'ping', ref: 'read' });
    await client.next(({ ref }) => ref === 'read'); // so the gateway has read the batch
    await gateway.stop();
    assert.equal(await system.redis.command('XLEN', `parley:mailbox:{${bob}}`), 100);
  });

  function channels() {
    return system.redis.command('PUBSUB', 'CHANNELS', 'parley:user:*');
  }
});
