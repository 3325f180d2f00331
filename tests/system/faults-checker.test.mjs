// The judge of faults.test.mjs, on made-up logs: good ones pass, and what is wrong in the others is
// found and named.
import assert from 'node:assert/strict';
import { check } from './lib/faults/checker.mjs';
import { imbalances } from './lib/faults/ledger.mjs';
import { FLAVOUR_COUNT, generate } from './lib/faults/scenario.mjs';
import { add, lines, tally } from './lib/faults/tally.mjs';
import { describe, test } from './lib/test.mjs';

const MAILBOX_MAX = 10;
const NAMES = { alice: '00000000000000a1', phone: '00000000000000b1' };
const BOBS = ['bob/phone', 'bob/desk'];
const id = (number) => `${1000 + number}-0`;
const copyId = (number) => `${1000 + number}-1`;

// A log in the making. Alice writes to bob, who has a phone that gives `since` and a desk that does
// not; alice has a second device, which gets copies.
class Story {
  constructor() {
    this.events = [{ t: 0, event: 'settings', mailboxMax: MAILBOX_MAX }];
    this.t = 0;
    this.open('alice/phone', { kind: 'library', name: NAMES.alice })
      .open('alice/desk', { kind: 'since', name: '00000000000000a2' })
      .open('bob/phone', { kind: 'since', name: NAMES.phone })
      .open('bob/desk', { kind: 'plain', name: '00000000000000b2' });
  }

  add(event, fields = {}) {
    this.events.push({ t: ++this.t, event, ...fields });
    return this;
  }

  wait(ms) {
    this.t += ms;
    return this;
  }

  open(client, { kind, session = `${client}.1`, users = [client.split('/')[0]], since, gateway = 'g1',
    ...welcome }) {
    return this.add('connecting', { session, client, kind, users, gateway, since })
      .add('opened', { session, gap: false, reset: false, ...welcome });
  }

  send(number, fields = {}) {
    return this.add('sending', {
      session: 'alice/phone.1', message: `m${number}`, sender: 'alice', receiver: 'bob',
      ref: `r${number}`, ...fields,
    });
  }

  answer(number, fields = { id: id(number) }) {
    return this.add('answered', { session: 'alice/phone.1', message: `m${number}`, ...fields });
  }

  got(client, number, fields = {}) {
    return this.add('got', {
      session: `${client}.1`, id: id(number), sender: 'alice', receiver: 'bob',
      message: `m${number}`, ...fields,
    });
  }

  copied(number, copy = {}, fields = {}) {
    return this.got('alice/desk', number, {
      id: copyId(number),
      copy: { id: id(number), session: NAMES.alice, ref: `r${number}`, ...copy },
      ...fields,
    });
  }

  // These, in this session.
  read(client, from, to, number = 2) {
    for (let at = from; at <= to; at++) this.got(client, at, { session: `${client}.${number}` });
    return this;
  }

  // Sent, answered, and shown to these.
  message(number, clients = BOBS) {
    this.send(number).answer(number).copied(number);
    for (const client of clients) this.got(client, number);
    return this;
  }

  // These messages.
  messages(from, to, clients) {
    for (let number = from; number <= to; number++) this.message(number, clients);
    return this;
  }

  leave(session) {
    return this.add('leaving', { session }).add('closed', { session, code: 1006 });
  }

  end() {
    return this.add('end', { unread: [] }).events;
  }
}

function assertGood(story) {
  assert.deepEqual(check(story.end()), []);
}

function assertBad(story, kind, ...names) {
  const found = check(story.end());
  assert.ok(found.some((one) => one.kind === kind && names.every((name) => one.text.includes(name))),
    `${kind} ${names}: ${JSON.stringify(found, null, 1)}`);
  assert.deepEqual([...new Set(found.map((one) => one.kind))], [kind]);
}

