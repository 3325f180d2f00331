// The judge of presence-model.test.mjs, on made-up logs: a good one passes, and what is wrong in
// the others is found.
import assert from 'node:assert/strict';
import { BURIED, HEALED, HOLD, LEASE, SPARE } from './lib/model/bounds.mjs';
import { check } from './lib/model/checker.mjs';
import { FLAVOUR_COUNT, generate } from './lib/model/scenario.mjs';
import { describe, test } from './lib/test.mjs';

const NAMES = { 'g1#1': 'g1-00000001', 'g2#1': 'g2-00000002', 'g3#1': 'g3-00000003' };
const LATE = 10 * (HEALED + BURIED); // all that happened before is over

// A log in the making. Three gateways with a watcher each, who watches bob.
class Story {
  constructor() {
    this.events = [];
    for (const gateway of Object.keys(NAMES)) {
      this.add(0, 'started', { gateway, id: gateway.slice(0, 2) });
      this.join(1, gateway, 'watcher', `watcher-${gateway}`);
      this.add(3, 'watching', { session: `watcher-${gateway}`, gateway });
      this.told(3, gateway, false, { asked: 2 });
    }
  }

  add(t, event, fields) {
    this.events.push({ t, event, ...fields });
    return this;
  }

  join(t, gateway, user, session) {
    return this.add(t, 'connecting', { session, user, device: 'default', gateway })
      .add(t, 'opened', { session });
  }

  told(t, gateway, online, more = {}) {
    const users = [{ user: 'bob', online, sessions: online ? 1 : 0 }];
    return this.add(t, 'told', { session: `watcher-${gateway}`, users, ...more });
  }

  tellAll(t, online, gateways = Object.keys(NAMES)) {
    for (const gateway of gateways) this.told(t, gateway, online);
    return this;
  }

  answered(t, gateway, sessions) {
    const users = [{ user: 'bob', online: sessions > 0, sessions }];
    return this.add(t, 'answered', { gateway, users, asked: t - 1 });
  }

  // The end, at which bob has a session on each of these gateways. change(event) spoils it.
  settled(bobs, { gateways = Object.keys(NAMES), change = () => {} } = {}) {
    const t = 2 * LATE;
    const event = {
      now: t, unixOffset: 0, leases: {}, presence: { watcher: {} }, seen: {}, registered: {}, channels: {
        'parley:user:{watcher}': gateways.length, 'parley:presence-events:{bob}': gateways.length,
      }, ready: {}, answers: {},
    };
    for (const gateway of gateways) {
      const name = NAMES[gateway];
      event.leases[name] = t + HOLD;
      event.presence.watcher[`${name}/1`] = '1 default';
      event.registered[name] = ['watcher'];
      event.channels[`parley:gateway:${name}`] = 1;
      event.ready[gateway] = 200;
      event.answers[gateway] = [{ user: 'bob', online: bobs.length > 0, sessions: bobs.length,
        since: bobs.length > 0 ? LATE : undefined }];
    }
    for (const gateway of bobs) {
      (event.presence.bob ??= {})[`${NAMES[gateway]}/2`] = `${LATE} default`;
      event.registered[NAMES[gateway]].push('bob');
      event.channels['parley:user:{bob}'] = bobs.length;
    }
    if (bobs.length === 0 && this.events.some(({ user }) => user === 'bob')) {
      event.seen.bob = LATE;
      for (const gateway of gateways) event.answers[gateway][0].since = LATE;
    }
    change(event);
    return this.add(t, 'settled', event).events.sort((a, b) => a.t - b.t);
  }
}

// bob comes to g1, and everybody hears of it.
function bobIsHere() {
  return new Story().join(LATE, 'g1#1', 'bob', 'b').tellAll(LATE + 10, true);
}

function bobWasHere() {
  return bobIsHere().add(LATE + 1000, 'leaving', { session: 'b' }).tellAll(LATE + 1010, false);
}

function assertGood(log) {
  assert.deepEqual(check(log), []);
}

