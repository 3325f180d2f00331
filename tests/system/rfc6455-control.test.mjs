// RFC 6455, sections 5.5 and 7: ping, pong and close, and how a connection ends.
import assert from 'node:assert/strict';
import { nextClose, nextJson, openSession, outcome } from './lib/conformance.mjs';
import { BINARY, CLOSE, PING, PONG, closeBody, frame, text } from './lib/raw.mjs';
import { System } from './lib/system.mjs';
import { after, before, describe, test } from './lib/test.mjs';
import { SLOWNESS } from './lib/wait.mjs';

const GOOD = '{"type":"ping","ref":"good"}';
const GOOD_ANSWER = { type: 'pong', ref: 'good' };

let system;
let gateway;

before(async () => {
  system = await System.start();
  [gateway] = system.gateways;
});
after(() => system?.stop());

function allBytes(length) {
  return Buffer.from(Array.from({ length }, (_, index) => (index * 7 + 128) % 256));
}

describe('ping and pong', () => {
  test('a pong has its ping\'s payload, whatever bytes these are', async () => {
    const socket = await openSession(gateway);
    for (const length of [0, 1, 2, 124, 125]) {
      socket.write(frame(PING, allBytes(length)));
      const { opcode, payload } = await socket.frame();
      assert.equal(opcode, PONG);
      assert.deepEqual(payload, allBytes(length));
    }
    socket.destroy();
  });

  test('pongs come in the order of their pings', async () => {
    const socket = await openSession(gateway);
    for (let count = 0; count < 20; count++) {
      socket.write(frame(PING, `${count}`), text(GOOD));
      const received = [await socket.frame(), await socket.frame()];
      assert.equal(received.find(({ opcode }) => opcode === PONG).payload.toString(), `${count}`);
    }
    socket.destroy();
  });

  test('a ping in segments of one byte', async () => {
    const socket = await openSession(gateway);
    await socket.writeBytewise(frame(PING, allBytes(20)));
    assert.deepEqual((await socket.frame()).payload, allBytes(20));
    socket.destroy();
  });

  test('a pong nobody asked for is ignored', async () => {
    for (const payload of ['', 'x', allBytes(125)]) {
      const pong = frame(PONG, payload);
      assert.equal(await outcome(gateway, pong, text(GOOD), pong, pong), 'goes on');
    }
  });
});

describe('close by the client', () => {
  // The client's close frame is answered with one, and TCP ends, by the gateway first (7.1.1).
  async function answerToClose(body) {
    const socket = await openSession(gateway);
    try {
      socket.write(frame(CLOSE, body));
      const { opcode, payload } = await socket.frame();
      assert.equal(opcode, CLOSE);
      await socket.closed();
      return payload;
    } finally {
      socket.destroy();
    }
  }

  test('the same code comes back', async () => {
    for (const code of [1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000,
      4999]) {
      assert.equal((await answerToClose(closeBody(code))).readUInt16BE(), code);
      assert.equal((await answerToClose(closeBody(code, 'Jörg 🐧'))).readUInt16BE(), code);
    }
  });

  test('without a body', async () => {
    assert.equal((await answerToClose('')).length, 0);
  });

  test('with a reason as long as it can be', async () => {
    const body = closeBody(1000, 'ä'.repeat(61) + 'x');
    assert.equal(body.length, 125);
    assert.equal((await answerToClose(body)).readUInt16BE(), 1000);
  });

  test('a code that must not be sent, or means nothing: 1002', async () => {
    for (const code of [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65535]) {
      assert.equal((await answerToClose(closeBody(code))).readUInt16BE(), 1002, `${code}`);
      assert.equal((await answerToClose(closeBody(code, 'why'))).readUInt16BE(), 1002, `${code}`);
    }
  });

  test('a body of one byte: 1002', async () => {
    assert.equal(await outcome(gateway, frame(CLOSE, 'x')), 'close 1002');
  });

  test('a reason that is not UTF-8, or cut off: 1007', async () => {
    for (const reason of [[0xff], [0xc3, 0x28], [0x61, 0xe2, 0x82], [0xed, 0xa0, 0x80]]) {
      const body = closeBody(1000, Buffer.from(reason));
      assert.equal((await answerToClose(body)).readUInt16BE(), 1007);
    }
  });

  test('nothing that follows it is read', async () => {
    const other = await openSession(gateway);
    const message = (content) => text(JSON.stringify({ receiverID: other.user, content }));
    const socket = await openSession(gateway);
    socket.write(message('before'), frame(CLOSE, closeBody(1000)), message('after'),
      frame(PING, 'after'), frame(CLOSE, closeBody(1001)));
    assert.equal(await nextClose(socket), 1000);
    await socket.closed();
    assert.equal((await nextJson(other)).content, 'before');
    const next = await openSession(gateway);
    next.write(message('next'));
    assert.equal((await nextJson(other)).content, 'next');
    for (const each of [socket, other, next]) each.destroy();
  });

  test('TCP ends without a close frame, after whole frames and in the middle of one', async () => {
    for (const last of [text(GOOD), text(GOOD).subarray(0, 9), Buffer.of()]) {
      const socket = await openSession(gateway);
      socket.write(text(GOOD), last);
      assert.deepEqual(await nextJson(socket), GOOD_ANSWER);
      socket.end();
      while (await socket.frame());
      socket.destroy();
    }
  });
});

