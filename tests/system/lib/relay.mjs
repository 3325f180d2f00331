// A TCP relay in front of gateways: a network that can vanish without a word.
import { once } from 'node:events';
import net from 'node:net';

export class Relay {
  static async start(gateway) {
    const relay = new Relay(gateway);
    relay.server = net.createServer({ noDelay: true }, (socket) => relay.#accept(socket))
      .listen(0, '127.0.0.1');
    await once(relay.server, 'listening');
    return relay;
  }

  constructor(gateway) {
    this.gateway = gateway; // where connections that are made from now on lead to
    this.links = new Set();
  }

  get url() {
    return `ws://127.0.0.1:${this.server.address().port}`;
  }

  // From now on the connections that exist lose every byte, in both directions; TCP stays open.
  swallow() {
    for (const link of this.links) link.swallows = true;
  }

  // The clients of those see their connections break. The gateway sees nothing until stop().
  breakSwallowed() {
    for (const link of this.links) if (link.swallows) link.client.destroy();
  }

  async stop() {
    this.server.close();
    for (const link of this.links) link.end();
    await once(this.server, 'close');
  }

  #accept(client) {
    const link = new Link(client, net.connect({
      host: '127.0.0.1', port: this.gateway.port, noDelay: true,
    }), () => this.links.delete(link));
    this.links.add(link);
  }
}

class Link {
  constructor(client, gateway, gone) {
    this.client = client;
    this.gateway = gateway;
    this.gone = gone;
    this.swallows = false;
    this.#lead(client, gateway);
    this.#lead(gateway, client);
  }

  #lead(from, to) {
    from.on('data', (bytes) => {
      if (!this.swallows) to.write(bytes);
    });
    from.on('error', () => {}); // 'close' follows
    from.on('close', () => {
      if (!this.swallows) this.end();
    });
  }

  end() {
    this.gone();
    this.client.destroy();
    this.gateway.destroy();
  }
}
