// What tests of presence ask and are told.
import assert from 'node:assert/strict';
import { expectNothingBefore } from './client.mjs';
import { DEADLINE, SLOWNESS, until } from './wait.mjs';

const ANSWER_MS = 2000 + 1000 * SLOWNESS; // while Redis is away

let refs = 0;

// Asks, and resolves with the users of the answer. What comes in between is passed over.
export async function ask(client, type, users) {
  const ref = `ask-${++refs}`;
  client.send({ type, users, ref });
  const answer = await client.next((frame) => frame.ref === ref);
  assert.equal(answer.type, 'presence', JSON.stringify(answer));
  assert.deepEqual(Object.keys(answer), ['type', 'users', 'ref']);
  return answer.users;
}

export async function refused(client, request) {
  const ref = `refused-${++refs}`;
  client.send({ ...request, ref });
  const answer = await client.next((frame) => frame.ref === ref, ANSWER_MS);
  assert.equal(answer.type, 'error', JSON.stringify(answer));
  return answer;
}

// The next frame is about this user alone, and has no ref.
export async function told(watcher, user, online) {
  const { type, users, ...rest } = await watcher.next();
  assert.equal(type, 'presence');
  assert.deepEqual(rest, {});
  assert.equal(users.length, 1);
  assert.equal(users[0].user, user);
  assert.equal(users[0].online, online, JSON.stringify(users));
  assert.ok(Math.abs(users[0].since - Date.now()) < 10 * DEADLINE, JSON.stringify(users));
  return users[0];
}

// Nothing is on its way to the client.
export const nothingMore = (client) => expectNothingBefore(client, client, client.welcome.user);

// Nobody watches the user.
export const unsubscribed = (redis, user) => until(
  async () => await redis.subscribers(`parley:presence-events:{${user}}`) === 0,
  DEADLINE, 'nobody to be subscribed');
