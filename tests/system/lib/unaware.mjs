// Clients that know nothing of Parley: they read, and connect again when their connection is gone.
// What they are given when it is cut without warning while messages flow.
import assert from 'node:assert/strict';
import { connectUser, uniqueUser } from './client.mjs';
import { Relay } from './relay.mjs';
import { DEADLINE, SLOWNESS, until } from './wait.mjs';

const EVERY_MS = 10; // a message
const CUTS = 3;
const LOST = 25; // messages at least, while the network has vanished already and nobody knows
// What came within one interval of pings and one flush of the cursor, each a second, comes again;
// and what the machine takes for both.
const BOUND_MS = 2000 + 1000 * SLOWNESS;
const SPAN_MS = BOUND_MS + 1000; // of messages before a cut: more than may come again

// What one such client got, connection by connection.
export class Reader {
  constructor(client, path) {
    const query = new URLSearchParams(path.slice(path.indexOf('?')));
    this.name = `${client} ${path}`;
    // As its cursor is named.
    this.device = query.get('device') ?? `pair%3A${query.get('userA')}%3A${query.get('userB')}`;
    this.connections = []; // of each its messages
  }

  opened() {
    this.connections.push([]);
  }

  got(text) {
    const frame = JSON.parse(text);
    if (typeof frame.content === 'number') this.connections.at(-1).push(frame);
  }

  // The message it got last on its present connection, if any.
  get last() {
    return this.connections.at(-1)?.at(-1);
  }
}

// Numbers from 0 on as messages to `receiver`, until stop().
class Flow {
  constructor(sender, receiver) {
    this.sender = sender;
    this.sent = 0;
    this.timer = setInterval(() => {
      sender.send({ receiverID: receiver, content: this.sent, ref: String(this.sent++) });
    }, EVERY_MS);
  }

  get answered() {
    return this.sender.received.length - 1; // the first was the welcome
  }

  // Resolves with how many there were, all of them stored.
  async stop() {
    clearInterval(this.timer);
    await until(() => this.answered === this.sent, DEADLINE, 'the answers');
    const answers = this.sender.received.slice(1);
    assert.ok(answers.every(({ value }) => value.type === 'sent'));
    return this.sent;
  }
}

// start(base, user): what starts the Readers, which connect to base + '/?…', and resolves with them;
// user: one who gets the messages.
export async function playCuts(t, system, start) {
  const [one, two] = system.gateways;
  const relay = await Relay.start(one);
  t.after(() => relay.stop());
  const bob = uniqueUser('bob');
  const readers = await start(relay.url, bob);
  const flow = new Flow(await connectUser(two, uniqueUser('alice')), bob);
  t.after(() => clearInterval(flow.timer));
  const all = (condition, what) => until(() => readers.every(condition), 3 * DEADLINE,
    () => `${what}; ${readers.map(({ name, last, connections }) =>
      `${name}: ${connections.length} connections, the last at ${last?.content}`)}`);

  const cuts = [];
  for (let since = Date.now(); cuts.length < CUTS; since = cuts.at(-1).at) {
    await all(({ last }) => last?.ts >= since + SPAN_MS, 'messages for a while');
    const cursors = await cursorsOf(system.redis, bob);
    cuts.push({ at: Date.now(), cursors });
    relay.swallow();
    relay.gateway = relay.gateway === one ? two : one;
    const { answered } = flow;
    await until(() => flow.answered >= answered + LOST, DEADLINE, 'messages that get lost');
    relay.breakSwallowed();
  }
  await all(({ last, connections }) => connections.length > CUTS && last?.ts > cuts.at(-1).at,
    'messages again');
  const count = await flow.stop();
  await all(({ last }) => last?.content === count - 1, 'all messages');
  for (const reader of readers) t.diagnostic(assertWhole(reader, cuts, count));
}

// { device: id }
async function cursorsOf(redis, user) {
  const all = await redis.command('HGETALL', `parley:cursor:{${user}}`);
  return Object.fromEntries(all.flatMap((device, at) => (at % 2 ? [] : [[device, all[at + 1]]])));
}

// Such ids are exact as numbers.
function isAbove(id, other) {
  const [[ms, number], [otherMs, otherNumber]] = [id, other].map((one) => one.split('-').map(Number));
  return ms > otherMs || (ms === otherMs && number > otherNumber);
}

// Nothing is missing, all is in order, and only what was sent shortly before a cut came again, and
// nothing that the cursor had passed by then.
function assertWhole({ name, device, connections }, cuts, count) {
  let next = 0;
  let again = 0;
  let oldest = 0;
  assert.equal(connections.length, cuts.length + 1, `${name}: connections`);
  for (const [i, messages] of connections.entries()) {
    const [{ content: first }] = messages;
    assert.ok(first <= next, `${name}: ${next} to ${first - 1} are missing`);
    messages.forEach(({ content }, at) => assert.equal(content, first + at, `${name}: order`));
    for (const { content, id, ts } of messages.filter((message) => message.content < next)) {
      const cut = cuts[i - 1];
      const age = cut.at - ts;
      assert.ok(isAbove(id, cut.cursors[device]), `${name}: ${content} came again, acknowledged`);
      assert.ok(age <= BOUND_MS, `${name}: ${content} came again, ${age} ms old at the cut`);
      again++;
      oldest = Math.max(oldest, age);
    }
    next = messages.at(-1).content + 1;
  }
  assert.equal(next, count, `${name}: the last ones are missing`);
  return `${name}: ${count} messages, ${again} came again in ${cuts.length} cuts, the oldest `
    + `${oldest} ms old at its cut`;
}
