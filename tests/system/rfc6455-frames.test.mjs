// RFC 6455, section 5.2: frames in both directions, their lengths and their bits.
import assert from 'node:assert/strict';
import { nextClose, nextJson, openSession, outcome } from './lib/conformance.mjs';
import {
  BINARY, CLOSE, CONTINUATION, PING, TEXT, closeBody, fragments, frame, text,
} from './lib/raw.mjs';
import { System } from './lib/system.mjs';
import { after, before, describe, test } from './lib/test.mjs';

const MAX_FRAME = 200_000;
const GOOD = '{"type":"ping","ref":"good"}';
const GOOD_ANSWER = { type: 'pong', ref: 'good' };

let system;
let gateway;

before(async () => {
  system = await System.start({ flags: ['--max-message', MAX_FRAME, '--max-frame', MAX_FRAME] });
  [gateway] = system.gateways;
});
after(() => system?.stop());

// A protocol's ping of exactly `size` bytes: JSON may end in blanks.
function paddedPing(size) {
  return GOOD.padEnd(size);
}

function messageTo(receiver, content) {
  return JSON.stringify({ receiverID: receiver, content });
}

// `size` characters, no two neighbours alike, so that a lost or doubled byte shows.
function pattern(size) {
  return 'abcdefghijklmnopqrstuvwxyz'.repeat(Math.ceil(size / 26)).slice(0, size);
}

describe('what a client sends', () => {
  test('each length of length, and each size around their borders', async () => {
    const socket = await openSession(gateway);
    const empty = messageTo(socket.user, '').length;
    for (const size of [125, 126, 127, 128, 65534, 65535, 65536, 65537, 150_000]) {
      const content = pattern(size - empty);
      socket.write(text(messageTo(socket.user, content)));
      const message = await nextJson(socket);
      assert.equal(message.type, 'message');
      assert.ok(message.content === content, `content of a frame of ${size} bytes`);
    }
    socket.destroy();
  });

  test('frames of 0 and 1 bytes are not JSON, and cost nothing', async () => {
    const socket = await openSession(gateway);
    for (const payload of ['', '{']) {
      socket.write(text(payload), text(GOOD));
      const error = await nextJson(socket);
      assert.deepEqual([error.type, error.code], ['error', 'bad_json']);
      assert.deepEqual(await nextJson(socket), GOOD_ANSWER);
    }
    socket.destroy();
  });

  test('any mask', async () => {
    const socket = await openSession(gateway);
    for (const mask of [[0, 0, 0, 0], [255, 255, 255, 255], [0, 1, 2, 3], [0x7b, 0, 0, 0]]) {
      const content = pattern(1000);
      socket.write(text(messageTo(socket.user, content), { mask: Buffer.from(mask) }));
      assert.equal((await nextJson(socket)).content, content);
    }
    socket.destroy();
  });

  test('frames in segments of one byte', async () => {
    const socket = await openSession(gateway);
    const content = pattern(130);
    await socket.writeBytewise(Buffer.concat([
      ...fragments(TEXT, ['', messageTo(socket.user, content), '']),
      text(GOOD, { lengthBits: 7 }),
    ]));
    const received = [await nextJson(socket), await nextJson(socket)];
    // The message goes through Redis, the pong does not.
    assert.equal(received.find(({ type }) => type === 'message').content, content);
    assert.deepEqual(received.find(({ type }) => type === 'pong'), GOOD_ANSWER);
    socket.destroy();
  });

  test('a frame cut into two segments anywhere', async () => {
    const socket = await openSession(gateway);
    const bytes = text(paddedPing(130));
    for (let cut = 1; cut < bytes.length; cut++) {
      socket.write(bytes.subarray(0, cut));
      await new Promise(setImmediate);
      socket.write(bytes.subarray(cut));
      assert.deepEqual(await nextJson(socket), GOOD_ANSWER);
    }
    socket.destroy();
  });

  test('many frames in one segment are answered in order', async () => {
    const socket = await openSession(gateway);
    const refs = Array.from({ length: 30 }, (_, index) => `r${index}`);
    socket.write(...refs.map((ref) => text(JSON.stringify({ type: 'ping', ref }))));
    for (const ref of refs) assert.deepEqual(await nextJson(socket), { type: 'pong', ref });
    socket.destroy();
  });

  test('a frame that is cut off by the end of TCP is not acted upon', async () => {
    const other = await openSession(gateway);
    const whole = text(messageTo(other.user, 'cut off'));
    for (const cut of [1, 2, 5, 6, whole.length - 1]) {
      const socket = await openSession(gateway);
      socket.write(whole.subarray(0, cut));
      socket.end();
      await socket.closed();
    }
    const sender = await openSession(gateway);
    sender.write(...fragments(TEXT, [messageTo(other.user, 'no FIN'), '']).slice(0, 1));
    sender.end();
    await sender.closed();
    const last = await openSession(gateway);
    last.write(text(messageTo(other.user, 'whole')));
    assert.equal((await nextJson(other)).content, 'whole');
    other.destroy();
    last.destroy();
  });
});