describe('close by the gateway', () => {
  async function refused() {
    const socket = await openSession(gateway);
    socket.write(frame(BINARY, 'x'));
    assert.equal(await nextClose(socket), 1003);
    return socket;
  }

  test('TCP ends when the client has answered', async () => {
    const socket = await refused();
    socket.write(frame(CLOSE, closeBody(1003)));
    await socket.closed(3000 * SLOWNESS); // without the answer it would be 5 seconds
    socket.destroy();
  });

  test('TCP ends when the client does not answer', async () => {
    const socket = await refused();
    await socket.closed();
    socket.destroy();
  });

  test('what the client sends in between is not acted upon', async () => {
    const other = await openSession(gateway);
    const message = (content) => text(JSON.stringify({ receiverID: other.user, content }));
    const socket = await refused();
    socket.write(message('in between'), frame(CLOSE, closeBody(1003)));
    await socket.closed();
    const next = await openSession(gateway);
    next.write(message('next'));
    assert.equal((await nextJson(other)).content, 'next');
    for (const each of [socket, other, next]) each.destroy();
  });
});

describe('the gateway\'s own pings', () => {
  const INTERVAL = 300 * SLOWNESS;
  let pinging;

  before(async () => {
    pinging = await system.addGateway(['--ping', `${INTERVAL}ms`,
      '--pong-timeout', `${INTERVAL}ms`]);
  });

  async function nextPing(socket) {
    const { opcode, payload } = await socket.anyFrame();
    assert.equal(opcode, PING);
    return payload;
  }

  test('a session that answers them stays', async () => {
    const socket = await openSession(pinging);
    for (let count = 0; count < 5; count++) {
      socket.write(frame(PONG, await nextPing(socket)));
    }
    socket.write(text(GOOD));
    assert.deepEqual(await nextJson(socket), GOOD_ANSWER);
    socket.destroy();
  });

  test('however long it may take to answer, pings come as often', async () => {
    const patient = await system.addGateway(['--ping', `${INTERVAL}ms`, '--pong-timeout', '1h']);
    const socket = await openSession(patient);
    for (let count = 0; count < 3; count++) {
      socket.write(frame(PONG, await nextPing(socket)));
    }
    socket.destroy();
  });

  test('a session that does not is dropped', async () => {
    const socket = await openSession(pinging);
    await nextPing(socket);
    await socket.closed();
    socket.destroy();
  });

  test('a session in the middle of a frame is dropped too', async () => {
    const socket = await openSession(pinging);
    socket.write(text(GOOD).subarray(0, 9));
    await nextPing(socket);
    await socket.closed();
    socket.destroy();
  });

  test('a session that sends is not pinged, until it is silent', async () => {
    const socket = await openSession(pinging);
    for (let count = 0; count < 5; count++) {
      socket.write(text(GOOD));
      assert.deepEqual(await nextJson(socket), GOOD_ANSWER);
    }
    await nextPing(socket);
    socket.destroy();
  });
});
