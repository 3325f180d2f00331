// What a log says about who was surely online at which moment, and who surely was not.
//
// A log is a list of events in the order of their time `t`, in ms:
//
//   started, paused, resumed, killed, stopping, stopped   { gateway, id }: a process, `g1#2`; killed
//                                   and paused are noted before it is done, started and resumed after
//   redisSaved { since }, redisKilled, redisStarted { data }, redisPaused, redisResumed,
//   redisCut { since }, redisFlushed
//   stalled    { since }            the observer itself stood still
//   connecting { session, user, gateway, device }
//   opened     { session }          its welcome has come
//   leaving    { session }          the client closes it, or lets go
//   closed     { session, code }    by the gateway, or because it died
//   watching   { session, gateway } what this session is told from now on is judged
//   told       { session, users, asked }  `asked`: when the request was sent that this answers;
//                                   undefined when it tells of a change
//   answered   { gateway, users, asked }
//   settled    { … }                see settled.mjs
import { BURIED, DOUBTED, HEALED, HOLD, LEASE, RENEWED, SPARE } from './bounds.mjs';
import { complement, overlap, stretchBack, stretchOn, subtract, union } from './intervals.mjs';

// Outages after which Redis may not know what it knew before.
export const LOSSES = ['lost', 'restored'];

const SAYINGS = ['told', 'answered', 'stalled', 'settled'];

export class History {
  constructor(log) {
    this.log = log;
    this.end = log.at(-1)?.t ?? 0;
    this.acted = log.findLast(({ event }) => !SAYINGS.includes(event))?.t ?? 0;
    this.gateways = new Map();
    this.sessions = new Map();
    this.outages = []; // of Redis: { from, to, kind, saved }
    this.stalls = [];
    this.#read();
    for (const gateway of this.gateways.values()) {
      gateway.hindrances = this.#hindrances(gateway);
      gateway.troubles = union([...gateway.hindrances, ...this.stalls,
        { from: gateway.ending, to: Infinity }]);
    }
    for (const session of this.sessions.values()) {
      session.doubts = this.#doubts(session);
      session.surely = this.#surely(session);
      session.perhaps = this.#perhaps(session);
    }
  }

  // Those who are there at the end.
  openSessions() {
    return [...this.sessions.values()].filter((session) => session.opened !== undefined
      && session.left === Infinity && session.gateway.ended === Infinity);
  }

  runningGateways() {
    return [...this.gateways.values()].filter((gateway) => gateway.ended === Infinity);
  }

  sessionsOf(user) {
    return [...this.sessions.values()].filter((session) => session.user === user);
  }

  // While a user surely has a session that Redis and every gateway know of.
  surelyOnline(user) {
    return union(this.sessionsOf(user).map((session) => session.surely).flat());
  }

  // While a user surely has none.
  surelyOffline(user) {
    return complement(this.sessionsOf(user).map((session) => session.perhaps));
  }

  // What `gateway` says at a moment was so at some time in this interval: it is at once, or it
  // has to get over what is wrong with it, or with its Redis.
  view(gateway, from, to, spare = SPARE) {
    return stretchBack({ from: from - spare, to }, gateway.troubles, spare);
  }

  // Under how many names at most a session may be counted: a Redis from before brings back one that
  // its gateway had then, and has forgotten.
  copies(view) {
    const isOld = this.outages.some(({ kind, from, to }) => kind === 'restored'
      && overlap(view, { from, to: to + HEALED + BURIED }));
    const pauses = [...this.gateways.values()].flatMap((gateway) => gateway.pauses);
    return isOld ? this.outages.length + pauses.length : 1;
  }

  // When nobody is on the way any more: until then what is wrong may still be put right.
  restAt() {
    const ends = [this.acted + SPARE];
    for (const gateway of this.gateways.values()) {
      if (gateway.ended === Infinity) ends.push((gateway.hindrances.at(-1)?.to ?? 0) + SPARE);
      else ends.push(this.#gone(gateway));
    }
    for (const { left, perhaps } of this.sessions.values()) if (left < Infinity) ends.push(perhaps.to);
    for (const { kind, to } of this.outages) if (kind === 'restored') ends.push(to + HEALED + BURIED);
    return Math.max(...ends);
  }

  #read() {
    let saved = -Infinity;
    const outage = (from, kind) => this.outages.push({ from, to: Infinity, kind, saved });
    for (const event of this.log) {
      const { t } = event;
      const gateway = this.gateways.get(event.gateway);
      const session = this.sessions.get(event.session);
      switch (event.event) {
        case 'started':
          this.gateways.set(event.gateway, {
            name: event.gateway, id: event.id, started: t, ready: Infinity, ending: Infinity,
            ended: Infinity, pauses: [],
          });
          break;
        case 'paused': gateway.pauses.push({ from: t, to: Infinity }); break;
        case 'resumed': gateway.pauses.at(-1).to = t; break;
        case 'stopping': gateway.ending = t; break;
        case 'stopped':
        case 'killed':
          gateway.ending = Math.min(gateway.ending, t);
          gateway.ended = t;
          gateway.wasKilled = event.event === 'killed';
          for (const pause of gateway.pauses) pause.to = Math.min(pause.to, t);
          break;
        case 'redisSaved': saved = event.since; break;
        case 'redisKilled': outage(t, 'lost'); break;
        case 'redisStarted':
          Object.assign(this.outages.at(-1), { to: t, kind: event.data ? 'restored' : 'lost' });
          if (!event.data) saved = -Infinity;
          break;
        case 'redisPaused': outage(t, 'paused'); break;
        case 'redisResumed': this.outages.at(-1).to = t; break;
        case 'redisCut': outage(event.since, 'cut'); this.outages.at(-1).to = t; break;
        case 'stalled': this.stalls.push({ from: event.since, to: t }); break;
        case 'connecting':
          this.sessions.set(event.session, {
            name: event.session, user: event.user, device: event.device, gateway,
            connecting: t, left: Infinity,
          });
          break;
        case 'opened':
          session.opened = t;
          session.gateway.ready = Math.min(session.gateway.ready, t);
          break;
        case 'leaving': session.left = t; break;
        case 'closed':
          if (session.opened !== undefined && Math.min(session.left, session.gateway.ending) > t) {
            session.lost = event.code;
          }
          session.left = Math.min(session.left, t);
          break;
      }
    }
  }

