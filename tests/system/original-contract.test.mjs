// The clients of the tutorial that this gateway grew from go on working, unchanged.
import assert from 'node:assert/strict';
import {
  connect, connectPair, connectUser, expectNothingBefore, refusal, uniqueUser,
} from './lib/client.mjs';
import { System } from './lib/system.mjs';
import { after, before, describe, test } from './lib/test.mjs';
import { DEADLINE, until } from './lib/wait.mjs';

// The page of the tutorial: one socket for two people, who sit side by side. The left list is also
// the transcript: what either side sends is pushed to it, and the whole list is sent each time. A
// received line goes to the list of its receiver, so lines come back into the transcript with
// `receiver` in the place of `receiverID`, and others stand in it twice.
class TutorialPage {
  static async open(gateway, a, b) {
    return new TutorialPage(await connectPair(gateway, a, b), a, b);
  }

  constructor(client, a, b) {
    this.client = client;
    this.a = a;
    this.b = b;
    this.transcript = []; // the left list
    this.right = [];
    this.shown = { left: [], right: [] }; // as sender:content
    client.socket.on('message', (data) => this.#receive(JSON.parse(data)));
  }

  sendLeft(content) {
    this.#send({ sender: this.a, content, receiverID: this.b });
  }

  sendRight(content) {
    this.#send({ sender: this.b, content, receiverID: this.a });
  }

  #send(message) {
    this.transcript.push(message);
    this.client.send(this.transcript);
  }

  #receive({ sender, content, receiver }) {
    if (receiver === this.a) {
      this.transcript.push({ sender, content, receiver });
      this.shown.left.push(`${sender}:${content}`);
    } else if (receiver === this.b) {
      this.right.push({ sender, content, receiver });
      this.shown.right.push(`${sender}:${content}`);
    }
  }
}

