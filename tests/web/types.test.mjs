// The types of the JavaScript client, as TypeScript reads them from its comments.
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { run } from '../system/lib/process.mjs';
import { test } from '../system/lib/test.mjs';
import { DEADLINE } from '../system/lib/wait.mjs';

const tsc = fileURLToPath(new URL('../node_modules/typescript/bin/tsc', import.meta.url));
const project = fileURLToPath(new URL('types', import.meta.url));

test('parley.js is sound under strict rules, and so is a program that uses it', async () => {
  const { code, stdout } = await run(process.execPath, [tsc, '-p', project],
    { deadline: 4 * DEADLINE });
  assert.equal(code, 0, stdout);
});
