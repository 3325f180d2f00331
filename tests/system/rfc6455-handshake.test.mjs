// RFC 6455, section 4: the opening handshake, as bytes.
import assert from 'node:assert/strict';
import { uniqueUser } from './lib/client.mjs';
import { nextJson } from './lib/conformance.mjs';
import { RawSocket, acceptFor, handshake, text } from './lib/raw.mjs';
import { System } from './lib/system.mjs';
import { after, before, describe, test } from './lib/test.mjs';

const PING = text('{"type":"ping","ref":"first"}');
const PONG = { type: 'pong', ref: 'first' };

let system;
let gateway;

before(async () => {
  system = await System.start();
  [gateway] = system.gateways;
});
after(() => system?.stop());

// The answer to one handshake, on a connection of its own.
async function answer(target, options) {
  const socket = await RawSocket.connect(gateway.port);
  try {
    socket.write(handshake(target, options));
    return await socket.response();
  } finally {
    socket.destroy();
  }
}

async function welcomedUser(target, options) {
  const socket = await RawSocket.open(gateway.port, target, options);
  try {
    const { type, user } = await nextJson(socket);
    assert.equal(type, 'welcome');
    return user;
  } finally {
    socket.destroy();
  }
}

test('the answer to a good handshake', async () => {
  const key = 'dGhlIHNhbXBsZSBub25jZQ=='; // section 1.3 has its answer
  assert.equal(acceptFor(key), 's3pPLMBiTxaQ9kYGzzhZRbK+xOo=');
  const { statusLine, headers } = await answer('/?user=alice', {
    headers: { 'Sec-WebSocket-Key': key },
  });
  assert.match(statusLine, /^HTTP\/1\.1 101 /);
  assert.equal(headers.get('upgrade').toLowerCase(), 'websocket');
  assert.equal(headers.get('connection').toLowerCase(), 'upgrade');
  assert.equal(headers.get('sec-websocket-accept'), acceptFor(key));
  assert.equal(headers.get('sec-websocket-protocol'), null);
  assert.equal(headers.get('sec-websocket-extensions'), null);
});

describe('accepted', () => {
  const accepted = {
    'Upgrade in capitals': { Upgrade: 'WebSocket' },
    'Connection in capitals': { Connection: 'UPGRADE' },
    'Connection as a list': { Connection: 'keep-alive, Upgrade' },
    'Connection as a list without blanks': { Connection: 'Upgrade,keep-alive' },
    'Connection twice': { Connection: ['keep-alive', 'Upgrade'] },
    'names of headers in lower case': {
      host: 'localhost', upgrade: 'websocket', connection: 'upgrade', 'sec-websocket-version': '13',
    },
    'names of headers in upper case': { HOST: 'h', UPGRADE: 'websocket', CONNECTION: 'upgrade' },
    'an extension, which is not used': {
      'Sec-WebSocket-Extensions': 'permessage-deflate; client_max_window_bits',
    },
    'a malformed extension': { 'Sec-WebSocket-Extensions': ';;=,' },
    'an Origin, while none is forbidden': { Origin: 'https://example.org' },
    'headers nobody knows': { 'X-Request-Id': '1', Cookie: 'a=b; c=d', DNT: '1' },
  };
  for (const [name, headers] of Object.entries(accepted)) {
    test(name, async () => {
      const { status, headers: answered } = await answer('/?user=alice', { headers });
      assert.equal(status, 101);
      assert.equal(answered.get('sec-websocket-extensions'), null);
    });
  }

  test('blanks around values', async () => {
    assert.equal((await answer('/?user=alice', {
      headers: {
        Upgrade: '  websocket', Connection: ' Upgrade\t', 'Sec-WebSocket-Version': ' 13 ',
      },
    })).status, 101);
  });

  test('the subprotocol parley, alone or among others', async () => {
    for (const offered of ['parley', 'chat, parley', 'parley,chat', ['chat', 'parley']]) {
      const { status, headers } = await answer('/?user=alice', {
        headers: { 'Sec-WebSocket-Protocol': offered },
      });
      assert.equal(status, 101, `${offered}`);
      assert.equal(headers.get('sec-websocket-protocol'), 'parley');
    }
  });

  test('a percent-encoded query', async () => {
    assert.equal(await welcomedUser('/?user=%61lice'), 'alice');
    assert.equal(await welcomedUser('/?%75ser=a%26b%3Dc'), 'a&b=c');
    assert.equal(await welcomedUser('/?user=J%C3%B6rg%20%F0%9F%90%A7'), 'Jörg 🐧');
    assert.equal(await welcomedUser('/?user=a+b'), 'a b');
    assert.equal(await welcomedUser('/?user=a%2Bb'), 'a+b');
    assert.equal(await welcomedUser('/?user=/../x//y/.'), '/../x//y/.');
    assert.equal(await welcomedUser('/?x=?&user=alice&y'), 'alice');
  });

  test('a query of 2,000 bytes', async () => {
    const other = `x=${'0'.repeat(1000)}&y=${'1'.repeat(1000)}`;
    assert.equal(await welcomedUser(`/?${other}&user=alice`), 'alice');
  });

  test('a target in absolute form', async () => {
    const host = `127.0.0.1:${gateway.port}`; // section 4.2.1, 1: an HTTP or HTTPS URI
    assert.equal(await welcomedUser(`http://${host}/?user=alice`), 'alice');
  });

  test('a handshake in segments of one byte', async () => {
    const socket = await RawSocket.connect(gateway.port);
    await socket.writeBytewise(handshake('/?user=alice'));
    assert.equal((await socket.response()).status, 101);
    assert.equal((await nextJson(socket)).type, 'welcome');
    socket.destroy();
  });

  // A client must not send before it has read the answer (section 4.1), but a proxy may have
  // gathered what it sent after that; and what arrives early must not be lost or misread.
  test('frames in the same segment as the handshake', async () => {
    for (const cut of [0, 1, 3, PING.length]) {
      const socket = await RawSocket.connect(gateway.port);
      socket.write(handshake(`/?user=${uniqueUser()}`), PING, PING.subarray(0, cut));
      assert.equal((await socket.response()).status, 101);
      assert.equal((await nextJson(socket)).type, 'welcome');
      assert.deepEqual(await nextJson(socket), PONG);
      socket.write(PING.subarray(cut));
      assert.deepEqual(await nextJson(socket), PONG);
      socket.destroy();
    }
  });
});

