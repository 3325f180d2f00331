// The original contract, as the tutorial's page speaks it: one socket that holds two users, arrays
// of {sender, content, receiverID}, and messages as the only thing that ever comes back. No answers,
// no presence, no typing; what is sent while this side is not connected is gone.

const DELAY_MAX = 10_000; // milliseconds between two attempts to connect

export class Pair {
  state = 'closed';
  #url;
  #user;
  #WebSocket;
  #socket;
  #events; // { state(change), message(message) }, as those of /parley.js
  #attempts = 0;
  #timer;

  constructor({ url, user, peer, WebSocket, events }) {
    this.#url = `${url}?userA=${encodeURIComponent(user)}&userB=${encodeURIComponent(peer)}`;
    this.#user = user;
    this.#WebSocket = WebSocket;
    this.#events = events;
    this.#open();
  }

  // False when there is nobody to send it.
  send(receiver, content) {
    if (this.state !== 'online') return false;
    this.#socket.send(JSON.stringify([{ sender: this.#user, content, receiverID: receiver }]));
    return true;
  }

  close() {
    const socket = this.#socket;
    this.#socket = undefined;
    clearTimeout(this.#timer);
    socket.close();
    this.#become({ state: 'closed', code: 1000 });
  }

  #open() {
    const socket = new this.#WebSocket(this.#url);
    const ifCurrent = (handle) => (event) => { if (socket === this.#socket) handle(event); };
    this.#socket = socket;
    socket.onopen = ifCurrent(() => {
      this.#attempts = 0;
      this.#become({ state: 'online' });
    });
    socket.onmessage = ifCurrent(({ data }) => this.#events.message(JSON.parse(data)));
    socket.onclose = ifCurrent(({ code }) => {
      const delay = Math.min(500 * 2 ** this.#attempts++, DELAY_MAX) * (0.5 + Math.random() / 2);
      this.#timer = setTimeout(() => this.#open(), delay);
      this.#become({ state: 'waiting', code, delay });
    });
    this.#become({ state: 'connecting' });
  }

  #become(change) {
    this.state = change.state;
    this.#events.state(change);
  }
}
