// The page in Chromium: /demo on two real gateways, at the size of a desktop and of a phone.
import assert from 'node:assert/strict';
import { connectUser, uniqueUser } from '../system/lib/client.mjs';
import { Gateway } from '../system/lib/gateway.mjs';
import { System } from '../system/lib/system.mjs';
import { after, before, describe, test } from '../system/lib/test.mjs';
import { Browser, DESKTOP, PHONE, screenshot } from './lib/browser.mjs';
import { assertSound, openDemo } from './lib/demo.mjs';

for (const [size, viewport] of Object.entries({ desktop: DESKTOP, phone: PHONE })) {
  describe(`/demo, ${size}`, () => {
    let system;
    let browser;
    before(async () => {
      [system, browser] = await Promise.all([System.start({ gateways: 2 }), Browser.start()]);
    });
    after(async () => {
      await browser?.stop();
      await system?.stop();
    });

    const demo = (t, options = {}) => (
      openDemo(t, browser, { gateways: system.gateways, viewport, ...options }));
    const keep = (page, name) => screenshot(page, `demo-${size}-${name}`, { fullPage: true });

    test('native protocol: both ways, with what the gateways answer', async (t) => {
      const page = await demo(t,
        { left: 'alice', right: `bob {${size}}`, reducedMotion: 'no-preference' });
      assert.match(await page.left.part('state').innerText(), /^connected to g1-[0-9a-f]+$/);
      assert.match(await page.right.part('state').innerText(), /^connected to g2-[0-9a-f]+$/);
      await page.left.peerIs('online');
      await page.right.peerIs('online');
      await keep(page, 'empty');

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
      await keep(page, 'native');
    });

    test('original contract: both ways, and it says what it cannot know', async (t) => {
      const page = await demo(t, { protocol: 'original' });
      assert.equal(await page.left.part('state').innerText(),
        `connected to 127.0.0.1:${system.gateways[0].port}; this contract names no gateway`);
      assert.match(await page.left.part('peer').innerText(), /knows no presence/);
      await page.left.say('hello');
      await page.right.hears('hello');
      await page.right.say('hello yourself');
      await page.left.hears('hello yourself');
      await page.left.mine('hello', 'arrived').waitFor();
      for (const side of [page.left, page.right]) assert.equal(await side.bubbles.count(), 2);
      await assertSound(page);
      await keep(page, 'original');
    });

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
      await keep(page, 'offline');
      await page.right.part('leave').click();
      await page.left.peerIs('online');
      await page.right.is('online');
      await page.right.hears('anybody?');
      await page.left.mine('anybody?', 'arrived').waitFor();
      await page.left.say('and now?');
      await page.right.hears('and now?');
      assert.equal(await page.right.bubbles.count(), 3);
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
      await keep(page, 'gap');
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
        await assertSound(page);
        await keep(page, `killed-${protocol}`);
        const again = await Gateway.start({ redis: system.redis, port: doomed.port });
        t.after(() => again.stop());

        await page.left.is('online');
        if (protocol === 'native') await page.right.hears('meanwhile');
        await page.left.say('after');
        await page.right.hears('after');
        await page.right.say('after, too');
        await page.left.hears('after, too');
        // What the broken connection had not acknowledged has come again, and is not shown again.
        assert.equal(await page.left.bubbles.count(), 5);
        assert.equal(await page.right.bubbles.count(), protocol === 'native' ? 5 : 4);
        await assertSound(page);
      });
    }

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
      await assertSound(page);
    });

    test('the longest names and long words stay within the screen', async (t) => {
      const page = await demo(t, { left: 'W'.repeat(128), right: '网'.repeat(42) });
      await page.left.peerIs('online');
      await page.left.say('m'.repeat(300));
      await page.right.hears('m'.repeat(300));
      await page.left.mine('mmm', 'arrived').waitFor();
      await page.right.say('short');
      await page.left.hears('short');
      await keep(page, 'long');
      await assertSound(page);
      // Nor is anything cut off at a side, or only there for who scrolls sideways.
      const wide = await page.evaluate(() => [...document.querySelectorAll('.log, .frames, .pane')]
        .filter(({ scrollWidth, clientWidth }) => scrollWidth > clientWidth)
        .map(({ className }) => className));
      assert.deepEqual(wide, []);
    });
  });
}
