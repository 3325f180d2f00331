// WebSocket as bytes on a TCP socket: a codec of our own that can also write everything that RFC
// 6455 forbids, and that lets nothing pass which a server must not send. Sections are those of
// RFC 6455.
import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import net from 'node:net';
import { DEADLINE, within } from './wait.mjs';

export const CONTINUATION = 0x0;
export const TEXT = 0x1;
export const BINARY = 0x2;
export const CLOSE = 0x8;
export const PING = 0x9;
export const PONG = 0xa;

const ACCEPT_GUID = '258EAFA5-E914-47DA-95CA-C5AB0DC85B11'; // section 1.3

// One frame (section 5.2). Wrong on request: `rsv` are the three reserved bits as a number, with
// RSV1 the highest; `mask` is four bytes or null; `lengthBits` is the width of the length, 7, 16 or
// 64, chosen minimal without it; `length` is announced in place of the payload's.
export function frame(opcode, payload = '', options = {}) {
  const { fin = true, rsv = 0, mask = randomBytes(4) } = options;
  const data = Buffer.from(payload);
  const length = BigInt(options.length ?? data.length);
  const bits = options.lengthBits ?? minimalLengthBits(length);
  const head = Buffer.alloc(2 + { 7: 0, 16: 2, 64: 8 }[bits]);
  head[0] = (fin ? 0x80 : 0) | (rsv << 4) | opcode;
  head[1] = (mask ? 0x80 : 0) | { 7: Number(length), 16: 126, 64: 127 }[bits];
  if (bits === 16) head.writeUInt16BE(Number(length), 2);
  if (bits === 64) head.writeBigUInt64BE(length, 2);
  return Buffer.concat(mask ? [head, mask, masked(data, mask)] : [head, data]);
}

export function text(payload, options) {
  return frame(TEXT, payload, options);
}

// One message in several frames; `pieces` may be empty ones.
export function fragments(opcode, pieces) {
  return pieces.map((piece, index) => frame(index === 0 ? opcode : CONTINUATION, piece,
    { fin: index === pieces.length - 1 }));
}

// The body of a close frame (section 5.5.1).
export function closeBody(code, reason = '') {
  const body = Buffer.alloc(2);
  body.writeUInt16BE(code);
  return Buffer.concat([body, Buffer.from(reason)]);
}

function minimalLengthBits(length) {
  if (length < 126n) return 7;
  return length < 65536n ? 16 : 64;
}

function masked(data, mask) {
  return Buffer.from(data.map((byte, index) => byte ^ mask[index % 4]));
}

// The first frame of `bytes`, with the number of bytes it takes, or undefined while it is
// incomplete.
export function decodeFrame(bytes) {
  if (bytes.length < 2) return undefined;
  const first = bytes[1] & 0x7f;
  const lengthBits = { 126: 16, 127: 64 }[first] ?? 7;
  const hasMask = bytes[1] >= 0x80;
  const maskAt = 2 + { 7: 0, 16: 2, 64: 8 }[lengthBits];
  const dataAt = maskAt + (hasMask ? 4 : 0);
  if (bytes.length < dataAt) return undefined;
  let length = BigInt(first);
  if (lengthBits === 16) length = BigInt(bytes.readUInt16BE(2));
  if (lengthBits === 64) length = bytes.readBigUInt64BE(2);
  const end = dataAt + Number(length);
  if (bytes.length < end) return undefined;
  const data = bytes.subarray(dataAt, end);
  return {
    fin: bytes[0] >= 0x80,
    rsv: (bytes[0] >> 4) & 7,
    opcode: bytes[0] & 0xf,
    masked: hasMask,
    lengthBits,
    payload: hasMask ? masked(data, bytes.subarray(maskAt, dataAt)) : Buffer.from(data),
    size: end,
  };
}

// What section 5 asks of every frame from a server without extensions.
export function checkServerFrame({ fin, rsv, opcode, masked: hasMask, lengthBits, payload }) {
  const name = `the gateway's frame ${opcode} of ${payload.length} bytes`;
  assert.equal(hasMask, false, `${name} is masked (5.1)`);
  assert.equal(rsv, 0, `${name} has reserved bits (5.2)`);
  assert.equal(lengthBits, minimalLengthBits(BigInt(payload.length)), `length of ${name} (5.2)`);
  assert.ok([TEXT, CLOSE, PING, PONG].includes(opcode), `opcode of ${name} (5.2)`);
  assert.equal(fin, true, `${name} is a fragment; the gateway sends none (5.4)`);
  if (opcode >= CLOSE) assert.ok(payload.length <= 125, `${name} is too long (5.5)`);
  if (opcode === CLOSE) assert.notEqual(payload.length, 1, `${name} (5.5.1)`);
  if (opcode === TEXT) assertUtf8(payload, name);
  if (opcode === CLOSE) assertUtf8(payload.subarray(2), name);
}

function assertUtf8(bytes, name) {
  assert.doesNotThrow(() => new TextDecoder('utf-8', { fatal: true }).decode(bytes),
    `${name} is not UTF-8 (8.1)`);
}

