// Gateways behind HAProxy with the configuration of compose.yaml: what clients see of gateways that
// come, go and drain, and what they must not see.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import http from 'node:http';
import { connectPair, connectUser, refusal, uniqueUser } from './lib/client.mjs';
import { HAProxy } from './lib/haproxy.mjs';
import { request } from './lib/http.mjs';
import { RawSocket } from './lib/raw.mjs';
import { freePort } from './lib/redis.mjs';
import { System } from './lib/system.mjs';
import { after, before, describe, test } from './lib/test.mjs';
import { DEADLINE, until } from './lib/wait.mjs';

const ENOUGH = 20; // more sessions than it takes to meet every gateway

describe('behind HAProxy', () => {
  let system;
  let ports;
  let proxy;

  // The gateway `gN` on 127.0.0.N of the ports that all share. It drains for as long as it has
  // sessions.
  async function start(number) {
    const address = `127.0.0.${number}`;
    const gateway = await system.addGateway(['--id', `g${number}`, '--listen', address,
      '--admin-listen', `${address}:${ports.adminPort}`, '--drain', '1h'], { port: ports.port });
    return Object.assign(gateway, { address, name: `g${number}` });
  }

  const servedBy = (client) => client.welcome.gateway.replace(/-[0-9a-f]+$/, '');

  // One more session of a new user, on that gateway; the others that it takes are closed.
  async function connectTo(gateway) {
    const others = [];
    try {
      return await until(async () => {
        const client = await connectUser(proxy, uniqueUser());
        if (servedBy(client) === gateway.name) return client;
        others.push(client);
        return undefined;
      }, DEADLINE, () => `a session on ${gateway.name}\n${proxy.log}`);
    } finally {
      await Promise.all(others.map((client) => client.end()));
    }
  }

  async function assertChat(from, to, content) {
    from.send({ receiverID: to.welcome.user, content, ref: content });
    assert.equal((await from.next(({ ref }) => ref === content)).online, true);
    await to.next((frame) => frame.content === content);
  }

  // Ends all sessions of a gateway that drains.
  async function leave(gateway, ...clients) {
    for (const client of clients) await client.end();
    assert.deepEqual(await gateway.process.end(), { code: 0, signal: null }, gateway.tail());
  }

  let gateways;
  before(async () => {
    system = await System.start({ gateways: 0 });
    ports = { port: await freePort(), adminPort: await freePort() };
    gateways = [await start(2), await start(3)];
    proxy = await HAProxy.start({ ...ports, addresses: gateways.map(({ address }) => address) });
  });
  after(async () => {
    await proxy?.stop();
    for (const gateway of system?.gateways ?? []) await gateway.kill();
    await system?.stop();
  });

  // A gateway that a test has ended is replaced, under the same name.
  async function restart(gateway) {
    const number = Number(gateway.name.slice(1));
    gateways[gateways.indexOf(gateway)] = await start(number);
  }

  test('users on different gateways chat', async () => {
    const alice = await connectTo(gateways[0]);
    const bob = await connectTo(gateways[1]);
    await assertChat(alice, bob, 'there');
    await assertChat(bob, alice, 'back');
    await alice.end();
    await bob.end();
  });

  test('a pair session of the original contract chats', async () => {
    const [a, b] = [uniqueUser('a'), uniqueUser('b')];
    const pair = await connectPair({ url: proxy.url, subscribed: () => {} }, a, b);
    await until(() => system.redis.subscribers(`parley:user:{${b}}`), DEADLINE, 'its subscription');
    pair.send([{ sender: a, receiverID: b, content: 'hello' }]);
    assert.equal((await pair.next()).content, 'hello');
    await pair.end();
  });

  test('what is for operators is not there, however it is written', async () => {
    for (const path of ['/metrics', '/readyz', '/healthz', '/metrics?a', '//metrics', '/%6detrics',
      '/x/../metrics', '/METRICS', '/metrics/']) {
      assert.notEqual((await request(proxy.port, path)).status, 200, path);
    }
    assert.equal((await request(proxy.port, '/')).text, 'WebSocket server is running.');
  });

  test('the log has a line for each session, and no query', async () => {
    const secret = uniqueUser('secret');
    const client = await connectUser(proxy, secret);
    await client.end();
    await request(proxy.port, `/nowhere?token=${secret}`);
    const bad = await RawSocket.connect(proxy.port);
    bad.write(`GET /bad?token=${secret} HTTP/1.1\r\nno colon\r\n\r\n`);
    assert.equal((await bad.response()).status, 400);
    bad.destroy();

    const line = (pattern) => until(() => proxy.log.split('\n').find((one) => pattern.test(one)),
      DEADLINE, () => `${pattern} in:\n${proxy.log}`);
    await line(/event=proxied client=127\.0\.0\.1:\d+ gateway=127\.0\.0\.\d:\d+ .*path="\/" status=101 /);
    await line(/path="\/nowhere" status=404 /);
    await line(/status=400 /);
    assert.ok(!proxy.log.includes(secret), proxy.log);
  });

  test('a gateway that drains keeps its sessions and gets no new ones', async () => {
    const [drains, stays] = gateways;
    const old = await connectTo(drains);
    const other = await connectTo(stays);
    drains.process.signal('SIGTERM');
    await drains.waitForLog('draining');
    // From the first moment, long before a health check: HAProxy asks the next one.
    const clients = [];
    for (let n = 0; n < ENOUGH; n++) clients.push(await connectUser(proxy, uniqueUser()));
    assert.deepEqual([...new Set(clients.map(servedBy))], [stays.name]);
    await assertChat(other, old, 'still there');
    assert.equal(old.close, undefined);

    await leave(drains, old);
    await Promise.all([other, ...clients].map((client) => client.end()));
    await restart(drains);
    await (await connectTo(gateways[0])).end();
  });

  test('the clients of a killed gateway are back at once, on another', async () => {
    const [dies, stays] = gateways;
    const clients = [await connectTo(dies), await connectTo(dies)];
    await dies.kill();
    for (const client of clients) assert.equal(await client.closeCode(), 1006);
    const back = await Promise.all(clients.map(({ welcome }) => connectUser(proxy, welcome.user)));
    for (const client of back) assert.equal(servedBy(client), stays.name);
    await assertChat(back[0], back[1], 'we are back');
    await Promise.all(back.map((client) => client.end()));
    await restart(dies);
    await (await connectTo(gateways[0])).end();
  });

  test('a gateway is found when its address is, and forgotten with it', async () => {
    const added = await start(4);
    proxy.names.addresses = [...proxy.names.addresses, added.address];
    const client = await connectTo(added);
    proxy.names.addresses = proxy.names.addresses.filter((address) => address !== added.address);
    await until(() => /gateway\d is going DOWN for maintenance \(No IP/.test(proxy.log),
      3 * DEADLINE, () => `the address to be forgotten\n${proxy.log}`);
    assert.equal(client.close, undefined, 'its sessions stay');
    added.process.signal('SIGTERM');
    await leave(added, client);
  });

  test('while Redis is away sessions stay, and new ones are told to wait', async () => {
    const client = await connectUser(proxy, uniqueUser());
    await system.redis.kill();
    const refused = await until(async () => {
      const answer = await refusal(proxy, { user: uniqueUser() }).catch(() => undefined);
      return answer?.body.message.startsWith('no gateway') && answer;
    }, DEADLINE, () => `no gateway to be ready\n${proxy.log}`);
    assert.equal(refused.status, 503);
    assert.equal(refused.body.error, 'unavailable');
    assert.match(refused.headers['retry-after'], /^\d+$/);
    client.send({ receiverID: 'nobody', content: 1, ref: 'away' });
    assert.equal((await client.next(({ ref }) => ref === 'away')).code, 'unavailable');

    await system.redis.restart();
    const back = await until(() => connectUser(proxy, uniqueUser()).catch(() => undefined),
      2 * DEADLINE, () => `new sessions\n${proxy.log}`);
    // The two may be on different gateways, and each of these has its own pause to reconnect in.
    await until(async () => {
      client.send({ receiverID: 'nobody', content: 1, ref: 'back' });
      return (await client.next(({ ref }) => ref === 'back')).type === 'sent';
    }, DEADLINE, 'the older session to reach Redis');
    await assertChat(client, back, 'again');
    await client.end();
    await back.end();
  });
});

test('HAProxy passes on the address of the client, and what a proxy before it wrote', async (t) => {
  const seen = [];
  const backend = http.createServer((message, response) => {
    if (message.url !== '/readyz') seen.push(message.headers);
    response.end();
  }).listen(0, '127.0.0.1');
  await once(backend, 'listening');
  t.after(() => backend.close());
  const { port } = backend.address();
  const proxy = await HAProxy.start({ port, adminPort: port, addresses: ['127.0.0.1'] });
  t.after(() => proxy.stop());

  await request(proxy.port, '/', { headers: { Forwarded: 'for=192.0.2.7',
    'X-Forwarded-For': '192.0.2.7' } });
  assert.equal(seen.at(-1).forwarded, 'for=192.0.2.7');
  assert.equal(seen.at(-1)['x-forwarded-for'], '192.0.2.7, 127.0.0.1');
});
