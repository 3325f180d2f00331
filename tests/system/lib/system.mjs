// A Redis and some gateways in front of it: what most tests need.
import { Gateway } from './gateway.mjs';
import { Redis } from './redis.mjs';

export class System {
  // flags: for every gateway. redis: more options for Redis.start().
  static async start({ gateways = 1, flags = [], redis } = {}) {
    const system = new System();
    try {
      system.redis = await Redis.start(redis);
      for (let number = 1; number <= gateways; number++) {
        await system.addGateway(['--id', `g${number}`, ...flags]);
      }
      return system;
    } catch (error) {
      await system.stop().catch(() => {}); // the first error says more
      throw error;
    }
  }

  constructor() {
    this.gateways = [];
  }

  async addGateway(flags = [], options = {}) {
    const gateway = await Gateway.start({ redis: this.redis, flags, ...options });
    this.gateways.push(gateway);
    return gateway;
  }

  // Everything is gone afterwards, also when a gateway did not end as it should.
  async stop() {
    const ends = await Promise.allSettled(this.gateways.map((gateway) => gateway.stop()));
    await this.redis?.stop();
    for (const end of ends) {
      if (end.status === 'rejected') throw end.reason;
    }
  }
}
