// How long things may take by design, in milliseconds: what the checker judges by. Nothing here is
// measured; a bound that does not hold is a bug of the gateway, or of docs/architecture.md.
import { SLOWNESS } from '../wait.mjs';

const BEAT = 3000;
const BACKOFF = 2000; // the longest between two attempts to reach Redis

// What is done at once, by programs that wait for a processor: a script, a push, a frame.
export const SPARE = 1000 + 1000 * SLOWNESS;

// A lease lasts 10 s, and so does the claim of who cleans up after a dead one. For as long a
// gateway cleans up after nobody when it was away itself.
export const LEASE = 10_000;

// For so long a lease lasts surely: just before it is renewed a beat of it is gone.
export const HOLD = LEASE - BEAT;

// After an outage a lease is renewed once a connection is made anew. Until then it only runs down.
export const RENEWED = BACKOFF + SPARE;

// After an outage of its own a gateway has told its watchers all that it missed, registered its
// sessions again, and cleaned up after its former incarnation. A connection that leads nowhere is
// noticed by a beat and the wait for it, and made anew.
export const HEALED = 2 * BEAT + RENEWED;

// Where Redis may have lost data, who is gone without a trace is doubted for a lease before watchers
// are told: until then every gateway must be back that lives.
export const DOUBTED = LEASE;

// After a gateway's death, or the end of what kept the others from noticing: its lease (or the
// claim, or the caution) ends, one beat notices, and its users are cleaned up. 15 s.
export const BURIED = LEASE + BEAT + SPARE;