describe('refused', () => {
  const cases = [
    ['no key', 400, { 'Sec-WebSocket-Key': undefined }],
    ['an empty key', 400, { 'Sec-WebSocket-Key': '' }],
    ['a key of 15 bytes', 400, { 'Sec-WebSocket-Key': Buffer.alloc(15).toString('base64') }],
    ['a key of 17 bytes', 400, { 'Sec-WebSocket-Key': Buffer.alloc(17).toString('base64') }],
    ['a key of 18 bytes', 400, { 'Sec-WebSocket-Key': Buffer.alloc(18).toString('base64') }],
    ['a key that is not base64', 400, { 'Sec-WebSocket-Key': '!!!!!!!!!!!!!!!!!!!!!!==' }],
    ['two keys', 400, {
      'Sec-WebSocket-Key': ['AAAAAAAAAAAAAAAAAAAAAA==', 'AQEBAQEBAQEBAQEBAQEBAQ=='],
    }],
    ['half a key, twice', 400, { 'Sec-WebSocket-Key': ['dGhlIHNhbXBsZSBub', '25jZQ=='] }],
    ['a key of 1,000 characters', 400, { 'Sec-WebSocket-Key': 'A'.repeat(1000) }],
    ['no Host', 400, { Host: undefined }],
    ['no version', 426, { 'Sec-WebSocket-Version': undefined }],
    ['version 8', 426, { 'Sec-WebSocket-Version': '8' }],
    ['version 14', 426, { 'Sec-WebSocket-Version': '14' }],
    ['version 13x', 426, { 'Sec-WebSocket-Version': '13x' }],
    ['a list of versions', 426, { 'Sec-WebSocket-Version': '8, 13' }],
    ['no Connection', 400, { Connection: undefined }],
    ['Connection without Upgrade', 400, { Connection: 'keep-alive' }],
    ['Connection with a prefix of Upgrade', 400, { Connection: 'up' }],
    ['an upgrade to h2c', 400, { Upgrade: 'h2c', Connection: 'Upgrade, HTTP2-Settings',
      'HTTP2-Settings': 'AAMAAABkAAQAAP__' }],
    // None of them would be spoken: a browser fails the connection when none is chosen.
    ['only subprotocols nobody knows', 400, { 'Sec-WebSocket-Protocol': 'chat, superchat' }],
    ['a subprotocol in other case', 400, { 'Sec-WebSocket-Protocol': 'Parley' }],
    ['a malformed list of subprotocols', 400, { 'Sec-WebSocket-Protocol': 'a b;=(), "x' }],
  ];
  for (const [name, status, headers] of cases) {
    test(`${name}: ${status}`, async () => {
      const refusal = await answer('/?user=alice', { headers });
      assert.equal(refusal.status, status);
      assert.match(refusal.headers.get('content-type'), /^application\/json/);
      assert.equal(typeof JSON.parse(refusal.body).message, 'string');
      // Section 4.4: the versions that are understood.
      const expected = status === 426 ? '13' : null;
      assert.equal(refusal.headers.get('sec-websocket-version'), expected);
    });
  }

  test('a method other than GET: 405', async () => {
    for (const method of ['POST', 'PUT', 'HEAD', 'OPTIONS']) {
      assert.equal((await answer('/?user=alice', { method })).status, 405, method);
    }
  });

  test('HTTP/1.0: 400', async () => {
    assert.equal((await answer('/?user=alice', { version: 'HTTP/1.0' })).status, 400);
  });

  test('a path other than /: 404', async () => {
    assert.equal((await answer('/ws?user=alice')).status, 404);
  });

  test('a request without Upgrade is one for the page', async () => {
    const { status, body } = await answer('/?user=alice', { headers: { Upgrade: undefined } });
    assert.equal(status, 200);
    assert.match(body, /WebSocket server is running/);
  });

  test('after a refusal the connection takes a good handshake, or is closed', async () => {
    const socket = await RawSocket.connect(gateway.port);
    socket.write(handshake('/?user=alice', { headers: { 'Sec-WebSocket-Version': '8' } }));
    assert.equal((await socket.response()).status, 426);
    socket.write(handshake('/?user=alice'));
    const { status } = await socket.response();
    assert.ok(status === 101 || socket.ended, `status ${status}`);
    socket.destroy();
  });
});