function assertBad(log, wanted) {
  const found = check(log);
  assert.ok(found.some((line) => wanted.test(line)), `${wanted} is not among\n${found.join('\n')}`);
}

const HERE = ['g1#1'];
const OTHERS = ['g2#1', 'g3#1'];

describe('a good log passes', () => {
  test('who comes, stays', () => assertGood(bobIsHere().answered(LATE + 5, 'g2#1', 1)
    .settled(HERE)));
  test('who comes, and goes', () => assertGood(bobWasHere().settled([])));
  test('one of two sessions ends', () => assertGood(bobIsHere()
    .join(LATE + 100, 'g2#1', 'bob', 'b2').add(LATE + 1000, 'leaving', { session: 'b2' })
    .settled(HERE)));
  test('a death, noticed in time', () => assertGood(bobIsHere()
    .add(LATE + 500, 'killed', { gateway: 'g1#1' }).tellAll(LATE + LEASE + 500, false, OTHERS)
    .settled([], { gateways: OTHERS })));
  test('a long pause: gone meanwhile', () => assertGood(bobIsHere()
    .add(LATE + 500, 'paused', { gateway: 'g1#1' }).tellAll(LATE + LEASE + 500, false, OTHERS)
    .add(LATE + LEASE + 1000, 'resumed', { gateway: 'g1#1' })
    .tellAll(LATE + LEASE + 1500, true, OTHERS).settled(HERE)));
  test('Redis comes back empty', () => assertGood(bobIsHere()
    .add(LATE + 500, 'redisKilled').add(LATE + 600, 'redisStarted', { data: false })
    .told(LATE + 700, 'g2#1', false).told(LATE + 800, 'g2#1', true).settled(HERE)));
});

