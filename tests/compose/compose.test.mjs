// compose.yaml as it is shipped, in an engine. tests/compose/run has prepared that, and cleans up.
import assert from 'node:assert/strict';
import { chmod, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { connectUser, refusal, uniqueUser } from '../system/lib/client.mjs';
import { Document } from '../system/lib/document.mjs';
import { request } from '../system/lib/http.mjs';
import { openSessions, testRecipes } from '../system/lib/recipes.mjs';
import { after, before, describe, test } from '../system/lib/test.mjs';
import { DEADLINE, until } from '../system/lib/wait.mjs';
import { Browser, screenshot } from '../web/lib/browser.mjs';
import { Side } from '../web/lib/side.mjs';
import { Cluster } from './cluster.mjs';
import { Traffic } from './traffic.mjs';

const GATEWAYS = 3;
const TALKS = 6;

describe('compose.yaml', () => {
  let cluster;
  before(async () => { cluster = await Cluster.start({ gateways: GATEWAYS }); });
  after(() => cluster?.stop());

  const redis = async (...args) => {
    const [container] = await cluster.inspect('redis');
    return (await cluster.docker('exec', container.Id, 'redis-cli', ...args)).trimEnd();
  };
  const readMailbox = async (user) => (await redis('XRANGE', `parley:mailbox:{${user}}`, '-', '+'))
    .split('\n').filter((line) => /^\d{13}-\d+$/.test(line));

  // New users on as many gateways, through the port.
  async function spread(count) {
    const clients = new Map();
    const others = [];
    await until(async () => {
      const client = await connectUser(cluster, uniqueUser());
      if (clients.has(client.welcome.gateway)) others.push(client);
      else clients.set(client.welcome.gateway, client);
      return clients.size === count;
    }, DEADLINE, () => `sessions on ${count} gateways, not only ${[...clients.keys()]}`);
    await Promise.all(others.map((client) => client.end()));
    return [...clients.values()];
  }

  async function assertChat(clients) {
    for (const [nth, from] of clients.entries()) {
      const to = clients[(nth + 1) % clients.length];
      const content = uniqueUser('text');
      from.send({ receiverID: to.welcome.user, content, ref: content });
      assert.equal((await from.next(({ ref }) => ref === content)).online, true);
      await to.next((frame) => frame.content === content);
    }
  }

  const endAll = (clients) => Promise.all(clients.map((client) => client.end()));

  test('is healthy soon, and what the port leads to works', async (t) => {
    await cluster.health('gateway', 'healthy');
    assert.equal((await cluster.inspect('gateway')).length, GATEWAYS);
    await until(async () => (await request(cluster.port, '/')).status === 200, DEADLINE, 'HAProxy');
    t.diagnostic(`from \`up\` to a first answer: ${Math.round(performance.now() - cluster.startedAt)} ms`);
    const [{ Image: image, Id: id, State: state }] = await cluster.inspect('gateway');
    const [, ready] = (await cluster.docker('logs', id)).match(/^ts=(\S+) .*event=ready$/m);
    t.diagnostic(`a gateway is ready ${Date.parse(ready) - Date.parse(state.StartedAt)} ms after its `
      + 'container has started');
    const sizes = await cluster.docker('history', '--human=false', '--format', '{{.Size}}', image);
    const layers = sizes.trim().split('\n').map(Number);
    t.diagnostic(`the image: ${layers.reduce((sum, size) => sum + size)} bytes, `
      + `of which ours: ${layers.slice(0, -1).reduce((sum, size) => sum + size)}`);
  });

  test('users on different replicas chat', async () => {
    const clients = await spread(GATEWAYS);
    await assertChat(clients);
    await endAll(clients);
  });

  test('a browser at the port has two panes, on two replicas', async (t) => {
    const browser = await Browser.start();
    t.after(() => browser.stop());
    const page = await browser.page(t);
    await page.goto(`http://127.0.0.1:${cluster.port}/`);
    const [left, right] = [new Side(page, 'left'), new Side(page, 'right')];
    const replicas = new Set();
    for (const side of [left, right]) {
      await side.is('online');
      replicas.add(await side.part('state').innerText());
    }
    assert.equal(replicas.size, 2, `${[...replicas]}`);
    await left.say('from one replica');
    await right.hears('from one replica');
    await right.say('to the other');
    await left.hears('to the other');
    assert.deepEqual(page.errors, []);
    await screenshot(page, 'compose');
  });

  test('nothing runs as root, can write to its image, or is reached from outside', async () => {
    for (const service of ['redis', 'gateway', 'haproxy']) {
      for (const { State, HostConfig, NetworkSettings } of await cluster.inspect(service)) {
        const status = await readFile(`/proc/${State.Pid}/status`, 'utf8');
        assert.doesNotMatch(status, /^Uid:.*\t0\b/m, service);
        for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb']) {
          assert.match(status, new RegExp(`^${set}:\\t0+$`, 'm'), `${service} ${set}`);
        }
        assert.match(status, /^NoNewPrivs:\t1$/m, service);
        assert.equal(HostConfig.ReadonlyRootfs, true, service);
        const published = Object.values(NetworkSettings.Ports).flatMap((ports) => ports ?? []);
        assert.deepEqual(published.map(({ HostPort }) => HostPort),
          service === 'haproxy' ? [String(cluster.port)] : [], service);
      }
    }
    for (const page of ['/metrics', '/readyz', '/healthz', '/%6detrics']) {
      assert.equal((await request(cluster.port, page)).status, 404, page);
    }
    const [gateway] = await cluster.inspect('gateway');
    assert.match(await cluster.inside(gateway, '/metrics'), /^parley_redis_up 1$/m);
  });

  test('a replica is killed under traffic: its clients are back, and so is it', async () => {
    const traffic = Traffic.start(cluster, TALKS);
    await traffic.flow();
    const id = traffic.gateways[0].split('-')[0]; // the container's, shortened, is its host name
    const victim = (await cluster.inspect('gateway')).find(({ Id }) => Id.startsWith(id));
    process.kill(victim.State.Pid, 'SIGKILL'); // as a crash, not as the operator's wish
    await until(() => traffic.closeCodes.length > 0, DEADLINE, 'its clients to notice');
    await traffic.flow();
    assert.deepEqual([...new Set(traffic.closeCodes)], [1006]);
    await until(async () => {
      const { State, RestartCount } = (await cluster.inspect('gateway'))
        .find(({ Id }) => Id === victim.Id);
      return RestartCount === 1 && State.Health.Status === 'healthy';
    }, 6 * DEADLINE, 'the engine to start it again');
    assert.deepEqual(await traffic.end(readMailbox), []);
    await endAll(await spread(GATEWAYS));
  });

  test('scaled up and down under traffic, and nobody is turned away', async () => {
    const traffic = Traffic.start(cluster, TALKS);
    await traffic.flow();
    await cluster.scale(GATEWAYS + 1);
    await cluster.health('gateway', 'healthy');
    await traffic.flow();
    await endAll(await spread(GATEWAYS + 1));
    await cluster.scale(1);
    assert.equal((await cluster.inspect('gateway')).length, 1);
    await traffic.flow();
    await cluster.scale(GATEWAYS);
    await cluster.health('gateway', 'healthy');
    await traffic.flow();
    assert.deepEqual(await traffic.end(readMailbox), []);
    assert.deepEqual(traffic.refusals, []);
    assert.deepEqual([...new Set(traffic.closeCodes)], [1001], 'all were told to go');
    await endAll(await spread(GATEWAYS));
  });

  test('the rolling update of docs/deploy.md, under traffic', async () => {
    const document = await Document.read('deploy.md');
    const lines = document.blocks.find(({ heading }) => heading === 'Rolling update').lines
      .filter((line) => !line.startsWith('docker compose ps'));
    const before = (await cluster.inspect('gateway')).map(({ Id }) => Id);
    assert.equal(before.length, GATEWAYS, 'as many as in the document');
    const traffic = Traffic.start(cluster, TALKS);
    await traffic.flow();
    await cluster.shell(lines.join('\n'));
    await traffic.flow();
    const now = await cluster.inspect('gateway');
    assert.equal(now.length, GATEWAYS);
    assert.ok(!now.some(({ Id }) => before.includes(Id)), 'all are new ones');
    assert.deepEqual(await traffic.end(readMailbox), []);
    assert.deepEqual(traffic.refusals, []);
    assert.deepEqual([...new Set(traffic.closeCodes)], [1001]);
  });

  test('Redis is restarted: what was sent is there, sessions stay, health turns and returns',
    async () => {
      const clients = await spread(2);
      await assertChat(clients);
      const [alice, bob] = clients;
      const mailbox = await readMailbox(bob.welcome.user);
      assert.notEqual(mailbox.length, 0);
      await cluster.compose(['stop', 'redis']);
      await cluster.health('gateway', 'unhealthy');
      const [gateway] = await cluster.inspect('gateway');
      assert.match(gateway.State.Health.Log.at(-1).Output, /not connected to Redis/);
      const refused = await refusal(cluster, { user: uniqueUser() });
      assert.equal(refused.status, 503);
      assert.match(refused.headers['retry-after'], /^\d+$/);
      alice.send({ receiverID: bob.welcome.user, content: 1, ref: 'away' });
      assert.equal((await alice.next(({ ref }) => ref === 'away')).code, 'unavailable');

      await cluster.compose(['start', 'redis']);
      await cluster.health('gateway', 'healthy');
      await assertChat(clients);
      assert.deepEqual((await readMailbox(bob.welcome.user)).slice(0, mailbox.length), mailbox);
      await endAll(clients);
    });

  test('the logs of all can be read, and say nothing of users', async () => {
    const secret = uniqueUser('secret');
    await (await connectUser(cluster, secret)).end();
    const proxied = await until(async () => (await cluster.logs('haproxy'))
      .filter((line) => line.startsWith('event=proxied')).at(-1), DEADLINE, 'the log of HAProxy');
    assert.match(proxied, /gateway=[\d.]+:3000 method=GET path="\/" status=101 /);
    assert.ok(!(await cluster.logs('haproxy')).some((line) => line.includes(secret)));
    const events = (await cluster.logs('gateway'))
      .map((line) => line.match(/^ts=\S+ level=\w+ event=(\w+)/)?.[1]);
    assert.ok(!events.includes(undefined), 'a line that is no event');
    for (const event of ['listening', 'ready', 'not_ready']) assert.ok(events.includes(event), event);
    assert.ok((await cluster.logs('redis')).some((line) => line.includes('Ready to accept')));
  });

  test('SIGTERM drains: the gateways end with 0, within their time', async () => {
    const clients = await spread(GATEWAYS);
    await cluster.compose(['stop', 'gateway']);
    for (const client of clients) assert.equal(await client.closeCode(), 1001);
    for (const { State } of await cluster.inspect('gateway')) {
      assert.deepEqual([State.Running, State.ExitCode, State.OOMKilled], [false, 0, false]);
    }
  });

  describe('the recipes of docs/operations.md, inside', () => {
    let folder;
    let env;
    let clients;
    const names = ['g1', 'g2'].map((id) => `${process.env.PARLEY_TEST_PROJECT}-${id}`);

    // Two gateways of the names in the document, with a Redis that nobody has used.
    before(async () => {
      await cluster.compose(['rm', '--force', '--stop', 'gateway']);
      await redis('FLUSHALL');
      for (const [nth, name] of names.entries()) {
        await cluster.compose(['run', '--detach', '--name', name, 'gateway', '--id', `g${nth + 1}`]);
        await cluster.docker('update', '--restart', 'no', name); // a recipe kills it
      }
      let gateways;
      await until(async () => {
        gateways = JSON.parse(await cluster.docker('inspect', ...names));
        return gateways.every(({ State }) => State.Health.Status === 'healthy');
      }, 6 * DEADLINE, 'the gateways of the recipes');
      const [redisContainer] = await cluster.inspect('redis');
      folder = await mkdtemp(path.join(os.tmpdir(), 'parley-recipes-'));
      const pids = { 'redis-cli': redisContainer.State.Pid, parley: gateways[0].State.Pid };
      for (const [program, pid] of Object.entries(pids)) {
        // Not `docker exec`, which ends without ending what it started.
        await writeFile(path.join(folder, program), '#!/bin/sh\nPATH=/usr/local/bin:/usr/bin '
          + `exec nsenter --target ${pid} --mount --net ${program} "$@"\n`);
        await chmod(path.join(folder, program), 0o755);
      }
      env = {
        PATH: `${folder}:${process.env.PATH}`,
        PARLEY_REDIS: 'redis:6379',
        PARLEY_URL: 'ws://127.0.0.1:3000',
        G2_PID: String(gateways[1].State.Pid),
        TERM: 'dumb',
      };
      const outside = `${cluster.project}_outside`;
      clients = await openSessions(gateways.map(({ NetworkSettings }) => ({
        url: `ws://${NetworkSettings.Networks[outside].IPAddress}:3000`,
      })));
    });
    after(async () => {
      clients?.forEach((client) => client.socket.terminate());
      await cluster.docker('rm', '--force', ...names);
      if (folder) await rm(folder, { recursive: true, force: true });
    });

    testRecipes(() => env);
  });
});
