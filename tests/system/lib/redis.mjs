// A redis-server of the test's own: own temporary folder, own port on loopback or unix socket.
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { Process, run } from './process.mjs';
import { Connection } from './resp.mjs';
import { DEADLINE, until } from './wait.mjs';

const ATTEMPTS = 5; // somebody else may take the port between the kernel's answer and our start

export class Redis {
  // unix: listen on a unix socket instead of a port. args: more of redis-server's options.
  static async start({ unix = false, args = [] } = {}) {
    const folder = await mkdtemp(path.join(os.tmpdir(), 'parley-redis-'));
    const redis = new Redis(folder, unix, args);
    for (let attempt = 1; ; attempt++) {
      if (!unix) redis.port = await freePort();
      try {
        await redis.#launch();
        return redis;
      } catch (error) {
        await redis.kill();
        if (attempt === ATTEMPTS) {
          await redis.stop();
          throw error;
        }
      }
    }
  }

  constructor(folder, unix, args) {
    this.folder = folder;
    this.socket = unix ? path.join(folder, 'socket') : undefined;
    this.args = args;
  }

  // What --redis takes.
  get address() {
    return this.socket ? `unix:${this.socket}` : `127.0.0.1:${this.port}`;
  }

  async #launch() {
    const where = this.socket
      ? ['--port', '0', '--unixsocket', this.socket]
      : ['--port', String(this.port), '--bind', '127.0.0.1'];
    this.process = new Process('redis-server', [...where, '--dir', this.folder, '--save', '',
      '--appendonly', 'no', ...this.args]);
    await until(async () => {
      if (!this.process.running) throw new Error(`redis-server ended:\n${this.process.stdout}`);
      const reply = await this.command('PING').catch((error) => error);
      return reply === 'PONG' || /^(NOAUTH|LOADING)/.test(reply.message);
    }, DEADLINE, 'redis-server to answer');
  }

  // The end of it; nothing that the tests store is worth saving.
  async stop() {
    await this.kill();
    await rm(this.folder, { recursive: true, force: true });
  }

  // As a crash: every connection breaks, all data is gone. restart() may follow.
  async kill() {
    await this.process.kill();
  }

  // The same address again, with what SAVE has written, or empty. While it reads that it answers
  // errors (LOADING).
  async restart() {
    if (this.process.running) await this.kill();
    await this.#launch();
  }

  // Stopped, connections stay open and nothing is answered.
  pause() {
    this.process.signal('SIGSTOP');
  }

  resume() {
    this.process.signal('SIGCONT');
  }

  // The output of redis-cli, without the newline at its end.
  async cli(...args) {
    const where = this.socket ? ['-s', this.socket] : ['-p', String(this.port)];
    const { code, stdout, stderr } = await run('redis-cli', [...where, ...args.map(String)]);
    if (code !== 0) throw new Error(`redis-cli ${args.join(' ')}: ${stderr}${stdout}`);
    return stdout.replace(/\n$/, '');
  }

  // One command on a connection of its own. Bulk strings become JavaScript strings; error replies
  // are thrown.
  async command(...args) {
    const connection = await this.connect();
    try {
      connection.send(...args);
      const reply = await connection.reply();
      if (reply instanceof Error) throw reply;
      return asText(reply);
    } finally {
      connection.close();
    }
  }

  // A raw connection (see resp.mjs); the caller closes it.
  connect() {
    return Connection.open(this.socket ? { path: this.socket } : { port: this.port });
  }

  // Resolves, when Redis has confirmed it, with an object whose next() gives the bytes of one
  // published message after the other.
  async subscribe(channel) {
    const connection = await this.connect();
    connection.send('SUBSCRIBE', channel);
    await connection.reply();
    return {
      next: async () => (await connection.reply())[2],
      close: () => connection.close(),
    };
  }

  // How many connections are subscribed to the channel.
  async subscribers(channel) {
    const [, count] = await this.command('PUBSUB', 'NUMSUB', channel);
    return count;
  }
}

// A port of 127.0.0.1 that nobody listens on at this moment.
export async function freePort() {
  const server = net.createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address();
  server.close();
  await once(server, 'close');
  return port;
}

function asText(reply) {
  if (Buffer.isBuffer(reply)) return reply.toString();
  return Array.isArray(reply) ? reply.map(asText) : reply;
}
