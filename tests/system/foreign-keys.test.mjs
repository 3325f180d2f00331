// What somebody else put where Parley's keys are: named in the log, and nothing else breaks.
import assert from 'node:assert/strict';
import { connectUser, expectNothingBefore, uniqueUser } from './lib/client.mjs';
import { System } from './lib/system.mjs';
import { after, before, describe, test } from './lib/test.mjs';
import { DEADLINE } from './lib/wait.mjs';

describe('a key of another type', () => {
  let system;
  let gateway;
  before(async () => {
    system = await System.start();
    [gateway] = system.gateways;
  });
  after(() => system?.stop());

  // Resolves when the log says that Redis refused this key.
  function refused(key, from) {
    return gateway.waitForLog('redis_refused', { key }, { from });
  }

  async function assertTalks(client) {
    const content = uniqueUser('hello');
    client.send({ receiverID: client.welcome.user, content });
    await client.next((frame) => frame.content === content);
  }

  test('as a mailbox: who writes to it is told, everybody else is not', async () => {
    const from = gateway.log.length;
    const alice = await connectUser(gateway, uniqueUser());
    await system.redis.cli('LPUSH', 'parley:mailbox:{broken}', 'x');
    alice.send({ receiverID: 'broken', content: 1, ref: 'a' });
    assert.equal((await alice.next(({ ref }) => ref === 'a')).code, 'unavailable');
    await refused('parley:mailbox:{broken}', from);
    await assertTalks(alice);
  });

  test("as the sender's mailbox: the message is accepted, without a copy", async () => {
    const [alice, bob] = [uniqueUser('alice'), uniqueUser('bob')];
    const refused = () => gateway.metric('parley_copies_total', '{result="refused"}');
    const before = await refused();
    const receiver = await connectUser(gateway, bob);
    const sender = await connectUser(gateway, alice);
    const other = await connectUser(gateway, alice);
    await system.redis.cli('LPUSH', `parley:mailbox:{${alice}}`, 'x');
    sender.send({ receiverID: bob, content: 'without a copy', ref: 'a' });
    const { type, id } = await sender.next();
    assert.equal(type, 'sent');
    assert.equal((await receiver.next()).id, id);
    const { reason } = await gateway.waitForLog('copy_refused', { sender: alice });
    assert.match(reason, /WRONGTYPE/);
    assert.equal(await refused(), before + 1);
    await system.redis.cli('DEL', `parley:mailbox:{${alice}}`);
    await expectNothingBefore(other, receiver, alice);
  });

  test('as a ref: that message is refused and not stored, until the key is gone', async () => {
    const [alice, bob] = [uniqueUser('alice'), uniqueUser('bob')];
    const key = `parley:ref:{${bob}}:${alice}:r`;
    const sender = await connectUser(gateway, alice);
    for (const put of [['LPUSH', key, 'x'], ['SET', key, 'no id']]) {
      const from = gateway.log.length;
      await system.redis.cli(...put);
      sender.send({ receiverID: bob, content: 1, ref: 'r' });
      assert.equal((await sender.next()).code, 'unavailable');
      const { reason } = await refused(`parley:mailbox:{${bob}}`, from);
      assert.ok(reason.endsWith(key), reason);
      assert.equal(await system.redis.cli('EXISTS', `parley:mailbox:{${bob}}`), '0');
      await system.redis.cli('DEL', key);
    }
    sender.send({ receiverID: bob, content: 1, ref: 'r' });
    assert.equal((await sender.next()).type, 'sent');
  });

  test('as a presence hash: the user chats all the same', async () => {
    const from = gateway.log.length;
    const user = uniqueUser();
    await system.redis.cli('SET', `parley:presence:{${user}}`, 'x');
    const client = await connectUser(gateway, user);
    await refused(`parley:presence:{${user}}`, from);
    await assertTalks(client);
    await client.end();
    await system.redis.cli('DEL', `parley:presence:{${user}}`);
    const again = await connectUser(gateway, user);
    assert.equal(await system.redis.cli('HLEN', `parley:presence:{${user}}`), '1');
    await again.end();
  });

  test('as the list of users: they are registered all the same', async () => {
    const from = gateway.log.length;
    const { incarnation } = await gateway.waitForLog('lease_claimed');
    await system.redis.cli('SET', `parley:gateway:${incarnation}:users`, 'x');
    const client = await connectUser(gateway, uniqueUser());
    await refused(`parley:gateway:${incarnation}:users`, from);
    assert.equal(await system.redis.cli('HLEN', `parley:presence:{${client.welcome.user}}`), '1');
    await client.end();
    await system.redis.cli('DEL', `parley:gateway:${incarnation}:users`);
  });

  test('as the set of gateways: not ready until it is mended', async () => {
    const client = await connectUser(gateway, uniqueUser());
    const from = gateway.log.length;
    // In one step: a beat in between would claim a lease there.
    await system.redis.cli('LPUSH', 'foreign', 'x');
    await system.redis.cli('RENAME', 'foreign', 'parley:gateways');
    await refused('parley:gateways', from);
    await gateway.waitForLog('not_ready', {}, { from, deadline: 2 * DEADLINE });
    await system.redis.cli('DEL', 'parley:gateways');
    await gateway.waitForLog('ready', {}, { from, deadline: 2 * DEADLINE });
    await assertTalks(client);
    assert.equal(await system.redis.cli('HLEN', `parley:presence:{${client.welcome.user}}`), '1');
  });

  test('as the schema: not ready, and the log names it', async (t) => {
    await system.redis.cli('-n', 0, 'LPUSH', 'other:schema', 'x');
    const other = await system.addGateway(['--prefix', 'other'], { ready: false });
    t.after(() => system.redis.cli('DEL', 'other:schema'));
    const line = await other.waitForLog('schema_mismatch', { key: 'other:schema' });
    assert.equal(line.found, 'a key of the type list');
    const answer = await fetch(`${other.http}/readyz`);
    assert.equal(answer.status, 503);
    assert.match(await answer.text(), /a key of the type list/);
  });
});
