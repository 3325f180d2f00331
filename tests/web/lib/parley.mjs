// The JavaScript client on npm's ws, for tests.
import WebSocket from 'ws';
import { ParleyError, connect } from '../../../gateway/web/parley.js';
import { DEADLINE, until } from '../../system/lib/wait.mjs';

// Closed when the test ends. `seen` has every event, as [name, event].
export function open(t, options) {
  const parley = connect({ WebSocket, minDelay: 10, maxDelay: 50, ...options });
  parley.seen = [];
  for (const name of ['state', 'message', 'gap', 'typing', 'delivered', 'read', 'presence',
    'reconnect', 'error']) parley.on(name, (event) => parley.seen.push([name, event]));
  t.after(() => parley.close());
  return parley;
}

// The first event of this name that satisfies the predicate, now or when it comes.
export async function event(parley, name, predicate = () => true) {
  const find = () => parley.seen.find(([seen, value]) => seen === name && predicate(value));
  const [, value] = await until(find, DEADLINE,
    () => `${name}; ${JSON.stringify(parley.seen.slice(-10))}`);
  return value;
}

export const online = (parley) => (
  until(() => parley.state === 'online', DEADLINE, 'the connection'));
export const isError = (code) => (error) => error instanceof ParleyError && error.code === code;

// What was shown of messages, in order.
export const contents = (parley) => parley.seen.filter(([name]) => name === 'message')
  .map(([, { content }]) => content);
