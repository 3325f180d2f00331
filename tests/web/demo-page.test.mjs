// The page in Chromium: what is in its address, its languages, the keyboard, what it says of the wire
// and of gateways with other settings. At the size of a desktop.
import assert from 'node:assert/strict';
import { connectPair, connectUser, uniqueUser } from '../system/lib/client.mjs';
import { freePort } from '../system/lib/redis.mjs';
import { System } from '../system/lib/system.mjs';
import { after, before, describe, test } from '../system/lib/test.mjs';
import { DEADLINE, until } from '../system/lib/wait.mjs';
import { Browser, screenshot } from './lib/browser.mjs';
import { assertSound, openDemo, whenOnline } from './lib/demo.mjs';

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

  const demo = (t, options = {}) => openDemo(t, browser, { gateways: system.gateways, ...options });
  const places = (page) => page.locator('.place').allInnerTexts();

  test('one gateway in the address, as quickstart prints it: the right side is there', async (t) => {
    const [one, two] = system.gateways;
    const page = await browser.page(t);
    await page.goto(`${one.http}/demo?gateway=127.0.0.1:${two.port}`);
    await whenOnline(page);
    for (const [side, name, { port }, id] of [[page.left, 'a', one, 'g1'],
      [page.right, 'b', two, 'g2']]) {
      assert.equal(await side.part('name').inputValue(), name);
      assert.equal(await side.part('gateway').inputValue(), `127.0.0.1:${port}`);
      assert.match(await side.part('state').innerText(), new RegExp(`^connected to ${id}-`));
    }
    await page.left.say('hello');
    await page.right.hears('hello');
    await page.right.say('hello yourself');
    await page.left.hears('hello yourself');
    assert.deepEqual(page.errors, []);
  });

  test('/ is the page for a browser, and both sides are on the gateway that it came from',
    async (t) => {
      const page = await browser.page(t);
      await page.goto(`${system.gateways[1].http}/`);
      await whenOnline(page);
      for (const side of [page.left, page.right]) {
        assert.match(await side.part('state').innerText(), /^connected to g2-/);
      }
      assert.deepEqual(page.errors, []);
    });

  test('a side whose gateway is killed goes on at another one behind the same port', async (t) => {
    const port = await freePort();
    const flags = ['--listen', '127.0.0.1', '--reuse-port'];
    const shared = [await system.addGateway([...flags, '--id', 's1'], { port }),
      await system.addGateway([...flags, '--id', 's2'], { port })];
    const page = await demo(t, { gateways: [system.gateways[0], shared[0]] });
    const name = async () => (await page.right.part('state').innerText()).match(/ (s\d)-/)[1];
    const before = await name();
    await page.left.say('before');
    await page.right.hears('before');

    await shared[before === 's1' ? 0 : 1].kill();
    await page.right.is('waiting');
    await page.left.say('meanwhile');
    await page.right.is('online');
    assert.equal(await name(), before === 's1' ? 's2' : 's1');
    await page.right.hears('meanwhile');
    await page.right.say('after');
    await page.left.hears('after');
    assert.equal(await page.right.bubbles.count(), 3);
    assert.deepEqual(page.errors, []);
  });

  test('another window of the same person shows what was sent here, once', async (t) => {
    const names = { left: uniqueUser('alice'), right: uniqueUser('bob') };
    const [page, other] = [await demo(t, names), await demo(t, names)];
    await page.left.say('from one window');
    await page.left.mine('from one window', 'arrived').waitFor();
    await other.left.mine('from one window', 'arrived').waitFor();
    const seen = await places(other);
    assert.ok(seen.includes(`parley:user:{${names.left}}`), `${seen}`);

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

  test('the wire: what a message does in Redis, and what came from a mailbox', async (t) => {
    const [left, right] = [uniqueUser('alice'), uniqueUser('bob')];
    const before = await connectUser(system.gateways[0], left);
    before.send({ receiverID: right, content: 'while you were away', ref: 'early' });
    await before.next(({ ref }) => ref === 'early');
    await before.end();
    const page = await demo(t, { left, right });
    await page.right.hears('while you were away');
    await page.left.say('now');
    await page.right.hears('now');
    await page.left.mine('now', 'arrived').waitFor();
    const row = async (text) => page.locator('.frames li')
      .filter({ has: page.getByText(text) }).locator('.place').allInnerTexts();
    assert.deepEqual(await row(/"message".*"while you were away"/),
      [`XRANGE parley:mailbox:{${left}}`, `XRANGE parley:mailbox:{${right}}`]); // a copy, and it
    assert.deepEqual(await row(/"message".*"now"/), [`parley:user:{${right}}`]);
    assert.deepEqual(await row(/^.{1,40}"content":"now"/), [
      `XADD parley:mailbox:{${right}}`, `PUBLISH parley:user:{${right}}`,
      `XADD parley:mailbox:{${left}}`, `PUBLISH parley:user:{${left}}`]);
  });

  test('the wire of the original contract knows what is old by its time', async (t) => {
    const [left, right] = [uniqueUser('alice'), uniqueUser('bob')];
    const pair = await connectPair(system.gateways[0], left, right);
    await pair.end();
    const writer = await connectUser(system.gateways[0], left);
    writer.send({ receiverID: right, content: 'while you were away', ref: 'early' });
    await writer.next(({ ref }) => ref === 'early');
    await writer.end();
    const page = await demo(t, { left, right, protocol: 'original' });
    await page.right.hears('while you were away');
    await page.right.say('now');
    await page.left.hears('now');
    const seen = await places(page);
    for (const place of [`XRANGE parley:mailbox:{${right}}`, `parley:user:{${left}}`]) {
      assert.ok(seen.includes(place), `${place} is not in ${seen}`);
    }
  });

  test('live delivery with another prefix: nothing is said to be stored', async (t) => {
    const flags = ['--delivery', 'live', '--prefix', 'elsewhere'];
    const live = await system.addGateway(flags);
    const page = await demo(t, { gateways: [live, live], left: 'a', right: 'b' });
    await page.left.peerIs('online');
    await page.left.say('hello');
    await page.right.hears('hello');
    await page.left.mine('hello', 'arrived').waitFor();
    const seen = await places(page);
    assert.ok(seen.includes('PUBLISH elsewhere:user:{b}'), `${seen}`);
    assert.deepEqual(seen.filter((place) => /XADD|XRANGE|parley:/.test(place)), []);
    await page.right.part('leave').click();
    await page.left.peerIs('closed');
    await page.left.say('anybody?');
    await page.left.mine('anybody?', 'failed').waitFor();
    assert.match(await page.left.mine('anybody?', 'failed').innerText(), /lost: nobody was there/);
    assert.doesNotMatch(await page.left.root.innerText(), /stored|mailbox/);
    assert.deepEqual(page.errors, []);
  });

  test('a screen reader says each message once, and not every pause in typing', async (t) => {
    const page = await demo(t);
    await page.left.peerIs('online');
    await page.left.say('read me');
    await page.right.hears('read me');
    await page.left.mine('read me', 'arrived').waitFor();
    // Whether changes in it are read out of their own accord: as it says, or the nearest around it.
    const liveness = (locator) => locator.evaluate((element) => {
      const region = element.closest('[aria-live], [role=log], [role=status]');
      return region.ariaLive ?? 'polite'; // as these two roles are
    });
    assert.equal(await liveness(page.left.part('log')), 'polite');
    assert.equal(await liveness(page.right.bubbles.first()), 'polite');
    assert.equal(await liveness(page.left.bubbles.first()), 'off');
    assert.equal(await liveness(page.left.part('state')), 'polite');
    assert.equal(await liveness(page.left.part('peer')), 'polite');
    await page.right.part('text').pressSequentially('x');
    await page.left.peerIs('typing');
    assert.equal(await liveness(page.left.part('peer')), 'off');
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
    await screenshot(page, 'demo-chinese-dark');
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
    await page.left.root.getByText(/names no gateway/).waitFor();
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
