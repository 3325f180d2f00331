// Where the gateway does not do what RFC 6455 asks, because libwebsockets decides before any
// callback of ours. Each is asserted as it is: when a version of the library mends one, this file
// fails, and the line goes from here and from docs/rfc6455.md, which says what each one means.
import assert from 'node:assert/strict';
import { nextClose, openSession, outcome } from './lib/conformance.mjs';
import {
  CLOSE, PING, PONG, RawSocket, closeBody, frame, handshake, text,
} from './lib/raw.mjs';
import { System } from './lib/system.mjs';
import { after, before, test } from './lib/test.mjs';

const GOOD = '{"type":"ping","ref":"good"}';
const LONG = 'x'.repeat(126);

const frames = (...bytes) => () => outcome(gateway, ...bytes);

// [the case, section, what the RFC asks, what happens, how it is brought about]
const deviations = [
  ['a text without mask', '5.1', 'close 1002', 'goes on', frames(text(GOOD, { mask: null }))],
  ['a ping without mask', '5.1', 'close 1002', 'goes on', frames(frame(PING, '', { mask: null }))],
  ['16 bits for a length below 126', '5.2', 'close 1002', 'goes on',
    frames(text(GOOD, { lengthBits: 16 }))],
  ['64 bits for a length below 126', '5.2', 'close 1002', 'goes on',
    frames(text(GOOD, { lengthBits: 64 }))],
  ['64 bits for a length below 65536', '5.2', 'close 1002', 'goes on',
    frames(text(GOOD.padEnd(1000), { lengthBits: 64 }))],
  ['a length with its highest bit set', '5.2', 'close 1002', 'drops',
    frames(text(GOOD, { lengthBits: 64, length: 2n ** 63n }))],
  ['a ping of 126 bytes', '5.5', 'close 1002', 'drops', frames(frame(PING, LONG))],
  ['a pong of 126 bytes', '5.5', 'close 1002', 'drops', frames(frame(PONG, LONG))],
  ['a close of 126 bytes', '5.5', 'close 1002', 'drops',
    frames(frame(CLOSE, closeBody(1000, LONG.slice(2))))],
  ['a close, and what is no frame behind it', '5.5.1', 'close 1000', 'drops',
    frames(frame(CLOSE, closeBody(1000)), frame(0xf))],
  ['close code 1012', '7.4.2', 'close 1012', 'close 1002', frames(frame(CLOSE, closeBody(1012)))],
  ['close code 1013', '7.4.2', 'close 1013', 'close 1002', frames(frame(CLOSE, closeBody(1013)))],
  ['close code 1014', '7.4.2', 'close 1014', 'close 1002', frames(frame(CLOSE, closeBody(1014)))],
  ['three pings in one segment', '5.5.3', 'pongs for each, or for the last', 'a pong for the first',
    pongsForThree],
  ['Upgrade as a list', '4.2.1', '101', '403', status({ Upgrade: 'websocket, h2c' })],
  ['a blank behind the value of Upgrade', '4.2.1', '101', '403', status({ Upgrade: 'websocket ' })],
  ['Connection longer than 127 bytes', '4.2.1', '101', 'drops',
    status({ Connection: `Upgrade, ${LONG}` })],
  ['subprotocols longer than 127 bytes', '4.2.2', '101', 'drops',
    status({ 'Sec-WebSocket-Protocol': `parley, ${LONG}` })],
  ['a subprotocol that is no token, before a good one', '4.2.2', '400', 'drops',
    status({ 'Sec-WebSocket-Protocol': 'a b, parley' })],
];

let system;
let gateway;

before(async () => {
  system = await System.start();
  [gateway] = system.gateways;
});
after(() => system?.stop());

async function pongsForThree() {
  const socket = await openSession(gateway);
  socket.write(...['1', '2', '3'].map((name) => frame(PING, name)));
  const first = await socket.frame();
  socket.write(frame(CLOSE, closeBody(1000)));
  assert.equal(await nextClose(socket), 1000);
  socket.destroy();
  assert.equal(first.opcode, PONG);
  return { 1: 'a pong for the first' }[first.payload.toString()];
}

function status(headers) {
  return async () => {
    const socket = await RawSocket.connect(gateway.port);
    socket.write(handshake('/?user=alice', { headers }));
    const response = await socket.response();
    socket.destroy();
    return response.status ? String(response.status) : 'drops';
  };
}

for (const [name, section, asked, happens, run] of deviations) {
  test(`${name}: "${happens}" and not "${asked}" (section ${section})`, async () => {
    assert.equal(await run(), happens);
  });
}

test('none of them harms another session, or the next one', async () => {
  const other = await openSession(gateway);
  for (const [, , , , run] of deviations) await run();
  other.write(text(GOOD));
  assert.equal(JSON.parse((await other.frame()).payload).ref, 'good');
  assert.equal(await outcome(gateway, text(GOOD)), 'goes on');
  other.destroy();
});