export function acceptFor(key) {
  return createHash('sha1').update(key + ACCEPT_GUID).digest('base64'); // section 4.2.2, 5.4
}

// The bytes of a good opening handshake (section 4.1). `headers` adds and replaces, whatever the
// case of the name; undefined leaves one out, an array gives it several times.
export function handshake(target, { method = 'GET', version = 'HTTP/1.1', headers = {} } = {}) {
  const replaced = new Set(Object.keys(headers).map((name) => name.toLowerCase()));
  const good = {
    Host: 'localhost',
    Upgrade: 'websocket',
    Connection: 'Upgrade',
    'Sec-WebSocket-Key': randomBytes(16).toString('base64'),
    'Sec-WebSocket-Version': '13',
  };
  const lines = [...Object.entries(good).filter(([name]) => !replaced.has(name.toLowerCase())),
    ...Object.entries(headers)].flatMap(([name, value]) => [value ?? []].flat()
    .map((one) => `${name}: ${one}\r\n`));
  return `${method} ${target} ${version}\r\n${lines.join('')}\r\n`;
}

export class RawSocket {
  #received = Buffer.alloc(0);
  #wake = () => {};

  // A TCP connection, no more.
  static async connect(port) {
    const tcp = net.connect({ host: '127.0.0.1', port, noDelay: true, allowHalfOpen: true });
    const socket = new RawSocket(tcp);
    await within(new Promise((resolve, reject) => {
      tcp.once('connect', resolve).once('error', reject);
    }), DEADLINE, 'a TCP connection');
    return socket;
  }

  // Connected and upgraded; `options` as for handshake().
  static async open(port, target, options) {
    const socket = await RawSocket.connect(port);
    socket.write(handshake(target, options));
    const { status } = await socket.response();
    assert.equal(status, 101);
    return socket;
  }

  constructor(tcp) {
    this.tcp = tcp;
    this.ended = false; // the peer has closed, by FIN or by RST
    tcp.on('data', (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
      this.#wake();
    });
    const end = () => {
      this.ended = true;
      this.#wake();
    };
    tcp.on('end', end).on('close', end).on('error', end);
  }

  // All chunks in one system call: loopback makes one segment of them, up to 64 KiB.
  write(...chunks) {
    this.tcp.write(Buffer.concat(chunks.map((chunk) => Buffer.from(chunk))));
  }

  // Every byte in a segment of its own; without Nagle's delay each write is one.
  async writeBytewise(bytes) {
    for (const byte of Buffer.from(bytes)) {
      await new Promise((resolve) => { this.tcp.write(Buffer.of(byte), resolve); });
    }
  }

  // FIN; what the peer sends is still read.
  end() {
    this.tcp.end();
  }

  destroy() {
    this.tcp.destroy();
  }

  // The head of an HTTP response, and its body if it says how long that is: { status, headers,
  // body }. A header given twice is joined with ", ".
  async response() {
    const head = await this.#take('a response', (bytes) => {
      const end = bytes.indexOf('\r\n\r\n');
      return end < 0 ? undefined : { size: end + 4, lines: bytes.toString('latin1', 0, end) };
    });
    if (!head) return { status: undefined };
    const [statusLine, ...lines] = head.lines.split('\r\n');
    const headers = new Headers(lines.map((line) => [line.slice(0, line.indexOf(':')),
      line.slice(line.indexOf(':') + 1)]));
    const length = Number(headers.get('content-length') ?? 0);
    const body = await this.#take('its body', (bytes) => (bytes.length < length ? undefined
      : { size: length, text: bytes.toString('utf8', 0, length) }));
    return { status: Number(statusLine.split(' ')[1]), statusLine, headers, body: body?.text };
  }

  // The next frame, checked, or undefined when the peer has closed without another.
  async anyFrame(deadline = DEADLINE) {
    const next = await this.#take('a frame', decodeFrame, deadline);
    if (next) checkServerFrame(next);
    return next;
  }

  // The same, but for pings, which a gateway sends behind messages: they are answered (5.5.2).
  async frame(deadline = DEADLINE) {
    for (;;) {
      const next = await this.anyFrame(deadline);
      if (next?.opcode !== PING) return next;
      this.write(frame(PONG, next.payload));
    }
  }

  // Resolves when the peer has closed; there must be nothing left to read.
  async closed(deadline = DEADLINE) {
    assert.equal(await this.frame(deadline), undefined, 'a frame');
    assert.equal(this.#received.length, 0, 'half a frame was left');
  }

  // What `parse` finds at the front, taken off by its `size`; undefined when the peer has closed.
  // The deadline begins anew with every arrival.
  async #take(what, parse, deadline = DEADLINE) {
    for (;;) {
      const found = parse(this.#received);
      if (found) {
        this.#received = this.#received.subarray(found.size);
        return found;
      }
      if (this.ended) return undefined;
      await within(new Promise((resolve) => { this.#wake = resolve; }), deadline,
        () => `${what}; so far: ${this.#received.toString('latin1')}`);
    }
  }
}
