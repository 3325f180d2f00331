// Who is online: as Redis holds it, as a gateway answers, and as watchers are told.
import assert from 'node:assert/strict';
import { connectUser, uniqueUser } from './client.mjs';
import { DEADLINE, SLOWNESS, until } from './wait.mjs';

export const LEASE_MS = 10_000;
export const BEAT_MS = 3000;
// A killed gateway: its lease expires, the next beat of another notices, and that one cleans.
export const DEATH_MS = 15_000;
export const SPARE_MS = 3000 * SLOWNESS; // for a busy machine
export const DEATH_DEADLINE = DEATH_MS + SPARE_MS;

const USERS_MAX = 100; // of one request
const BATCH = 500; // commands that Redis is sent at once

let refs = 0;

// ---- In Redis ----

// The answers to these commands, which go out in batches.
async function pipeline(redis, commands) {
  const connection = await redis.connect();
  const replies = [];
  try {
    for (let at = 0; at < commands.length; at += BATCH) {
      const batch = commands.slice(at, at + BATCH);
      for (const command of batch) connection.send(...command);
      for (let left = batch.length; left > 0; left--) replies.push(await connection.reply());
    }
  } finally {
    connection.close();
  }
  return replies;
}

// The sessions of each user, as lists of `INCARNATION/NUMBER`.
export async function fieldsOfAll(redis, users) {
  const replies = await pipeline(redis, users.map((user) => ['HKEYS', `parley:presence:{${user}}`]));
  return replies.map((fields) => fields.map(String));
}

export async function fieldsOf(redis, user) {
  return (await fieldsOfAll(redis, [user]))[0];
}

// Incarnations by the expiry of their leases in Unix ms of Redis' clock; `dead:…` among them.
export async function leases(redis) {
  const flat = await redis.command('ZRANGE', 'parley:gateways', 0, -1, 'WITHSCORES');
  return new Map(flat.flatMap((name, i) => (i % 2 ? [] : [[name, Number(flat[i + 1])]])));
}

// The name that the gateway has in Redis, by its log.
export function incarnation(gateway) {
  return gateway.log.findLast(({ event }) => event === 'lease_claimed')?.incarnation;
}

// Resolves when some gateway cleans up after dead ones: for one lease time after its start none does.
export async function untilReaping(redis) {
  const name = 'probe-00000000';
  await redis.command('ZADD', 'parley:gateways', 1, name);
  await untilGone(redis, name);
}

// Resolves when somebody has begun to clean up after it, however short that takes.
export async function untilGivenUp(redis, name) {
  await until(async () => !(await leases(redis)).has(name), DEATH_DEADLINE, `${name} to be given up`);
}

// Resolves when it has no lease and nobody cleans up after it any more.
export async function untilGone(redis, name, deadline = DEATH_DEADLINE) {
  await until(async () => {
    const names = await leases(redis);
    return !names.has(name) && !names.has(`dead:${name}`);
  }, deadline, `${name} to be gone`);
}

// Resolves when each gateway has proved itself once more, from now on, and nobody else has a lease:
// what was to be noticed by a beat has been, and is mended.
export async function untilSettled(redis, gateways, deadline = DEATH_DEADLINE) {
  const heard = () => Promise.all(gateways.map((one) => one.metric('parley_redis_beat_seconds_count')));
  const before = await heard();
  await until(async () => {
    const now = await heard();
    const names = [...(await leases(redis)).keys()].sort();
    return now.every((count, i) => count > before[i])
      && String(names) === String(gateways.map(incarnation).sort())
      && gateways.every(isReady);
  }, deadline, () => gateways.map((one) => one.tail()).join('\n'));
}

function isReady({ log }) {
  return log.findLast(({ event }) => event === 'ready' || event === 'not_ready')?.event === 'ready';
}

// Nothing tells of the incarnation any more: neither the lease, nor the list of its users, nor a
// session in the hashes of `users`.
export async function assertGone(redis, name, users) {
  const names = [...(await leases(redis)).keys()];
  assert.ok(!names.includes(name) && !names.includes(`dead:${name}`), `${names}`);
  assert.equal(await redis.command('EXISTS', `parley:gateway:${name}:users`), 0);
  const left = (await fieldsOfAll(redis, users)).flat()
    .filter((field) => field.startsWith(`${name}/`));
  assert.deepEqual(left, []);
}

