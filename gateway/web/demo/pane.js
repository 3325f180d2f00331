// One half of the page: a person, a connection, and what was said.
import { connect } from '../parley.js';
import { Bubble } from './bubble.js';
import { Pair } from './pair.js';
import { gatewayUrl, isName, isUpTo } from './values.js';
import { time, translate, words } from './words.js';

const TYPING_SHOWN = 3500; // milliseconds after the last signal; one comes every two seconds
const SHOWN_MAX = 500; // bubbles and notes; a message that comes again is known among as many

export class Pane {
  #parley; // the connection, by the native protocol
  #place = {}; // where the one before it has stopped, of the same person
  #pair; // or by the original contract
  #seen = new Set(); // what came by it, the oldest first
  #mine = []; // bubbles of this person
  #arrived = '0-0'; // up to here, as the peer has told
  #presence; // the peer's, when it is known
  #presenceOff = false; // on this gateway
  #typing; // the timer that runs while the peer does

  constructor(demo, side, name, gateway) {
    const template = document.getElementById('pane');
    this.demo = demo;
    this.side = side;
    this.name = name;
    this.gateway = gateway;
    this.root = template.content.firstElementChild.cloneNode(true);
    this.root.dataset.side = side;
    translate(this.root);
    for (const part of ['name', 'gateway', 'leave', 'state', 'peer', 'log', 'composer', 'text']) {
      this[`${part}Part`] = this.root.querySelector(`[data-part=${part}]`);
    }
    this.namePart.value = name;
    this.gatewayPart.value = gateway;
    this.#listen();
  }

  get peer() {
    return this.demo.other(this).name;
  }

  start() {
    this.stop();
    const url = gatewayUrl(this.gateway);
    const WebSocket = this.demo.wire.tap(this.side, this.name);
    this.#presenceOff = false;
    if (this.demo.protocol === 'original') {
      const events = {
        state: (change) => this.#showState(change),
        message: (message) => this.#heardPair(message),
      };
      this.#pair = new Pair({ url, user: this.name, peer: this.peer, WebSocket, events });
    } else {
      this.#parley = connect({ url, user: this.name, device: 'demo', WebSocket, ...this.#place });
      this.#follow(this.#parley);
    }
    this.leavePart.textContent = words.leave;
    this.#showState({ state: 'connecting' });
    this.#showNames();
  }

  stop() {
    if (this.#parley) this.#place = { since: this.#parley.since, epoch: this.#parley.epoch };
    this.#parley?.close();
    this.#pair?.close();
    this.#parley = undefined;
    this.#pair = undefined;
    this.leavePart.textContent = words.comeBack;
  }

  // Other people, another conversation.
  clear() {
    this.#mine = [];
    this.#arrived = '0-0';
    this.#seen.clear();
    for (const shown of this.logPart.querySelectorAll('.bubble, .missing')) shown.remove();
  }

  #listen() {
    this.namePart.addEventListener('change', () => this.#rename());
    this.gatewayPart.addEventListener('change', () => this.#move());
    this.leavePart.addEventListener('click', () => {
      if (this.#parley || this.#pair) this.stop();
      else this.start();
    });
    this.textPart.addEventListener('input', () => this.#parley?.typing(this.peer));
    this.composerPart.addEventListener('submit', (event) => {
      event.preventDefault();
      if (this.textPart.value !== '') this.#say(this.textPart.value);
      this.textPart.value = '';
      this.textPart.focus();
    });
  }

  #follow(parley) {
    parley.on('state', (change) => this.#showState(change));
    parley.on('message', (message) => this.#heard(message));
    parley.on('gap', ({ reset }) => this.#note(reset ? words.reset : words.gap));
    parley.on('delivered', ({ sender, id }) => this.#showArrived(sender, id));
    parley.on('typing', ({ sender }) => this.#showTyping(sender));
    parley.on('presence', (presence) => this.#showPresence(presence));
    parley.on('reconnect', () => show(this.statePart, 'waiting', words.leaving));
    parley.watch([this.peer]).catch(({ code }) => {
      this.#presenceOff = code === 'unsupported';
      this.#showPeer();
    });
  }

  #say(content) {
    const bubble = this.#add({ sender: this.name, content });
    this.#mine.push(bubble);
    bubble.receiver = this.peer;
    bubble.say('pending', words.sending);
    if (this.#parley) {
      this.#parley.send(this.peer, content).then(({ id, ts, online }) => {
        bubble.id = id;
        bubble.at(ts);
        this.#showSent(bubble, online);
      }, (error) => bubble.say('failed', words.failed(error.message)));
    } else if (!this.#pair?.send(this.peer, content)) {
      bubble.say('failed', words.failed(words.notConnected));
    }
  }

  #heard({ id, ts, sender, receiver, content, copy }) {
    if (copy) {
      this.#heardOwn({ ts, sender, receiver, content, id: copy.id });
      return;
    }
    this.#add({ sender, content, ts });
    if (sender === this.peer) this.#quiet();
    if (id !== undefined) this.#parley.delivered(sender, id);
  }

  // Said by this person in another window, or here before leaving.
  #heardOwn({ id, receiver, ...said }) {
    if (this.#mine.some((bubble) => bubble.id === id)) return;
    const bubble = this.#add(said);
    this.#mine.push(bubble);
    Object.assign(bubble, { id, receiver });
    this.#showSent(bubble);
  }

  // online: whether some gateway had the peer; undefined: nobody knows.
  #showSent(bubble, online) {
    const { isDurable } = this.demo.places;
    if (online === false && !isDurable) {
      bubble.say('failed', words.lost);
      return;
    }
    let outcome = isDurable ? words.stored : words.published;
    if (isDurable && online !== undefined) outcome = online ? words.storedOnline : words.storedOffline;
    bubble.say('stored', outcome);
    this.#showArrived(this.peer, this.#arrived);
  }

  // A pair session gets the messages to both, so its own too: the sign that they are through. And once
  // more what a broken connection had not acknowledged. Ids are those of the receiver's mailbox; what
  // somebody publishes by hand has none.
  #heardPair({ id, ts, sender, receiver, content }) {
    if (id !== undefined) {
      const key = `${id} ${receiver}`;
      if (this.#seen.has(key)) return;
      this.#seen.add(key);
      if (this.#seen.size > SHOWN_MAX) this.#seen.delete(this.#seen.values().next().value);
    }
    if (sender !== this.name) {
      if (receiver === this.name) this.#add({ sender, content, ts });
      return;
    }
    const waiting = this.#mine.find((bubble) => (
      bubble.status === 'pending' && bubble.content === content));
    const said = waiting ?? this.#add({ sender, content, ts });
    said.at(ts ?? Date.now());
    said.say('arrived', words.echoed);
  }

  #add(said) {
    const mine = said.sender === this.name;
    const bubble = new Bubble({ ...said, mine, side: this.demo.sideOf(said.sender) });
    this.#append(bubble.element);
    return bubble;
  }

  #note(text) {
    const note = document.createElement('p');
    note.className = 'missing';
    note.textContent = text;
    this.#append(note);
  }

  #append(element) {
    this.logPart.append(element);
    const shown = this.logPart.querySelectorAll('.bubble, .missing');
    if (shown.length > SHOWN_MAX) shown[0].remove();
    this.logPart.scrollTop = this.logPart.scrollHeight;
  }

