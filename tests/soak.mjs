// tests/run soak [--minutes N] [--seed S]: the scenarios of tests/system/faults.test.mjs, one seed
// after the other from S on, for N minutes (10). A line for each; then the sums. Exits 1 when anything
// was wrong, after the seed and the story of it.
import { randomInt } from 'node:crypto';
import { parseArgs } from 'node:util';
import { play } from './system/lib/faults/play.mjs';
import { findings, story } from './system/lib/faults/report.mjs';
import { add, lines } from './system/lib/faults/tally.mjs';

const AT_ONCE = 3;

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    seed: { type: 'string', default: String(randomInt(1_000_000)) },
  },
});
const minutes = Number(values.minutes);
let seed = Number(values.seed);
if (!(minutes > 0) || !Number.isInteger(seed)) {
  console.error('usage: tests/run soak [--minutes N] [--seed S]');
  process.exit(2);
}

const begin = performance.now();
const end = begin + minutes * 60_000;
const total = {};
const wrong = [];
let done = 0;

function progress(text) {
  const passed = new Date(performance.now() - begin).toISOString().slice(11, 19);
  console.log(`${passed}  ${text}`);
}

async function work() {
  while (performance.now() < end) {
    const own = seed++;
    try {
      const { flavour, log, found, counts } = await play(own);
      done++;
      add(total, counts);
      progress(`seed ${own}, ${flavour}: ${counts.accepted} accepted, ${counts.delivered} delivered, `
        + `${Object.values(counts.faults).reduce((sum, one) => sum + one, 0)} faults, `
        + `${found.length} wrong`);
      if (found.length > 0) {
        wrong.push(own);
        console.log([...findings(found), ...story(log, found)].join('\n'));
      }
    } catch (error) {
      wrong.push(own);
      progress(`seed ${own}: ${error.stack}`);
    }
  }
}

await Promise.all(Array.from({ length: AT_ONCE }, work));
if (done > 0) console.log(lines(total).join('\n'));
if (wrong.length > 0) console.log(`failed, again with PARLEY_SEED=…: ${wrong.join(', ')}`);
console.log(`${done} scenarios, ${wrong.length} failed`);
process.exitCode = wrong.length > 0 ? 1 : 0;
