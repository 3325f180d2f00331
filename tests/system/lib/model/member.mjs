// One gateway process of a run, with a session that watches everybody and one that asks.
import { Session } from './session.mjs';

const RETRY_MS = 100;

export class Member {
  // name: of the process in the log. process: a Gateway.
  constructor(name, process, recorder) {
    Object.assign(this, { name, process, recorder, running: true });
    this.questions = [];
  }

  get url() {
    return this.process.url;
  }

  observe(users) {
    this.users = users;
    this.watcher = this.#open('watcher', (frame) => this.#watched(frame),
      () => this.#watch());
    this.asker = this.#open('asker', (frame) => this.#answered(frame));
    this.asker.ended.then(() => this.questions.forEach(({ resolve }) => resolve()));
  }

  #open(role, onFrame, onOpened) {
    return new Session(this.recorder.record, this, {
      session: `${role}-${this.name}`, user: role, device: this.name, onFrame, onOpened,
    });
  }

  #watch() {
    this.watchedAt = this.recorder.now();
    this.watcher.send({ type: 'watch', users: this.users, ref: 'watch' });
  }

  #watched(frame) {
    const session = this.watcher.name;
    if (frame.type === 'error') {
      setTimeout(() => this.#watch(), RETRY_MS);
    } else if (frame.ref !== undefined) {
      this.recorder.record('watching', { session, gateway: this.name });
      this.recorder.record('told', { session, users: frame.users, asked: this.watchedAt });
    } else {
      this.recorder.record('told', { session, users: frame.users });
    }
  }

  // Resolves with who is online, as the answer has it; undefined when the gateway cannot say, or
  // does not live to.
  ask() {
    if (!this.asker.opened) return undefined;
    return new Promise((resolve) => {
      this.questions.push({ resolve, asked: this.recorder.now() });
      const ref = String(this.questions.length - 1);
      this.asker.send({ type: 'presence', users: this.users, ref });
    });
  }

  #answered({ ref, users }) {
    const { resolve, asked } = this.questions[Number(ref)];
    if (users) this.recorder.record('answered', { gateway: this.name, users, asked });
    resolve(users);
  }

  async status() {
    const response = await fetch(`${this.process.http}/readyz`);
    await response.text();
    return response.status;
  }

  async end() {
    this.running = false;
    this.watcher.discard();
    this.asker.discard();
    this.process.process.signal('SIGCONT');
    await this.process.stop();
  }
}
