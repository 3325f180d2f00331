// compose.yaml in an engine, as a project of its own, on a free port.
import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { run } from '../system/lib/process.mjs';
import { freePort } from '../system/lib/redis.mjs';
import { until } from '../system/lib/wait.mjs';

const FILE = fileURLToPath(new URL('../../compose.yaml', import.meta.url));
const LONG = 120_000; // anything that docker does, in milliseconds; but for the build
const BUILD = 600_000;

export class Cluster {
  // Builds the image and starts everything.
  static async start({ gateways }) {
    const cluster = new Cluster(await freePort());
    await cluster.compose(['build'], BUILD);
    cluster.startedAt = performance.now();
    await cluster.scale(gateways);
    return cluster;
  }

  constructor(port) {
    this.port = port;
    this.project = process.env.PARLEY_TEST_PROJECT;
    // Otherwise the test would mostly wait for drains.
    this.env = { PARLEY_PUBLISH: `127.0.0.1:${port}`, PARLEY_DRAIN: '3s' };
  }

  get url() {
    return `ws://127.0.0.1:${this.port}`;
  }

  // What docker compose, or docker-compose, prints.
  async compose(args, deadline = LONG) {
    return (await this.#run([...this.#command, ...args], deadline)).stdout;
  }

  // With the log of a container, standard error is what there is.
  async docker(...args) {
    const { stdout, stderr } = await this.#run(['docker', ...args], LONG);
    return args[0] === 'logs' ? stdout + stderr : stdout;
  }

  // Lines of a document, with its `docker compose` being that of this cluster.
  async shell(text) {
    const script = text.replaceAll('docker compose', this.#command.join(' '));
    await this.#run(['bash', '-euc', script], BUILD);
  }

  get #command() {
    return [...process.env.PARLEY_TEST_COMPOSE.split(' '), '--file', FILE,
      '--project-name', this.project];
  }

  async #run([command, ...args], deadline) {
    const { code, stdout, stderr } = await run(command, args, { deadline, env: this.env });
    assert.equal(code, 0,
      `${command} ${args.join(' ')}\n${stdout.slice(-3000)}\n${stderr.slice(-3000)}`);
    return { stdout, stderr };
  }

  // So many gateways, and nothing that runs already is replaced.
  async scale(gateways) {
    await this.compose(['up', '--detach', '--no-recreate', '--scale', `gateway=${gateways}`]);
  }

  // What docker inspect says of each container of the service.
  async inspect(service) {
    const ids = (await this.docker('ps', '--all', '--quiet',
      '--filter', `label=com.docker.compose.project=${this.project}`,
      '--filter', `label=com.docker.compose.service=${service}`)).split(/\s+/).filter(Boolean);
    return ids.length === 0 ? [] : JSON.parse(await this.docker('inspect', ...ids));
  }

  // Until each of the service's containers has this health.
  async health(service, status) {
    let seen;
    await until(async () => {
      seen = (await this.inspect(service)).map(({ State }) => State.Health.Status);
      return seen.length > 0 && seen.every((one) => one === status);
    }, LONG, () => `${service} to be ${status}, not ${seen}`);
  }

  // Lines of one service, without what compose puts in front.
  async logs(service) {
    const text = await this.compose(['logs', '--no-color', service]);
    return text.split('\n').filter((line) => line.includes('|'))
      .map((line) => line.slice(line.indexOf('|') + 2));
  }

  // The text of a gateway's page for those inside.
  async inside(container, path) {
    return this.docker('exec', container.Id, 'bash', '-c', 'exec 3<>/dev/tcp/127.0.0.1/9100; '
      + `printf 'GET ${path} HTTP/1.1\\r\\nHost: g\\r\\nConnection: close\\r\\n\\r\\n' >&3; cat <&3`);
  }

  async stop() {
    await this.compose(['down', '--volumes', '--remove-orphans', '--timeout', '0']);
  }
}
