// A scenario: who writes to whom through three gateways, what goes wrong meanwhile, and when. It
// depends on the seed alone.
import { Random } from '../model/random.mjs';

const GATEWAYS = 3;
const TROUBLE_MS = [7000, 9000]; // while new trouble begins; what has begun comes to its end
const STEP_MS = [1, 25];

// Who reads, and how (see participant.mjs). Some names have what is escaped in a key, or in JSON.
const READERS = [
  ['a:b', 'phone', 'library'], ['a:b', 'my desk', 'plain'], ['a:b', '{old}%', 'ack'],
  ['{c}%', 'phone', 'since'], ['{c}%', 'my desk', 'library'],
  ['quoted "d" \\', 'phone', 'plain'], ['quoted "d" \\', 'tablet', 'since'],
  ['Ünal', 'phone', 'ack'], ['Ünal', 'desk', 'plain'],
  ['erin', 'phone', 'library'], ['erin', 'desk', 'since'],
  ['frank', 'phone', 'plain'],
  ['grace', 'phone', 'library'],
  ['heidi', 'phone', 'ack'], ['heidi', 'desk', 'since'],
];
// The last pair's two have no other sessions.
const PAIRS = [['frank', 'grace'], ['heidi', 'a:b'], ['left', 'right']];

// How often, per step: of what people do, and of what befalls them.
const PEOPLE = { send: 100, burst: 0.5, vanish: 2, deafen: 1 };
const FLAVOURS = {
  gateways: { kill: 0.6, drain: 0.5, pause: 0.5, longPause: 0.15 },
  redis: { redisCut: 0.5, redisKill: 0.5, redisStop: 0.4, redisPause: 0.6, redisLongPause: 0.15 },
  network: { cut: 0.8, swallow: 0.3, swallowHalf: 0.5 },
  readers: { burst: 4, vanish: 2, deafen: 6, kill: 0.1, cut: 0.2 },
  losses: { redisEmpty: 0.4, redisFlush: 0.5, redisKill: 0.4, redisFill: 0.5 },
  everything: {
    kill: 0.2, drain: 0.1, pause: 0.2, redisCut: 0.2, redisKill: 0.2, redisPause: 0.2, redisFill: 0.2,
    cut: 0.2, swallow: 0.1, swallowHalf: 0.2, burst: 0.5,
  },
};
export const FLAVOUR_COUNT = Object.keys(FLAVOURS).length;

// What the gateways and Redis are started with.
const SETTINGS = { mailboxMax: 1000, appendfsync: 'always', bytes: [0, 60] };
const DIFFERENT = {
  // Mailboxes overflow, and what a gateway writes ahead of pongs (session/window.h) fills up.
  readers: { mailboxMax: 30, bytes: [1000, 3500] },
  losses: { appendfsync: 'everysec' }, // of which a killed Redis may lose a second
};

// { seed, flavour, settings, clients, actions }. clients: [{ client, kind, users, device }]. Each
// action is { at, does, … } with `at` in ms from the beginning. Seeds that follow each other have
// different flavours.
export function generate(seed) {
  const flavour = Object.keys(FLAVOURS)[seed % FLAVOUR_COUNT];
  const { bytes, ...settings } = { ...SETTINGS, ...DIFFERENT[flavour] };
  const writer = new Writer(new Random(seed), FLAVOURS[flavour], bytes);
  return { seed, flavour, settings, clients: CLIENTS, actions: writer.write() };
}

const CLIENTS = [
  ...READERS.map(([user, device, kind]) => ({
    client: `${user}/${device}`, kind, users: [user], device,
  })),
  ...PAIRS.map((users) => ({ client: `pair ${users.join(' ')}`, kind: 'pair', users })),
];
const USERS = [...new Set(CLIENTS.flatMap(({ users }) => users)), 'nobody'];

class Writer {
  constructor(random, troubles, bytes) {
    this.random = random;
    this.troubles = troubles;
    this.bytes = bytes; // of an ordinary content
    this.at = 0;
    this.actions = [];
    this.planned = []; // { at, act, gateway }, to come
    this.gateways = new Map(); // name -> 'up' or 'paused'
    this.redis = 'up';
    this.clients = new Map(CLIENTS.map(({ client }) => [client, 'here'])); // or 'away', or 'deaf'
    this.started = 0;
    this.sent = 0;
    this.faults = 0;
  }

  write() {
    for (let i = 0; i < GATEWAYS; i++) this.#start();
    for (const { client } of CLIENTS.filter(() => this.random.chance(0.8))) {
      this.#does('comes', { client });
    }
    for (const client of CLIENTS.map((one) => one.client)
      .filter((one) => !this.actions.some((action) => action.client === one))) this.#comesLater(client);
    const trouble = this.random.between(...TROUBLE_MS);
    while (this.at < trouble || this.planned.length > 0) {
      const next = this.at + this.random.between(...STEP_MS);
      const due = this.planned.filter(({ at }) => at <= next).sort((a, b) => a.at - b.at)[0];
      if (due) {
        this.planned.splice(this.planned.indexOf(due), 1);
        this.at = due.at;
        due.act();
      } else {
        this.at = next;
        this.#happens(this.at < trouble);
      }
    }
    return this.actions;
  }

