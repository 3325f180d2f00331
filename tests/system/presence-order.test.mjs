// What watchers are told is in order, and every change is told once.
import assert from 'node:assert/strict';
import { connectPair, connectUser, connectUsers, uniqueUser } from './lib/client.mjs';
import { ask, assertRegistered, fieldsOf, openWatchers, untilAnswered } from './lib/presence.mjs';
import { System } from './lib/system.mjs';
import { after, before, describe, test } from './lib/test.mjs';
import { DEADLINE, until } from './lib/wait.mjs';

const TIMES = 100;

describe('a user who comes and goes on two gateways', () => {
  let system;
  let one;
  let two;
  before(async () => {
    system = await System.start({ gateways: 3 });
    [one, two] = system.gateways;
  });
  after(() => system?.stop());

  async function comeAndGo(gateway, user) {
    for (let i = 0; i < TIMES; i++) {
      const client = await connectUser(gateway, user);
      if (i % 3 === 0) client.socket.terminate();
      else await client.end();
    }
  }

  for (const [what, stays] of [['and leaves', false], ['and stays', true]]) {
    test(`as fast as it gets, ${what}: watchers agree, with each other and with the truth`, async (t) => {
      const user = uniqueUser('quick');
      const watchers = await openWatchers(system.gateways, [user], { initial: false });
      const [asker] = await connectUsers(one, 1, 'asker');
      await Promise.all([comeAndGo(one, user), comeAndGo(two, user)]);
      if (stays) await connectUser(two, user);
      await until(async () => (await fieldsOf(system.redis, user)).length === (stays ? 1 : 0),
        DEADLINE, 'the last one to be gone');
      await untilAnswered(asker, [user], stays);
      await Promise.all(watchers.map((watcher) => watcher.until(stays)));
      const told = watchers.map(({ frames }) => frames.get(user).map(({ at, ...frame }) => frame));
      t.diagnostic(`${told[0].length} changes in ${2 * TIMES} sessions`);
      for (const [i, watcher] of watchers.entries()) {
        watcher.assertAlternates();
        assert.deepEqual(told[i], told[0]);
      }
      for (let i = 1; i < told[0].length; i++) assert.ok(told[0][i].since >= told[0][i - 1].since);
      if (stays) await assertRegistered(system.redis, two, [user]);
    });
  }

  test('the second session, and the last but one, are no changes', async () => {
    const user = uniqueUser('bob');
    const watchers = await openWatchers(system.gateways, [user], { initial: false });
    const [asker] = await connectUsers(one, 1, 'asker');
    const first = await connectUser(one, user);
    const second = await connectUser(two, user);
    const [{ online, sessions, since }] = await ask(asker, [user]);
    assert.deepEqual({ online, sessions }, { online: true, sessions: 2 });
    await first.end();
    await until(async () => (await ask(asker, [user]))[0].sessions === 1, DEADLINE, 'one to be left');
    await second.end();
    await Promise.all(watchers.map((watcher) => watcher.until(false)));
    for (const watcher of watchers) {
      await until(() => watcher.frames.get(user).length === 2, DEADLINE, 'both frames');
      watcher.assertTold([user], [true, false]);
      assert.equal(watcher.frames.get(user)[0].since, since);
    }
  });

  test('a session of two users makes both online, and offline, for everybody', async () => {
    const [a, b] = [uniqueUser('a'), uniqueUser('b')];
    const watchers = await openWatchers(system.gateways, [a, b], { initial: false });
    const [asker] = await connectUsers(two, 1, 'asker');
    const pair = await connectPair(one, a, b);
    await Promise.all(watchers.map((watcher) => watcher.until(true)));
    await untilAnswered(asker, [a, b], true);
    pair.socket.terminate();
    await Promise.all(watchers.map((watcher) => watcher.until(false)));
    await untilAnswered(asker, [a, b], false);
    for (const watcher of watchers) watcher.assertTold([a, b], [true, false]);
  });
});
