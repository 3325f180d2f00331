// A page with nothing but the browser's WebSocket, cut without warning and connected again, as the
// clients of tests/system/unaware-clients.test.mjs.
import { System } from '../system/lib/system.mjs';
import { after, before, describe, test } from '../system/lib/test.mjs';
import { Reader, playCuts } from '../system/lib/unaware.mjs';
import { Browser } from './lib/browser.mjs';

// In the page, where opened() and got() lead to a Reader.
function read(url) {
  const socket = new WebSocket(url);
  socket.onopen = () => window.opened();
  socket.onmessage = ({ data }) => window.got(data);
  socket.onclose = () => setTimeout(read, 50, url);
}

describe('a page that is cut and comes back misses nothing, and little comes twice', () => {
  let system;
  let browser;
  before(async () => {
    [system, browser] = await Promise.all([
      System.start({ gateways: 2, flags: ['--mailbox-max', 100_000] }), Browser.start()]);
  });
  after(async () => {
    await browser?.stop();
    await system?.stop();
  });

  test("the browser's WebSocket", (t) => playCuts(t, system, (base, user) =>
    Promise.all([`/?user=${user}&device=page`, `/?userA=${user}&userB=page`].map(async (path) => {
      const reader = new Reader('page', path);
      const page = await browser.page(t);
      await page.exposeFunction('opened', () => reader.opened());
      await page.exposeFunction('got', (text) => reader.got(text));
      await page.goto(`${system.gateways[0].http}/healthz`);
      await page.evaluate(`window.read = ${read}; read(${JSON.stringify(base + path)})`);
      return reader;
    }))));
});
