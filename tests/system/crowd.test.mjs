// Ten thousand sessions on two gateways, and Redis restarted under them: everything returns by
// itself, once, and at a pace that Redis can follow. Times and peaks are diagnostics. Under sanitizers a
// tenth of them.
import assert from 'node:assert/strict';
import { Crowd } from './lib/crowd.mjs';
import { request } from './lib/http.mjs';
import { assertNotReady, tellHealed } from './lib/outage.mjs';
import { System } from './lib/system.mjs';
import { after, before, describe, test } from './lib/test.mjs';
import { DEADLINE, SLOWNESS, until } from './lib/wait.mjs';

const COUNT = SLOWNESS === 1 ? 10_000 : 1000;
const PENDING_MAX = 1000; // two windows of registrations, and what goes on beside them
const RETURN_MS = 10_000 * SLOWNESS; // most of it is for a busy machine
const BEATS = 2; // one after the other: an outage that follows from the return shows by then
const STEP = 20; // one of so many users sends

const HEARD = 'parley_redis_beat_seconds_count';

// The highest value of a metric from now until stop(), as far as asking all the time sees it.
function watchPeak(gateway, name) {
  let running = true;
  let peak = 0;
  const watching = (async () => {
    while (running) peak = Math.max(peak, await gateway.metric(name));
  })();
  return {
    stop: async () => {
      running = false;
      await watching;
      return peak;
    },
  };
}

async function connections(gateway) {
  const count = (kind) => gateway.metric('parley_redis_connections_total', `{connection="${kind}"}`);
  return [await count('command'), await count('subscription')];
}

describe(`${COUNT} sessions on two gateways`, () => {
  let system;
  let crowd;
  before(async () => {
    system = await System.start({ gateways: 2 });
    crowd = await Crowd.open(system.gateways, COUNT);
  });
  after(async () => {
    await crowd?.end();
    await system?.stop();
  });

  for (const [what, save] of [['restarted empty', false], ['restarted with its data', true]]) {
    test(`Redis is killed and ${what}: one return, and it is complete`, async (t) => {
      const { redis, gateways } = system;
      await crowd.assertTalk(STEP, DEADLINE);
      const mailbox = `parley:mailbox:{${crowd.users[1]}}`;
      const marks = gateways.map(({ log }) => log.length);
      const waitForAll = (event) => Promise.all(gateways.map((gateway, i) => gateway.waitForLog(
        event, {}, { from: marks[i] })));

      const kept = save ? await redis.command('XLEN', mailbox) : 0;
      if (save) await redis.command('SAVE');
      await redis.kill();
      await waitForAll('not_ready');
      for (const gateway of gateways) await assertNotReady(gateway);

      const peaks = gateways.map((gateway) => watchPeak(gateway, 'parley_redis_pending'));
      const since = performance.now();
      await redis.restart();
      await waitForAll('ready');
      const took = tellHealed(t, `Redis ${what}, ${COUNT} sessions`, since);
      const pending = await Promise.all(peaks.map((peak) => peak.stop()));
      t.diagnostic(`at most ${pending} commands unanswered`);
      assert.ok(took < RETURN_MS);
      assert.ok(Math.max(...pending) < PENDING_MAX);
      await crowd.assertSubscribed(redis);
      await crowd.assertRegistered(redis);
      await crowd.assertTalk(STEP, DEADLINE);
      assert.equal(await redis.command('XLEN', mailbox), kept + 1);

      // It stays.
      const made = await Promise.all(gateways.map(connections));
      const heard = await Promise.all(gateways.map((gateway) => gateway.metric(HEARD)));
      await until(async () => {
        const now = await Promise.all(gateways.map((gateway) => gateway.metric(HEARD)));
        return now.every((count, i) => count >= heard[i] + BEATS);
      }, 2 * DEADLINE, 'some beats');
      assert.deepEqual(await Promise.all(gateways.map(connections)), made);
      for (const [i, gateway] of gateways.entries()) {
        const events = gateway.log.slice(marks[i]).map(({ event }) => event);
        assert.equal(events.filter((event) => event === 'not_ready').length, 1, gateway.tail());
        assert.equal(events.filter((event) => event === 'ready').length, 1, gateway.tail());
        assert.equal((await request(gateway.port, '/readyz')).status, 200);
      }
      await crowd.assertTalk(STEP, DEADLINE);
      assert.deepEqual(crowd.closes, []);
    });
  }
});