describe('good logs pass', () => {
  test('all is shown to all', () => assertGood(new Story().messages(1, 5)));
  test('a message to oneself comes back, without a copy', () => assertGood(new Story()
    .send(1, { receiver: 'alice' }).answer(1)
    .got('alice/phone', 1, { receiver: 'alice' }).got('alice/desk', 1, { receiver: 'alice' })));
  test('what was refused is nowhere', () => assertGood(new Story()
    .send(1).answer(1, { code: 'unavailable' }).message(2)));
  for (const code of ['unknown', undefined]) {
    const ends = (story) => (code ? story.answer(1, { code }) : story);
    test(`what was answered ${code} is nowhere, or everywhere`, () => {
      assertGood(ends(new Story().send(1)));
      assertGood(ends(new Story().send(1)).got('bob/phone', 1).got('bob/desk', 1).copied(1));
    });
  }
  test('what was sent again has one id', () => assertGood(new Story().send(1)
    .answer(1, { code: 'unknown' }).send(1).answer(1).copied(1).got('bob/phone', 1)
    .got('bob/desk', 1)));
  test('a client comes back, and reads on', () => assertGood(new Story().message(1)
    .leave('bob/phone.1').message(2, ['bob/desk'])
    .open('bob/phone', { kind: 'since', session: 'bob/phone.2', since: id(1) })
    .got('bob/phone', 2, { session: 'bob/phone.2' })));
  test('who gives no since gets something again', () => assertGood(new Story().message(1)
    .leave('bob/desk.1').open('bob/desk', { kind: 'plain', session: 'bob/desk.2' })
    .got('bob/desk', 1, { session: 'bob/desk.2' })));
  test('a gateway dies, another drains', () => assertGood(new Story()
    .add('killed', { gateway: 'g1' }).add('closed', { session: 'bob/phone.1', code: 1006 })
    .open('bob/phone', { kind: 'since', session: 'bob/phone.2', gateway: 'g2' })
    .add('stopping', { gateway: 'g2' }).add('closed', { session: 'bob/phone.2', code: 1001 })));
  test('a mailbox overflows, and a gap is told', () => assertGood(new Story().message(1)
    .leave('bob/phone.1').messages(2, 13, ['bob/desk'])
    .open('bob/phone', { kind: 'since', session: 'bob/phone.2', since: id(1), gap: true })
    .read('bob/phone', 4, 13)));
  test('who was never there is told no gap', () => assertGood(new Story().messages(1, 12)
    .open('bob/new', { kind: 'since' }).read('bob/new', 3, 12, 1)));
  test('Redis is emptied, and a reset told', () => assertGood(new Story().message(1, ['bob/desk'])
    .message(2).send(3).answer(3).copied(3)
    .add('lossy', { from: 20, since: 0, emptied: true })
    .add('gap', { session: 'bob/phone.1', reset: true }).message(4)));
  test('what is sent again after Redis was emptied has another id', () => assertGood(new Story()
    .send(1).got('bob/phone', 1).got('bob/desk', 1).copied(1)
    .add('lossy', { from: 20, since: 0, emptied: true })
    .send(1).answer(1, { id: id(2) }).got('bob/phone', 1, { id: id(2) })
    .got('bob/desk', 1, { id: id(2) })
    .copied(1, { id: id(2) }, { id: copyId(2) })));
  test('a pair has both its mailboxes, and no copies', () => {
    const fromBob = { sender: 'bob', receiver: 'alice' };
    const copy = { ...fromBob, id: copyId(3), copy: { id: id(3), session: 'the pair' } };
    assertGood(new Story()
      .open('pair:alice:bob', { kind: 'pair', users: ['alice', 'bob'] })
      .message(2, [...BOBS, 'pair:alice:bob'])
      .send(3, { ...fromBob, session: 'pair:alice:bob.1', ref: undefined })
      .got('pair:alice:bob', 3, fromBob).got('alice/phone', 3, fromBob)
      .got('alice/desk', 3, fromBob).got('bob/phone', 3, copy).got('bob/desk', 3, copy));
  });
});

