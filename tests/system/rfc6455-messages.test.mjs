// RFC 6455, sections 5.4, 5.6 and 8.1: messages in fragments, and what is in them.
import assert from 'node:assert/strict';
import { nextClose, nextJson, openSession, outcome } from './lib/conformance.mjs';
import {
  BINARY, CLOSE, CONTINUATION, PING, PONG, TEXT, closeBody, fragments, frame, text,
} from './lib/raw.mjs';
import { System } from './lib/system.mjs';
import { after, before, describe, test } from './lib/test.mjs';

const GOOD = '{"type":"ping","ref":"good"}';
const GOOD_ANSWER = { type: 'pong', ref: 'good' };

let system;
let gateway;

before(async () => {
  system = await System.start();
  [gateway] = system.gateways;
});
after(() => system?.stop());

// All ways to cut bytes in two, the empty pieces at both ends too.
function cuts(bytes) {
  return Array.from({ length: bytes.length + 1 }, (_, cut) => [
    bytes.subarray(0, cut), bytes.subarray(cut)]);
}

describe('fragments', () => {
  test('a message cut in two anywhere', async () => {
    const socket = await openSession(gateway);
    for (const pieces of cuts(Buffer.from(GOOD))) {
      socket.write(...fragments(TEXT, pieces));
      assert.deepEqual(await nextJson(socket), GOOD_ANSWER);
    }
    socket.destroy();
  });

  test('one byte in each, and empty ones in any place', async () => {
    const socket = await openSession(gateway);
    for (const pieces of [[...GOOD], ['', GOOD], [GOOD, ''], ['', '', GOOD, '', ''],
      [...GOOD].flatMap((character) => [character, ''])]) {
      socket.write(...fragments(TEXT, pieces));
      assert.deepEqual(await nextJson(socket), GOOD_ANSWER);
    }
    socket.destroy();
  });

  test('an empty message in fragments is an empty message', async () => {
    const socket = await openSession(gateway);
    socket.write(...fragments(TEXT, ['', '', '']), text(GOOD));
    assert.equal((await nextJson(socket)).code, 'bad_json');
    assert.deepEqual(await nextJson(socket), GOOD_ANSWER);
    socket.destroy();
  });

  test('a ping between them is answered before the message is complete', async () => {
    const socket = await openSession(gateway);
    const pieces = fragments(TEXT, [GOOD.slice(0, 9), GOOD.slice(9)]);
    socket.write(pieces[0], frame(PING, 'between'));
    const pong = await socket.frame();
    assert.deepEqual([pong.opcode, pong.payload.toString()], [PONG, 'between']);
    socket.write(pieces[1]);
    assert.deepEqual(await nextJson(socket), GOOD_ANSWER);
    socket.destroy();
  });

  test('a ping or pong between them, in one segment with them', async () => {
    const pieces = fragments(TEXT, [GOOD.slice(0, 9), '', GOOD.slice(9)]);
    const bytes = Buffer.from([0, 0xff, 0xc3, 0x28]); // what a control frame carries is no text
    for (const control of [frame(PING), frame(PING, bytes), frame(PONG), frame(PONG, bytes)]) {
      assert.equal(await outcome(gateway, pieces[0], control, pieces[1], control, pieces[2]),
        'goes on');
    }
  });

  test('a close between them ends the connection', async () => {
    const [first, last] = fragments(TEXT, [GOOD, '']);
    assert.equal(await outcome(gateway, first, frame(CLOSE, closeBody(1000)), last), 'close 1000');
  });

  test('a continuation of nothing: 1002', async () => {
    for (const fin of [true, false]) {
      const stray = frame(CONTINUATION, GOOD, { fin });
      assert.equal(await outcome(gateway, stray), 'close 1002', 'first');
      assert.equal(await outcome(gateway, text(GOOD), stray), 'close 1002', 'after a whole one');
      const pieces = fragments(TEXT, [GOOD, '']);
      assert.equal(await outcome(gateway, ...pieces, stray), 'close 1002', 'after fragments');
    }
  });

  test('a new message inside of another: 1002', async () => {
    const [first] = fragments(TEXT, [GOOD, '']);
    for (const opcode of [TEXT, BINARY]) {
      for (const fin of [true, false]) {
        assert.equal(await outcome(gateway, first, frame(opcode, '', { fin })), 'close 1002');
      }
    }
  });

  test('a control frame in fragments: 1002', async () => {
    const bodies = { [PING]: 'x', [PONG]: 'x', [CLOSE]: closeBody(1000) };
    for (const [opcode, body] of Object.entries(bodies)) {
      for (const payload of ['', body]) {
        const piece = frame(Number(opcode), payload, { fin: false });
        assert.equal(await outcome(gateway, piece), 'close 1002', `opcode ${opcode}`);
      }
    }
  });
});