// Each user has exactly `count` sessions, all of this gateway's present incarnation, which lists
// the user.
export async function assertRegistered(redis, gateway, users, count = 1) {
  const name = incarnation(gateway);
  const listed = new Set(await redis.command('SMEMBERS', `parley:gateway:${name}:users`));
  for (const [i, fields] of (await fieldsOfAll(redis, users)).entries()) {
    assert.ok(fields.length === count && fields.every((field) => field.startsWith(`${name}/`)),
      `${users[i]} on ${name}: ${fields}`);
    assert.ok(listed.has(users[i]), `${name} does not list ${users[i]}`);
  }
}

// ---- On the wire ----

// The state of each user, in their order, as the client's gateway answers it. type: 'watch' to be
// told the changes as well.
export async function ask(client, users, type = 'presence') {
  const states = [];
  for (let at = 0; at < users.length; at += USERS_MAX) {
    const ref = `ask-${++refs}`;
    client.send({ type, users: users.slice(at, at + USERS_MAX), ref });
    const { value } = await until(() => client.received.findLast(({ value: { ref: of } }) => of === ref)
      ?? client.close, DEADLINE, `the answer to ${type}`);
    assert.equal(value?.type, 'presence', JSON.stringify(value));
    states.push(...value.users);
  }
  return states;
}

// Resolves when the gateway answers that all users are online, or offline.
export async function untilAnswered(client, users, online, deadline = DEADLINE) {
  await until(async () => (await ask(client, users)).every((state) => state.online === online),
    deadline, `${online ? 'online' : 'offline'} from presence`);
}

// Asks for the users all the time, and expects them all online. stop() resolves with the number of
// answers, or rejects when one was different.
export function expectOnline(client, users) {
  let running = true;
  const asking = (async () => {
    let answers = 0;
    for (; running; answers++) {
      const offline = (await ask(client, users)).filter(({ online }) => !online);
      assert.deepEqual(offline, [], `answer ${answers}`);
    }
    return answers;
  })();
  asking.catch(() => {}); // it is told by stop()
  return {
    stop: () => {
      running = false;
      return asking;
    },
  };
}

export function names(clients) {
  return clients.map(({ welcome }) => welcome.user);
}

// One watcher on each of the gateways.
export function openWatchers(gateways, users, options) {
  return Promise.all(gateways.map((gateway) => Watcher.open(gateway, users, options)));
}

// Milliseconds from `since` to the last frame that told one of the watchers so of one of the users.
export function lastTold(watchers, users, online, since) {
  const times = watchers.flatMap(({ frames }) => users.flatMap((user) => frames.get(user)))
    .filter((frame) => frame.online === online).map(({ at }) => at);
  return Math.round(Math.max(...times) - since);
}

// A session that watches. Its gateway never tells it twice the same of one user.
export class Watcher {
  // initial: whether all users are online at this moment.
  static async open(gateway, users, { initial = true } = {}) {
    const watcher = new Watcher(await connectUser(gateway, uniqueUser('watcher')), users, initial);
    for (const { user, online } of await ask(watcher.client, users, 'watch')) {
      assert.equal(online, initial, user);
    }
    return watcher;
  }

  constructor(client, users, initial) {
    this.client = client;
    this.initial = initial;
    this.online = new Map(users.map((user) => [user, initial]));
    this.frames = new Map(users.map((user) => [user, []])); // { online, since, at }: what it was told
    this.told = 0; // how many frames in all
    client.socket.on('message', (data) => this.#take(JSON.parse(data)));
  }

  #take({ type, ref, users }) {
    if (type !== 'presence' || ref !== undefined) return;
    const [{ user, online, since }] = users;
    this.told++;
    this.online.set(user, online);
    this.frames.get(user).push({ online, since, at: performance.now() });
  }

  // Resolves when it was told that all of them (those that it watches, by default) are online, or
  // offline; to be told nothing is enough when that was so at the beginning.
  async until(online, users = [...this.online.keys()], deadline = DEATH_DEADLINE) {
    await until(() => users.every((user) => this.online.get(user) === online), deadline, () => {
      const wrong = users.filter((user) => this.online.get(user) !== online);
      return `${wrong.length} users (${wrong.slice(0, 3)}) to be ${online ? 'online' : 'offline'}`;
    });
  }

  // It was told exactly these changes, the same for each of the users.
  assertTold(users, changes) {
    for (const user of users) {
      assert.deepEqual(this.frames.get(user).map(({ online }) => online), changes, user);
    }
  }

  // What it was told of each user alternates.
  assertAlternates() {
    for (const [user, frames] of this.frames) {
      frames.forEach(({ online }, i) => {
        assert.equal(online, this.initial === (i % 2 === 1), `${user}: ${JSON.stringify(frames)}`);
      });
    }
  }
}
