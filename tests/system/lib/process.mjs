// One child process of a test. It cannot outlive the test's own process, however that one ends:
// setpriv (util-linux) asks the kernel to kill it then.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { fileURLToPath } from 'node:url';
import { DEADLINE, within } from './wait.mjs';

const root = fileURLToPath(new URL('../../..', import.meta.url));
export const buildFolder = path.resolve(root, process.env.PARLEY_BUILD ?? 'build');

const SANITIZER_REPORT = /AddressSanitizer|LeakSanitizer|UndefinedBehaviorSanitizer|runtime error:/;

// The path of one of our programs in the build that is tested.
export function program(name) {
  return path.join(buildFolder, 'bin', name);
}

export class Process {
  // onLine(line) is called with each line of standard error. input: all of standard input; null:
  // it stays open, for child.stdin.
  constructor(command, args, { env = {}, input = '', onLine = () => {} } = {}) {
    this.name = path.basename(command);
    this.stdout = '';
    this.stderr = '';
    this.child = spawn('setpriv', ['--pdeathsig', 'KILL', command, ...args], {
      env: { ...withoutSettings(process.env), ...env },
    });
    this.child.stdin.on('error', () => {}); // it may end without reading
    if (input !== null) this.child.stdin.end(input);
    let rest = '';
    this.child.stdout.setEncoding('utf8').on('data', (text) => { this.stdout += text; });
    this.child.stderr.setEncoding('utf8').on('data', (text) => {
      this.stderr += text;
      const lines = (rest + text).split('\n');
      rest = lines.pop();
      lines.forEach(onLine);
    });
    // 'close' comes when the process is gone and its output was read to the end.
    this.ended = once(this.child, 'close').then(([code, signal]) => {
      this.exit = { code, signal };
      return this.exit;
    });
  }

  get pid() {
    return this.child.pid;
  }

  get running() {
    return this.exit === undefined;
  }

  // By its pid, and not when it is known to be gone: the pid may be another's by then.
  signal(name) {
    if (this.child.exitCode === null && this.child.signalCode === null) this.child.kill(name);
  }

  // Resolves with { code, signal }; throws when a sanitizer reported something.
  async end(deadline = DEADLINE) {
    const exit = await within(this.ended, deadline, `${this.name} to exit`);
    this.checkSanitizers();
    return exit;
  }

  async kill() {
    this.signal('SIGKILL');
    return this.end();
  }

  checkSanitizers() {
    if (SANITIZER_REPORT.test(this.stderr)) {
      throw new Error(`${this.name} has a sanitizer's report:\n${this.stderr.slice(-8000)}`);
    }
  }
}

// Runs a program to its end: { code, signal, stdout, stderr }.
export async function run(command, args, options) {
  const child = new Process(command, args, options);
  try {
    const exit = await child.end(options?.deadline);
    return { ...exit, stdout: child.stdout, stderr: child.stderr };
  } finally {
    child.signal('SIGKILL');
  }
}

// What is set for the person who runs the tests must not configure the gateways of the tests.
function withoutSettings(environment) {
  return Object.fromEntries(Object.entries(environment)
    .filter(([name]) => !name.startsWith('PARLEY_')));
}
