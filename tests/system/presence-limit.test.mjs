// Sixteen sessions per user, on all gateways together: of those that are alive.
import assert from 'node:assert/strict';
import { connect, connectPair, connectUser, uniqueUser } from './lib/client.mjs';
import { DEATH_DEADLINE, fieldsOf, SPARE_MS } from './lib/presence.mjs';
import { System } from './lib/system.mjs';
import { test } from './lib/test.mjs';
import { DEADLINE, until } from './lib/wait.mjs';

const LIMIT = 16;
const CLOSE_TOO_MANY_SESSIONS = 4409;

async function start(t, flags) {
  const system = await System.start({ gateways: 2, flags });
  t.after(() => system.stop());
  return system;
}

function connectSessions(gateway, user, count, options) {
  return Promise.all(Array.from({ length: count }, () => connectUser(gateway, user, options)));
}

// Upgraded, and closed without a frame.
async function assertRefused(gateway, user) {
  const client = await connect(gateway, { user });
  assert.equal(await client.closeCode(), CLOSE_TOO_MANY_SESSIONS);
  assert.deepEqual(client.received, []);
}

// Tries until it gets in. Resolves with how many ms that took.
async function untilAdmitted(gateway, user, deadline) {
  const since = performance.now();
  await until(async () => {
    const client = await connect(gateway, { user });
    await until(() => client.close || client.received.length > 0, DEADLINE, 'welcome or close');
    if (!client.close) return client;
    assert.equal(client.close.code, CLOSE_TOO_MANY_SESSIONS);
    return undefined;
  }, deadline, 'a session to be admitted');
  return Math.round(performance.now() - since);
}

test('eight and eight: the 17th is closed with 4409 on either, until one leaves', async (t) => {
  const { redis, gateways } = await start(t);
  const user = uniqueUser('many');
  const [[leaves]] = await Promise.all(gateways.map((gateway) => connectSessions(gateway, user,
    LIMIT / 2)));
  for (const gateway of gateways) await assertRefused(gateway, user);
  assert.equal((await fieldsOf(redis, user)).length, LIMIT);
  await leaves.end();
  await until(async () => (await fieldsOf(redis, user)).length < LIMIT, DEADLINE, 'one to leave');
  await connectUser(gateways[1], user);
  for (const gateway of gateways) await assertRefused(gateway, user);
  assert.equal((await fieldsOf(redis, user)).length, LIMIT);
});

test('a session of two users counts for both', async (t) => {
  const { redis, gateways: [one, two] } = await start(t);
  const [full, other] = [uniqueUser('full'), uniqueUser('other')];
  await connectSessions(one, full, LIMIT - 1);
  const pair = await connectPair(two, full, other);
  await until(async () => (await fieldsOf(redis, full)).length === LIMIT, DEADLINE, 'the pair session');
  await assertRefused(one, full);
  const late = await connect(one, { userA: other, userB: full });
  assert.equal(await late.closeCode(), CLOSE_TOO_MANY_SESSIONS);
  await until(async () => (await fieldsOf(redis, other)).length === 1, DEADLINE, 'what was refused to go');
  await pair.end();
  await until(async () => (await fieldsOf(redis, full)).length < LIMIT, DEADLINE, 'one to leave');
  assert.deepEqual(await fieldsOf(redis, other), []);
  await connectUser(one, full);
});

test('many at once on both gateways: sixteen get in', async (t) => {
  const { redis, gateways } = await start(t);
  const user = uniqueUser('many');
  const clients = await Promise.all(Array.from({ length: 3 * LIMIT }, (_, i) => connect(
    gateways[i % 2], { user })));
  await until(() => clients.every(({ close, received }) => close || received.length > 0), DEADLINE,
    'welcome or close');
  const refused = clients.filter(({ close }) => close);
  assert.equal(clients.length - refused.length, LIMIT);
  for (const { close } of refused) assert.equal(close.code, CLOSE_TOO_MANY_SESSIONS);
  assert.equal((await fieldsOf(redis, user)).length, LIMIT);
});

test('those of a killed gateway count as long as its lease, and no longer', async (t) => {
  const { gateways: [dead, one] } = await start(t);
  const user = uniqueUser('many');
  await connectSessions(dead, user, LIMIT);
  await dead.kill();
  await assertRefused(one, user);
  const took = await untilAdmitted(one, user, DEATH_DEADLINE);
  t.diagnostic(`healed place in the limit: ${took} ms`);
});

test('those that do not answer a ping do not count when their pong is overdue', async (t) => {
  const [ping, timeout] = [1000, 3000];
  const { gateways: [one, two] } = await start(t,
    ['--ping', `${ping}ms`, '--pong-timeout', `${timeout}ms`]);
  const user = uniqueUser('many');
  await connectSessions(one, user, LIMIT, { autoPong: false });
  await assertRefused(two, user);
  const took = await untilAdmitted(two, user, ping + timeout + SPARE_MS);
  t.diagnostic(`admitted after ${took} ms`);
});

test('0 is no limit', async (t) => {
  const { redis, gateways } = await start(t, ['--max-sessions-per-user', '0']);
  const user = uniqueUser('many');
  await Promise.all(gateways.map((gateway) => connectSessions(gateway, user, LIMIT)));
  assert.equal((await fieldsOf(redis, user)).length, 2 * LIMIT);
});
