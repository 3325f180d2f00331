// node tests/joining.mjs [--rate N] [--stored N] [--joins N]: how long it takes to join a mailbox into
// which N messages a second (10000) are written, with N stored (10000). Each of N joins (9) is that of
// a new device, which begins at the beginning. Prints a line for each, and the medians; see
// docs/performance.md.
import { parseArgs } from 'node:util';
import WebSocket from 'ws';
import { connectUser } from './system/lib/client.mjs';
import { System } from './system/lib/system.mjs';
import { DEADLINE, until, within } from './system/lib/wait.mjs';

const BATCH = 100; // messages a frame
const CONTENT = 'x'.repeat(100);
const LIVE_MS = 20; // old at most is a message that was not waited for

const { values } = parseArgs({
  options: {
    rate: { type: 'string', default: '10000' },
    stored: { type: 'string', default: '10000' },
    joins: { type: 'string', default: '9' },
  },
});
const [rate, stored, joins] = [values.rate, values.stored, values.joins].map(Number);
const median = (numbers) => [...numbers].sort((a, b) => a - b)[Math.floor(numbers.length / 2)];

// Sends as many a second, however late its timer is.
function stream(sender, receiverID) {
  const frame = JSON.stringify(Array(BATCH).fill({ receiverID, content: CONTENT }));
  const begin = performance.now();
  let sent = 0;
  return setInterval(() => {
    while (sent < (performance.now() - begin) * rate / 1000) {
      sender.socket.send(frame);
      sent += BATCH;
    }
  }, 5);
}

// Resolves with the milliseconds from connecting until the welcome, until everything that was stored
// when it connected was there, and until messages came as they were sent; and how many came by then.
function join(gateway, user, device) {
  const [begin, since] = [performance.now(), Date.now()];
  const socket = new WebSocket(`${gateway.url}/?user=${user}&device=${device}`);
  const times = { messages: 0 };
  return within(new Promise((resolve, reject) => {
    socket.on('error', reject);
    socket.on('message', (data) => {
      const [, ts] = data.toString('latin1', 0, 80).match(/^\{"type":"message",.*"ts":(\d+),/) ?? [];
      const now = performance.now() - begin;
      if (ts === undefined) return void (times.welcome ??= now);
      times.messages++;
      if (ts >= since) times.caughtUp ??= now;
      if (Date.now() - ts > LIVE_MS) return;
      socket.terminate();
      resolve({ ...times, live: now });
    });
  }), DEADLINE, 'messages that come as they are sent');
}

const system = await System.start({ gateways: 2, flags: ['--mailbox-max', stored] });
try {
  const [one, two] = system.gateways;
  const sender = await connectUser(one, 'alice');
  const timer = stream(sender, 'bob');
  const isFull = async () => await system.redis.command('XLEN', 'parley:mailbox:{bob}') >= stored;
  await until(isFull, 10 * DEADLINE, 'the mailbox to be full');
  const all = [];
  for (let number = 0; number < joins; number++) {
    all.push(await join(two, 'bob', `device-${number}`));
    console.log(JSON.stringify(all.at(-1)));
  }
  clearInterval(timer);
  for (const name of Object.keys(all[0])) {
    console.log(`${name} ${median(all.map((times) => times[name])).toFixed(1)}`);
  }
  sender.socket.terminate();
} finally {
  await system.stop();
}
