// A client for Parley without dependencies, for browsers, Node and whatever else has a WebSocket:
// this file and parley/inbox.js. docs/javascript.md explains it, and parley.d.ts what its methods
// take and return.
//
//   import { connect } from './parley.js';
//   const parley = connect({ url: 'ws://127.0.0.1:3000', user: 'alice' });
//   parley.on('message', ({ sender, content }) => console.log(sender, content));
//   const { id, online } = await parley.send('bob', 'hello');

import { Inbox } from './parley/inbox.js';

/**
 * @import { Events, Message, Options, Parley as Declared, Presence, Socket, State, StateChange,
 *   Welcome } from './parley.d.ts'
 *
 * @typedef {object} Request one that has no answer yet
 * @property {{ type?: string, users?: string[] }} frame
 * @property {string} text the same, as it is sent
 * @property {boolean} sent on this connection
 * @property {boolean} renewal made by this file, anew for each connection
 * @property {(value: any) => void} resolve
 * @property {(error: Error) => void} reject
 */

// Closed on purpose: trying again would not help. 4401: the token is over; 4403: an operator.
const FINAL_CLOSES = new Set([4401, 4403]);
const TOO_LONG = 1009; // a frame above the gateway's --max-frame
const TOO_MANY_SESSIONS = 4409; // of this user; those of a killed gateway count for some seconds
const RETRIED_ERRORS = new Set(['unavailable', 'unknown', 'rate_limited']);
const STABLE = 5000; // milliseconds after which a connection was a good one
const RETRY_DELAY_MAX = 5000; // for requests, while the connection is there
const TYPING_EVERY = 2000;
const USERS_A_REQUEST = 100;

export class ParleyError extends Error {
  /** @param {string} code @param {string} message */
  constructor(code, message) {
    super(message);
    this.name = 'ParleyError';
    this.code = code;
  }
}

/** @param {Options} options */
export function connect(options) {
  return new Parley(options);
}

/** @implements {Declared} */
export class Parley {
  /** @type {State} */
  state = 'connecting';
  /** @type {Welcome | undefined} */
  welcome;

  /** @type {Required<Pick<Options, 'WebSocket' | 'queue' | 'minDelay' | 'maxDelay' | 'pingAfter'
   *   | 'timeout'>>} */
  #options;
  #url;
  /** @type {Socket | undefined} the one that counts; events of any other come too late */
  #socket;
  /** @type {Map<string, Request>} by ref, in the order in which they were made */
  #requests = new Map();
  /** @type {Map<string, Set<(event: any) => unknown>>} */
  #listeners = new Map();
  /** @type {Set<string>} */
  #watched = new Set();
  /** @type {Map<string, number>} receiver -> when it was last told */
  #typed = new Map();
  #refs = `${randomName()}-`;
  #count = 0;
  #attempts = 0; // to connect, that failed since it worked
  #refusals = 0; // of requests, since one was carried out
  #welcomedAt = 0;
  #comeBackAt = 0; // as a `reconnect` has advised; 0: it has not
  #inbox;
  /** @type {ReturnType<typeof setTimeout> | undefined} until the next attempt to connect */
  #reconnecting;
  /** @type {ReturnType<typeof setTimeout> | undefined} while refused requests are held back */
  #pause;
  /** @type {ReturnType<typeof setTimeout> | undefined} until silence means something */
  #silence;

  /** @param {Options} options */
  constructor({ url, user, device, since, epoch, ...options }) {
    // A gateway refuses such a user too, but a browser does not tell its page why.
    const encoded = encodeURIComponent(user);
    if (!/^[^\x00-\x1f\x7f]+$/.test(user) || encoded.replace(/%../g, '.').length > 128) {
      throw new TypeError('user must be 1 to 128 bytes without control characters');
    }
    this.#options = { WebSocket: globalThis.WebSocket, queue: 1000, minDelay: 500,
      maxDelay: 30_000, pingAfter: 25_000, timeout: 10_000, ...options };
    this.#url = `${url.replace(/^http/, 'ws').replace(/\/$/, '')}/?user=${encoded}`
      + (device === undefined ? '' : `&device=${encodeURIComponent(device)}`)
      + (options.ack === 'client' ? '&ack=client' : '');
    this.#inbox = new Inbox({ acks: options.ack === 'client', storage: options.storage,
      show: (message) => this.#show(message), signal: (frame) => this.#signal(frame) });
    this.#inbox.goOnAt({ since, epoch });
    globalThis.addEventListener?.('online', this.#networkIsBack);
    if (options.storage) this.#restore(options.storage);
    else this.#open();
  }

