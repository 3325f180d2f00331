// A WebSocket client on npm's ws, which shares no code with the gateway.
import assert from 'node:assert/strict';
import { once } from 'node:events';
import WebSocket from 'ws';
import { DEADLINE, until, within } from './wait.mjs';

let users = 0;
let markers = 0;

// A user id that no other test of this file has.
export function uniqueUser(name = 'user') {
  return `${name}-${++users}`;
}

export class Client {
  constructor(socket) {
    this.socket = socket;
    this.received = []; // every frame: { text, value }; value is undefined when it is not JSON
    this.taken = 0; // of those, how many next() has handed out
    socket.on('message', (data) => this.received.push(toFrame(data.toString())));
    socket.on('error', () => {}); // 'close' follows
    this.closed = new Promise((resolve) => {
      socket.on('close', (code, reason) => {
        this.close = { code, reason: reason.toString() };
        resolve(this.close);
      });
    });
  }

  // The next frame that satisfies `predicate(value, text)`, in order. Those before it are passed
  // over; without a predicate none is.
  async next(predicate = () => true, deadline = DEADLINE) {
    let frame;
    await until(() => {
      while (this.taken < this.received.length && !frame) {
        const candidate = this.received[this.taken++];
        if (predicate(candidate.value, candidate.text)) frame = candidate;
      }
      if (!frame && this.close) {
        throw new Error(`closed with ${this.close.code} while waiting; ${this.#received()}`);
      }
      return frame;
    }, deadline, () => `a frame; ${this.#received()}`);
    return frame.value;
  }

  // The next `count` frames, whatever they are.
  async take(count, deadline = DEADLINE) {
    const end = this.taken + count;
    await until(() => this.received.length >= end || this.close, deadline,
      () => `${count} frames; ${this.#received()}`);
    const frames = this.received.slice(this.taken, end).map((frame) => frame.value);
    this.taken = end;
    return frames;
  }

  // As JSON; a string goes as it is.
  send(frame) {
    this.socket.send(typeof frame === 'string' ? frame : JSON.stringify(frame));
  }

  // Resolves with the close code.
  async closeCode(deadline = DEADLINE) {
    return (await within(this.closed, deadline, 'the connection to be closed')).code;
  }

  // Closes it, and resolves when both sides have.
  async end() {
    this.socket.close(1000);
    await within(this.closed, DEADLINE, 'the close handshake');
  }

  #received() {
    const last = this.received.slice(-5).map((frame) => frame.text.slice(0, 300));
    return `${this.received.length} received, the last: ${last.join('\n')}`;
  }
}

function toFrame(text) {
  try {
    return { text, value: JSON.parse(text) };
  } catch {
    return { text, value: undefined };
  }
}

function address(gateway, query) {
  const path = typeof query === 'string' ? query : `/?${new URLSearchParams(query)}`;
  return gateway.url + path;
}

// Resolves when the upgrade is answered 101, which may be before Redis has confirmed the
// subscription. query: an object, or the path with its query. options:
// those of ws.
export async function connect(gateway, query, options = {}) {
  const socket = new WebSocket(address(gateway, query), options);
  const client = new Client(socket);
  await within(once(socket, 'open'), DEADLINE, 'the upgrade');
  return client;
}

// A native session; client.welcome is its first frame. `device`, `since`, `epoch` and `ack` are
// those of the query.
export async function connectUser(gateway, user, { device, since, epoch, ack, ...options } = {}) {
  const query = Object.fromEntries(Object.entries({ user, device, since, epoch, ack })
    .filter(([, value]) => value !== undefined));
  const client = await connect(gateway, query, options);
  client.welcome = await client.next();
  return client;
}

// So many users, each with one native session. A hundred at most: the backlog of a listening socket
// is bounded.
export function connectUsers(gateway, count, name) {
  return Promise.all(Array.from({ length: count }, () => connectUser(gateway, uniqueUser(name))));
}

// A pair session, as the tutorial's, that messages reach already. One of the two may be undefined.
export async function connectPair(gateway, userA, userB) {
  const client = await connect(gateway, { ...(userA && { userA }), ...(userB && { userB }) });
  await gateway.subscribed();
  return client;
}

// A message gets from one session to the other, wherever they are.
export async function assertReaches(from, to) {
  const content = uniqueUser('hello');
  from.send({ receiverID: to.welcome.user, content });
  await to.next((frame) => frame.content === content);
}

// Resolves with the answer to an upgrade that is refused: { status, headers, body }.
export async function refusal(gateway, query, options = {}) {
  const socket = new WebSocket(address(gateway, query), options);
  socket.on('error', () => {}); // that of the handshake which we abort
  const answer = new Promise((resolve, reject) => {
    socket.on('open', () => reject(new Error('the upgrade was accepted')));
    socket.on('unexpected-response', (request, response) => resolve(response));
  });
  try {
    const response = await within(answer, DEADLINE, 'a refusal');
    let text = '';
    for await (const chunk of response) text += chunk;
    return { status: response.statusCode, headers: response.headers, body: JSON.parse(text) };
  } finally {
    socket.terminate();
  }
}

// Checks that nothing is on its way to `client`: a marker, sent to `receiver` by the session
// `from`, is the very next frame. `from` is a session that what must not come was sent by, or one
// whose order after it is known otherwise.
export async function expectNothingBefore(client, from, receiver) {
  const marker = `marker ${++markers}`;
  from.send([{ receiverID: receiver, content: marker }]);
  const frame = await client.next();
  assert.equal(frame?.content, marker, `came before the marker: ${JSON.stringify(frame)}`);
}
