// Carries a scenario out on real processes, and writes the log of it (see account.mjs).
import { setTimeout as delay } from 'node:timers/promises';
import { Random } from '../model/random.mjs';
import { Recorder } from '../model/recorder.mjs';
import { Redis } from '../redis.mjs';
import { DEADLINE, until } from '../wait.mjs';
import { FAULTS } from './breakages.mjs';
import { imbalances } from './ledger.mjs';
import { Member } from './member.mjs';
import { Participant } from './participant.mjs';

const LOOK_MS = 100;
const SETTLE = 3 * DEADLINE;
const END = 'the end'; // the user who writes the last message to everybody

export class World {
  static async create({ seed, settings, clients }) {
    const world = new World(settings);
    try {
      world.redis = await Redis.start({
        args: ['--appendonly', 'yes', '--appendfsync', settings.appendfsync,
          '--maxmemory-policy', 'noeviction', '--stream-node-max-entries', '10'],
      });
      const last = { client: END, kind: 'since', users: [END], device: 'default' };
      for (const [i, client] of [...clients, last].entries()) {
        world.clients.set(client.client, new Participant(world, client, new Random(seed + i)));
      }
      world.watching = world.#watch();
      return world;
    } catch (error) {
      await world.end();
      throw error;
    }
  }

  constructor(settings) {
    this.settings = settings;
    this.recorder = new Recorder();
    this.record = this.recorder.record;
    this.record('settings', { mailboxMax: settings.mailboxMax });
    this.clients = new Map();
    this.gateways = new Map(); // name -> Member, while it takes clients
    this.members = new Set(); // all that run
    this.queues = new Map(); // what is under way with a gateway, or Redis: one thing after the other
    this.contents = new Map(); // JSON -> the message's name
    this.slow = new Map(); // member -> how often a session had no room
    this.faults = new Set(); // numbers of those whose cause is there
    this.mended = new Set(); // of those whose cause is gone, until all is well again
    this.ended = false;
  }

  get log() {
    return this.recorder.log;
  }

  now() {
    return this.recorder.now();
  }

  // ---- For the participants ----

  pickGateway(random) {
    const all = [...this.gateways.values()];
    return all.length > 0 ? random.pick(all) : undefined;
  }

  nameOf(content) {
    return this.contents.get(JSON.stringify(content));
  }

  // ---- A run ----

  async run(actions) {
    const begin = performance.now();
    for (const { at, does, ...what } of actions) {
      const early = begin + at - performance.now();
      if (early > 0) await delay(early);
      if (this.failure) break;
      this[does](what);
    }
    await Promise.all(this.queues.values());
    if (this.failure) throw this.failure;
  }

  // Everybody comes back and reads to the end. Returns what is wrong with the sums of the gateways.
  async settle() {
    const end = this.clients.get(END);
    for (const client of this.clients.values()) client.comes();
    const all = [...this.clients.values()];
    const isAt = (condition) => until(condition, SETTLE, 'the end').then(() => true, () => false);
    if (await isAt(() => all.every((one) => one.isOpen && one.isIdle))) {
      const users = new Set(all.flatMap((one) => one.users));
      users.delete(END);
      for (const user of users) {
        this.#write(end, { message: `the end of ${user}`, sender: END, receiver: user, again: true, ref: true, content: { end: user } });
      }
      await isAt(() => end.isIdle && all.every((one) => one === end
        || one.users.every((user) => one.ends.has(user))));
    }
    this.record('end', {
      unread: all.filter((one) => !one.isOpen || !one.isIdle || (one !== end
        && !one.users.every((user) => one.ends.has(user)))).map(({ name }) => name),
    });
    return this.#balance();
  }