  // While what a gateway does or says may come late: it is not ready, stands still or gets over
  // that, or its Redis does.
  #hindrances({ started, ready, pauses }) {
    const readyAt = Math.max(started, ...this.outages.map(({ to }) => to)) + HEALED;
    const trouble = [...pauses, ...this.outages].map(({ from, to, kind }) => ({
      from, to: to + HEALED + (LOSSES.includes(kind) ? DOUBTED : 0),
    }));
    return union([{ from: -Infinity, to: Math.min(ready, readyAt) }, ...trouble]);
  }

  // When a session may be thought dead, though it is not: Redis lost it, or the lease may have
  // expired. Other trouble changes nothing.
  #doubts({ gateway, opened }) {
    const silences = gateway.pauses.map(({ from, to }) => ({ from, to: to + RENEWED }));
    const doubts = [];
    for (const { from, to, kind, saved } of this.outages) {
      const isOld = kind === 'restored' && saved < from;
      silences.push({ from: isOld ? saved : from, to: to + RENEWED });
      if (kind === 'lost' || (kind === 'restored' && opened > saved)) {
        doubts.push({ from, to: to + HEALED });
      }
    }
    for (const { from, to } of union(silences)) {
      if (to - from > HOLD) doubts.push({ from: from + HOLD, to: to + HEALED });
    }
    return union(doubts).filter(({ to }) => to > opened);
  }

  // From its welcome until it goes, or its gateway does.
  #surely({ gateway, opened, left, doubts }) {
    if (opened === undefined) return [];
    return subtract([{ from: opened, to: Math.min(left, gateway.ending) }], doubts);
  }

  // From its first byte until what was registered for it must be gone.
  #perhaps(session) {
    const from = session.connecting;
    const { gateway } = session;
    const left = Math.min(session.left, gateway.ending);
    if (left === Infinity) return { from, to: Infinity };
    // The gateway says so at once, or when it can, or who buries it does.
    let { to } = stretchOn({ from: left, to: left + SPARE }, gateway.hindrances, SPARE);
    if (to > gateway.ending) to = this.#gone(gateway);
    // A Redis from before brings back what was gone by then, under names that nobody may know.
    for (const outage of this.outages) {
      if (outage.kind === 'restored' && outage.saved < to) {
        to = Math.max(to, outage.to + HEALED + BURIED);
      }
    }
    return { from, to };
  }

  // When nothing is left of a gateway that has ended.
  #gone(dead) {
    const end = { from: dead.ending, to: dead.ended + SPARE };
    const isClean = !dead.wasKilled && !dead.hindrances.some((one) => overlap(one, end));
    return isClean ? end.to : this.#buried(dead);
  }

  // The same when it gave nothing back: there was somebody who could clean up after it and was not
  // hindered, and nobody else had begun to and came to grief.
  #buried(dead) {
    const others = [...this.gateways.values()].filter((gateway) => gateway !== dead);
    const breaks = [...this.outages.map(({ from, to }) => ({ from, to: to + HEALED })),
      ...others.flatMap(({ pauses, ending, ended }) => [...pauses, { from: ending, to: ended }])];
    const begins = [dead.ended, ...breaks.map(({ to }) => to),
      ...others.flatMap(({ hindrances }) => hindrances.map(({ to }) => to))];
    const begin = begins.filter((one) => one >= dead.ended).sort((a, b) => a - b).find((from) => {
      const whole = { from, to: from + BURIED };
      const claimed = { from: Math.max(from, dead.ended + LEASE), to: from + BURIED };
      return others.some(({ hindrances, ending }) => ending >= whole.to
        && !hindrances.some((one) => overlap(one, whole)))
        && !breaks.some((one) => overlap(one, claimed));
    });
    return (begin ?? Infinity) + BURIED;
  }
}
