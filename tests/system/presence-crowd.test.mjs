// Ten thousand users on one gateway, which is killed; somebody watches each of them. Under sanitizers a
// tenth of them.
import assert from 'node:assert/strict';
import { assertReaches, connectUsers } from './lib/client.mjs';
import { Crowd } from './lib/crowd.mjs';
import { tellHealed } from './lib/outage.mjs';
import {
  assertGone, DEATH_DEADLINE, incarnation, untilGone, Watcher,
} from './lib/presence.mjs';
import { System } from './lib/system.mjs';
import { after, before, describe, test } from './lib/test.mjs';
import { DEADLINE, SLOWNESS, until } from './lib/wait.mjs';

const COUNT = SLOWNESS === 1 ? 10_000 : 1000;
const WATCHED_MAX = 1000; // of one session
const DELAY_MS = 1000 * SLOWNESS; // that a message may take while a gateway cleans up

// Sends one message after the other, until stop(), which resolves with how long the slowest one took.
function watchDelay(from, to) {
  let running = true;
  let longest = 0;
  const sending = (async () => {
    while (running) {
      const since = performance.now();
      await assertReaches(from, to);
      longest = Math.max(longest, performance.now() - since);
    }
  })();
  sending.catch(() => {}); // it is told by stop()
  return {
    stop: async () => {
      running = false;
      await sending;
      return longest;
    },
  };
}

describe(`${COUNT} users on a gateway`, () => {
  let system;
  let crowd;
  before(async () => {
    system = await System.start({ gateways: 2 });
    crowd = await Crowd.open([system.gateways[0]], COUNT);
  });
  after(async () => {
    await crowd?.end();
    await system?.stop();
  });

  test('it is killed: all are offline within 15 s, and messages elsewhere go on', async (t) => {
    const { redis, gateways: [dead, one] } = system;
    const watchers = [];
    for (let at = 0; at < COUNT; at += WATCHED_MAX) {
      watchers.push(await Watcher.open(one, crowd.users.slice(at, at + WATCHED_MAX)));
    }
    const [alice, bob] = await connectUsers(one, 2, 'steady');
    const since = performance.now();
    await dead.kill();
    await until(() => crowd.closes.length === COUNT, DEADLINE, 'all to be closed');
    const talk = watchDelay(alice, bob); // from now on this process is not too busy itself
    await Promise.all(watchers.map((watcher) => watcher.until(false)));
    const longest = Math.round(await talk.stop());
    const took = tellHealed(t, `gateway with ${COUNT} users killed`, since);
    t.diagnostic(`a message took ${longest} ms at most`);
    assert.ok(took <= DEATH_DEADLINE);
    assert.ok(longest <= DELAY_MS, `a message took ${longest} ms`);
    await untilGone(redis, incarnation(dead));
    await assertGone(redis, incarnation(dead), crowd.users);
    for (const watcher of watchers) watcher.assertTold([...watcher.online.keys()], [false]);
  });
});
