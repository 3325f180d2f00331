// The demo: two people side by side, each with a connection of its own, on one gateway or on two.
//
//   /demo?left=alice&right=bob&gateway=HOST:PORT[&gateway=HOST:PORT][&protocol=original]
//
// One `gateway` is the right pane's; of two the first is the left pane's. What is not given is the
// gateway that this page came from.
import { Pane } from './demo/pane.js';
import { Places } from './demo/places.js';
import { gatewayUrl, isName } from './demo/values.js';
import { Wire } from './demo/wire.js';
import { language, translate, words } from './demo/words.js';

class Demo {
  protocol = 'native'; // or 'original'

  constructor(query, settings) {
    this.places = new Places(settings);
    this.wire = new Wire(this.places);
    const here = location.host;
    const hosts = query.getAll('gateway').filter(gatewayUrl);
    const [leftHost, rightHost] = hosts.length > 1 ? hosts : [here, hosts[0] ?? here];
    const left = isName(query.get('left') ?? '') ? query.get('left') : 'a';
    const right = isName(query.get('right') ?? '') ? query.get('right') : 'b';
    this.left = new Pane(this, 'left', left, leftHost);
    this.right = new Pane(this, 'right', right === left ? `${right}2` : right, rightHost);
    if (query.get('protocol') === 'original') this.protocol = 'original';
    document.getElementById('panes').append(this.left.root, this.right.root);
    this.#offer(new Set([here, ...hosts]));
    this.#listen();
    this.restart();
  }

  other(pane) {
    return pane === this.left ? this.right : this.left;
  }

  sideOf(name) {
    if (name === this.left.name) return 'left';
    return name === this.right.name ? 'right' : '';
  }

  restart() {
    const panes = [this.left, this.right];
    for (const pane of panes) pane.stop();
    for (const pane of panes) pane.clear();
    for (const pane of panes) pane.start();
    this.remember();
  }

  // So that a reload, or a link, gives the same.
  remember() {
    const query = new URLSearchParams({ left: this.left.name, right: this.right.name });
    query.append('gateway', this.left.gateway);
    query.append('gateway', this.right.gateway);
    if (this.protocol !== 'native') query.append('protocol', this.protocol);
    history.replaceState(null, '', `?${query}`);
  }

  #offer(hosts) {
    document.getElementById('gateways').append(...[...hosts].map((host) => new Option(host, host)));
  }

  #listen() {
    for (const input of document.querySelectorAll('input[name=protocol]')) {
      input.checked = input.value === this.protocol;
      input.addEventListener('change', () => {
        this.protocol = input.value;
        this.restart();
      });
    }
  }
}

document.documentElement.lang = language;
document.title = words.title;
translate(document);
// All gateways that talk to each other have the same.
const settings = await (await fetch('/demo.json')).json();
new Demo(new URLSearchParams(location.search), settings);
