// The log of a run, while it is written.

const LOOK_MS = 50;
const STALL_MS = 250;

export class Recorder {
  #begin = performance.now();
  #last = 0;

  constructor() {
    this.log = [];
    this.record = (event, fields = {}) => this.log.push({ t: this.now(), event, ...fields });
    this.timer = setInterval(() => this.#look(), LOOK_MS);
  }

  now() {
    return performance.now() - this.#begin;
  }

  // What Unix time, in ms, is ahead of the log's.
  unixOffset() {
    return performance.timeOrigin + this.#begin;
  }

  stop() {
    clearInterval(this.timer);
  }

  // When this process does not run, what it notes is late.
  #look() {
    const now = this.now();
    if (now - this.#last > STALL_MS) this.record('stalled', { since: this.#last });
    this.#last = now;
  }
}