describe('the original contract', () => {
  let system;
  let one;
  let two;
  before(async () => {
    system = await System.start({ gateways: 2 });
    [one, two] = system.gateways;
  });
  after(() => system?.stop());

  function pairOfIds() {
    return [uniqueUser('a'), uniqueUser('b')];
  }

  for (const [where, second] of [['one gateway', () => one], ['two gateways', () => two]]) {
    test(`two people chat with the tutorial's page on ${where}`, async () => {
      const [a, b] = pairOfIds();
      const left = await TutorialPage.open(one, a, b);
      const right = await TutorialPage.open(second(), a, b);
      const pages = [left, right];
      const said = { left: [], right: [] };

      for (let turn = 1; turn <= 10; turn++) {
        left.sendLeft(`to b, ${turn}`);
        said.right.push(`${a}:to b, ${turn}`);
        await arrived();
        right.sendRight(`to a, ${turn}`);
        said.left.push(`${b}:to a, ${turn}`);
        await arrived();
      }
      for (const page of pages) assert.deepEqual(page.shown, said);

      // Each page shows each line once, however often the transcript carried it.
      function arrived() {
        return until(() => pages.every((page) => page.shown.left.length >= said.left.length
          && page.shown.right.length >= said.right.length), DEADLINE, 'both pages to show it');
      }
    });
  }

  test('one page speaks for both of its people', async () => {
    const [a, b] = pairOfIds();
    const page = await TutorialPage.open(one, a, b);

    page.sendLeft('hello b');
    assert.equal((await page.client.next()).receiver, b);
    page.sendRight('hello a');
    assert.equal((await page.client.next()).receiver, a);
    assert.deepEqual(page.shown, { left: [`${b}:hello a`], right: [`${a}:hello b`] });
  });

  test('only the last element of an array is new, whatever the others are', async () => {
    const [a, b] = pairOfIds();
    const pair = await connectPair(one, a, b);
    const earlier = [
      null, 1, 'text', [], [[{}]], {}, { receiverID: 7 }, { sender: 'mallory', receiverID: b },
      { type: 'typing' }, { type: 'nonsense' }, { receiverID: b, receiver: a, content: 'both' },
      { sender: a, sender_: 1, content: 'old', receiverID: b },
    ];

    pair.send([...earlier, { sender: a, content: 'new', receiverID: b }]);
    assert.equal((await pair.next()).content, 'new');
    const doubled = `{"receiverID":"${b}","receiverID":"${b}"}`;
    pair.send(`[${doubled}, {"receiverID":"${b}","content":"last"}]`);
    assert.equal((await pair.next()).content, 'last');
    await expectNothingBefore(pair, pair, b);
  });

  test('an array of one, a lone object, and a missing sender', async () => {
    const [a, b] = pairOfIds();
    const pair = await connectPair(one, a, b);

    pair.send([{ sender: b, content: 'array of one', receiverID: a }]);
    assert.equal((await pair.next()).sender, b);
    pair.send({ sender: b, content: 'lone object', receiverID: a });
    assert.equal((await pair.next()).content, 'lone object');
    pair.send([{ content: 'no sender', receiverID: b }]);
    assert.equal((await pair.next()).sender, a, 'a missing sender is userA');
    pair.send({ content: 'receiver is receiverID too', receiver: b });
    assert.equal((await pair.next()).receiver, b);
  });

  test('what is received has sender, content and receiver', async () => {
    const [a, b] = pairOfIds();
    const pair = await connectPair(one, a, b);
    pair.send([{ sender: a, content: 'hello', receiverID: b }]);
    const { sender, content, receiver } = await pair.next();
    assert.deepEqual({ sender, content, receiver }, { sender: a, content: 'hello', receiver: b });
  });

  test('every client of a pair gets everything once', async () => {
    const [a, b] = pairOfIds();
    const clients = await Promise.all([one, one, two, two].map((gateway) =>
      connectPair(gateway, a, b)));
    const outsider = await connectUser(two, uniqueUser());

    clients[0].send([{ sender: a, content: 1, receiverID: b }]);
    await Promise.all(clients.map((client) => client.take(1)));
    clients[2].send([{ sender: b, content: 2, receiverID: a }]);
    await Promise.all(clients.map((client) => client.take(1)));
    outsider.send({ content: 3, receiverID: a });
    await Promise.all(clients.map((client) => client.take(1)));
    for (const client of clients) {
      assert.deepEqual(client.received.map(({ value }) => value.content), [1, 2, 3]);
    }
  });

  test('it never gets anything but messages', async () => {
    const [a, b] = pairOfIds();
    const pair = await connectPair(one, a, b);
    const native = await connectUser(two, uniqueUser());

    const wrong = [
      'no json', '[', '', '{}', '[{}]', '[]', '{"type":"nonsense"}', '{"type":"ping"}', '1',
      `{"receiverID":"${b}","content":1,"sender":"mallory"}`, '{"receiverID":"","content":1}',
      `{"receiverID":"${b}"}`, `{"type":"typing","receiverID":"${b}"}`,
      '{"type":"history","with":"x"}',
    ];
    wrong.forEach((frame) => pair.send(frame));
    pair.send([{ receiverID: b, content: 'with ref', ref: 'r1' }]);
    for (const type of ['typing', 'delivered', 'read']) {
      native.send({ type, receiverID: a, id: '1-1' });
    }
    native.send({ receiverID: a, content: 'after the signals', ref: 'done' });
    assert.equal((await native.next()).type, 'sent');

    const contents = (await pair.take(2)).map((frame) => frame.content).sort();
    assert.deepEqual(contents, ['after the signals', 'with ref']);
    await expectNothingBefore(pair, pair, b);
    assert.ok(pair.received.every(({ value }) => value.type === 'message'));
  });

  test('its errors are in the log, with both ids', async () => {
    const [a, b] = pairOfIds();
    const pair = await connectPair(one, a, b);
    const about = { user_a: a, user_b: b };

    for (const [code, frame] of [
      ['bad_json', '[{'],
      ['forbidden_sender', { sender: 'mallory', receiverID: b, content: 1 }],
      ['unknown_type', { type: 'nonsense' }],
    ]) {
      pair.send(frame);
      await one.waitForLog('bad_frame', { code, level: 'warn', ...about });
    }
    await expectNothingBefore(pair, pair, b);
  });

  test('one of the two parameters is enough, and equal ids are one identity', async () => {
    const [a, b] = pairOfIds();
    const onlyA = await connectPair(one, a);
    const onlyB = await connectPair(two, undefined, b);
    const same = uniqueUser('same');
    const both = await connectPair(one, same, same);

    onlyA.send([{ sender: a, content: 'from a', receiverID: b }]);
    assert.equal((await onlyB.next()).content, 'from a');
    onlyB.send([{ content: 'the only identity is the sender', receiverID: a }]);
    assert.equal((await onlyA.next()).sender, b);

    both.send([{ content: 'once', receiverID: same }]);
    assert.equal((await both.next()).content, 'once');
    await expectNothingBefore(both, both, same);
  });

  test('a connection that says two things is refused', async () => {
    for (const query of ['/?userA=a&userB=b&user=c', '/?user=c&userA=a', '/?userA=a&userA=a',
      '/?userA=a&userB=b&userB=c']) {
      const { status, body } = await refusal(one, query);
      assert.equal(status, 400, query);
      assert.match(body.message, /user/);
    }
  });

  test('ids may be any text', async () => {
    const ids = ['{braces}', 'per%cent', 'co:lon', 'two words', '😀🎉', 'ünïcödé', '发送', '"quoted"',
      "it's", '\\back', 'a&b=c', '#?/', '<b>', 'x'.repeat(128), '*', '\u202Ereversed'];
    for (const id of ids) {
      const other = uniqueUser('b');
      const path = `/?userA=${encodeURIComponent(id)}&userB=${other}`;
      const clients = [await connect(one, path), await connect(two, path)];
      await Promise.all([one.subscribed(), two.subscribed()]);
      clients[1].send([{ sender: other, content: id, receiverID: id }]);
      for (const client of clients) {
        const { sender, receiver, content } = await client.next();
        assert.deepEqual([sender, receiver, content], [other, id, id]);
        await client.end();
      }
    }
  });

  test('a message to somebody who is away is kept, and the log has a warning', async () => {
    const [a, b] = pairOfIds();
    const away = uniqueUser('away');
    const pair = await connectPair(one, a, b);

    pair.send([{ sender: a, content: 'see you', receiverID: away }]);
    await one.waitForLog('receiver_offline', { level: 'warn', sender: a, receiver: away });
    const entries = await system.redis.command('XRANGE', `parley:mailbox:{${away}}`, '-', '+');
    assert.equal(entries.length, 1);
    assert.match(entries[0][1].join('\n'), /"content":"see you"/);
    await expectNothingBefore(pair, pair, a);
  });

  test('GET / answers as the tutorial did', async () => {
    const answer = await fetch(`${one.http}/`);
    assert.equal(answer.status, 200);
    assert.match(answer.headers.get('content-type'), /^text\/plain/);
    assert.equal((await answer.text()).trimEnd(), 'WebSocket server is running.');
  });

  test('closing takes both ids out of the registry', async () => {
    const [a, b] = pairOfIds();
    const channels = [a, b].map((id) => `parley:user:{${id}}`);
    const count = async () => Promise.all(channels.map((name) => system.redis.subscribers(name)));
    const first = await connectPair(one, a, b);
    const second = await connectPair(one, a);
    await until(async () => `${await count()}` === '1,1', DEADLINE, 'both to be subscribed');

    await first.end();
    await until(async () => `${await count()}` === '1,0', DEADLINE, 'b to be unsubscribed');
    second.send([{ content: 'a is still here', receiverID: a }]);
    assert.equal((await second.next()).content, 'a is still here');
    second.socket.terminate(); // without a close handshake
    await until(async () => `${await count()}` === '0,0', DEADLINE, 'a to be unsubscribed');
  });

  test('a transcript may be --max-frame long, its last element --max-message', async () => {
    const [a, b] = pairOfIds();
    const pair = await connectPair(one, a, b);
    const last = { sender: a, content: 'the newest', receiverID: b };

    pair.send(transcript(last, 1024 * 1024));
    assert.equal((await pair.next()).content, 'the newest');

    const tooLarge = { receiverID: b, content: 'x'.repeat(64 * 1024) };
    pair.send([tooLarge, { ...tooLarge }]);
    await one.waitForLog('bad_frame', { code: 'too_large', user_a: a, user_b: b });
    await expectNothingBefore(pair, pair, b);

    pair.send(transcript(last, 1024 * 1024 + 1));
    assert.equal(await pair.closeCode(), 1009);

    // An array of `bytes` bytes that ends with `element`.
    function transcript(element, bytes) {
      const end = `${JSON.stringify(element)}]`;
      const line = `${JSON.stringify({ sender: a, content: 'y'.repeat(1000), receiverID: b })},`;
      const lines = line.repeat(Math.floor((bytes - end.length - 1000) / line.length));
      return `[${lines}"${'z'.repeat(bytes - lines.length - end.length - 4)}",${end}`;
    }
  });
});
