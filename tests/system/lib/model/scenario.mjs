// A scenario: what happens to three gateways, their Redis and some twenty users, and when. It
// depends on the seed alone.
import { Random } from './random.mjs';

export const GATEWAYS = ['g1', 'g2', 'g3'];
// Some have what is escaped in a key, or in JSON.
export const USERS = ['a:b', '{c}%', 'quoted "d" \\', 'Ünal', ...Array.from({ length: 16 },
  (_, i) => `user-${i + 1}`)];

const JOINED_AT_FIRST = 15;
const SESSIONS_MAX = 10; // of one user; 16 are allowed, those of a dead gateway among them
const TROUBLE_MS = [7000, 10_000]; // while new trouble begins; what has begun comes to its end
const LONG_PAUSE = [10_500, 14_000]; // about a lease, and longer
const LONG_PAUSE_BEGINS = 5000; // at the latest, or the whole takes too long

const PEOPLE = { join: 12, leave: 9, ask: 2 };

// What may happen besides, and how often.
const FLAVOURS = {
  deaths: { kill: 1, stop: 0.5 },
  pauses: { pause: 2, longPause: 1, kill: 0.3 },
  redis: { redisCut: 2, redisKill: 1, redisPause: 1, redisSave: 0.5, redisFlush: 0.5 },
  everything: {
    kill: 0.6, stop: 0.3, pause: 0.6, longPause: 0.4, redisCut: 0.6, redisKill: 0.4,
    redisPause: 0.4, redisSave: 0.3, redisFlush: 0.3,
  },
};
export const FLAVOUR_COUNT = Object.keys(FLAVOURS).length;

// { seed, flavour, actions }, each action { at, does, … } with `at` in ms from the beginning. Seeds
// that follow each other have different flavours.
export function generate(seed) {
  const flavour = Object.keys(FLAVOURS)[seed % FLAVOUR_COUNT];
  const writer = new Writer(new Random(seed), FLAVOURS[flavour]);
  return { seed, flavour, actions: writer.write() };
}

class Writer {
  constructor(random, troubles) {
    this.random = random;
    this.troubles = troubles;
    this.at = 0;
    this.actions = [];
    this.planned = []; // { at, act }, to come
    this.gateways = Object.fromEntries(GATEWAYS.map((name) => [name, 'up']));
    this.starts = Object.fromEntries(GATEWAYS.map((name) => [name, 0]));
    this.sessions = []; // { session, user, gateway }
    this.made = 0; // sessions
    this.redis = 'up';
    this.saved = false;
  }

  write() {
    for (let i = 0; i < JOINED_AT_FIRST; i++) this.join();
    const trouble = this.random.between(...TROUBLE_MS);
    while (this.at < trouble || this.planned.length > 0) {
      const next = this.at + (this.random.chance(0.3) ? 0 : this.random.between(5, 400));
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
    if (this.#which('up').length === 0) this.start(GATEWAYS[0]);
    return this.actions;
  }

  #happens(isTroubled) {
    this[this.random.weighted(isTroubled ? { ...PEOPLE, ...this.troubles } : PEOPLE)]();
  }

  #which(...states) {
    return GATEWAYS.filter((name) => states.includes(this.gateways[name]));
  }

  #does(does, more = {}) {
    this.actions.push({ at: this.at, does, ...more });
  }

  #plan(after, act) {
    this.planned.push({ at: this.at + after, act });
  }

  join(user = this.random.pick(USERS)) {
    const gateways = this.#which('up', 'paused');
    if (gateways.length === 0) return;
    const gateway = this.random.pick(gateways);
    if (this.sessions.filter((one) => one.user === user).length >= SESSIONS_MAX) return;
    const session = `s${++this.made}`;
    this.sessions.push({ session, user, gateway });
    this.#does('join', { session, user, gateway, device: this.random.pick(['phone', 'my desk']) });
  }

  // With a close frame, or without.
  leave() {
    if (this.sessions.length === 0) return;
    const { session } = this.random.pick(this.sessions);
    this.sessions = this.sessions.filter((one) => one.session !== session);
    this.#does('leave', { session, cut: this.random.chance(0.5) });
  }

  ask() {
    const gateways = this.#which('up', 'paused');
    if (gateways.length > 0) this.#does('ask', { gateway: this.random.pick(gateways) });
  }

  kill() {
    const gateways = this.#which('up', 'paused');
    if (gateways.length === 0) return;
    const gateway = this.random.pick(gateways);
    this.#does('kill', { gateway });
    this.#down(gateway);
  }

  stop() {
    const gateways = this.#which('up');
    if (gateways.length === 0) return;
    const gateway = this.random.pick(gateways);
    this.#does('stop', { gateway });
    this.#down(gateway);
  }

  #down(gateway) {
    this.gateways[gateway] = 'down';
    this.planned = this.planned.filter((one) => one.resumes !== gateway);
    // Some of its users come back, to another or to the same.
    for (const { user } of this.sessions.filter((one) => one.gateway === gateway)) {
      if (this.random.chance(0.6)) this.#plan(this.random.between(10, 2000), () => this.join(user));
    }
    this.sessions = this.sessions.filter((one) => one.gateway !== gateway);
    if (this.random.chance(0.75)) {
      const after = this.random.chance(0.5) ? 0 : this.random.between(100, 4000);
      this.#plan(after, () => this.start(gateway));
    }
  }

  // Again under its name, or under another.
  start(gateway) {
    this.gateways[gateway] = 'up';
    if (this.random.chance(0.3)) this.starts[gateway]++;
    const number = this.starts[gateway];
    this.#does('start', { gateway, id: number > 0 ? `${gateway}.${number}` : gateway });
  }

  pause() {
    this.#pause(this.random.between(200, 2800));
  }

  longPause() {
    if (this.at <= LONG_PAUSE_BEGINS) this.#pause(this.random.between(...LONG_PAUSE));
  }

  #pause(duration) {
    const gateways = this.#which('up');
    if (gateways.length === 0) return;
    const gateway = this.random.pick(gateways);
    this.gateways[gateway] = 'paused';
    this.#does('pause', { gateway });
    this.#plan(duration, () => {
      this.gateways[gateway] = 'up';
      this.#does('resume', { gateway });
    });
    this.planned.at(-1).resumes = gateway;
  }

  redisSave() {
    if (this.redis !== 'up') return;
    this.saved = true;
    this.#does('redisSave');
  }

  // Of its scripts: nobody is to notice.
  redisFlush() {
    if (this.redis === 'up') this.#does('redisFlush');
  }

  // Breaks the connections of one kind.
  redisCut() {
    if (this.redis === 'up') this.#does('redisCut', { type: this.random.pick(['normal', 'pubsub']) });
  }

  // It comes back empty, as it was, or as it was when it was saved last.
  redisKill() {
    if (this.redis !== 'up') return;
    if (this.random.chance(0.4)) this.redisSave();
    this.redis = 'down';
    this.#does('redisKill');
    const data = this.saved && this.random.chance(0.8);
    this.saved = data;
    this.#plan(this.random.between(0, 2500), () => {
      this.redis = 'up';
      this.#does('redisStart', { data });
    });
  }

  // Seldom for longer than a gateway waits for an answer.
  redisPause() {
    if (this.redis !== 'up') return;
    this.redis = 'paused';
    this.#does('redisPause');
    const duration = this.random.chance(0.8) ? [200, 2500] : [6500, 9000];
    this.#plan(this.random.between(...duration), () => {
      this.redis = 'up';
      this.#does('redisResume');
    });
  }
}
