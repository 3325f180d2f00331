// One gateway of a run, behind a proxy of its own that leads to Redis.
import { Gateway } from '../gateway.mjs';
import { Proxy } from '../proxy.mjs';
import { DEADLINE, within } from '../wait.mjs';

export class Member {
  static async start(name, redis, flags) {
    const member = new Member(name);
    member.proxy = await Proxy.start(redis.port);
    try {
      member.process = await Gateway.start({
        redis: member.proxy.address, flags: ['--id', name, ...flags], ready: false,
      });
    } catch (error) {
      await member.proxy.stop();
      throw error;
    }
    return member;
  }

  constructor(name) {
    this.name = name;
  }

  get url() {
    return this.process.url;
  }

  signal(name) {
    this.process.process.signal(name);
  }

  async isReady() {
    const response = await this.#get('/readyz');
    return response.status === 200;
  }

  // { 'name{labels}': value }
  async metrics() {
    const text = await (await this.#get('/metrics')).text();
    return Object.fromEntries(text.split('\n').filter((line) => line && !line.startsWith('#'))
      .map((line) => [line.slice(0, line.lastIndexOf(' ')), Number(line.slice(line.lastIndexOf(' ') + 1))]));
  }

  #get(path) {
    return within(fetch(`${this.process.http}${path}`), DEADLINE, `${this.name} to answer ${path}`);
  }

  async kill() {
    await this.process.kill();
    await this.proxy.stop();
  }

  // SIGTERM, and a clean end.
  async drain() {
    await this.process.stop();
    await this.proxy.stop();
  }
}
