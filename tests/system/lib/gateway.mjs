// One parley-gateway, on a port that the kernel picks.
import assert from 'node:assert/strict';
import { Process, program } from './process.mjs';
import { DEADLINE, until } from './wait.mjs';

const TAIL_LINES = 25;

const running = new Set();

export class Gateway {
  // redis: a Redis, or what --redis takes. ready: false returns as soon as it listens, which it
  // does before Redis has answered. Nobody waits for a drain who does not ask for one.
  static async start({ redis, port = 0, flags = [], env = {}, ready = true }) {
    const args = ['--port', port, '--redis', redis.address ?? redis, '--drain', 0, ...flags]
      .map(String);
    const gateway = new Gateway(args, env);
    try {
      gateway.port = Number((await gateway.waitForLog('listening')).port);
      if (ready) await gateway.waitForLog('ready');
      return gateway;
    } catch (error) {
      await gateway.kill();
      throw error;
    }
  }

  constructor(args, env) {
    this.log = []; // one object per line: event, level and the fields
    this.process = new Process(program('parley-gateway'), args, {
      env,
      onLine: (line) => this.log.push(parseLogLine(line)),
    });
    running.add(this);
  }

  get url() {
    return `ws://127.0.0.1:${this.port}`;
  }

  get http() {
    return `http://127.0.0.1:${this.port}`;
  }

  // The first line of that event whose fields are those given, at or after line `from` of the log
  // (as log.length was at some moment), now or when it comes.
  async waitForLog(event, fields = {}, { from = 0, deadline = DEADLINE } = {}) {
    const wanted = Object.entries(fields);
    const find = () => this.log.slice(from).find((line) => line.event === event
      && wanted.every(([name, value]) => line[name] === String(value)));
    return until(() => {
      const line = find();
      if (!line && !this.process.running) throw new Error(`the gateway ended\n${this.tail()}`);
      return line;
    }, deadline, () => `event=${event} ${JSON.stringify(fields)}\n${this.tail()}`);
  }

  // A metric's value from /metrics; labels as `{kind="pair"}`. 0 when it is not there.
  async metric(name, labels = '') {
    return metricIn(await this.#metrics(), name, labels);
  }

  // Resolves when every user with a session here is subscribed in Redis: what is sent to them from
  // then on arrives. A native session has its welcome by that time; a pair session is told nothing.
  async subscribed() {
    await until(async () => {
      const text = await this.#metrics();
      return metricIn(text, 'parley_users')
        === metricIn(text, 'parley_subscriptions', '{channel="user"}');
    }, DEADLINE, 'the subscriptions to be confirmed');
  }

  async #metrics() {
    return (await fetch(`${this.http}/metrics`)).text();
  }

  // SIGTERM, and a clean end. Doing it twice, or after kill(), is allowed.
  async stop() {
    if (!running.has(this)) return;
    this.process.signal('SIGTERM');
    try {
      assert.deepEqual(await this.process.end(), { code: 0, signal: null }, this.tail());
    } finally {
      await this.kill();
    }
  }

  async kill() {
    running.delete(this);
    await this.process.kill();
  }

  // The log's last lines, as they were written.
  tail() {
    const lines = this.process.stderr.trimEnd().split('\n').slice(-TAIL_LINES);
    return [`--- the log of gateway ${this.process.pid}, port ${this.port}`, ...lines].join('\n');
  }
}

// The last lines of every gateway that runs, for a failed test.
export function tails() {
  return [...running].map((gateway) => gateway.tail()).join('\n');
}

function metricIn(text, name, labels = '') {
  const start = `${name}${labels} `;
  const line = text.split('\n').find((candidate) => candidate.startsWith(start));
  return line ? Number(line.slice(start.length)) : 0;
}

// key=value fields; what is not bare is in quotes, with \" \\ and \xHH.
function parseLogLine(line) {
  const fields = {};
  for (const [, name, value] of line.matchAll(/([\w.]+)=("(?:[^"\\]|\\.)*"|\S*)/g)) {
    fields[name] = value.startsWith('"') ? unquote(value.slice(1, -1)) : value;
  }
  return fields;
}

function unquote(value) {
  return value.replace(/\\(?:x([0-9A-F]{2})|(.))/g,
    (_, hex, character) => character ?? String.fromCharCode(parseInt(hex, 16)));
}
