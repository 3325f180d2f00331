// A pair session is given two mailboxes as one, in the order of ids, whatever is in them; and what is
// sent while it reads comes behind, once. Random: PARLEY_SEED repeats a run.
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { connect, connectUser, uniqueUser } from './lib/client.mjs';
import { Gateway } from './lib/gateway.mjs';
import { Random } from './lib/model/random.mjs';
import { Proxy } from './lib/proxy.mjs';
import { System } from './lib/system.mjs';
import { after, before, describe, test } from './lib/test.mjs';
import { DEADLINE, until } from './lib/wait.mjs';

const ROUNDS = 10;
const LONGEST = 900; // of a content: a page ends after some
const LIVE = 30; // messages that are sent while it reads, and behind that
const FLAGS = ['--output-max', '8KiB', '--max-message', '2KiB'];
const LATENCY_MS = 3; // of each page, so that reading takes as long as some messages

describe('two mailboxes', () => {
  let system; // of the sender's gateway
  let proxy;
  let gateway; // of the pair sessions
  before(async () => {
    system = await System.start({ flags: FLAGS });
    proxy = await Proxy.start(system.redis.port, { latency: LATENCY_MS });
    gateway = await Gateway.start({ redis: proxy.address, flags: FLAGS });
  });
  after(async () => {
    await gateway?.stop();
    await proxy?.stop();
    await system?.stop();
  });

  const deferred = () => gateway.metric('parley_deliveries_total', '{result="deferred"}');

  // What both mailboxes hold, by id: some ids in both of them, some entries that no client may see.
  async function fill(users, random) {
    const stored = [];
    const count = random.between(0, 100);
    for (let ms = 1; ms <= count; ms++) {
      for (const [user, name] of users.entries()) {
        if (!random.chance(0.6)) continue;
        const content = `${ms} ${user} ${'x'.repeat(random.between(0, LONGEST))}`;
        const body = `"sender":"filler","receiver":"${name}","content":"${content}"}`;
        const isSeen = random.chance(0.9);
        await system.redis.command('XADD', `parley:mailbox:{${name}}`, `${ms}-0`,
          ...(isSeen ? ['m', body] : ['other', 'x']));
        if (isSeen) stored.push({ ms, content });
      }
    }
    return stored;
  }

  test('are read as one, in the order of ids', async (t) => {
    const seed = Number(process.env.PARLEY_SEED ?? randomInt(2 ** 31));
    t.diagnostic(`PARLEY_SEED=${seed}`);
    const random = new Random(seed);
    const sender = await connectUser(system.gateways[0], uniqueUser('sender'));
    let published = 0; // while nothing could be read
    for (let round = 0; round < ROUNDS; round++) {
      const users = [uniqueUser('a'), uniqueUser('b')];
      const stored = await fill(users, random);
      const held = random.between(0, 5);
      const before = await deferred();
      if (held > 0) proxy.hold({ kind: 'command' });
      const pair = await connect(gateway, { userA: users[0], userB: users[1] });
      if (held > 0) await gateway.subscribed();
      if (random.chance(0.5)) pair.socket.pause();
      const live = Array.from({ length: LIVE }, (_, number) => `live ${number}`);
      for (const [number, content] of live.entries()) {
        if (held > 0 && number === held) {
          await until(async () => await deferred() === before + held, DEADLINE, 'the pushes');
          published += held;
          proxy.release({ kind: 'command' });
        }
        sender.send({ receiverID: random.pick(users), content, ref: content });
        await sender.next(({ ref }) => ref === content);
      }
      pair.socket.resume();
      await until(() => pair.received.length >= stored.length + LIVE || pair.close, DEADLINE,
        () => `${stored.length + LIVE} messages; there are ${pair.received.length}`);
      const contents = pair.received.map(({ value }) => value.content);
      const first = contents.slice(0, stored.length);
      // Of one id there may be two, in either order.
      const byId = (content) => Number(content.split(' ')[0]);
      assert.deepEqual(first.map(byId), stored.map(({ ms }) => ms));
      assert.deepEqual([...first].sort(), stored.map(({ content }) => content).sort());
      assert.deepEqual(contents.slice(stored.length), live);
      await pair.end();
    }
    // Some came while a page was on its way, and others to a session that had read all.
    const [pushed, late] = [await gateway.metric('parley_offered_total', '{by="push"}'), await deferred()];
    t.diagnostic(`${pushed} pushed, ${late} of them while reading, ${published} in front of that`);
    assert.ok(late > published, 'no push came while a page was read');
    assert.ok(pushed > late, 'no push came to who had read all');
  });
});