  #happens(isTroubled) {
    const weights = isTroubled ? { ...PEOPLE, ...this.troubles } : { send: 1 };
    this[this.random.weighted(weights)]();
  }

  #does(does, more = {}) {
    this.actions.push({ at: this.at, does, ...more });
  }

  #plan(after, act, gateway) {
    this.planned.push({ at: this.at + after, act, gateway });
  }

  // A fault that is over after so many ms.
  #lasts(kind, duration, more = {}, then = () => {}) {
    const number = ++this.faults;
    this.#does('breaks', { number, kind, ...more });
    this.#plan(this.random.between(...duration), () => {
      this.#does('mends', { number, kind, gateway: more.gateway });
      then();
    }, more.gateway);
  }

  // ---- People ----

  // Most with a ref; of those most again until they are answered.
  send(client = this.random.pick([...this.clients.keys()]), receiver = this.random.pick(USERS)) {
    this.#does('send', {
      client,
      receiver,
      sender: this.random.next(), // of the two of a pair
      message: `m${++this.sent}`,
      bytes: this.random.chance(0.05) ? this.random.between(500, 1500)
        : this.random.between(...this.bytes),
      ref: this.random.chance(0.85),
      again: this.random.chance(0.7),
    });
  }

  // Many to one, one after the other without a pause.
  burst() {
    const client = this.random.pick([...this.clients.keys()]);
    const receiver = this.random.pick(USERS);
    for (let left = this.random.between(20, 60); left > 0; left--) this.send(client, receiver);
  }

  #someone(state) {
    const all = [...this.clients.keys()].filter((one) => this.clients.get(one) === state);
    return all.length > 0 ? this.random.pick(all) : undefined;
  }

  // Without a close frame, and comes back to whatever gateway.
  vanish() {
    const client = this.#someone('here');
    if (!client) return;
    this.#does('vanish', { client });
    this.#comesLater(client);
  }

  #comesLater(client) {
    this.clients.set(client, 'away');
    const after = this.random.chance(0.6) ? [0, 400] : [400, 4000];
    this.#plan(this.random.between(...after), () => {
      this.clients.set(client, 'here');
      this.#does('comes', { client });
    });
  }

  deafen() {
    const client = this.#someone('here');
    if (!client) return;
    this.clients.set(client, 'deaf');
    this.#does('deafen', { client });
    this.#plan(this.random.between(200, 5000), () => {
      this.clients.set(client, 'here');
      this.#does('hear', { client });
    });
  }

  // ---- Gateways ----

  #start() {
    const gateway = `g${++this.started}`;
    this.gateways.set(gateway, 'up');
    this.#does('start', { gateway });
  }

  #gateway(...states) {
    const all = [...this.gateways.keys()].filter((one) => states.includes(this.gateways.get(one)));
    return all.length > 0 ? this.random.pick(all) : undefined;
  }

  // Another takes its place, now or soon.
  kill() {
    const gateway = this.#gateway('up', 'paused');
    if (!gateway) return;
    this.gateways.delete(gateway);
    const others = this.planned.filter((one) => one.gateway === gateway); // they end with it
    this.planned = this.planned.filter((one) => one.gateway !== gateway);
    this.#lasts('killed', [0, 1500], { gateway }, () => this.#start());
    others.forEach(({ act }) => act());
  }

  // Another takes its place first.
  drain() {
    const gateway = this.#gateway('up');
    if (!gateway) return;
    this.#start();
    this.gateways.delete(gateway);
    this.#lasts('drained', [1000, 1000], { gateway });
  }

  pause() {
    this.#pause(200, 2800);
  }

  // Longer than its lease is good.
  longPause() {
    if (this.at < 4000) this.#pause(10_500, 11_500);
  }

  #pause(...duration) {
    const gateway = this.#gateway('up');
    if (!gateway) return;
    this.gateways.set(gateway, 'paused');
    this.#lasts('stood still', duration, { gateway }, () => {
      if (this.gateways.has(gateway)) this.gateways.set(gateway, 'up');
    });
  }

  // ---- The network between a gateway and Redis ----

  cut() {
    this.#network('cut', [0, 0]);
  }

  // Some last until the gateway notices, and makes its connections anew.
  swallow() {
    this.#network('swallowed', [2000, 9500]);
  }

  swallowHalf() {
    this.#network('half swallowed', [1000, 9500], {
      direction: this.random.pick(['toRedis', 'toGateway']),
    });
  }

  #network(kind, duration, more = {}) {
    const gateway = this.#gateway('up', 'paused');
    const link = this.random.pick(['command', 'subscription', undefined]);
    if (gateway) this.#lasts(kind, duration, { gateway, link, ...more });
  }

  // ---- Redis ----

  #redis(kind, duration, more) {
    if (this.redis !== 'up') return;
    this.redis = kind;
    this.#lasts(kind, duration, more, () => { this.redis = 'up'; });
  }

  // Breaks the connections of one kind, on all gateways at once.
  redisCut() {
    this.#redis('Redis cut off', [0, 0], { type: this.random.pick(['normal', 'pubsub']) });
  }

  redisKill() {
    this.#redis('Redis killed', [0, 2500]);
  }

  redisStop() {
    this.#redis('Redis stopped', [0, 2500]);
  }

  redisPause() {
    this.#redis('Redis paused', [200, 3000]);
  }

  // Longer than a gateway waits for it.
  redisLongPause() {
    if (this.at < 4000) this.#redis('Redis paused for long', [6500, 8000]);
  }

  redisEmpty() {
    this.#redis('Redis back empty', [0, 1500]);
  }

  redisFlush() {
    this.#redis('Redis flushed', [0, 0]);
  }

  redisFill() {
    this.#redis('Redis full', [300, 2000]);
  }
}