describe('a message that is missing is found', () => {
  test('at one client', () => assertBad(new Story().messages(1, 2).message(3, ['bob/desk']).message(4),
    'lost', 'm3', 'bob/phone'));
  test('at the last', () => assertBad(new Story().messages(1, 2).message(3, ['bob/phone']),
    'lost', 'm3', 'bob/desk'));
  test('at all', () => assertBad(new Story().send(1).answer(1), 'lost', 'm1', 'bob/phone'));
  test('a copy', () => assertBad(new Story().send(1).answer(1).got('bob/phone', 1)
    .got('bob/desk', 1), 'lost', 'm1', 'alice/desk'));
  test('one that was not answered, and somebody has', () => assertBad(new Story().send(1)
    .got('bob/phone', 1).copied(1), 'lost', 'm1', 'bob/desk'));
  test('one whose copy is there', () => assertBad(new Story().send(1).copied(1),
    'lost', 'm1', 'bob/desk'));
  test('over a reconnect', () => assertBad(new Story().message(1).leave('bob/phone.1')
    .message(2, ['bob/desk'])
    .open('bob/phone', { kind: 'since', session: 'bob/phone.2', since: id(1) }),
  'lost', 'm2', 'bob/phone'));
  test('at a client that was never there', () => assertBad(new Story().message(1)
    .open('bob/new', { kind: 'since' }), 'lost', 'm1', 'bob/new'));
  test('in a pair', () => assertBad(new Story()
    .open('pair:bob:carol', { kind: 'pair', users: ['bob', 'carol'] }).message(1),
  'lost', 'm1', 'pair:bob:carol'));
  test('a gap does not excuse what the mailbox still had', () => assertBad(new Story().message(1)
    .leave('bob/phone.1').messages(2, 13, ['bob/desk'])
    .open('bob/phone', { kind: 'since', session: 'bob/phone.2', since: id(1), gap: true })
    .read('bob/phone', 5, 13), 'lost', 'm4', 'bob/phone'));
  test('what was stored when Redis was full again', () => assertBad(new Story()
    .add('lossy', { from: 10, since: 0, emptied: true })
    .add('gap', { session: 'bob/phone.1', reset: true }).message(1, ['bob/desk']),
  'lost', 'm1', 'bob/phone'));
  test('what was stored long before Redis lost its last second', () => assertBad(new Story()
    .message(1, ['bob/desk']).wait(1000).add('lossy', { from: 990, since: 900, emptied: false }),
  'lost', 'm1', 'bob/phone'));
});

describe('a gap that is not told is found', () => {
  const away = (kind, client) => new Story().message(1).wait(20_000).leave(`${client}.1`)
    .messages(2, 13, BOBS.filter((one) => one !== client))
    .open(client, { kind, session: `${client}.2`, since: kind === 'since' ? id(1) : undefined })
    .read(client, 4, 13);

  test('to who gives since', () => assertBad(away('since', 'bob/phone'),
    'gap not told', 'm2', 'bob/phone'));
  test('to who has a cursor', () => assertBad(away('plain', 'bob/desk'),
    'gap not told', 'm2', 'bob/desk'));
  test('in mid-session', () => assertBad(new Story().message(1).messages(2, 13, ['bob/desk'])
    .read('bob/phone', 4, 13, 1), 'gap not told', 'm2', 'bob/phone'));
  test('after Redis was emptied', () => assertBad(new Story().message(1).message(2, ['bob/desk'])
    .add('lossy', { from: 20, since: 0, emptied: true }), 'gap not told', 'm2', 'bob/phone'));
  test('but one that is told for nothing too', () => assertBad(new Story().message(1)
    .add('gap', { session: 'bob/phone.1', reset: false }).message(2),
  'gap for nothing', 'bob/phone'));
});

describe('what is shown twice is found', () => {
  test('under two ids', () => assertBad(new Story().message(1).got('bob/phone', 1, { id: id(2) })
    .got('bob/desk', 1, { id: id(2) }), 'shown twice', 'm1', id(1), id(2)));
  test('answered with another id than it has', () => assertBad(new Story().message(1)
    .send(1).answer(1, { id: id(2) }), 'shown twice', 'm1', id(2)));
  test('a copy', () => assertBad(new Story().message(1).copied(1, {}, { id: copyId(2) }),
    'shown twice', 'm1', copyId(2)));
  test('in one session', () => assertBad(new Story().message(1).got('bob/desk', 1),
    'doubled', 'm1', 'bob/desk'));
  test('although since was given', () => assertBad(new Story().message(1).leave('bob/phone.1')
    .open('bob/phone', { kind: 'since', session: 'bob/phone.2', since: id(1) })
    .got('bob/phone', 1, { session: 'bob/phone.2' }), 'doubled', 'm1', 'bob/phone.2'));
  test('what a gap was told about, but no reset', () => assertBad(new Story().messages(1, 12)
    .add('gap', { session: 'bob/desk.1', reset: false }).got('bob/desk', 12),
  'doubled', 'm12', 'bob/desk'));
});

