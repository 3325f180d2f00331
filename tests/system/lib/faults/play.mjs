// One scenario, from its seed to the verdict.
import { check } from './checker.mjs';
import { generate } from './scenario.mjs';
import { tally } from './tally.mjs';
import { World } from './world.mjs';

// { flavour, log, found: [{ kind, about, text }], counts }
export async function play(seed) {
  const scenario = generate(seed);
  const world = await World.create(scenario);
  try {
    await world.run(scenario.actions);
    const imbalances = await world.settle();
    const found = [
      ...check(world.log), ...imbalances.map((text) => ({ kind: 'ledger', about: [], text })),
    ];
    const count = (...kinds) => found.filter(({ kind }) => kinds.includes(kind)).length;
    const counts = {
      ...tally(world.log),
      'waited for slow readers': [...world.slow.values()].reduce((sum, count) => sum + count, 0),
      lost: count('lost', 'gap not told'), 'shown twice': count('shown twice', 'doubled'),
    };
    return { flavour: scenario.flavour, log: world.log, found, counts };
  } finally {
    await world.end();
  }
}
