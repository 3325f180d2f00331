// A client that writes and reads: one session after the other, on whatever gateway runs. It remembers
// what it was shown, and writes everything into the log (see account.mjs).
//
//   kind       comes back with          its cursor moves by
//   library    since and epoch          ack
//   since      since                    pong
//   ack        nothing                  ack
//   plain      nothing                  pong: it knows nothing of the protocol but how to write
//   pair       nothing                  pong: the original contract
import WebSocket from 'ws';
import { setTimeout as delay } from 'node:timers/promises';

const HANDSHAKE_MS = 2000;
const ANSWER_MS = 5000; // who waits longer for an answer tries another gateway
const LOOK_MS = 250;
const PAUSE_MS = [20, 250]; // before it connects or sends again
const ACK_MS = 20;
const TRANSCRIPT = 3; // elements that a pair sends again in front of a new one

export class Participant {
  #isWanted = false; // to have a session
  #isDeaf = false;
  #outbox = []; // messages for the next moment at which it is open
  #awaited = new Map(); // ref -> { message, t }
  #resting = 0; // messages that go into the outbox again, soon
  #sessions = 0;

  // world: { record, now(), pickGateway(random), nameOf(content) }
  constructor(world, { client, kind, users, device }, random) {
    Object.assign(this, { world, name: client, kind, users, device, random });
    this.ends = new Set(); // the users whose end was read (see world.mjs)
    this.ended = false;
    this.running = this.#run();
    this.timer = setInterval(() => this.#look(), LOOK_MS);
  }

  get isPair() {
    return this.kind === 'pair';
  }

  // It can write, and reads.
  get isOpen() {
    return this.opened && !this.#isDeaf && this.socket?.readyState === WebSocket.OPEN;
  }

  get isWell() {
    return this.isOpen || !this.#isWanted || this.#isDeaf;
  }

  get isIdle() {
    return this.#outbox.length + this.#awaited.size + this.#resting === 0;
  }

  comes() {
    if (!this.#isWanted && this.#sessions > 0) this.#record('back');
    this.#isWanted = true;
  }

  // Without a close frame.
  vanish() {
    if (!this.#isWanted) return;
    this.#isWanted = false;
    this.#leave();
    if (this.#sessions > 0) this.#record('away');
  }

  // Stops reading; what has arrived in the process by now is read.
  deafen() {
    if (this.#isDeaf || this.#sessions === 0) return;
    this.#isDeaf = true;
    this.#record('deaf');
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.pause();
  }

  hear() {
    if (!this.#isDeaf) return;
    this.#isDeaf = false;
    this.#record('hearing');
    if (this.socket?.isPaused) this.socket.resume();
    for (const waiting of this.#awaited.values()) waiting.t = this.world.now();
    this.#flush();
  }

  // message: { name, sender, receiver, content, ref, again }. Without `again` it is sent once, now or
  // never.
  send(message) {
    if (!this.isOpen && !message.again) return;
    this.#outbox.push(message);
    this.#flush();
  }

  async end() {
    this.ended = true;
    this.#isWanted = false;
    clearInterval(this.timer);
    this.socket?.terminate();
    await this.running;
  }

  #record(event, fields) {
    this.world.record(event, { client: this.name, ...fields });
  }

  // ---- Sessions ----

  async #run() {
    while (!this.ended) {
      const gateway = this.#isWanted && this.world.pickGateway(this.random);
      if (gateway) await this.#attempt(gateway);
      await delay(this.random.between(...PAUSE_MS));
    }
  }

  #query() {
    if (this.isPair) return { userA: this.users[0], userB: this.users[1] };
    return {
      user: this.users[0],
      device: this.device,
      ...((this.kind === 'library' || this.kind === 'ack') && { ack: 'client' }),
      ...(this.since && { since: this.since }),
      ...(this.since && this.kind === 'library' && { epoch: this.epoch }),
    };
  }

  // Until its end.
  #attempt(gateway) {
    const session = `${this.name}.${++this.#sessions}`;
    const query = this.#query();
    const socket = new WebSocket(`${gateway.url}/?${new URLSearchParams(query)}`, {
      handshakeTimeout: HANDSHAKE_MS, perMessageDeflate: false,
    });
    Object.assign(this, { socket, session, opened: false, left: false });
    this.#record('connecting', {
      session, kind: this.kind, users: this.users, gateway: gateway.name, since: query.since,
    });
    socket.on('open', () => {
      if (this.#isDeaf) socket.pause();
      if (this.isPair) this.#open({});
    });
    socket.on('message', (data) => this.#receive(JSON.parse(data)));
    socket.on('error', () => {}); // 'close' follows
    return new Promise((resolve) => {
      socket.on('close', (code) => {
        this.opened = false;
        this.world.record('closed', { session, code });
        this.#unanswered();
        resolve();
      });
    });
  }

  #open({ session: name, gap, reset, epoch }) {
    this.opened = true;
    this.epoch = epoch;
    if (reset) this.since = undefined;
    this.world.record('opened', { session: this.session, name, gap, reset });
    this.#flush();
  }

  #leave() {
    if (this.left || this.socket?.readyState === WebSocket.CLOSED || !this.socket) return;
    this.left = true;
    this.world.record('leaving', { session: this.session });
    this.socket.terminate();
  }

  // Somebody waits too long: no gateway is there any more.
  #look() {
    if (this.#isDeaf || !this.opened) return;
    const [oldest] = this.#awaited.values();
    if (oldest && this.world.now() - oldest.t > ANSWER_MS) this.#leave();
  }

  // ---- What comes ----

  #receive(frame) {
    if (this.left) return;
    switch (frame.type) {
      case 'welcome':
        this.#open(frame);
        break;
      case 'message':
        this.#got(frame);
        break;
      case 'gap':
        if (frame.reset) this.since = undefined;
        this.world.record('gap', { session: this.session, reset: frame.reset });
        break;
      case 'sent':
        this.#answered(frame.ref, { id: frame.id });
        break;
      case 'error':
        if (frame.ref !== undefined) this.#answered(frame.ref, { code: frame.code });
        break;
      default: // `reconnect`: it comes back when it is closed
    }
  }

