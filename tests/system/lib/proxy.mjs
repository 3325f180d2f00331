// A TCP proxy between a gateway and Redis, which can lie: cut, swallow, or lead elsewhere.
import { once } from 'node:events';
import net from 'node:net';

const KINDS = ['command', 'subscription'];
const DIRECTIONS = ['toRedis', 'toGateway'];

export class Proxy {
  // port: of a Redis on 127.0.0.1. latency: how many ms every byte takes in each direction.
  static async start(port, { latency = 0 } = {}) {
    const proxy = new Proxy(port, latency);
    proxy.server = net.createServer({ noDelay: true }, (socket) => proxy.#accept(socket))
      .listen(0, '127.0.0.1');
    await once(proxy.server, 'listening');
    return proxy;
  }

  constructor(port, latency) {
    this.latency = latency;
    this.routes = Object.fromEntries(KINDS.map((kind) => [kind, port]));
    this.links = new Set();
    this.swallowsAll = false;
    this.made = Object.fromEntries(KINDS.map((kind) => [kind, 0])); // connections so far
  }

  // What --redis takes.
  get address() {
    return `127.0.0.1:${this.server.address().port}`;
  }

  // From now on the connections that exist lose every byte of this kind and direction; TCP stays
  // open. Those made later work. Without a kind or direction: all.
  swallow({ kind, direction } = {}) {
    for (const link of this.#links(kind)) {
      for (const one of direction ? [direction] : DIRECTIONS) link.swallowed.add(one);
    }
  }

  // The same, also those made later, until restore(): connecting is all that works.
  swallowAll() {
    this.swallowsAll = true;
    this.swallow();
  }

  // What was swallowed is lost; on those connections everything still is.
  restore() {
    this.swallowsAll = false;
  }

  // What Redis sends stays here, in its order, until release().
  hold({ kind } = {}) {
    for (const link of this.#links(kind)) link.redis.pause();
  }

  release({ kind } = {}) {
    for (const link of this.#links(kind)) link.redis.resume();
  }

  cut({ kind } = {}) {
    for (const link of this.#links(kind)) link.end();
  }

  // Of those that swallow: their end.
  cutSwallowed() {
    for (const link of [...this.links]) if (link.swallowed.size > 0) link.end();
  }

  // Where connections of this kind that are made from now on lead to.
  route(kind, port) {
    this.routes[kind] = port;
  }

  async stop() {
    this.server.close();
    this.cut();
    await once(this.server, 'close');
  }

  #links(kind) {
    return [...this.links].filter((link) => !kind || link.kind === kind);
  }

  #accept(client) {
    const link = new Link(client, this.latency, () => this.links.delete(link));
    this.links.add(link);
    client.once('data', (greeting) => {
      // The greeting is one write, and only the connection for commands needs scripts.
      link.kind = greeting.includes('SCRIPT') ? 'command' : 'subscription';
      this.made[link.kind]++;
      if (!this.swallowsAll) link.connect(this.routes[link.kind], greeting);
    });
  }
}

class Link {
  constructor(client, latency, gone) {
    this.client = client;
    this.latency = latency;
    this.swallowed = new Set();
    this.gone = gone;
    client.on('error', () => {}); // 'close' follows
    client.on('close', () => this.end());
  }

  connect(port, greeting) {
    this.redis = net.connect({ host: '127.0.0.1', port, noDelay: true });
    this.redis.on('error', () => {});
    this.redis.on('close', () => this.end());
    this.#pass(this.redis, greeting);
    this.client.on('data', (bytes) => {
      if (!this.swallowed.has('toRedis')) this.#pass(this.redis, bytes);
    });
    this.redis.on('data', (bytes) => {
      if (!this.swallowed.has('toGateway')) this.#pass(this.client, bytes);
    });
  }

  // Timers of one length keep their order.
  #pass(to, bytes) {
    if (this.latency === 0) to.write(bytes);
    else setTimeout(() => to.write(bytes), this.latency);
  }

  end() {
    this.gone();
    this.client.destroy();
    this.redis?.destroy();
  }
}
