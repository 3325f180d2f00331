// Waiting for a condition, never for a time.
import { setTimeout as delay } from 'node:timers/promises';

// How long anything may take before a test fails, in milliseconds. PARLEY_SLOW=1 is for sanitizers
// and busy machines.
export const SLOWNESS = process.env.PARLEY_SLOW === '1' ? 3 : 1;
export const DEADLINE = 10_000 * SLOWNESS;

const POLL_MS = 5;

// Resolves with the condition's first truthy value; `condition` may be asynchronous, and what it
// throws is thrown. `what` completes the sentence "waited N ms for …"; it may be a function.
export async function until(condition, deadline, what) {
  const end = performance.now() + deadline;
  for (;;) {
    const value = await condition();
    if (value) return value;
    if (performance.now() >= end) throw expired(deadline, what);
    await delay(POLL_MS);
  }
}

// The promise's own outcome, or an error after `deadline` milliseconds.
export async function within(promise, deadline, what) {
  const timer = new AbortController();
  const tooLate = delay(deadline, undefined, { signal: timer.signal })
    .then(() => { throw expired(deadline, what); });
  tooLate.catch(() => {}); // aborted, or lost the race
  try {
    return await Promise.race([promise, tooLate]);
  } finally {
    timer.abort();
  }
}

function expired(deadline, what) {
  return new Error(`waited ${deadline} ms for ${typeof what === 'function' ? what() : what}`);
}
