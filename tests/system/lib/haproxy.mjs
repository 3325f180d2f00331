// HAProxy with the configuration that is shipped, as it is. It finds its backends by name, so the
// test is its name server; they are addresses of 127.0.0.0/8 with one port.
import { once } from 'node:events';
import dgram from 'node:dgram';
import { fileURLToPath } from 'node:url';
import { request } from './http.mjs';
import { Process } from './process.mjs';
import { freePort } from './redis.mjs';
import { DEADLINE, until } from './wait.mjs';

const CONFIG = fileURLToPath(new URL('../../../tools/container/haproxy.cfg', import.meta.url));
const NAME = 'gateway.test';
const ATTEMPTS = 5; // somebody else may take the port between the kernel's answer and our start

export class HAProxy {
  // port, adminPort: of the backends; addresses: their IPv4 addresses, which may be changed later.
  static async start({ port, adminPort, addresses }) {
    const names = await NameServer.start(addresses);
    for (let attempt = 1; ; attempt++) {
      const proxy = new HAProxy(await freePort(), names, { port, adminPort });
      try {
        await proxy.#ready();
        return proxy;
      } catch (error) {
        await proxy.process.kill();
        if (attempt === ATTEMPTS || !/cannot bind/i.test(proxy.process.stderr)) {
          names.stop();
          throw error;
        }
      }
    }
  }

  constructor(own, names, { port, adminPort }) {
    this.port = own;
    this.names = names;
    this.process = new Process('haproxy', ['-db', '-f', CONFIG], {
      env: {
        PATH: `${process.env.PATH}:/usr/sbin`,
        PARLEY_BIND: `127.0.0.1:${own}`,
        PARLEY_GATEWAYS: `${NAME}:${port}`,
        PARLEY_ADMIN: String(adminPort),
        PARLEY_DNS: `127.0.0.1:${names.port}`,
      },
    });
  }

  get url() {
    return `ws://127.0.0.1:${this.port}`;
  }

  get log() {
    return this.process.stdout;
  }

  // Every address that the name server knows was found good, and is used.
  async #ready() {
    await until(async () => {
      if (!this.process.running) throw new Error(`haproxy ended:\n${this.process.stderr}`);
      const answer = await request(this.port, '/').catch(() => undefined);
      return answer?.status === 200;
    }, DEADLINE, () => `haproxy to reach a backend\n${this.log}${this.process.stderr}`);
  }

  async stop() {
    this.names.stop();
    await this.process.kill();
  }
}

// Answers every question for addresses (RFC 1035, section 4) with those that it has.
class NameServer {
  static async start(addresses) {
    const server = new NameServer(addresses);
    server.socket.bind(0, '127.0.0.1');
    await once(server.socket, 'listening');
    return server;
  }

  constructor(addresses) {
    this.addresses = addresses;
    this.socket = dgram.createSocket('udp4');
    this.socket.on('message', (query, from) => {
      this.socket.send(this.#answer(query), from.port, from.address);
    });
  }

  get port() {
    return this.socket.address().port;
  }

  stop() {
    this.socket.close();
  }

  #answer(query) {
    const end = query.indexOf(0, 12) + 5; // a name ends with an empty label; type and class follow
    const isA = query.readUInt16BE(end - 4) === 1;
    const records = (isA ? this.addresses : []).map((address) => Buffer.from([
      0xc0, 12, 0, 1, 0, 1, // the name in the question, A, IN
      0, 0, 0, 1, 0, 4, // for one second, four bytes
      ...address.split('.').map(Number),
    ]));
    const head = Buffer.alloc(12);
    query.copy(head, 0, 0, 2);
    head.writeUInt16BE(0x8180, 2); // an answer, recursion done
    head.writeUInt16BE(1, 4);
    head.writeUInt16BE(records.length, 6);
    return Buffer.concat([head, query.subarray(12, end), ...records]);
  }
}
