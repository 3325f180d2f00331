// What every outage has in common: what clients see meanwhile, and how long it takes until all is as it
// was. Times are diagnostics, `healed NAME: N ms`.
import assert from 'node:assert/strict';
import { refusal, uniqueUser } from './client.mjs';
import { assertRegistered, names } from './presence.mjs';
import { DEADLINE, SLOWNESS, until } from './wait.mjs';

export const BACKOFF_MS = 2000; // the longest pause between two attempts to connect
const ANSWER_MS = 2000; // a sender is told within that
const BUSY_MS = 1000 * SLOWNESS; // more, on a busy machine

export async function readyz(gateway) {
  const answer = await fetch(`${gateway.http}/readyz`);
  return { status: answer.status, text: await answer.text() };
}

// A message into the outage is answered in time, with one of these codes.
export async function assertAnswered(client, ...codes) {
  const ref = uniqueUser('outage');
  const since = performance.now();
  client.send({ receiverID: 'nobody', content: 'into the outage', ref });
  const { type, code } = await client.next((frame) => frame.ref === ref);
  const took = Math.round(performance.now() - since);
  assert.equal(type, 'error');
  assert.ok(codes.includes(code), `${code}, not ${codes}`);
  assert.ok(took <= ANSWER_MS + BUSY_MS, `told after ${took} ms`);
}

// The gateway lives, says that it is not ready, and why, and takes nobody new; who is there stays.
export async function assertNotReady(gateway, client, reason = /Redis/) {
  const { status, text } = await readyz(gateway);
  assert.equal(status, 503);
  assert.match(JSON.parse(text).message, reason);
  for (const path of ['/healthz', '/']) assert.equal((await fetch(gateway.http + path)).status, 200);
  const refused = await refusal(gateway, { user: uniqueUser() });
  assert.equal(refused.status, 503);
  assert.match(refused.headers['retry-after'], /^\d+$/);
  assert.equal(refused.body.error, 'unavailable');
  assert.match(refused.body.message, /Redis/);
  if (client) {
    client.send({ type: 'ping' });
    await client.next(({ type }) => type === 'pong');
  }
}

// Resolves when the gateway is ready again after it was not, both at or after line `from` of its log,
// which is to take no more than `limit` ms from `since`.
export async function healed(t, outage, gateway, { from, since = performance.now(), limit }) {
  const down = await gateway.waitForLog('not_ready', {}, { from, deadline: 2 * DEADLINE });
  await gateway.waitForLog('ready', {}, { from: gateway.log.indexOf(down), deadline: 2 * DEADLINE });
  const took = tellHealed(t, outage, since);
  assert.ok(took <= limit + BUSY_MS, `took ${took} ms, not ${limit}`);
  assert.equal((await readyz(gateway)).status, 200);
}

// How many ms ago `since` was.
export function tellHealed(t, outage, since) {
  const took = Math.round(performance.now() - since);
  t.diagnostic(`healed ${outage}: ${took} ms`);
  return took;
}

// Every client of the gateway is there, subscribed once, registered once, and gets what is sent to it.
export async function assertComplete(redis, gateway, clients) {
  const users = names(clients);
  const counts = await redis.command('PUBSUB', 'NUMSUB', ...users.map((user) => `parley:user:{${user}}`));
  for (let i = 1; i < counts.length; i += 2) assert.equal(counts[i], 1, `${counts[i - 1]}`);
  await assertRegistered(redis, gateway, users);
  const content = uniqueUser('to all');
  for (const user of users) clients[0].send({ receiverID: user, content });
  const waiting = new Set(clients);
  await until(() => {
    for (const client of waiting) {
      assert.equal(client.close, undefined, 'the session stays');
      if (client.received.some(({ value }) => value.content === content)) waiting.delete(client);
    }
    return waiting.size === 0;
  }, DEADLINE, () => `${waiting.size} of ${clients.length} clients to be reached`);
}
