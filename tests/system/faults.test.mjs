// Nothing is lost, and nothing shown twice, whatever happens to gateways, Redis and the network
// between them: random scenarios, and a checker that knows every message (docs/delivery.md).
//
//   PARLEY_SEED=17        that scenario alone
//   PARLEY_SCENARIOS=40   so many, instead of one of each flavour
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { check } from './lib/faults/checker.mjs';
import { play } from './lib/faults/play.mjs';
import { findings, story } from './lib/faults/report.mjs';
import { FLAVOUR_COUNT } from './lib/faults/scenario.mjs';
import { add, lines } from './lib/faults/tally.mjs';
import { after, describe, test } from './lib/test.mjs';

const AT_ONCE = 3; // they wait much of the time

function seeds() {
  const { PARLEY_SEED, PARLEY_SCENARIOS } = process.env;
  if (PARLEY_SEED) return [Number(PARLEY_SEED)];
  const first = randomInt(1_000_000) * FLAVOUR_COUNT;
  return Array.from({ length: Number(PARLEY_SCENARIOS ?? FLAVOUR_COUNT) }, (_, i) => first + i);
}

// What a client was shown last: not shown, or shown again.
function assertBites(log) {
  const last = log.findLast(({ event }) => event === 'got');
  assert.notDeepEqual(check(log.filter((one) => one !== last)), [], 'a message was lost');
  assert.notDeepEqual(check(log.flatMap((one) => (one === last ? [one, one] : [one]))), [],
    'a message came twice');
}

describe('whatever happens, no message is lost or shown twice', { concurrency: AT_ONCE }, () => {
  const total = {};
  after(() => console.log(lines(total).join('\n')));

  seeds().forEach((seed, i) => test(`scenario ${i + 1}`, async (t) => {
    t.diagnostic(`PARLEY_SEED=${seed}`);
    const { flavour, log, found, counts } = await play(seed);
    t.diagnostic(flavour);
    lines(counts).forEach((line) => t.diagnostic(line));
    add(total, counts);
    if (found.length > 0) {
      story(log, found).forEach((line) => t.diagnostic(line));
      assert.fail([`PARLEY_SEED=${seed}`, ...findings(found)].join('\n'));
    }
    assertBites(log);
    if (flavour === 'readers') assert.ok(counts['waited for slow readers'] > 0, 'nobody was slow');
  }));
});