  // The peer has everything up to this id.
  #showArrived(sender, id) {
    if (sender !== this.peer || id === undefined) return;
    if (isUpTo(this.#arrived, id)) this.#arrived = id;
    for (const bubble of this.#mine) {
      if (bubble.status === 'stored' && bubble.receiver === sender
        && isUpTo(bubble.id, this.#arrived)) bubble.say('arrived', words.arrived);
    }
  }

  #showState({ state, code, delay = 0 }) {
    const gateway = this.#parley?.welcome?.gateway;
    const texts = {
      connecting: words.connecting,
      online: this.#pair ? words.onlineUntold(this.gateway) : words.online(gateway),
      waiting: words.waiting(code, Math.ceil(delay / 1000)),
      closed: words.closed(code),
    };
    show(this.statePart, state, texts[state]);
    this.demo.wire.place(this.side, this.name, (state === 'online' && gateway) || this.gateway);
    if (state === 'online') return;
    this.#presence = undefined; // nobody tells it now
    this.#quiet();
  }

  #showPresence(presence) {
    if (presence.user !== this.peer) return;
    this.#presence = presence;
    this.#showPeer();
  }

  #showTyping(sender) {
    if (sender !== this.peer) return;
    clearTimeout(this.#typing);
    this.#typing = setTimeout(() => this.#quiet(), TYPING_SHOWN);
    this.#showPeer();
  }

  #quiet() {
    clearTimeout(this.#typing);
    this.#typing = undefined;
    this.#showPeer();
  }

  #showPeer() {
    const { peer } = this;
    const { online, since } = this.#presence ?? {};
    // Read out is who comes and goes, not every pause in somebody's typing.
    const typed = this.#typing || this.peerPart.dataset.state === 'typing';
    this.peerPart.ariaLive = typed ? 'off' : 'polite';
    if (this.#pair) show(this.peerPart, 'unknown', words.noPresence(peer));
    else if (this.#typing) show(this.peerPart, 'typing', words.peerTyping(peer));
    else if (this.#presenceOff) show(this.peerPart, 'unknown', words.presenceOff(peer));
    else if (online) show(this.peerPart, 'online', words.peerOnline(peer));
    else if (this.#presence) {
      show(this.peerPart, 'closed', words.peerOffline(peer, since && time(since)));
    } else show(this.peerPart, 'unknown', words.peerUnknown(peer));
  }

  #showNames() {
    this.root.setAttribute('aria-label', words.pane(this.name));
    this.logPart.setAttribute('aria-label', words.log(this.name));
    this.textPart.setAttribute('aria-label', words.message(this.peer));
    this.textPart.placeholder = words.message(this.peer);
  }

  #rename() {
    const name = this.namePart.value;
    let wrong = isName(name) ? '' : words.badName;
    if (name === this.peer) wrong = words.sameName;
    if (complain(this.namePart, wrong) || name === this.name) return;
    this.stop();
    this.name = name;
    this.#place = {};
    this.demo.restart();
  }

  #move() {
    const gateway = this.gatewayPart.value.trim();
    if (complain(this.gatewayPart, gatewayUrl(gateway) ? '' : words.badGateway)) return;
    if (gateway === this.gateway) return;
    this.gateway = gateway;
    this.demo.remember();
    this.start();
  }
}

function show(line, state, text) {
  line.dataset.state = state;
  line.querySelector('.words').textContent = text;
}

// True when there is something to complain about.
function complain(input, wrong) {
  input.setCustomValidity(wrong);
  input.setAttribute('aria-invalid', wrong !== '');
  input.reportValidity();
  return wrong !== '';
}