  async #balance() {
    const found = [];
    for (const member of this.members) {
      let wrong;
      await until(async () => {
        try {
          const metrics = await member.metrics();
          wrong = imbalances(metrics);
          this.slow.set(member, metrics.parley_sessions_slow_total);
        } catch (error) { // it is not there any more
          wrong = [`no metrics: ${error.message}`];
        }
        return wrong.length === 0;
      }, DEADLINE, 'the sums').catch(() => {});
      found.push(...wrong.map((text) => `${member.name}: ${text}`));
    }
    return found;
  }

  async end() {
    this.ended = true;
    this.recorder.stop();
    await Promise.allSettled(this.queues.values());
    await this.watching;
    await Promise.all([...this.clients.values()].map((client) => client.end()));
    const ends = await Promise.allSettled([...this.members].map(async (member) => {
      member.signal('SIGCONT');
      await member.drain();
    }));
    await this.redis?.stop();
    for (const { status, reason } of ends) if (status === 'rejected') throw reason;
  }

  // A fault is over when its cause is gone and everybody is served again.
  async #watch() {
    while (!this.ended) {
      const mended = [...this.mended];
      if (mended.length > 0 && this.faults.size === 0 && await this.#isWell()) {
        for (const number of mended) {
          this.mended.delete(number);
          this.record('healed', { number });
        }
      }
      await delay(LOOK_MS);
    }
  }

  async #isWell() {
    if (![...this.clients.values()].every(({ isWell }) => isWell)) return false;
    const ready = await Promise.allSettled([...this.members].map((one) => one.isReady()));
    return ready.length > 0 && ready.every(({ value }) => value);
  }

  #queue(name, act) {
    const before = this.queues.get(name) ?? Promise.resolve();
    this.queues.set(name, before.then(act).catch((error) => { this.failure ??= error; }));
  }

  // ---- The actions of people ----

  comes({ client }) {
    this.clients.get(client).comes();
  }

  vanish({ client }) {
    this.clients.get(client).vanish();
  }

  deafen({ client }) {
    this.clients.get(client).deafen();
  }

  hear({ client }) {
    this.clients.get(client).hear();
  }

  send({ client: name, message, sender, bytes, ...what }) {
    const client = this.clients.get(name);
    const { users } = client;
    this.#write(client, {
      message,
      sender: users[Math.floor(sender * users.length)],
      content: { message, pad: 'é'.repeat(bytes / 2) },
      ...what,
    });
  }

  #write(client, { message: name, content, ref, again, ...who }) {
    this.contents.set(JSON.stringify(content), name);
    client.send({
      name, content, again: again && ref && !client.isPair,
      ref: ref && !client.isPair ? `ref of ${name}` : undefined, ...who,
    });
  }

  // ---- The actions of others ----

  start({ gateway }) {
    const { mailboxMax } = this.settings;
    const flags = ['--mailbox-max', mailboxMax, '--max-message', '4KiB', '--output-max', '16KiB',
      '--drain', '500ms', '--max-sessions-per-user', 0];
    this.#queue(gateway, async () => {
      const member = await Member.start(gateway, this.redis, flags);
      this.members.add(member);
      this.gateways.set(gateway, member);
    });
  }

  breaks({ number, kind, gateway, ...what }) {
    this.#queue(gateway ?? 'redis', async () => {
      this.faults.add(number);
      this.record('fault', { number, kind, gateway, ...what });
      await FAULTS[kind].breaks(this, { member: this.gateways.get(gateway), ...what });
    });
  }

  mends({ number, kind, gateway }) {
    this.#queue(gateway ?? 'redis', async () => {
      await FAULTS[kind].mends?.(this, { member: this.gateways.get(gateway) });
      this.faults.delete(number);
      this.mended.add(number);
    });
  }

  // It takes no clients any more.
  async remove(member, event, how) {
    this.record(event, { gateway: member.name });
    this.gateways.delete(member.name);
    await how();
    this.members.delete(member);
  }

  // Redis loses what it has stored since then.
  async loses(since, emptied, how) {
    const from = this.now();
    await how();
    this.record('lossy', { from, since: Math.max(0, since), emptied });
  }
}
