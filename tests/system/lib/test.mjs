// node:test's test(), with a deadline, and with the gateways' logs when it fails.
import { test as nodeTest } from 'node:test';
import { tails } from './gateway.mjs';
import { DEADLINE } from './wait.mjs';

export { after, afterEach, before, beforeEach, describe } from 'node:test';

export function test(name, body) {
  return nodeTest(name, { timeout: 6 * DEADLINE }, async (t) => {
    try {
      await body(t);
    } catch (error) {
      t.diagnostic(tails());
      throw error;
    }
  });
}
