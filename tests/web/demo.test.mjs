// The page in Chromium: /demo on two real gateways, at the size of a desktop and of a phone.
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { createRequire } from 'node:module';
import { connectUser, uniqueUser } from '../system/lib/client.mjs';
import { Gateway } from '../system/lib/gateway.mjs';
import { System } from '../system/lib/system.mjs';
import { after, before, describe, test } from '../system/lib/test.mjs';
import { DEADLINE, until } from '../system/lib/wait.mjs';
import { Browser, DESKTOP, PHONE, screenshot } from './lib/browser.mjs';
import { Side } from './lib/side.mjs';

const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');
const axeSource = await readFile(axe, 'utf8');
const SIZES = { desktop: DESKTOP, phone: PHONE };

describe('/demo', () => {
  let system;
  let browser;
  before(async () => {
    [system, browser] = await Promise.all([System.start({ gateways: 2 }), Browser.start()]);
  });
  after(async () => {
    await browser?.stop();
    await system?.stop();
  });

  // The page, with both sides connected. gateways: of the left and of the right side.
  async function demo(t, { gateways = system.gateways, protocol, left = uniqueUser('alice'),
    right = uniqueUser('bob'), ...options } = {}) {
    const page = await browser.page(t, options);
    const query = new URLSearchParams({ left, right });
    for (const { port } of gateways) query.append('gateway', `127.0.0.1:${port}`);
    if (protocol) query.append('protocol', protocol);
    await page.goto(`${system.gateways[0].http}/demo?${query}`);
    page.left = new Side(page, 'left');
    page.right = new Side(page, 'right');
    for (const side of [page.left, page.right]) await side.is('online');
    return page;
  }

  async function assertSound(page) {
    assert.deepEqual(page.errors, []);
    const [needed, there] = await page.evaluate(
      () => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(needed <= there, `${needed} pixels wide on ${there}`);
    await page.evaluate(axeSource);
    const { violations } = await page.evaluate(() => globalThis.axe.run());
    assert.deepEqual(violations.map(({ id, nodes }) => [id, nodes.map(({ html }) => html)]), []);
  }

  for (const [size, viewport] of Object.entries(SIZES)) {
    test(`${size}, native protocol: both ways, with what the gateways answer`, async (t) => {
      const page = await demo(t,
        { viewport, left: 'alice', right: `bob {${size}}`, reducedMotion: 'no-preference' });
      assert.match(await page.left.part('state').innerText(), /^connected to g1-[0-9a-f]+$/);
      assert.match(await page.right.part('state').innerText(), /^connected to g2-[0-9a-f]+$/);
      await page.left.peerIs('online');
      await page.right.peerIs('online');
      await screenshot(page, `demo-${size}-empty`, { fullPage: true });

      await page.left.say('Hello Bob, are you on the other gateway?');
      await page.right.hears('Hello Bob, are you on the other gateway?');
      await page.right.say('I am. It makes no difference.');
      await page.left.hears('I am. It makes no difference.');
      await page.left.mine('Hello Bob', 'arrived').waitFor();
      await page.right.mine('I am.', 'arrived').waitFor();
      await page.right.part('text').pressSequentially('One more');
      await page.left.peerIs('typing');

      const places = await page.locator('.place').allInnerTexts();
      for (const place of ['PUBLISH parley:user:{alice}', 'parley:user:{alice}',
        `XADD parley:mailbox:{bob%20%7B${size}%7D}`, 'SUBSCRIBE parley:presence-events:{alice}']) {
        assert.ok(places.includes(place), `${place} is not in ${places}`);
      }
      assert.match(await page.locator('#path').innerText(),
        /alice\s+g1-\w+\s+Redis\s+g2-\w+\s+bob/);
      await assertSound(page);
      await screenshot(page, `demo-${size}-native`, { fullPage: true });
    });

    test(`${size}, original contract: both ways, and it says what it cannot know`, async (t) => {
      const page = await demo(t, { viewport, protocol: 'original' });
      assert.match(await page.left.part('state').innerText(), /does not tell to which gateway/);
      assert.match(await page.left.part('peer').innerText(), /knows no presence/);
      await page.left.say('hello');
      await page.right.hears('hello');
      await page.right.say('hello yourself');
      await page.left.hears('hello yourself');
      await page.left.mine('hello', 'arrived').waitFor();
      for (const side of [page.left, page.right]) assert.equal(await side.bubbles.count(), 2);
      await assertSound(page);
      await screenshot(page, `demo-${size}-original`, { fullPage: true });
    });
  }

  test('who leaves is offline; what is written meanwhile waits in the mailbox', async (t) => {
    const page = await demo(t);
    await page.left.peerIs('online');
    await page.right.part('leave').click();
    await page.right.is('closed');
    await page.left.peerIs('closed');
    assert.match(await page.left.part('peer').innerText(), /is offline since \d\d:\d\d:\d\d$/);
    await page.left.say('anybody?');
    await page.left.mine('anybody?', 'stored').waitFor();
    assert.match(await page.left.mine('anybody?', 'stored').innerText(), /mailbox/);
    await page.right.say('not connected');
    await page.right.mine('not connected', 'failed').waitFor();
    await assertSound(page);
    await screenshot(page, 'demo-offline');
    await page.right.part('leave').click();
    await page.left.peerIs('online');
    await page.right.is('online');
    await page.right.hears('anybody?');
    await page.left.mine('anybody?', 'arrived').waitFor();
    await page.left.say('and now?');
    await page.right.hears('and now?');
    assert.equal(await page.right.bubbles.count(), 3);
  });

  test('another window of the same person shows what was sent here, once', async (t) => {
    const names = { left: uniqueUser('alice'), right: uniqueUser('bob') };
    const [page, other] = [await demo(t, names), await demo(t, names)];
    await page.left.say('from one window');
    await page.left.mine('from one window', 'arrived').waitFor();
    await other.left.mine('from one window', 'arrived').waitFor();
    const places = await other.locator('.place').allInnerTexts();
    assert.ok(places.includes(`parley:user:{${names.left}}`), `${places}`);

    for (const side of [page.left, other.left]) {
      await side.part('leave').click();
      await side.is('closed');
      await side.part('leave').click();
      await side.is('online');
    }
    await page.right.say('the end');
    for (const { left } of [page, other]) {
      await left.hears('the end');
      assert.equal(await left.bubbles.count(), 2);
    }
    await assertSound(other);
  });

  test('messages that are missing leave a line', async (t) => {
    const small = await system.addGateway(['--mailbox-max', 5]);
    await system.redis.command('CONFIG', 'SET', 'stream-node-max-entries', 5); // it is trimmed so
    const page = await demo(t, { gateways: [small, small] });
    await page.left.say('before');
    await page.right.hears('before');
    await page.right.part('leave').click();
    await page.right.is('closed');
    const writer = await connectUser(small, uniqueUser('writer'));
    const receiverID = await page.right.part('name').inputValue();
    writer.send(Array.from({ length: 50 }, () => ({ receiverID, content: 'flood' })));
    writer.send({ receiverID, content: 'behind', ref: 'last' });
    await writer.next(({ ref }) => ref === 'last');
    await page.right.part('leave').click();
    await page.right.root.locator('.missing').waitFor();
    await page.right.hears('behind');
    await assertSound(page);
    await screenshot(page, 'demo-gap');
  });

  for (const protocol of ['native', 'original']) {
    test(`${protocol}: a gateway is killed in mid-conversation`, async (t) => {
      const doomed = await system.addGateway();
      const page = await demo(t, { gateways: [doomed, system.gateways[1]], protocol });
      await page.left.say('before');
      await page.right.hears('before');
      await page.right.say('before, too');
      await page.left.hears('before, too');

      await doomed.kill();
      await page.left.is('waiting');
      await page.left.say('meanwhile');
      await page.left.mine('meanwhile', protocol === 'native' ? 'pending' : 'failed').waitFor();
      if (protocol === 'native') await assertSound(page);
      await screenshot(page, `demo-killed-${protocol}`);
      const again = await Gateway.start({ redis: system.redis, port: doomed.port });
      t.after(() => again.stop());

      await page.left.is('online');
      if (protocol === 'native') await page.right.hears('meanwhile');
      await page.left.say('after');
      await page.right.hears('after');
      await page.right.say('after, too');
      await page.left.hears('after, too');
      assert.deepEqual(page.errors, []);
    });
  }

  test('a side moves to another gateway, and goes on', async (t) => {
    const page = await demo(t, { gateways: [system.gateways[0], system.gateways[0]] });
    await page.right.part('gateway').fill(`127.0.0.1:${system.gateways[1].port}`);
    await page.right.part('gateway').press('Enter');
    await page.right.root.getByText(/^connected to g2-/).waitFor();
    await page.left.say('hello over there');
    await page.right.hears('hello over there');
    await page.reload();
    await page.right.root.getByText(/^connected to g2-/).waitFor();

    await page.right.part('gateway').fill('no host/at all');
    await page.right.part('gateway').press('Enter');
    assert.equal(await page.right.part('gateway').getAttribute('aria-invalid'), 'true');
    await page.right.is('online');
  });

  test('markup in names and content stays text', async (t) => {
    const markup = '<img src=x onerror="document.title=1"><script>document.title=2</script>';
    const page = await demo(t, { left: `<b>${uniqueUser('a')}</b>`, right: '<u>b</u>&lt;' });
    await page.left.say(markup);
    await page.right.hears(markup);
    await page.left.part('name').fill(`"><i>${uniqueUser('i')}</i>`);
    await page.left.part('name').press('Enter');
    await page.left.is('online');
    await page.right.is('online');
    assert.equal(await page.left.bubbles.count(), 0); // other people, another conversation
    await page.left.say(markup);
    await page.right.hears(markup);
    const texts = page.locator('.log, .frames, .path, .line');
    assert.equal(await texts.locator('img, script, b, u, i').count(), 0);
    assert.equal(await page.title(), 'Parley: two people, one Redis');
    assert.deepEqual(page.errors, []);
  });

  test('names: two different ones, of a length that gateways take', async (t) => {
    const page = await demo(t, { right: 'somebody' });
    for (const name of ['somebody', '', 'ü'.repeat(65)]) {
      await page.left.part('name').fill(name);
      await page.left.part('name').press('Enter');
      assert.equal(await page.left.part('name').getAttribute('aria-invalid'), 'true');
    }
    assert.match(await page.url(), /left=alice/);
  });

  test('Chinese by the browser\'s language, dark by its colours', async (t) => {
    const page = await demo(t, { locale: 'zh-CN', colorScheme: 'dark', left: 'a', right: 'b' });
    assert.equal(await page.locator('html').getAttribute('lang'), 'zh');
    assert.match(await page.left.part('state').innerText(), /^已连接到 g1-/);
    await page.left.peerIs('online');
    await page.left.say('你好');
    await page.right.hears('你好');
    await page.left.mine('你好', 'arrived').waitFor();
    for (const text of await page.locator('[data-text], [data-label]').allInnerTexts()) {
      assert.doesNotMatch(text, /\b(Send|Name|Gateway|Leave|Clear|wire)\b/);
    }
    await assertSound(page);
    await screenshot(page, 'demo-desktop-chinese-dark');
  });

  test('the keyboard alone is enough', async (t) => {
    const page = await demo(t, { left: 'kate', right: 'karl' });
    const focused = () => page.evaluate(() => {
      const { ariaLabel, value, textContent } = document.activeElement;
      return ariaLabel || value || textContent;
    });
    const order = [];
    for (let presses = 0; presses < 14; presses++) {
      await page.keyboard.press('Tab');
      order.push(await focused());
    }
    const [one, two] = system.gateways.map(({ port }) => `127.0.0.1:${port}`);
    assert.deepEqual(order, ['native',
      'kate', one, 'Leave', 'What kate sees', 'Message to karl', 'Send',
      'karl', two, 'Leave', 'What karl sees', 'Message to kate', 'Send', 'Clear']);

    for (let presses = 0; presses < 2; presses++) await page.keyboard.press('Shift+Tab');
    await page.keyboard.type('typed');
    await page.keyboard.press('Enter');
    await page.left.hears('typed');
    assert.equal(await focused(), 'Message to kate'); // and the next one can be typed
    await page.locator('input[value=native]').focus();
    await page.keyboard.press('ArrowRight');
    await page.left.root.getByText(/does not tell/).waitFor();
  });

  test('nothing moves for who wants less motion', async (t) => {
    const page = await demo(t);
    await page.left.say('calm');
    await page.right.hears('calm');
    assert.equal(await page.evaluate(() => document.getAnimations().length), 0);
  });

  test('a gateway that hides who is online says so', async (t) => {
    const discreet = await system.addGateway(['--presence', 'off']);
    const page = await demo(t, { gateways: [discreet, discreet] });
    await page.left.root.getByText(/presence is switched off/).waitFor();
    await page.left.say('hello');
    await page.right.hears('hello');
    assert.deepEqual(page.errors, []);
  });

  test('/ is the page for a browser', async (t) => {
    const page = await browser.page(t);
    await page.goto(`${system.gateways[0].http}/`);
    await new Side(page, 'left').is('online');
    assert.deepEqual(page.errors, []);
  });

  test('/parley.js in a page', async (t) => {
    const page = await browser.page(t);
    await page.goto(`${system.gateways[0].http}/healthz`); // any page, with no policy of its own
    const { url } = system.gateways[1];
    const [sent, frame] = await page.evaluate(async (other) => {
      const { connect } = await import('/parley.js');
      const alice = connect({ url: location.origin, user: 'alice-in-a-page' });
      const bob = connect({ url: other, user: 'bob-in-a-page' });
      const arrived = new Promise((resolve) => {
        bob.on('message', () => { throw new Error('a listener of its own'); });
        bob.on('message', resolve);
      });
      await bob.presence(['bob-in-a-page']);
      return [await alice.send('bob-in-a-page', 'hi'), await arrived];
    }, url);
    assert.equal(frame.content, 'hi');
    assert.equal(frame.id, sent.id);
    assert.equal(sent.online, true);
    await until(() => page.errors.length > 0, DEADLINE, 'the exception'); // its own matter
    assert.deepEqual(page.errors, ['a listener of its own']);
  });
});