  get since() {
    return this.#inbox.since;
  }

  get epoch() {
    return this.#inbox.epoch;
  }

  /** @type {Declared['on']} */
  on(name, listener) {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => { listeners.delete(listener); };
  }

  /** @type {Declared['send']} */
  send(receiver, content) {
    this.#typed.delete(receiver);
    return this.#request({ receiverID: receiver, content });
  }

  /** @type {Declared['history']} */
  history(peer, { before, limit } = {}) {
    return this.#request({ type: 'history', with: peer, before, limit });
  }

  /** @type {Declared['historyPages']} */
  async *historyPages(peer, { before, limit } = {}) {
    for (;;) {
      const { messages, next, end } = await this.history(peer, { before, limit });
      if (messages.length > 0) yield messages;
      if (end) return;
      before = next;
    }
  }

  /** @type {Declared['typing']} */
  typing(receiver) {
    if (Date.now() - (this.#typed.get(receiver) ?? 0) < TYPING_EVERY) return;
    this.#typed.set(receiver, Date.now());
    this.#signal({ type: 'typing', receiverID: receiver });
  }

  /** @type {Declared['delivered']} */
  delivered(writer, id) {
    this.#signal({ type: 'delivered', receiverID: writer, id });
  }

  /** @type {Declared['read']} */
  read(writer, id) {
    this.#signal({ type: 'read', receiverID: writer, id });
  }

  /** @type {Declared['presence']} */
  presence(users) {
    return this.#ask('presence', users);
  }

  /** @type {Declared['watch']} */
  async watch(users) {
    const names = [...users];
    for (const name of names) this.#watched.add(name);
    try {
      return await this.#ask('watch', names);
    } catch (error) {
      for (const name of names) this.#watched.delete(name);
      throw error;
    }
  }

  /** @type {Declared['unwatch']} */
  unwatch(users) {
    const names = [...users];
    for (const name of names) this.#watched.delete(name);
    for (const some of portions(names)) this.#signal({ type: 'unwatch', users: some });
  }

  close() {
    this.#inbox.acknowledge();
    this.#end(1000);
  }

  /** Whatever goes wrong in it, there will be a connection.
   * @param {NonNullable<Options['storage']>} storage */
  async #restore(storage) {
    try {
      this.#inbox.goOnAt(await storage.get() ?? {});
    } finally {
      if (this.state !== 'closed') this.#open();
    }
  }

  #open() {
    const socket = new this.#options.WebSocket(this.#url + this.#inbox.query);
    this.#socket = socket;
    socket.onmessage = ({ data }) => { if (socket === this.#socket) this.#receive(data); };
    socket.onclose = ({ code }) => { if (socket === this.#socket) this.#lost(code); };
    socket.onerror = () => {}; // `onclose` comes next, and says more
    this.#silence = setTimeout(() => this.#lost(1006), this.#options.timeout);
    this.#become({ state: 'connecting' });
  }

  /** @param {string} text */
  #receive(text) {
    const frame = JSON.parse(text);
    this.#heard();
    switch (frame.type) {
      case 'welcome':
        return this.#welcomed(frame);
      case 'sent':
        this.#refusals = 0;
        return this.#take(frame.ref)?.resolve(frame);
      case 'presence': {
        const request = this.#take(frame.ref);
        request?.resolve(frame.users);
        if (request?.frame.type !== 'presence') {
          for (const user of frame.users) {
            if (this.#watched.has(user.user)) this.#emit('presence', user);
          }
        }
        return;
      }
      case 'history':
        this.#take(frame.ref)?.resolve(frame);
        return this.#flush();
      case 'pong':
        return this.#take(frame.ref)?.resolve(frame);
      case 'error':
        return this.#refused(frame);
      case 'reconnect':
        this.#comeBackAt = Date.now() + frame.after_ms;
        return this.#emit('reconnect', frame);
      case 'message':
        return this.#deliver(frame);
      case 'gap':
        return this.#missing(frame);
      case 'typing':
      case 'delivered':
      case 'read':
        return this.#emit(frame.type, frame);
      default: // what later versions have
    }
  }

  // A browser's page sees no WebSocket pings, so a gateway that died without a word is noticed by
  // asking.
  #heard() {
    clearTimeout(this.#silence);
    this.#silence = setTimeout(() => {
      this.#signal({ type: 'ping' });
      this.#silence = setTimeout(() => this.#lost(1006), this.#options.timeout);
    }, this.#options.pingAfter);
  }

  /** @param {Welcome} welcome */
  #welcomed(welcome) {
    this.welcome = welcome;
    this.#welcomedAt = Date.now();
    this.#comeBackAt = 0;
    const renewed = new Set(this.#watched);
    for (const { frame } of this.#requests.values()) {
      if (frame.type === 'watch') frame.users?.forEach((user) => renewed.delete(user));
    }
    for (const users of portions(renewed)) {
      this.#request({ type: 'watch', users }, true).catch((error) => {
        if (this.state !== 'closed') this.#emit('error', error);
      });
    }
    this.#become({ state: 'online' });
    this.#flush();
    const { last, gap = false, reset = false, epoch } = welcome;
    if (last === undefined) return; // no messages are kept
    if (this.state !== 'online') return; // a listener has closed it
    if (gap || reset) this.#missing({ last, reset, epoch });
    this.#inbox.connected(welcome);
    // Behind `welcome` comes what this device does not have yet. When a pong is there first it has
    // everything, and this client goes its own way from there on, whatever other sessions of the
    // device acknowledge while it is away.
    if (this.#inbox.isUnplaced) {
      this.#request({ type: 'ping' }, true).then(() => this.#inbox.caughtUp(last), () => {});
    }
  }

  /** @param {{ last: string, reset: boolean, epoch?: string }} gap */
  #missing({ last, reset, epoch }) {
    if (reset) this.#inbox.reset(epoch);
    this.#emit('gap', { last, reset });
  }