describe('what watchers are told wrongly is found', () => {
  test('a lost online', () => assertBad(new Story().join(LATE, 'g1#1', 'bob', 'b')
    .tellAll(LATE + 10, true, OTHERS).settled(HERE),
  /watcher-g1#1 .* is offline, which was surely not so/));
  test('a lost offline', () => assertBad(bobIsHere().add(LATE + 1000, 'leaving', { session: 'b' })
    .tellAll(LATE + 1010, false, OTHERS).settled([]),
  /watcher-g1#1 .* is online, which was surely not so/));
  test('a late offline, though it comes in the end', () => assertBad(bobIsHere()
    .add(LATE + 1000, 'leaving', { session: 'b' })
    .tellAll(LATE + 1000 + 2 * SPARE + 1, false).settled([]),
  /is online, which was surely not so/));
  test('a false offline, however short', () => assertBad(bobIsHere()
    .told(LATE + 5000 + SPARE, 'g2#1', false).told(LATE + 5001 + SPARE, 'g2#1', true).settled(HERE),
  /watcher-g2#1 .* is offline, which was surely not so/));
  test('a false online', () => assertBad(new Story().tellAll(LATE, true).settled([]),
    /is online, which was surely not so/));
  test('a doubled frame', () => assertBad(bobIsHere().told(LATE + 20, 'g3#1', true).settled(HERE),
    /watcher-g3#1 .* is online twice in a row/));
  test('a flicker while a gateway stands still for a moment', () => assertBad(bobIsHere()
    .add(LATE + 5000, 'paused', { gateway: 'g1#1' }).add(LATE + 5100, 'resumed', { gateway: 'g1#1' })
    .told(LATE + 5200, 'g2#1', false).told(LATE + 5300, 'g2#1', true).settled(HERE),
  /watcher-g2#1 .* is offline, which was surely not so/));
  test('a death that is noticed too late', () => assertBad(bobIsHere()
    .add(LATE + 500, 'killed', { gateway: 'g1#1' })
    .tellAll(LATE + 500 + BURIED + SPARE + 1, false, OTHERS).settled([], { gateways: OTHERS }),
  /is online, which was surely not so/));
  test('a user with another session goes down with a gateway', () => assertBad(bobIsHere()
    .join(LATE + 100, 'g2#1', 'bob', 'b2').add(LATE + 500, 'killed', { gateway: 'g1#1' })
    .told(LATE + LEASE, 'g2#1', false).told(LATE + LEASE + 1, 'g2#1', true)
    .settled(['g2#1'], { gateways: OTHERS }),
  /watcher-g2#1 .* is offline, which was surely not so/));
});

describe('what is answered wrongly is found', () => {
  test('who is here is said to be away', () => assertBad(bobIsHere()
    .answered(LATE + 5, 'g2#1', 0).settled(HERE), /g2#1 answered .* at least 1/));
  test('who is away is said to be here', () => assertBad(bobWasHere()
    .answered(LATE + 1000 + 2 * SPARE, 'g2#1', 1).settled([]), /g2#1 answered .* at most 0/));
  test('too many sessions', () => assertBad(bobIsHere()
    .answered(LATE + 5, 'g2#1', 2).settled(HERE), /g2#1 answered .* at most 1/));
});

test('a session that is closed for no reason is found', () => {
  assertBad(bobIsHere().add(LATE + 50, 'closed', { session: 'b', code: 1006 }).settled(HERE),
    /g1#1 closed b of bob with 1006/);
});

describe('what does not agree in the end is found', () => {
  const spoilt = (name, wanted, change) => test(name,
    () => assertBad(bobIsHere().settled(HERE, { change }), wanted));

  spoilt('a ghost in the hash', /the hash of bob has .*g9/, (event) => {
    event.presence.bob['g9-00000009/1'] = `${LATE} default`;
  });
  spoilt('a hash of nobody', /the hash of carol has/, (event) => {
    event.presence.carol = { 'g1-00000001/7': `${LATE} default` };
  });
  spoilt('a session that is not registered', /the hash of bob has \[\], not/, (event) => {
    delete event.presence.bob;
  });
  spoilt('another time than it came', /of bob is there since/, (event) => {
    event.presence.bob = { 'g1-00000001/2': `${LATE - SPARE - 1} default` };
    for (const [bob] of Object.values(event.answers)) bob.since = LATE - SPARE - 1;
  });
  spoilt('a corpse', /g1#1 has the leases .*g1-0badcafe/, (event) => {
    event.leases['g1-0badcafe'] = 1;
  });
  spoilt('a claim', /parley:gateways has dead:g1-0badcafe/, (event) => {
    event.leases['dead:g1-0badcafe'] = 1;
  });
  spoilt('an expired lease', /lease of g2-00000002 has expired/, (event) => {
    event.leases['g2-00000002'] = 1;
  });
  spoilt('the users of a dead one', /users of g1-0badcafe are/, (event) => {
    event.registered['g1-0badcafe'] = ['bob'];
  });
  spoilt('a user that who cleans up would miss', /users of g1-00000001 are/, (event) => {
    event.registered['g1-00000001'] = ['watcher'];
  });
  spoilt('a channel without its subscriber', /parley:user:\{bob\} has 0/, (event) => {
    delete event.channels['parley:user:{bob}'];
  });
  spoilt('a subscriber too many', /presence-events:\{carol\} has 1/, (event) => {
    event.channels['parley:presence-events:{carol}'] = 1;
  });
  spoilt('a wrong answer', /g3#1 answers that bob is offline/, (event) => {
    event.answers['g3#1'] = [{ user: 'bob', online: false, sessions: 0 }];
  });
  test('who was seen last before the last time is found', () => assertBad(
    bobWasHere().settled([], { change: (event) => { event.seen.bob = LATE - SPARE; } }),
    /bob was seen last at/,
  ));
  spoilt('a gateway that is not ready', /g3#1 is not ready/, (event) => {
    event.ready['g3#1'] = 503;
  });
});

test('a seed is a scenario', () => {
  for (let seed = 0; seed < 10 * FLAVOUR_COUNT; seed++) {
    assert.deepEqual(generate(seed), generate(seed));
    assert.notDeepEqual(generate(seed).actions, generate(seed + FLAVOUR_COUNT).actions);
  }
});
