// At rest everything must agree: who is there, what Redis holds, what each gateway answers and what
// each watcher was told last.
import { SPARE } from './bounds.mjs';
import { LOSSES } from './history.mjs';

// What is not as it should be, one line each. `settled` is one look at everything, `now` by Redis'
// clock in Unix ms, and that is `unixOffset` ahead of the log's:
//
//   { now, unixOffset, leases: { member: score }, presence: { user: { field: value } },
//     seen: { user: ms }, registered: { incarnation: [user] }, channels: { name: subscribers },
//     ready: { gateway: status }, answers: { gateway: [{ user, online, sessions, since }] } }
export function differences(history, watchers, settled) {
  const names = incarnations(history, settled);
  return [
    ...leases(history, names, settled),
    ...presence(history, names, settled),
    ...seen(history, settled),
    ...registered(history, names, settled),
    ...channels(history, watchers, names, settled),
    ...answers(history, settled),
    ...words(history, watchers),
  ];
}

// Each running gateway's name in Redis, or names.
function incarnations(history, { leases: members }) {
  return new Map(history.runningGateways().map((gateway) => [gateway, Object.keys(members)
    .filter((member) => /^(.*)-[0-9a-f]{8}$/.exec(member)?.[1] === gateway.id)]));
}

function leases(history, names, { now, leases: members, ready }) {
  const found = [];
  const known = [...names.values()].flat();
  for (const [gateway, own] of names) {
    if (own.length !== 1) found.push(`${gateway.name} has the leases ${list(own)}`);
    if (ready[gateway.name] !== 200) found.push(`${gateway.name} is not ready`);
  }
  for (const [member, score] of Object.entries(members)) {
    if (!known.includes(member)) found.push(`parley:gateways has ${member}, which nobody is`);
    else if (score <= now) found.push(`the lease of ${member} has expired`);
  }
  return found;
}

// Open sessions by user, or by what `key` says.
function sessionsBy(history, key = ({ user }) => user) {
  const map = new Map();
  for (const session of history.openSessions()) {
    map.set(key(session), [...map.get(key(session)) ?? [], session]);
  }
  return map;
}

function presence(history, names, { presence: hashes, unixOffset }) {
  const found = [];
  const expected = sessionsBy(history);
  for (const user of new Set([...expected.keys(), ...Object.keys(hashes)])) {
    const wanted = (expected.get(user) ?? []).map(({ gateway, device }) => (
      `${names.get(gateway)[0] ?? gateway.name} ${device}`));
    const fields = Object.entries(hashes[user] ?? {}).map(([field, value]) => {
      const [, since, device] = /^(\d+) (.*)$/s.exec(value) ?? [];
      const [, incarnation] = /^(.*)\/\d+$/s.exec(field) ?? [];
      return { text: `${incarnation} ${device}`, since: since - unixOffset, field };
    });
    if (!same(wanted, fields.map(({ text }) => text))) {
      found.push(`the hash of ${user} has ${list(fields.map(({ text }) => text))}, not `
        + list(wanted));
    }
    // Which is whose is not known. One that was thought dead is there since it came back.
    const begins = inOrder(expected.get(user) ?? [], ({ connecting }) => connecting - SPARE);
    const ends = inOrder(expected.get(user) ?? [], ({ opened, doubts }) => (
      (doubts.at(-1)?.to ?? opened) + SPARE));
    fields.sort((a, b) => a.since - b.since).forEach(({ field, since }, i) => {
      if (since < begins[i] || since > ends[i]) {
        found.push(`${field} of ${user} is there since ${since} ms, not ${begins[i]} to ${ends[i]}`);
      }
    });
  }
  return found;
}