describe('a wrong order is found', () => {
  test('in a session', () => assertBad(new Story().send(1).answer(1).copied(1).send(2).answer(2)
    .copied(2).got('bob/phone', 1).got('bob/phone', 2).got('bob/desk', 2).got('bob/desk', 1),
  'order', 'm1', 'bob/desk'));
  test('what a session sent', () => assertBad(new Story().send(2).send(1).answer(2).answer(1)
    .copied(1).copied(2).got('bob/phone', 1).got('bob/phone', 2).got('bob/desk', 1)
    .got('bob/desk', 2), 'order', 'm1', 'm2'));
  test('what was answered before another was sent', () => assertBad(new Story().message(2)
    .send(1, { session: 'alice/desk.1' }).answer(1, { session: 'alice/desk.1', id: id(1) })
    .leave('bob/phone.1').leave('bob/desk.1')
    .open('bob/phone', { kind: 'plain', session: 'bob/phone.2' })
    .open('bob/desk', { kind: 'plain', session: 'bob/desk.2' })
    .got('bob/phone', 1, { session: 'bob/phone.2' }).got('bob/desk', 1, { session: 'bob/desk.2' })
    .got('alice/phone', 1, { copy: { id: id(1), session: '00000000000000a2', ref: 'r1' } }),
  'order', 'm1', 'm2'));
});

describe('what must not be there is found', () => {
  test('what was refused', () => assertBad(new Story().send(1).answer(1, { code: 'unavailable' })
    .got('bob/phone', 1).got('bob/desk', 1), 'refused and shown', 'm1', 'unavailable'));
  test('what nobody sent', () => assertBad(new Story().got('bob/phone', 1, { message: undefined }),
    'invented', 'bob/phone', id(1)));
  test('from somebody else', () => assertBad(new Story().message(1)
    .got('bob/phone', 2, { message: 'm1', sender: 'carol' }), 'invented', 'm1', 'carol'));
  test('to somebody else', () => assertBad(new Story().message(1).got('alice/phone', 1),
    'invented', 'm1', 'alice/phone'));
  test('without an id', () => assertBad(new Story().message(1)
    .got('bob/phone', 1, { id: undefined }), 'invented', 'm1', 'without an id'));
  test('the contents of two, swapped', () => assertBad(new Story().messages(1, 2, ['bob/phone'])
    .got('bob/desk', 1, { message: 'm2' }).got('bob/desk', 2, { message: 'm1' }),
  'shown twice', 'm1', id(1), id(2)));
  test('a copy in the session that sent it', () => assertBad(new Story().message(1)
    .got('alice/phone', 1, { id: copyId(1), copy: { id: id(1), session: NAMES.alice, ref: 'r1' } }),
  'copy', 'm1', 'alice/phone'));
  test('a copy of another session\'s', () => assertBad(new Story().send(1).answer(1)
    .got('bob/phone', 1).got('bob/desk', 1).copied(1, { session: NAMES.phone }), 'copy', 'm1'));
  test('a copy with another ref', () => assertBad(new Story().send(1).answer(1)
    .got('bob/phone', 1).got('bob/desk', 1).copied(1, { ref: 'r2' }), 'copy', 'm1', 'r2'));
  test('a copy of another message', () => assertBad(new Story().send(1).answer(1)
    .got('bob/phone', 1).got('bob/desk', 1).copied(1, { id: id(2) }), 'shown twice', 'm1', id(2)));
  test('a copy in a pair session', () => assertBad(new Story()
    .open('pair:alice:carol', { kind: 'pair', users: ['alice', 'carol'] }).message(1)
    .got('pair:alice:carol', 1, { id: copyId(1), copy: { id: id(1), session: NAMES.alice, ref: 'r1' } }),
  'copy', 'm1', 'pair:alice:carol'));
  test('a copy of a message to oneself', () => assertBad(new Story()
    .send(1, { receiver: 'alice' }).answer(1)
    .got('alice/phone', 1, { receiver: 'alice' }).got('alice/desk', 1, { receiver: 'alice' })
    .copied(1, {}, { receiver: 'alice' }), 'copy', 'm1'));
});

