// Something said, as one of the two sees it. All text is textContent: markup stays text.
import { time } from './words.js';

export class Bubble {
  element = document.createElement('article');
  status = ''; // of one's own: `pending`, `stored`, `arrived` or `failed`
  #time = document.createElement('time');
  #status = document.createElement('span');

  // side: that of the sender, for the colour; '' for anybody else.
  constructor({ sender, content, ts = Date.now(), mine, side }) {
    const meta = document.createElement('p');
    const name = document.createElement('strong');
    const text = document.createElement('p');
    meta.className = 'meta';
    name.textContent = sender;
    meta.append(name, ' ', this.#time);
    if (mine) meta.append(' ', this.#status);
    text.className = 'content';
    text.textContent = typeof content === 'string' ? content : JSON.stringify(content);
    this.#status.className = 'status';
    this.content = content;
    this.element.className = `bubble ${mine ? 'mine' : 'theirs'}`;
    this.element.dataset.side = side;
    // The pane's log is read out: what one has written oneself, and what becomes of it, is not.
    if (mine) this.element.ariaLive = 'off';
    this.element.append(meta, text);
    this.at(ts);
  }

  at(ts) {
    this.#time.textContent = time(ts);
    this.#time.dateTime = new Date(ts).toISOString();
  }

  say(status, text) {
    this.status = status;
    this.element.dataset.status = status;
    this.#status.textContent = text;
  }
}
