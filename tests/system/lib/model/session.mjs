// A client that opens one session on one process, again and again until it has its welcome.
import WebSocket from 'ws';
import { setTimeout as delay } from 'node:timers/promises';

const RETRY_MS = 100;

export class Session {
  #wanted = true;
  #attempts = 0;

  // record: Recorder. gateway: { name, url, running }. onFrame(frame, session) gets what comes after
  // the welcome; onOpened(session) is called before.
  constructor(record, gateway, { session, user, device, onOpened = () => {}, onFrame = () => {} }) {
    Object.assign(this, { record, gateway, user, device, onOpened, onFrame, label: session });
    this.ended = this.#run();
  }

  // A try's name in the log: each is a session of its own to the gateway.
  get name() {
    return `${this.label}.${this.#attempts}`;
  }

  send(frame) {
    if (this.socket?.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(frame));
  }

  // At once, whether it is open yet or not. cut: without a close frame.
  leave({ cut }) {
    if (!this.#wanted) return;
    this.#wanted = false;
    if (!this.socket) return;
    this.record('leaving', { session: this.name });
    if (cut) this.socket.terminate();
    else this.socket.close(1000);
  }

  // The end of the test.
  discard() {
    this.#wanted = false;
    this.socket?.terminate();
  }

  async #run() {
    while (this.#wanted && this.gateway.running) {
      this.#attempts++;
      await this.#attempt();
      if (this.opened) return;
      await delay(RETRY_MS);
    }
  }

  // Until its end.
  #attempt() {
    const { name, record } = this;
    const query = new URLSearchParams({ user: this.user, device: this.device });
    record('connecting', {
      session: name, user: this.user, device: this.device, gateway: this.gateway.name,
    });
    const socket = new WebSocket(`${this.gateway.url}/?${query}`);
    this.socket = socket;
    socket.on('unexpected-response', () => socket.terminate());
    socket.on('error', () => {}); // 'close' follows
    socket.on('message', (data) => this.#receive(JSON.parse(data)));
    return new Promise((resolve) => {
      socket.on('close', (code) => {
        record('closed', { session: name, code });
        this.socket = undefined;
        resolve();
      });
    });
  }

  #receive(frame) {
    if (!this.#wanted) return;
    if (frame.type === 'welcome') {
      this.opened = true;
      this.record('opened', { session: this.name });
      this.onOpened(this);
    } else {
      this.onFrame(frame, this);
    }
  }
}
