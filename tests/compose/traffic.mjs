// Somebody who writes to somebody all the time, and comes back when the connection ends.
import { setTimeout as delay } from 'node:timers/promises';
import { connectUser, uniqueUser } from '../system/lib/client.mjs';
import { DEADLINE, until } from '../system/lib/wait.mjs';

const PACE = 50; // milliseconds between two messages: below every limit, and within one mailbox

export class Traffic {
  // talks: how many at once.
  static start(cluster, talks) {
    return new Traffic(Array.from({ length: talks }, () => new Talk(cluster)));
  }

  constructor(talks) {
    this.talks = talks;
  }

  // Until each has had `count` more messages stored.
  async flow(count = 5) {
    const before = this.talks.map(({ sent }) => sent.length);
    await until(() => this.talks.every((talk, i) => talk.error || talk.sent.length >= before[i] + count),
      6 * DEADLINE, 'traffic');
    const failed = this.talks.find(({ error }) => error);
    if (failed) throw failed.error;
  }

  // How the connections ended, all together.
  get closeCodes() {
    return this.talks.flatMap(({ closeCodes }) => closeCodes);
  }

  // Who serves them now.
  get gateways() {
    return this.talks.map(({ gateway }) => gateway);
  }

  // Connections that could not be made.
  get refusals() {
    return this.talks.flatMap(({ refusals }) => refusals);
  }

  // What was answered `sent` and is not in the receiver's mailbox, once everybody has gone.
  // readMailbox(user) resolves with the ids in it.
  async end(readMailbox) {
    const missing = [];
    for (const talk of this.talks) {
      talk.stopping = true;
      await talk.ended;
      if (talk.error) throw talk.error;
      const stored = new Set(await readMailbox(talk.receiver));
      missing.push(...talk.sent.filter((id) => !stored.has(id)));
    }
    return missing;
  }
}

class Talk {
  constructor(cluster) {
    this.cluster = cluster;
    this.receiver = uniqueUser('receiver');
    this.sender = uniqueUser('sender');
    this.sent = []; // ids
    this.closeCodes = [];
    this.refusals = [];
    this.ended = this.#talk().catch((error) => { this.error = error; });
  }

  async #talk() {
    let client;
    for (let n = 0; !this.stopping; n++) {
      client = client && !client.close ? client : await this.#connect();
      this.gateway = client.welcome.gateway;
      const ref = `${this.sender}-${n}`;
      client.send({ receiverID: this.receiver, content: n, ref });
      const answer = await Promise.race([client.closed,
        client.next((frame) => frame.ref === ref).catch((error) => {
          if (!client.close) throw error;
        })]);
      if (answer?.type === 'sent') this.sent.push(answer.id);
      await delay(PACE);
    }
    if (client && !client.close) await client.end();
  }

  async #connect() {
    const client = await until(() => connectUser(this.cluster, this.sender).catch((error) => {
      this.refusals.push(error.message);
    }), DEADLINE, () => `a connection: ${this.refusals.at(-1)}`);
    client.closed.then(({ code }) => {
      if (!this.stopping) this.closeCodes.push(code);
    });
    return client;
  }
}
