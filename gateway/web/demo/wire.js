// The strip below the panes: the frames as they cross, where each went in Redis, and the way that a
// message takes from one person to the other.
import { time, words } from './words.js';

const ROWS_MAX = 200;
const PULSE_MS = 450;
const calm = matchMedia('(prefers-reduced-motion: reduce)');

function make(tag, className, text = '') {
  const element = document.createElement(tag);
  element.className = className;
  element.textContent = text;
  return element;
}

export class Wire {
  #box = document.getElementById('frames');
  #rows = this.#box.querySelector('ol');
  #nodes = []; // person, gateway, Redis, gateway, person
  #links = []; // between them

  constructor(places) {
    this.places = places;
    document.getElementById('clear').addEventListener('click', () => this.#rows.replaceChildren());
    const items = ['left', 'left', '', 'right', 'right'].map((side) => {
      const item = make('li', '');
      const node = make('span', 'node', 'Redis');
      node.dataset.side = side;
      if (this.#nodes.length > 0) {
        const link = make('span', 'link');
        link.append(make('span', 'pulse'));
        item.append(link);
        this.#links.push(link);
      }
      item.append(node);
      this.#nodes.push(node);
      return item;
    });
    document.getElementById('path').append(...items);
  }

  // Who is at an end of the way, and on which gateway.
  place(side, name, gateway) {
    const [person, server] = side === 'left' ? [0, 1] : [4, 3];
    this.#nodes[person].textContent = name;
    this.#nodes[server].textContent = gateway;
    this.#nodes[server].classList.toggle('host', gateway.includes(':'));
  }

  // The browser's WebSocket, with an ear in it.
  tap(side, name) {
    const wire = this;
    return class extends WebSocket {
      constructor(url) {
        super(url);
        let opened = false;
        let last; // what was there before, the gateway says; the original contract does not
        this.addEventListener('open', () => {
          opened = true;
          last = `${Date.now()}-0`;
          wire.#note(side, name, words.opened(url));
        });
        this.addEventListener('close', ({ code }) => (
          wire.#note(side, name, opened ? words.ended(code) : words.unreachable(url))));
        this.addEventListener('message', ({ data }) => {
          const frame = JSON.parse(data);
          if (frame.last !== undefined) last = frame.last;
          wire.#add(side, name, 'from', data, wire.places.origin(frame, last));
          wire.#pulse(side, 'from', !['pong', 'reconnect'].includes(frame.type));
        });
      }

      send(text) {
        const frame = JSON.parse(text);
        const places = wire.places.done(Array.isArray(frame) ? frame.at(-1) : frame, name);
        wire.#add(side, name, 'to', text, places);
        wire.#pulse(side, 'to', places.length > 0);
        super.send(text);
      }
    };
  }

  #add(side, name, way, text, places) {
    const arrow = make('span', 'arrow');
    const sign = make('span', '', way === 'to' ? '→' : '←');
    sign.setAttribute('aria-hidden', 'true');
    arrow.append(sign, make('span', 'hidden', words[way]));
    const where = make('span', 'where');
    where.append(...places.map((place) => make('span', 'place', place)));
    const what = make('div', 'what');
    what.append(make('code', 'frame', text), where);
    this.#append(side, make('span', 'who', name), arrow, what);
  }

  #note(side, name, text) {
    this.#append(side, make('span', 'who', name), make('span', 'arrow', '·'),
      make('span', 'what note', text));
  }

  #append(side, ...parts) {
    const row = make('li', '');
    row.dataset.side = side;
    row.append(make('time', '', time(Date.now())), ...parts);
    const box = this.#box;
    const atEnd = box.scrollHeight - box.scrollTop - box.clientHeight < 40;
    this.#rows.append(row);
    if (this.#rows.childElementCount > ROWS_MAX) this.#rows.firstElementChild.remove();
    if (atEnd) box.scrollTop = box.scrollHeight;
  }

  // A dot that runs along the way: between person and gateway, and to Redis or from it.
  #pulse(side, way, redis) {
    if (calm.matches) return;
    const [outer, inner] = side === 'left' ? [0, 1] : [3, 2];
    const stages = way === 'to' ? [outer, inner] : [inner, outer];
    const run = [{ left: '0%', opacity: 1 }, { left: '100%', opacity: 1 }];
    if ((side === 'left') !== (way === 'to')) run.reverse();
    for (const [stage, link] of stages.entries()) {
      if (link === inner && !redis) continue;
      this.#links[link].firstElementChild.animate(run,
        { duration: PULSE_MS, delay: redis ? stage * PULSE_MS : 0, easing: 'ease-in-out' });
    }
  }
}
