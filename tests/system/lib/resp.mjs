// A connection to Redis that speaks RESP2
// (https://redis.io/docs/latest/develop/reference/protocol-spec/).
// Independent of redis-cli: arguments and answers are exact bytes.
import { once } from 'node:events';
import net from 'node:net';
import { DEADLINE, until } from './wait.mjs';

export class Connection {
  // address: { port } on 127.0.0.1, or { path } of a unix socket.
  static async open(address) {
    const socket = net.connect({ host: '127.0.0.1', ...address });
    await once(socket, 'connect');
    return new Connection(socket);
  }

  constructor(socket) {
    this.socket = socket;
    this.replies = []; // not yet taken
    this.closed = false;
    let rest = Buffer.alloc(0);
    socket.on('data', (data) => {
      rest = Buffer.concat([rest, data]);
      for (let parsed = parse(rest, 0); parsed; parsed = parse(rest, 0)) {
        this.replies.push(parsed.value);
        rest = rest.subarray(parsed.end);
      }
    });
    socket.on('error', () => {}); // 'close' follows
    socket.on('close', () => { this.closed = true; });
  }

  // Arguments are strings (UTF-8), numbers or Buffers.
  send(...args) {
    const parts = [`*${args.length}\r\n`];
    for (const arg of args) {
      const bytes = Buffer.isBuffer(arg) ? arg : Buffer.from(String(arg));
      parts.push(`$${bytes.length}\r\n`, bytes, '\r\n');
    }
    this.socket.write(Buffer.concat(parts.map((part) => Buffer.from(part))));
  }

  async reply(deadline = DEADLINE) {
    await until(() => this.replies.length > 0 || this.closed, deadline, 'a reply from Redis');
    if (this.replies.length === 0) throw new Error('Redis closed the connection');
    return this.replies.shift();
  }

  close() {
    this.socket.destroy();
  }
}

// One reply at `start`: { value, end }, or undefined while it is incomplete. Bulk strings are
// Buffers, errors are Error objects.
function parse(bytes, start) {
  const lineEnd = bytes.indexOf('\r\n', start);
  if (lineEnd < 0) return undefined;
  const line = bytes.toString('utf8', start + 1, lineEnd);
  const after = lineEnd + 2;
  switch (String.fromCharCode(bytes[start])) {
    case '+':
      return { value: line, end: after };
    case '-':
      return { value: new Error(line), end: after };
    case ':':
      return { value: Number(line), end: after };
    case '$': {
      const length = Number(line);
      if (length < 0) return { value: null, end: after };
      if (bytes.length < after + length + 2) return undefined;
      return { value: bytes.subarray(after, after + length), end: after + length + 2 };
    }
    case '*': {
      const value = [];
      let end = after;
      for (let left = Number(line); left > 0; left--) {
        const element = parse(bytes, end);
        if (!element) return undefined;
        value.push(element.value);
        end = element.end;
      }
      return { value, end };
    }
    default:
      throw new Error(`not RESP: ${bytes.toString('latin1', start, start + 20)}`);
  }
}
