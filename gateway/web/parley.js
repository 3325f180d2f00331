// A client for Parley in one file without dependencies, for browsers, Node and whatever else has a
// WebSocket. docs/javascript.md explains it.
//
//   import { connect } from './parley.js';
//   const parley = connect({ url: 'ws://127.0.0.1:3000', user: 'alice' });
//   parley.on('message', ({ sender, content }) => console.log(sender, content));
//   const { id, online } = await parley.send('bob', 'hello');

/**
 * @typedef {'connecting' | 'online' | 'waiting' | 'closed'} State `waiting`: for the next attempt
 * @typedef {{ state: State, code?: number, delay?: number }} StateChange
 *   code: that of the close; delay: milliseconds until the next attempt
 * @typedef {{ type: 'message', id?: string, ts?: number, sender: string, receiver: string,
 *   content: any }} Message without id and ts when it was published by hand
 * @typedef {{ type: 'sent', ref: string, id: string, ts: number, online?: boolean }} Sent
 *   without online where the gateway hides who is
 * @typedef {{ sender: string, receiver: string, id?: string }} Signal
 * @typedef {{ user: string, online: boolean, sessions: number, since?: number }} Presence
 * @typedef {{ type: 'welcome', user: string, device: string, session: string, gateway: string
 *   }} Welcome
 * @typedef {{
 *   state: StateChange, message: Message, typing: Signal, delivered: Signal, read: Signal,
 *   presence: Presence, reconnect: { after_ms: number }, error: ParleyError
 * }} Events
 *
 * @typedef {object} Socket what is used of a WebSocket
 * @property {((event: any) => void) | null} onmessage
 * @property {((event: any) => void) | null} onclose
 * @property {((event: any) => void) | null} onerror
 * @property {(text: string) => void} send
 * @property {(code?: number) => void} close
 *
 * @typedef {object} Options
 * @property {string} url of a gateway, or of what stands in front of several: ws:, wss:, http(s):
 * @property {string} user 1 to 128 bytes
 * @property {string} [device] a name for the place to read
 * @property {new (url: string) => Socket} [WebSocket] instead of the global one
 * @property {number} [queue] requests that may wait for their answer; 1000
 * @property {number} [minDelay] milliseconds before the first attempt to connect again; 500
 * @property {number} [maxDelay] and at most; 30000
 * @property {number} [pingAfter] milliseconds of silence before a ping; 25000
 * @property {number} [timeout] milliseconds without `welcome`, or without a sign of life after a
 *   ping, that end a connection; 10000
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

/** `code` is one of docs/protocol.md, or `closed` or `queue_full`. */
export class ParleyError extends Error {
  /** @param {string} code @param {string} message */
  constructor(code, message) {
    super(message);
    this.name = 'ParleyError';
    this.code = code;
  }
}

/**
 * Begins to connect, and goes on for ever, until close() or a final close code.
 * @param {Options} options
 */
export function connect(options) {
  return new Parley(options);
}

export class Parley {
  /** @type {State} */
  state = 'closed';
  /** @type {Welcome | undefined} of this connection, or else of the one before it */
  welcome;

  /** @type {Required<Omit<Options, 'url' | 'user' | 'device'>>} */
  #options;
  #url;
  /** @type {Socket | undefined} the one that counts; events of any other come too late */
  #socket;
  /** @type {Map<string, Request>} by ref, in the order in which they were made */
  #requests = new Map();
  /** @type {Map<string, Set<(event: any) => void>>} */
  #listeners = new Map();
  /** @type {Set<string>} */
  #watched = new Set();
  /** @type {Map<string, number>} receiver -> when it was last told */
  #typed = new Map();
  #refs = randomName();
  #count = 0;
  #attempts = 0; // to connect, that failed since it worked
  #refusals = 0; // of requests, since one was carried out
  #welcomedAt = 0;
  #comeBackAt = 0; // as a `reconnect` has advised; 0: it has not
  /** @type {ReturnType<typeof setTimeout> | undefined} until the next attempt to connect */
  #reconnecting;
  /** @type {ReturnType<typeof setTimeout> | undefined} while refused requests are held back */
  #pause;
  /** @type {ReturnType<typeof setTimeout> | undefined} until silence means something */
  #silence;

