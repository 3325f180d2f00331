// A program in TypeScript that uses the JavaScript client: what it may say, and what it may not.
import { connect, ParleyError } from '../../../gateway/web/parley.js';

const parley = connect({ url: 'ws://127.0.0.1:3000', user: 'alice', device: 'phone' });

const stop: () => void = parley.on('message', ({ sender, content, ts }) => {
  const name: string = sender;
  const when: number | undefined = ts;
  console.log(name, content, when);
});
parley.on('state', ({ state, delay }) => {
  if (state === 'waiting') console.log(delay);
});
parley.on('error', (error: ParleyError) => console.log(error.code));
const { id, online }: { id: string, online?: boolean } = await parley.send('bob', { any: ['JSON'] });
const [{ since }] = await parley.watch(new Set(['bob']));
console.log(id, online, since?.toFixed(), parley.welcome?.gateway);
parley.read('bob', id);
stop();

// @ts-expect-error: a user is needed
connect({ url: 'ws://127.0.0.1:3000' });
// @ts-expect-error: no such event
parley.on('massage', () => {});
// @ts-expect-error: no such state
parley.on('state', ({ state }) => state === 'offline');
// @ts-expect-error: names, not one
parley.typing(['bob']);
