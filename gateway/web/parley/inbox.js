// Which messages are new, up to which one everything is handled, and who is told so: the gateway,
// and what keeps the place for the next time. Part of parley.js.

/**
 * @import { Gap, Message, Place, PlaceStorage } from '../parley.d.ts'
 *
 * @typedef {object} InboxOptions
 * @property {boolean} acks the gateway waits to be told
 * @property {PlaceStorage} [storage]
 * @property {(message: Message) => Promise<boolean>} show whether it was handled
 * @property {(frame: object) => void} signal at most once
 *
 * @typedef {object} Entry a message, in its order
 * @property {string} id
 * @property {string} key
 * @property {boolean} [handled] false: it failed; left out: nobody knows yet
 */

const START = '0-0'; // in front of every id
const ACK_EVERY = 250; // milliseconds
const SHOWN_MAX = 1000; // remembered, for when Redis comes back with an older mailbox

export class Inbox {
  /** @type {string | undefined} up to here everything is handled, and not needed again */
  since;
  /** @type {string | undefined} which history of Redis the ids belong to */
  epoch;

  #options;
  /** @type {string | undefined} the highest id that came; what is not above it came before */
  #received;
  #isSupposed = false; // nothing came yet that proves it
  #acked = START; // on this connection
  /** @type {Entry[]} the first is one that is not handled */
  #entries = [];
  /** @type {Set<string>} the keys of those that were shown, the oldest first */
  #shown = new Set();
  /** @type {ReturnType<typeof setTimeout> | undefined} until the next acknowledgement */
  #timer;

  /** @param {InboxOptions} options */
  constructor(options) {
    this.#options = options;
  }

  /** Whether nothing says where to go on: the gateway goes by the device. */
  get isUnplaced() {
    return this.#received === undefined;
  }

  /** What a connection says about it in its URL. */
  get query() {
    if (this.#received === undefined) return '';
    return `&since=${this.#received}`
      + (this.epoch ? `&epoch=${encodeURIComponent(this.epoch)}` : '');
  }

  /** @param {Place} place */
  goOnAt({ since, epoch }) {
    if (since !== undefined && !/^\d+-\d+$/.test(since)) {
      throw new TypeError('since must be the id of a message');
    }
    this.#received = since;
    this.#isSupposed = false;
    this.since = since;
    this.epoch = epoch;
  }

  /** A new connection, which may tell a gap at once. @param {{ epoch?: string }} welcome */
  connected({ epoch }) {
    this.#acked = START;
    this.epoch = epoch;
    this.#store();
    this.acknowledge();
  }

  /** Nothing came that this device does not have: it has everything up to `last`. Unless a whole page of
   * its mailbox was nothing that a client may see, and there is more behind that, which is taken then.
   * @param {string} last */
  caughtUp(last) {
    if (this.#received !== undefined) return;
    this.#received = last;
    this.#isSupposed = true;
    this.#advance(last);
  }

  /** Ids begin anew, and the mailbox is read from its beginning. @param {string} [epoch] */
  reset(epoch) {
    this.#entries = [];
    this.#acked = START;
    this.goOnAt({ since: START, epoch });
    this.#store();
  }

  /** @param {Message & { id: string }} message */
  take(message) {
    const { id, sender } = message;
    if (this.#received !== undefined && !this.#isSupposed && !isAfter(id, this.#received)) return;
    this.#isSupposed = false;
    this.#received = id;
    const entry = { id, key: `${id} ${sender}` };
    // Behind one that failed none is handled: whoever acknowledges it acknowledges that one too.
    if (this.#entries[0]?.handled !== false) this.#entries.push(entry);
    if (this.#shown.has(entry.key)) return this.#settle(entry, true);
    this.#remember(entry.key);
    const outcome = this.#options.show(message);
    if (!this.#options.acks) return this.#settle(entry, true);
    outcome.then((handled) => this.#settle(entry, handled), (error) => {
      this.#settle(entry, false);
      throw error; // it is the listener's, and nobody's here
    });
  }

  /** Now, if there is something. */
  acknowledge() {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (!this.#options.acks || (this.since ?? START) === this.#acked) return;
    this.#acked = this.since ?? START;
    this.#options.signal({ type: 'ack', id: this.#acked });
  }

  /** @param {Entry} entry @param {boolean} handled */
  #settle(entry, handled) {
    entry.handled = handled;
    if (!handled) this.#shown.delete(entry.key); // after a reset it comes again
    let since;
    while (this.#entries[0]?.handled) since = this.#entries.shift()?.id;
    if (this.#entries[0]?.handled === false) this.#entries.length = 1;
    if (since !== undefined) this.#advance(since);
  }

  /** @param {string} id */
  #advance(id) {
    this.since = id;
    this.#store();
    if (this.#options.acks) this.#timer ??= setTimeout(() => this.acknowledge(), ACK_EVERY);
  }

  #store() {
    const { since, epoch } = this;
    const { storage } = this.#options;
    // What it throws is its own matter: a rejection that nobody handles.
    if (storage && since) new Promise((resolve) => { resolve(storage.set({ since, epoch })); });
  }

  /** @param {string} key */
  #remember(key) {
    this.#shown.add(key);
    if (this.#shown.size <= SHOWN_MAX) return;
    for (const oldest of this.#shown) return this.#shown.delete(oldest);
  }
}

/** @param {string} id @param {string} other */
function isAfter(id, other) {
  const [ms, sequence] = id.split('-');
  const [otherMs, otherSequence] = other.split('-');
  return (compare(ms, otherMs) || compare(sequence, otherSequence)) > 0;
}

/** Decimal numbers, of any size. @param {string} one @param {string} other */
function compare(one, other) {
  return one.length - other.length || Number(one > other) - Number(one < other);
}
