// Carries a scenario out on real processes, and writes the log of it (see history.mjs).
import { rm } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Gateway } from '../gateway.mjs';
import { Redis } from '../redis.mjs';
import { DEADLINE, within } from '../wait.mjs';
import { watchers } from './checker.mjs';
import { differences } from './differences.mjs';
import { History } from './history.mjs';
import { Member } from './member.mjs';
import { Recorder } from './recorder.mjs';
import { Session } from './session.mjs';
import { look } from './settled.mjs';

const LOOK_MS = 200;

export class World {
  // users: whom the watchers watch.
  static async create(names, users) {
    const world = new World(users);
    try {
      world.redis = await Redis.start();
      for (const name of names) await world.start({ gateway: name, id: name });
      return world;
    } catch (error) {
      await world.end();
      throw error;
    }
  }

  constructor(users) {
    this.users = users;
    this.recorder = new Recorder();
    this.record = this.recorder.record;
    this.members = new Map(); // the running process of each name
    this.sessions = new Map();
    this.processes = 0;
  }

  get log() {
    return this.recorder.log;
  }

  async run(actions) {
    const begin = performance.now();
    for (const { at, does, ...what } of actions) {
      const early = begin + at - performance.now();
      if (early > 0) await delay(early);
      await this[does](what);
    }
  }

  // Looks until all is as it should be, or until nothing can be expected to change any more. The
  // last look is in the log. Returns how long that took, in ms.
  async settle() {
    const begin = this.recorder.now();
    for (;;) {
      const settled = await this.#look();
      const history = new History(this.log);
      const isRight = differences(history, watchers(history), settled).length === 0;
      if (isRight || this.recorder.now() > Math.min(history.restAt(), begin + 4 * DEADLINE)) {
        this.record('settled', settled);
        return this.recorder.now() - begin;
      }
      await delay(LOOK_MS);
    }
  }

  async end() {
    this.recorder.stop();
    for (const session of this.sessions.values()) session.discard();
    const ends = await Promise.allSettled([...this.members.values()].map((one) => one.end()));
    await this.redis?.stop();
    for (const { status, reason } of ends) if (status === 'rejected') throw reason;
  }

  #look() {
    const looked = look(this.redis, [...this.members.values()], this.recorder.unixOffset());
    return within(looked, DEADLINE, 'a look at everything');
  }

  // ---- The actions ----

  join({ gateway, ...what }) {
    const session = new Session(this.record, this.members.get(gateway), what);
    this.sessions.set(what.session, session);
  }

  leave({ session, cut }) {
    this.sessions.get(session).leave({ cut });
  }

  ask({ gateway }) {
    this.members.get(gateway).ask(); // what is answered is in the log
  }

  async start({ gateway, id }) {
    const process = await Gateway.start({ redis: this.redis, flags: ['--id', id], ready: false });
    const member = new Member(`${gateway}#${++this.processes}`, process, this.recorder);
    this.record('started', { gateway: member.name, id });
    this.members.set(gateway, member);
    member.observe(this.users);
  }

  async kill({ gateway }) {
    const member = this.#take(gateway);
    this.record('killed', { gateway: member.name });
    await member.process.kill();
  }

  async stop({ gateway }) {
    const member = this.#take(gateway);
    this.record('stopping', { gateway: member.name });
    await member.process.stop();
    this.record('stopped', { gateway: member.name });
  }

  #take(name) {
    const member = this.members.get(name);
    this.members.delete(name);
    member.running = false;
    return member;
  }

  pause({ gateway }) {
    const member = this.members.get(gateway);
    this.record('paused', { gateway: member.name });
    member.process.process.signal('SIGSTOP');
  }

  resume({ gateway }) {
    const member = this.members.get(gateway);
    member.process.process.signal('SIGCONT');
    this.record('resumed', { gateway: member.name });
  }

  async redisSave() {
    const since = this.recorder.now();
    await this.redis.command('SAVE');
    this.record('redisSaved', { since });
  }

  async redisFlush() {
    await this.redis.command('SCRIPT', 'FLUSH');
    this.record('redisFlushed');
  }

  async redisCut({ type }) {
    const since = this.recorder.now();
    await this.redis.command('CLIENT', 'KILL', 'TYPE', type);
    this.record('redisCut', { since });
  }

  async redisKill() {
    this.record('redisKilled');
    await this.redis.kill();
  }

  async redisStart({ data }) {
    if (!data) await rm(path.join(this.redis.folder, 'dump.rdb'), { force: true });
    await this.redis.restart();
    this.record('redisStarted', { data });
  }

  redisPause() {
    this.record('redisPaused');
    this.redis.pause();
  }

  redisResume() {
    this.redis.resume();
    this.record('redisResumed');
  }
}
