// The recipes of a document in docs/, run as they stand there, against what it says comes out.
import assert from 'node:assert/strict';
import { connectUser } from './client.mjs';
import { Document } from './document.mjs';
import { Process } from './process.mjs';
import { test } from './test.mjs';
import { DEADLINE, SLOWNESS, until } from './wait.mjs';

const PLACEHOLDERS = {
  '<ms>': '[0-9]{13}',
  '<time>': '[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z',
  '<id>': '[0-9]{13}-[0-9]+',
  '<random>': '[0-9a-f]{8}',
  '<session>': '[0-9a-f]{16}',
  '<n>': '[0-9.]+',
  '…': '.+',
};

export const operations = await Document.read('operations.md');
export const delivery = await Document.read('delivery.md');

const recipesOf = (document) => document.blocks.filter(({ language }) => language === 'console');

// A block's commands, one after the other: { command, expected, second, interrupted }. `second` is
// { after, command }: typed in another terminal when `after` lines were printed.
function parse(lines) {
  const steps = [];
  for (const line of lines) {
    const step = steps.at(-1);
    if (line.startsWith('$ ')) steps.push({ command: line.slice(2), expected: [] });
    else if (line.startsWith('2$ ')) {
      step.second = { after: step.expected.length, command: line.slice(3) };
    } else if (line === '^C') step.interrupted = true;
    else step.expected.push(line);
  }
  return steps;
}

// Runs of blanks are as good as any other: a number may have another width.
const loose = (line) => line.replace(/(\S) {2,}/g, '$1  ');

function pattern(line) {
  const placeholder = new RegExp(`(${Object.keys(PLACEHOLDERS).join('|')})`);
  const parts = loose(line).split(placeholder).map((part) => PLACEHOLDERS[part]
    ?? part.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  return new RegExp(`^${parts.join('')}$`);
}

function matches(expected, printed) {
  return expected.length === printed.length
    && expected.every((line, i) => pattern(line).test(loose(printed[i])));
}

// What a terminal shows of it, as lines. What redis-cli says of Ctrl-C differs between versions.
function shown(output) {
  const text = output.replace(/\x1b\[[0-9;?]*[A-Za-z]/g, '')
    .replace(/Reading messages\.\.\.[^\r\n]*[\r\n]+/g, '')
    .replace(/\r+\n/g, '\n').replace(/\^C/g, '');
  return text === '' ? [] : text.replace(/\n$/, '').split('\n');
}

// The sessions of the document; gateways: its g1 and g2, each with its url.
export async function openSessions(gateways, document = operations) {
  const clients = [];
  for (const [user, device, gateway] of document.table('Recipes')) {
    const number = Number(gateway.slice(1));
    clients.push(await connectUser(gateways[number - 1], user, { device }));
  }
  assert.notEqual(clients.length, 0, 'the sessions of the document');
  return clients;
}

// A test for each recipe, which needs the sessions above, and nothing else in Redis. environment():
// of a shell that finds `redis-cli` and `parley`; G2_PID is the process of g2, which a recipe kills.
export function testRecipes(environment, document = operations) {
  // In a terminal of its own, as redis-cli prints otherwise what is meant for programs.
  const inTerminal = (command) => new Process('script', ['-qefc', command, '/dev/null'],
    { env: { ...environment(), SHELL: '/bin/bash' } });

  async function perform(step) {
    const terminal = inTerminal(step.command);
    const printed = () => shown(terminal.stdout);
    try {
      if (step.second) {
        const above = step.expected.slice(0, step.second.after);
        await until(() => matches(above, printed()) || !terminal.running, DEADLINE,
          () => `${step.command}:\n${printed().join('\n')}`);
        const second = inTerminal(step.second.command);
        assert.deepEqual(await second.end(), { code: 0, signal: null },
          `${step.second.command}:\n${second.stdout}`);
      }
      if (step.interrupted) {
        await until(() => printed().length >= step.expected.length || !terminal.running, DEADLINE,
          () => `${step.command}:\n${printed().join('\n')}`);
        terminal.signal('SIGTERM'); // script ends what it has started
        await terminal.end();
      } else {
        const { code } = await terminal.end();
        assert.equal(code, 0, `${step.command}:\n${printed().join('\n')}`);
      }
      return printed();
    } finally {
      await terminal.kill();
    }
  }

  test('there are recipes, and each placeholder is used and defined', () => {
    assert.ok(recipesOf(document).length >= 5, `${recipesOf(document).length} recipes`);
    const all = [operations, delivery].flatMap(recipesOf).flatMap(({ lines }) => lines).join('\n');
    for (const [, name] of all.matchAll(/(<[a-z]+>)/g)) assert.ok(name in PLACEHOLDERS, name);
    for (const name of Object.keys(PLACEHOLDERS)) assert.ok(all.includes(name), name);
  });

  for (const { heading, words, lines } of recipesOf(document)) {
    const steps = parse(lines);
    test(`${heading} ${steps.map(({ command }) => command).join('; ')}`, async () => {
      assert.notEqual(steps.length, 0, 'a block without a command');
      const seconds = words === '' ? 0 : Number(words.match(/^within ([0-9]+) s$/)[1]);
      for (const step of steps) {
        let printed;
        const done = async () => matches(step.expected, printed = await perform(step));
        if (seconds > 0) {
          await until(done, seconds * 1000 * SLOWNESS, () => `${step.command} to print\n`
            + `${step.expected.join('\n')}\nand not\n${printed.join('\n')}`);
        } else {
          assert.ok(await done(), `${step.command} printed\n${printed.join('\n')}\nand not\n`
            + `${step.expected.join('\n')}`);
        }
      }
    });
  }
}
