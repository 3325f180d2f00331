// The page /demo: opened on gateways, and what has to hold of it whatever it shows.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { uniqueUser } from '../../system/lib/client.mjs';
import { Side } from './side.mjs';

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const axeSource = await readFile(axe, 'utf8');

// The page, with both sides connected. gateways: of the left and of the right side; the page comes
// from the first. Further options are those of Browser.page().
export async function openDemo(t, browser, { gateways, protocol, left = uniqueUser('alice'),
  right = uniqueUser('bob'), ...options }) {
  const page = await browser.page(t, options);
  const query = new URLSearchParams({ left, right });
  for (const { port } of gateways) query.append('gateway', `127.0.0.1:${port}`);
  if (protocol) query.append('protocol', protocol);
  await page.goto(`${gateways[0].http}/demo?${query}`);
  await whenOnline(page);
  return page;
}

// Adds its sides to the page.
export async function whenOnline(page) {
  page.left = new Side(page, 'left');
  page.right = new Side(page, 'right');
  for (const side of [page.left, page.right]) await side.is('online');
}

// Nothing went wrong, nothing is wider than the screen, and axe-core finds nothing.
export async function assertSound(page) {
  assert.deepEqual(page.errors, []);
  const [needed, there] = await page.evaluate(
    () => [document.documentElement.scrollWidth, innerWidth]);
  assert.ok(needed <= there, `${needed} pixels wide on ${there}`);
  await page.evaluate(axeSource);
  const { violations } = await page.evaluate(() => globalThis.axe.run());
  assert.deepEqual(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]), []);
}