  /** @param {Message} message */
  #deliver(message) {
    const { id } = message;
    // What is kept nowhere comes once or never, and in no order.
    if (id === undefined || this.welcome?.last === undefined) this.#show(message);
    else this.#inbox.take({ ...message, id });
  }

  /** Whether somebody handled it. @param {Message} message */
  async #show(message) {
    const { copy } = message;
    if (!copy?.ref?.startsWith(this.#refs)) {
      const outcomes = await this.#emit('message', message);
      return outcomes.length > 0;
    }
    // Sent again on another session than it was stored from: who sent it here knows it.
    const ts = Number(copy.id.split('-')[0]);
    this.#take(copy.ref)?.resolve({ type: 'sent', ref: copy.ref, id: copy.id, ts });
    return true;
  }

  /** @param {number} code */
  #lost(code) {
    this.#disconnect();
    if (FINAL_CLOSES.has(code)) return this.#end(code);
    for (const [ref, request] of this.#requests) {
      request.sent = false;
      if (request.renewal) this.#requests.delete(ref);
    }
    if (code === TOO_LONG) this.#rejectLongest();
    const delay = this.#nextDelay(code);
    this.#reconnecting = setTimeout(() => this.#open(), delay);
    this.#become({ state: 'waiting', code, delay });
  }

  /** @param {number} code */
  #nextDelay(code) {
    const advised = this.#comeBackAt - Date.now();
    if (this.#comeBackAt > 0) {
      this.#comeBackAt = 0;
      return Math.max(0, advised); // its own moment, which the gateway chose for this session
    }
    if (this.#welcomedAt > 0 && Date.now() - this.#welcomedAt > STABLE) this.#attempts = 0;
    this.#welcomedAt = 0;
    if (code === TOO_MANY_SESSIONS) return jittered(this.#options.maxDelay);
    return this.#backOff(this.#attempts++, this.#options.maxDelay);
  }

  /** @param {number} failures @param {number} max */
  #backOff(failures, max) {
    return jittered(Math.min(this.#options.minDelay * 2 ** failures, max));
  }

  // Nothing says which frame it was; sent again, it would end every connection.
  #rejectLongest() {
    const lengths = [...this.#requests].map(([ref, { text }]) => ({ ref, length: text.length }));
    const [longest] = lengths.sort((one, other) => other.length - one.length);
    if (!longest) return;
    this.#take(longest.ref)?.reject(new ParleyError('too_large', 'longer than any frame may be'));
  }

  #networkIsBack = () => {
    if (this.state !== 'waiting') return;
    clearTimeout(this.#reconnecting);
    this.#open();
  };

  #disconnect() {
    const socket = this.#socket;
    this.#socket = undefined;
    clearTimeout(this.#silence);
    clearTimeout(this.#reconnecting);
    this.#goOn();
    socket?.close(); // which is nothing to one that is closed
  }

  /** @param {number} code */
  #end(code) {
    if (this.state === 'closed') return;
    this.#disconnect();
    globalThis.removeEventListener?.('online', this.#networkIsBack);
    this.#become({ state: 'closed', code });
    for (const ref of [...this.#requests.keys()]) {
      this.#take(ref)?.reject(new ParleyError('closed', `the connection was closed (${code})`));
    }
  }

  /** @param {'presence' | 'watch'} type @param {Iterable<string>} users
   * @returns {Promise<Presence[]>} */
  async #ask(type, users) {
    const answers = portions(users).map((some) => this.#request({ type, users: some }));
    return (await Promise.all(answers)).flat();
  }

  /** @param {{ type?: string, users?: string[], [member: string]: any }} frame
   * @returns {Promise<any>} */
  #request(frame, renewal = false) {
    if (this.state === 'closed') {
      return Promise.reject(new ParleyError('closed', 'the connection was closed'));
    }
    if (!renewal && this.#requests.size >= this.#options.queue) {
      return Promise.reject(new ParleyError('queue_full',
        `${this.#requests.size} requests wait for their answers already`));
    }
    return new Promise((resolve, reject) => {
      const ref = `${this.#refs}${++this.#count}`;
      const text = JSON.stringify({ ...frame, ref });
      this.#requests.set(ref, { frame, text, sent: false, renewal, resolve, reject });
      this.#flush();
    });
  }

  // Sends what waits, in order; nothing overtakes what was refused and is held back.
  #flush() {
    if (this.state !== 'online' || this.#pause !== undefined) return;
    const requests = [...this.#requests.values()];
    const isHistory = (/** @type {Request} */ { frame }) => frame.type === 'history';
    let asking = requests.some((request) => request.sent && isHistory(request));
    for (const request of requests) {
      if (request.sent || (asking && isHistory(request))) continue;
      asking ||= isHistory(request); // one at a time: gateways refuse more
      request.sent = true;
      this.#socket?.send(request.text);
    }
  }

  /** @param {{ code: string, message: string, ref?: string, retry_after_ms?: number }} frame */
  #refused({ code, message, ref, retry_after_ms: retryAfter }) {
    const request = ref === undefined ? undefined : this.#requests.get(ref);
    if (request && RETRIED_ERRORS.has(code)) {
      request.sent = false;
      this.#pause ??= setTimeout(() => {
        this.#goOn();
        this.#flush();
      }, retryAfter ?? this.#backOff(this.#refusals++, RETRY_DELAY_MAX));
      return;
    }
    const error = new ParleyError(code, message);
    if (request) this.#take(ref)?.reject(error);
    else this.#emit('error', error);
    this.#flush();
  }

  #goOn() {
    clearTimeout(this.#pause);
    this.#pause = undefined;
  }

  /** The request with this ref, which is over. @param {string | undefined} ref */
  #take(ref) {
    if (ref === undefined) return undefined;
    const request = this.#requests.get(ref);
    this.#requests.delete(ref);
    return request;
  }

  /** At most once: no answer, no retry. @param {object} frame */
  #signal(frame) {
    if (this.state === 'online') this.#socket?.send(JSON.stringify(frame));
  }

  /** @param {StateChange} change */
  #become(change) {
    this.state = change.state;
    this.#emit('state', change);
  }

  /** What a listener throws, or its promise, is its own matter: an error that nobody handles, but
   * for who looks at the result. @param {keyof Events} name @param {any} event */
  #emit(name, event) {
    const outcomes = [];
    for (const listener of this.#listeners.get(name) ?? []) {
      outcomes.push(new Promise((resolve) => { resolve(listener(event)); }));
    }
    return Promise.all(outcomes);
  }
}

// Half of it at least: so that the clients of a gateway that broke do not come all at once.
/** @param {number} delay */
function jittered(delay) {
  return delay * (0.5 + Math.random() / 2);
}

/** @param {Iterable<string>} users without repetition, as many as one request takes */
function portions(users) {
  const names = [...new Set(users)];
  const count = Math.ceil(names.length / USERS_A_REQUEST);
  return Array.from({ length: count }, (_, index) => (
    names.slice(index * USERS_A_REQUEST, (index + 1) * USERS_A_REQUEST)));
}

// Refs begin with it: 96 random bits, so that no two connections ever use the same. Some runtimes
// have no crypto; nobody gains by guessing a ref, so Math.random will do there.
function randomName() {
  const numbers = new Uint32Array(3);
  if (globalThis.crypto) globalThis.crypto.getRandomValues(numbers);
  else numbers.forEach((_, index) => { numbers[index] = Math.random() * 2 ** 32; });
  return Array.from(numbers, (number) => number.toString(36)).join('');
}
