// Presence, by the rule: random joins, leaves, deaths, pauses and outages, and a model of who is
// online that judges what watchers are told, what is answered, and what is left in the end.
//
//   PARLEY_SEED=17        that scenario alone
//   PARLEY_SCENARIOS=40   so many, instead of one of each flavour
import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { check } from './lib/model/checker.mjs';
import { FLAVOUR_COUNT, GATEWAYS, USERS, generate } from './lib/model/scenario.mjs';
import { tell } from './lib/model/story.mjs';
import { World } from './lib/model/world.mjs';
import { after, describe, test } from './lib/test.mjs';

const AT_ONCE = 4; // they wait most of the time

let bites = 0; // in how many scenarios the checker was shown to bite

function seeds() {
  const { PARLEY_SEED, PARLEY_SCENARIOS } = process.env;
  if (PARLEY_SEED) return [Number(PARLEY_SEED)];
  const first = randomInt(1_000_000) * FLAVOUR_COUNT;
  return Array.from({ length: Number(PARLEY_SCENARIOS ?? FLAVOUR_COUNT) }, (_, i) => first + i);
}

// The last change that the watcher of a living gateway was told of: told twice, or not at all. False when
// nobody was told anything.
function assertBites(log) {
  const ended = new Set(log.filter(({ event }) => event === 'closed').map(({ session }) => session));
  const last = log.findLast((one) => one.event === 'told' && one.asked === undefined
    && !ended.has(one.session));
  if (!last) return false;
  const twice = log.flatMap((one) => (one === last ? [one, one] : [one]));
  assert.notDeepEqual(check(twice), [], 'the checker sees a frame that came twice');
  const lost = log.filter((one) => one !== last);
  assert.notDeepEqual(check(lost), [], 'the checker sees that a frame was lost');
  return true;
}

async function play(t, seed) {
  const { flavour, actions } = generate(seed);
  t.diagnostic(`PARLEY_SEED=${seed}: ${flavour}, ${actions.length} actions`);
  const world = await World.create(GATEWAYS, USERS);
  try {
    await world.run(actions);
    t.diagnostic(`${seed}: settled after ${Math.round(await world.settle())} ms`);
    const found = check(world.log).join('\n');
    if (found) {
      tell(world.log, (user) => found.includes(user)).forEach((line) => t.diagnostic(line));
      assert.fail(`PARLEY_SEED=${seed}\n${found}`);
    }
    if (assertBites(world.log)) bites++;
  } finally {
    await world.end();
  }
}

describe('whatever happens, presence is what the model says', { concurrency: AT_ONCE }, () => {
  seeds().forEach((seed, i) => test(`scenario ${i + 1}`, (t) => play(t, seed)));
  after(() => assert.ok(bites > 0, 'the checker was tried'));
});