describe('binary messages are not accepted: 1003', () => {
  for (const [name, frames] of Object.entries({
    'with JSON in it': [frame(BINARY, GOOD)],
    empty: [frame(BINARY)],
    'in fragments': fragments(BINARY, [GOOD, '']),
    'in fragments, the first one empty': fragments(BINARY, ['', GOOD]),
    'after a text': [text(GOOD), frame(BINARY, GOOD)],
  })) {
    test(name, async () => {
      assert.equal(await outcome(gateway, ...frames), 'close 1003');
    });
  }

  test('the first fragment is enough', async () => {
    const socket = await openSession(gateway);
    socket.write(frame(BINARY, '', { fin: false }));
    assert.equal(await nextClose(socket), 1003);
    socket.destroy();
  });
});

describe('text is UTF-8', () => {
  // The first and the last character of each length, and what surrounds the surrogates.
  const borders = ['\u0080', '\u07ff', '\u0800', '\ud7ff', '\ue000', '\uffff', '\u{10000}',
    '\u{10ffff}'];

  // What RFC 3629 excludes, each between two letters, so that nothing hides at an end.
  const wrong = {
    'a continuation byte alone': [0x80],
    'the last continuation byte alone': [0xbf],
    'a first byte of two alone': [0xc3],
    'a first byte of three with one': [0xe2, 0x82],
    'a first byte of four with two': [0xf0, 0x9f, 0x90],
    'a continuation byte too many': [0xc3, 0xa4, 0x80],
    'an overlong slash of two': [0xc0, 0xaf],
    'an overlong slash of three': [0xe0, 0x80, 0xaf],
    'an overlong slash of four': [0xf0, 0x80, 0x80, 0xaf],
    'the last overlong of two': [0xc1, 0xbf],
    'the last overlong of three': [0xe0, 0x9f, 0xbf],
    'the last overlong of four': [0xf0, 0x8f, 0xbf, 0xbf],
    'the first surrogate': [0xed, 0xa0, 0x80],
    'the last surrogate': [0xed, 0xbf, 0xbf],
    'a character in surrogates': [0xed, 0xa0, 0xbd, 0xed, 0xb8, 0x80],
    'U+110000': [0xf4, 0x90, 0x80, 0x80],
    'a first byte of five': [0xf8, 0x88, 0x80, 0x80, 0x80],
    'a first byte of six': [0xfc, 0x84, 0x80, 0x80, 0x80, 0x80],
    'byte 254': [0xfe],
    'byte 255': [0xff],
  };

  function messageWith(bytes, ...after) {
    return Buffer.concat([Buffer.from('{"type":"ping","ref":"a'), Buffer.from(bytes),
      ...after.map((tail) => Buffer.from(tail))]);
  }

  test('characters cut in two anywhere by fragments', async () => {
    const socket = await openSession(gateway);
    for (const character of borders) {
      for (const pieces of cuts(messageWith(character, 'b"}')).slice(22, 30)) {
        socket.write(...fragments(TEXT, pieces));
        assert.equal((await nextJson(socket)).ref, `a${character}b`);
      }
    }
    socket.destroy();
  });

  test('characters cut in two anywhere by segments', async () => {
    const socket = await openSession(gateway);
    const ref = borders.join('');
    await socket.writeBytewise(text(JSON.stringify({ type: 'ping', ref })));
    assert.equal((await nextJson(socket)).ref, ref);
    socket.destroy();
  });

  for (const [name, bytes] of Object.entries(wrong)) {
    test(`${name}, whole and cut anywhere: 1007`, async () => {
      const whole = messageWith(bytes, 'b"}');
      assert.equal(await outcome(gateway, text(whole)), 'close 1007', 'whole');
      for (const pieces of cuts(whole).slice(23, 24 + bytes.length)) {
        assert.equal(await outcome(gateway, ...fragments(TEXT, pieces)), 'close 1007',
          `first fragment: ${pieces[0].length} bytes`);
      }
      const segments = await openSession(gateway);
      await segments.writeBytewise(text(whole));
      const { opcode, payload } = await segments.frame();
      assert.deepEqual([opcode, payload.readUInt16BE()], [CLOSE, 1007], 'in segments');
      segments.destroy();
    });
  }

  test('a character that the end of the message cuts off: 1007', async () => {
    for (const character of borders) {
      for (let kept = 1; kept < Buffer.byteLength(character); kept++) {
        const message = messageWith(Buffer.from(character).subarray(0, kept));
        for (const frames of [[text(message)], fragments(TEXT, [message, '']),
          fragments(TEXT, [message.subarray(0, -1), message.subarray(-1)])]) {
          assert.equal(await outcome(gateway, ...frames), 'close 1007');
        }
      }
    }
  });

  test('what one message leaves open does not complete in the next', async () => {
    const head = text(messageWith([0xc3]));
    assert.equal(await outcome(gateway, head, text(Buffer.from([0xa4]))), 'close 1007');
  });

  test('NUL and other control characters are UTF-8, though not JSON', async () => {
    assert.equal(await outcome(gateway, text('\0'), text('\x7f\x01')), 'goes on');
  });
});