describe('--max-frame', () => {
  test('at it and below it', async () => {
    for (const size of [MAX_FRAME - 1, MAX_FRAME]) {
      assert.equal(await outcome(gateway, text(paddedPing(size))), 'goes on', `${size} bytes`);
    }
    const halves = [paddedPing(MAX_FRAME / 2), ' '.repeat(MAX_FRAME / 2)];
    assert.equal(await outcome(gateway, ...fragments(TEXT, halves)), 'goes on');
  });

  test('one byte above it closes with 1009', async () => {
    assert.equal(await outcome(gateway, text(paddedPing(MAX_FRAME + 1))), 'close 1009');
    const pieces = [paddedPing(MAX_FRAME / 2), ' '.repeat(MAX_FRAME / 2), ' '];
    assert.equal(await outcome(gateway, ...fragments(TEXT, pieces)), 'close 1009');
    const single = Array(MAX_FRAME / 1000 + 1).fill(' '.repeat(1000));
    assert.equal(await outcome(gateway, ...fragments(TEXT, single)), 'close 1009');
  });

  test('what is announced counts, before it is there', async () => {
    for (const length of [MAX_FRAME + 1, 2 ** 31, 2 ** 32, 2 ** 32 + 1, 2n ** 63n - 1n]) {
      const socket = await openSession(gateway);
      socket.write(text('{', { length }));
      assert.equal(await nextClose(socket), 1009, `${length} bytes`);
      socket.destroy();
    }
  });

  test('each message has all of it', async () => {
    const big = text(paddedPing(MAX_FRAME));
    assert.equal(await outcome(gateway, big, big, ...fragments(TEXT, ['', GOOD])), 'goes on');
  });
});

describe('what the gateway sends', () => {
  // That it is unmasked, whole and shortest in its length is checked of every frame of every test,
  // in raw.mjs. Here its sizes are brought to the borders.
  test('payloads of 125, 126, 127, 65535 and 65536 bytes', async () => {
    const socket = await openSession(gateway);
    socket.write(text(messageTo(socket.user, '')));
    const head = (await socket.frame()).payload.length;
    assert.ok(head < 125 + 60, 'the head of a message has grown');
    for (const size of [125, 126, 127, 65535, 65536].filter((wanted) => wanted >= head)) {
      socket.write(text(messageTo(socket.user, pattern(size - head))));
      const { payload, lengthBits } = await socket.frame();
      assert.equal(payload.length, size);
      assert.equal(lengthBits, { 125: 7, 126: 16, 127: 16, 65535: 16, 65536: 64 }[size]);
    }
    socket.destroy();
  });
});

describe('fails the connection with 1002', () => {
  const payloads = { [CLOSE]: closeBody(1000) };

  test('reserved bits, while no extension is negotiated', async () => {
    for (const opcode of [TEXT, BINARY, CLOSE, PING]) {
      for (const rsv of [1, 2, 4, 7]) {
        const bytes = frame(opcode, payloads[opcode] ?? GOOD, { rsv });
        assert.equal(await outcome(gateway, bytes), 'close 1002', `RSV ${rsv}, opcode ${opcode}`);
      }
    }
    const [first] = fragments(TEXT, [GOOD, '']);
    const second = frame(CONTINUATION, '', { rsv: 4 });
    assert.equal(await outcome(gateway, first, second), 'close 1002', 'in a continuation');
  });

  test('and sends nothing behind the close frame', async () => {
    const bob = await openSession(gateway);
    const alice = await openSession(gateway);
    bob.write(frame(3, ''));
    assert.equal(await nextClose(bob), 1002);
    alice.write(text(JSON.stringify({ receiverID: bob.user, content: 1, ref: 'r' })));
    assert.equal((await nextJson(alice)).type, 'sent');
    bob.end(); // so that the gateway ends it too
    assert.equal(await bob.frame(), undefined);
  });

  test('reserved opcodes', async () => {
    for (const opcode of [3, 4, 5, 6, 7, 0xb, 0xc, 0xd, 0xe, 0xf]) {
      for (const payload of ['', GOOD]) {
        assert.equal(await outcome(gateway, frame(opcode, payload)), 'close 1002', `${opcode}`);
      }
    }
  });
});