describe('sessions that end are found', () => {
  test('without a reason', () => assertBad(new Story()
    .add('closed', { session: 'bob/phone.1', code: 4408 }), 'closed', 'bob/phone', '4408'));
  test('without having read', () => {
    assert.deepEqual(check(new Story().add('end', { unread: ['bob/phone'] }).events)
      .map(({ kind }) => kind), ['unread']);
    assert.deepEqual(check(new Story().events).map(({ kind }) => kind), ['unread']);
  });
});

describe('sums that are wrong are found', () => {
  const balanced = {
    parley_messages_received_total: 15,
    'parley_messages_accepted_total{receiver="online"}': 6,
    'parley_messages_accepted_total{receiver="offline"}': 4,
    parley_messages_repeated_total: 2,
    'parley_messages_refused_total{code="unavailable"}': 2,
    parley_messages_unknown_total: 1,
    'parley_offered_total{by="push"}': 7,
    'parley_offered_total{by="pull"}': 3,
    'parley_deliveries_total{result="written"}': 8,
    'parley_deliveries_total{result="duplicate"}': 1,
    parley_output_messages: 1,
    parley_gaps_total: 5, // and others, which are in no sum
  };

  test('but not where there are none', () => assert.deepEqual(imbalances(balanced), []));
  for (const [name, value] of Object.entries(balanced)) {
    if (name === 'parley_gaps_total') continue;
    const bare = name.replace(/\{.*/, '');
    for (const wrong of [value - 1, value + 1]) {
      test(`${name} ${wrong}`, () => {
        const found = imbalances({ ...balanced, [name]: wrong });
        assert.equal(found.length, 1);
        assert.ok(found[0].includes(bare), found[0]);
      });
    }
    test(`without ${bare}`, () => {
      const rest = Object.entries(balanced).filter(([other]) => !other.startsWith(bare));
      assert.deepEqual(imbalances(Object.fromEntries(rest)), [`${bare} is missing`]);
    });
  }
  test('nothing at all', () => assert.equal(imbalances({}).length, 8));
});

test('the counts', () => {
  const log = new Story().message(1).send(2).answer(2, { code: 'unknown' }).send(3)
    .answer(3, { code: 'unavailable' }).send(4)
    .add('fault', { number: 1, kind: 'killed' }).send(5).answer(5).wait(500).copied(5)
    .got('bob/phone', 5).add('healed', { number: 1, kind: 'killed' }).wait(700).got('bob/desk', 5)
    .leave('bob/desk.1').open('bob/desk', { kind: 'plain', session: 'bob/desk.2' })
    .got('bob/desk', 5, { session: 'bob/desk.2' }).end();
  const counts = tally(log);
  assert.deepEqual(counts, {
    accepted: 2, unknown: 1, refused: 1, unanswered: 1, delivered: 6, repeated: 1, gaps: 0,
    faults: { killed: 1 }, waits: { killed: 1204 },
  });
  const both = add(add({}, counts), counts);
  assert.equal(both.accepted, 4);
  assert.deepEqual(both.waits, counts.waits);
  assert.deepEqual(both.faults, { killed: 2 });
  assert.match(lines(both).join('\n'), /4 accepted.*12, and 2 again.*killed 2.*killed 1\.2 s/s);
});

test('a seed is a scenario', () => {
  for (let seed = 0; seed < 3 * FLAVOUR_COUNT; seed++) {
    assert.deepEqual(generate(seed), generate(seed));
    assert.notDeepEqual(generate(seed).actions, generate(seed + FLAVOUR_COUNT).actions);
  }
});