// When the last session of who is away ended: by what is left of it, when Redis lost nothing.
function seen(history, { seen: dates, unixOffset }) {
  const present = sessionsBy(history);
  const isKept = !history.outages.some(({ kind }) => LOSSES.includes(kind));
  const last = new Map();
  for (const { user, opened } of history.sessions.values()) {
    if (opened !== undefined) last.set(user, Math.max(opened, last.get(user) ?? 0));
  }
  return [...last].filter(([user, opened]) => isKept && !present.has(user)
    && !(dates[user] - unixOffset > opened - SPARE))
    .map(([user]) => `${user} was seen last at ${dates[user] - unixOffset} ms, and came at ${last.get(user)}`);
}

function registered(history, names, { registered: sets }) {
  const found = [];
  const expected = sessionsBy(history, ({ gateway }) => names.get(gateway)[0]);
  for (const incarnation of new Set([...expected.keys(), ...Object.keys(sets)])) {
    const wanted = new Set((expected.get(incarnation) ?? []).map(({ user }) => user));
    const there = sets[incarnation] ?? [];
    if (!same([...wanted], there)) {
      found.push(`the users of ${incarnation} are ${list(there)}, not ${list([...wanted])}`);
    }
  }
  return found;
}

function channels(history, watchers, names, { channels: there }) {
  const expected = {};
  for (const { gateway, user } of history.openSessions()) {
    (expected[`parley:user:{${encoded(user)}}`] ??= new Set()).add(gateway);
  }
  for (const { gateway, words: watched } of living(watchers)) {
    for (const user of watched.keys()) {
      (expected[`parley:presence-events:{${encoded(user)}}`] ??= new Set()).add(gateway);
    }
  }
  for (const name of [...names.values()].flat()) expected[`parley:gateway:${name}`] = new Set([name]);
  return [...new Set([...Object.keys(expected), ...Object.keys(there)])]
    .filter((name) => (expected[name]?.size ?? 0) !== (there[name] ?? 0))
    .map((name) => `${name} has ${there[name] ?? 0} subscribers, not ${expected[name]?.size ?? 0}`);
}

function answers(history, { presence: hashes, seen: ends, answers: all }) {
  const found = [];
  const expected = sessionsBy(history);
  for (const gateway of history.runningGateways()) {
    if (!all[gateway.name]) found.push(`${gateway.name} does not answer`);
    for (const { user, online, sessions, since } of all[gateway.name] ?? []) {
      const count = expected.get(user)?.length ?? 0;
      const begins = Object.values(hashes[user] ?? {}).map((value) => parseInt(value, 10));
      if (online !== count > 0 || sessions !== count) {
        found.push(`${gateway.name} answers that ${user} is ${online ? 'online' : 'offline'} with `
          + `${sessions} sessions, not ${count}`);
      } else if (since !== (online ? Math.min(...begins) : ends[user])) {
        found.push(`${gateway.name} answers that ${user} is ${online ? 'online' : 'offline'} since `
          + since);
      }
    }
  }
  return found;
}

function words(history, watchers) {
  const expected = sessionsBy(history);
  const found = [];
  const watching = new Set(living(watchers).map(({ gateway }) => gateway));
  for (const gateway of history.runningGateways()) {
    if (!watching.has(gateway)) found.push(`nobody watches on ${gateway.name}`);
  }
  for (const { session, words: watched } of living(watchers)) {
    for (const [user, list] of watched) {
      const { online } = list.at(-1);
      if (online !== expected.has(user)) {
        found.push(`${session.name} was told last that ${user} is ${online ? 'online' : 'offline'}`);
      }
    }
  }
  return found;
}

function living(watchers) {
  return watchers.filter(({ session, gateway }) => session.left === Infinity
    && gateway.ended === Infinity);
}

// As in a key: only this file and Redis know of it.
function encoded(user) {
  return user.replace(/[%{}:\x00-\x20\x7f]/g, (character) => (
    `%${character.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`));
}

function inOrder(some, number) {
  return some.map(number).sort((a, b) => a - b);
}

function same(some, others) {
  return list(some) === list(others);
}

function list(texts) {
  return `[${[...texts].sort().join(', ')}]`;
}
