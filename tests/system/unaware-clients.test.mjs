// Clients that know nothing of Parley, cut without warning and connected again: they miss nothing,
// and little comes twice. tests/web/unaware-browser.test.mjs is the same for a browser.
import { fileURLToPath } from 'node:url';
import WebSocket from 'ws';
import { Process } from './lib/process.mjs';
import { System } from './lib/system.mjs';
import { after, before, describe, test } from './lib/test.mjs';
import { Reader, playCuts } from './lib/unaware.mjs';

const PYTHON = '/usr/bin/python3'; // that of Debian, whose packages it sees
const PAUSE_MS = 50;

// A native session, and the tutorial's.
const paths = (name, user) => [`/?user=${user}&device=${name}`, `/?userA=${user}&userB=${name}`];

// npm's ws, until the test ends.
function read(t, url, reader) {
  let socket;
  let ended = false;
  t.after(() => {
    ended = true;
    socket.terminate();
  });
  const open = () => {
    if (ended) return;
    socket = new WebSocket(url);
    socket.on('open', () => reader.opened());
    socket.on('message', (text) => reader.got(text));
    socket.on('error', () => {}); // 'close' follows
    socket.on('close', () => setTimeout(open, PAUSE_MS));
  };
  open();
}

describe('who is cut and comes back misses nothing, and little comes twice', () => {
  let system;
  before(async () => {
    system = await System.start({ gateways: 2, flags: ['--mailbox-max', 100_000] });
  });
  after(() => system?.stop());

  test('the WebSocket of Node', (t) => playCuts(t, system, (base, user) =>
    paths('ws', user).map((path) => {
      const reader = new Reader('ws', path);
      read(t, base + path, reader);
      return reader;
    })));

  test('the websockets of Python', (t) => playCuts(t, system, (base, user) => {
    const all = paths('python', user);
    const readers = all.map((path) => new Reader('websockets', path));
    const script = fileURLToPath(new URL('lib/reader.py', import.meta.url));
    const program = new Process(PYTHON, [script, ...all.map((path) => base + path)], {
      onLine: (line) => {
        const [, number, text] = line.match(/^(\d+) (.*)$/) ?? [];
        if (!number) t.diagnostic(line); // it is in trouble
        else if (text === 'open') readers[number].opened();
        else readers[number].got(text);
      },
    });
    t.after(() => program.kill());
    return readers;
  }));
});