  /** @param {Options} options */
  constructor({ url, user, device, ...options }) {
    // A gateway refuses such a user too, but a browser does not tell its page why.
    const encoded = encodeURIComponent(user);
    if (!/^[^\x00-\x1f\x7f]+$/.test(user) || encoded.replace(/%../g, '.').length > 128) {
      throw new TypeError('user must be 1 to 128 bytes without control characters');
    }
    this.#options = { WebSocket: globalThis.WebSocket, queue: 1000, minDelay: 500,
      maxDelay: 30_000, pingAfter: 25_000, timeout: 10_000, ...options };
    this.#url = `${url.replace(/^http/, 'ws').replace(/\/$/, '')}/?user=${encoded}`
      + (device === undefined ? '' : `&device=${encodeURIComponent(device)}`);
    globalThis.addEventListener?.('online', this.#networkIsBack);
    this.#open();
  }

  /**
   * Calls `listener` at each event of that name; the result ends that.
   * @template {keyof Events} Name
   * @param {Name} name
   * @param {(event: Events[Name]) => void} listener
   */
  on(name, listener) {
    const listeners = this.#listeners.get(name) ?? new Set();
    this.#listeners.set(name, listeners.add(listener));
    return () => { listeners.delete(listener); };
  }

  /**
   * Resolves when the message is stored. Until then it is sent again after every loss of the
   * connection and every error that says "later"; rejects with any other.
   * @param {string} receiver
   * @param {any} content whatever JSON can say
   * @returns {Promise<Sent>}
   */
  send(receiver, content) {
    this.#typed.delete(receiver);
    return this.#request({ receiverID: receiver, content });
  }

  /** Call it at each key press: it is told at most every two seconds, and only when online.
   * @param {string} receiver */
  typing(receiver) {
    if (Date.now() - (this.#typed.get(receiver) ?? 0) < TYPING_EVERY) return;
    this.#typed.set(receiver, Date.now());
    this.#signal({ type: 'typing', receiverID: receiver });
  }

  /** What `writer` wrote up to `id` has arrived here. @param {string} writer @param {string} id */
  delivered(writer, id) {
    this.#signal({ type: 'delivered', receiverID: writer, id });
  }

  /** What `writer` wrote up to `id` was read here. @param {string} writer @param {string} id */
  read(writer, id) {
    this.#signal({ type: 'read', receiverID: writer, id });
  }

  /** Who is online now. @param {Iterable<string>} users @returns {Promise<Presence[]>} */
  presence(users) {
    return this.#ask('presence', users);
  }

  /** The same, and from now on an event `presence` at each change, also after a reconnect.
   * @param {Iterable<string>} users @returns {Promise<Presence[]>} */
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

  /** @param {Iterable<string>} users */
  unwatch(users) {
    const names = [...users];
    for (const name of names) this.#watched.delete(name);
    for (const some of portions(names)) this.#signal({ type: 'unwatch', users: some });
  }

  /** For good. What has no answer yet is rejected with `closed`. */
  close() {
    this.#end(1000);
  }

  #open() {
    const socket = new this.#options.WebSocket(this.#url);
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
      case 'error':
        return this.#refused(frame);
      case 'reconnect':
        this.#comeBackAt = Date.now() + frame.after_ms;
        return this.#emit('reconnect', frame);
      case 'message':
      case 'typing':
      case 'delivered':
      case 'read':
        return this.#emit(frame.type, frame);
      default: // `pong`, and what later versions have
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
      const ref = `${this.#refs}-${++this.#count}`;
      const text = JSON.stringify({ ...frame, ref });
      this.#requests.set(ref, { frame, text, sent: false, renewal, resolve, reject });
      this.#flush();
    });
  }

  // Sends what waits, in order; nothing overtakes what was refused and is held back.
  #flush() {
    if (this.state !== 'online' || this.#pause !== undefined) return;
    for (const request of this.#requests.values()) {
      if (request.sent) continue;
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

  /** What a listener throws is its own matter. @param {keyof Events} name @param {any} event */
  #emit(name, event) {
    for (const listener of this.#listeners.get(name) ?? []) {
      try {
        listener(event);
      } catch (error) {
        setTimeout(() => { throw error; });
      }
    }
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