  #got({ id, sender, receiver, content, copy }) {
    const message = this.world.nameOf(content);
    this.world.record('got', { session: this.session, id, sender, receiver, message, copy });
    if (content?.end !== undefined && !copy) this.ends.add(receiver);
    if (id === undefined || this.isPair) return;
    if (this.kind === 'library' || this.kind === 'since') this.since = id;
    if (this.kind === 'library' || this.kind === 'ack') this.#ackSoon(id);
  }

  #ackSoon(id) {
    this.due = { id, socket: this.socket };
    this.acking ??= setTimeout(() => {
      this.acking = undefined;
      const { socket } = this.due;
      if (socket.readyState === WebSocket.OPEN) {
        socket.send(JSON.stringify({ type: 'ack', id: this.due.id }));
      }
    }, ACK_MS);
  }

  // ---- What it sends ----

  #flush() {
    if (!this.isOpen) return;
    const messages = this.#outbox;
    this.#outbox = [];
    for (const message of messages) {
      const { name, sender, receiver, content, ref } = message;
      this.world.record('sending', { session: this.session, message: name, sender, receiver, ref });
      if (ref !== undefined) this.#awaited.set(ref, { message, t: this.world.now() });
      this.socket.send(this.#frame({ sender, receiverID: receiver, content, ref }));
    }
  }

  // A pair sends all that it said before too.
  #frame(element) {
    if (!this.isPair) return JSON.stringify(element);
    this.transcript = [...this.transcript ?? [], element].slice(-TRANSCRIPT);
    return JSON.stringify(this.transcript);
  }

  #answered(ref, answer) {
    const waiting = this.#awaited.get(ref);
    this.#awaited.delete(ref);
    const { message } = waiting;
    this.world.record('answered', { session: this.session, message: message.name, ...answer });
    if (answer.id === undefined && message.again) {
      this.#resting++;
      setTimeout(() => {
        this.#resting--;
        this.send(message);
      }, this.random.between(...PAUSE_MS));
    }
  }

  // The session is over: what was not answered is sent again in the next, or given up.
  #unanswered() {
    const messages = [...this.#awaited.values()].map(({ message }) => message);
    this.#awaited.clear();
    this.#outbox.unshift(...messages.filter(({ again }) => again));
  }
}
