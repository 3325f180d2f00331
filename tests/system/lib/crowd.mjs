// Thousands of native sessions, on some gateways in turn.
import assert from 'node:assert/strict';
import { connectUser } from './client.mjs';
import { assertRegistered } from './presence.mjs';
import { until } from './wait.mjs';

const AT_ONCE = 100; // the backlog of a listening socket is bounded
const BATCH = 500; // commands, or channels in one of them

export class Crowd {
  // User `name-N` is on the gateway N modulo their number.
  static async open(gateways, count, name = 'crowd') {
    const crowd = new Crowd(gateways, Array.from({ length: count }, (_, i) => `${name}-${i}`));
    let next = 0;
    const worker = async () => {
      while (next < count) await crowd.#connect(next++);
    };
    await Promise.all(Array.from({ length: AT_ONCE }, worker));
    return crowd;
  }

  constructor(gateways, users) {
    this.gateways = gateways;
    this.users = users;
    this.clients = [];
    this.closes = []; // { user, code } of every session that was closed
  }

  gatewayOf(index) {
    return this.gateways[index % this.gateways.length];
  }

  async #connect(index) {
    const client = await connectUser(this.gatewayOf(index), this.users[index],
      { perMessageDeflate: false });
    this.clients[index] = client;
    client.closed.then(({ code }) => this.closes.push({ user: this.users[index], code }));
  }

  // Every user's channel has this many subscribers.
  async assertSubscribed(redis, count = 1) {
    for (let at = 0; at < this.users.length; at += BATCH) {
      const channels = this.users.slice(at, at + BATCH).map((user) => `parley:user:{${user}}`);
      const counts = await redis.command('PUBSUB', 'NUMSUB', ...channels);
      assert.deepEqual(counts, channels.flatMap((channel) => [channel, count]));
    }
  }

  // The sessions are registered, each exactly once.
  async assertRegistered(redis) {
    for (const [which, gateway] of this.gateways.entries()) {
      const users = this.users.filter((_, i) => i % this.gateways.length === which);
      await assertRegistered(redis, gateway, users);
    }
  }

  // Every `step`th user sends to the next one, who is on another gateway when there are several.
  async assertTalk(step, deadline) {
    const content = `round ${Math.random()}`;
    const waiting = new Map();
    for (let at = 0; at < this.users.length; at += step) {
      const to = (at + 1) % this.users.length;
      waiting.set(to, this.users[at]);
      this.clients[at].send({ receiverID: this.users[to], content });
    }
    await until(() => {
      for (const [to, sender] of waiting) {
        const last = this.clients[to].received.at(-1)?.value;
        if (last?.content === content && last.sender === sender) waiting.delete(to);
      }
      return waiting.size === 0;
    }, deadline, () => `${waiting.size} messages; closed: ${JSON.stringify(this.closes)}`);
  }

  // Cuts all connections.
  async end() {
    for (const client of this.clients) client?.socket.terminate();
    await Promise.all(this.clients.map((client) => client?.closed));
  }
}
