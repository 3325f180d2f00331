// Judges a log (see account.mjs) by what docs/delivery.md promises. Pure: the same log, the same
// verdict.
import { Account, position } from './account.mjs';
import { isMissed } from './excuses.mjs';

// What is wrong: [{ kind, about, text }], empty when nothing is. about: the messages and clients.
export function check(log) {
  const account = new Account(log);
  return [
    ...strangers(account), ...wrongCopies(account), ...refusedAndShown(account),
    ...storedTwice(account), ...wrongInSession(account), ...reordered(account),
    ...missed(account), ...gapsForNothing(account), ...closes(account), ...unread(account),
  ];
}

const show = (id) => id ?? 'without an id';

function strangers({ strangers: frames }) {
  return frames.map(({ session, id, sender, receiver, message, copy }) => ({
    kind: 'invented',
    about: [message?.name, session.client.name],
    text: `${message?.name ?? 'nobody\'s message'} from ${sender} to ${receiver}${copy ? ', a copy,' : ''} `
      + `${show(id)}: nobody sent that to ${session.client.name}, who got it in ${session.session}`,
  }));
}

// ---- One message ----

function wrongCopies({ sessions }) {
  const found = [];
  for (const { session, name, client, frames } of sessions.values()) {
    for (const { copy, message, id } of frames.filter((one) => one.copy && one.message)) {
      const wrong = (what) => found.push({
        kind: 'copy',
        about: [message.name, client.name],
        text: `${message.name}: the copy ${id} in ${session} ${what}`,
      });
      const from = message.attempts.map((one) => one.session);
      if (client.kind === 'pair') wrong('is in a pair session');
      if (message.sender === message.receiver) wrong('is of a message to oneself');
      if (copy.session === name) wrong('was sent from there');
      if (copy.ref !== message.ref) wrong(`has the ref ${copy.ref}, not ${message.ref}`);
      if (from.every((one) => one.name !== undefined && one.name !== copy.session)) {
        wrong(`names a session ${copy.session} that did not send it`);
      }
    }
  }
  return found;
}

function refusedAndShown({ messages }) {
  return [...messages.values()].filter((one) => one.isStored && !one.mayBeStored)
    .map((one) => ({
      kind: 'refused and shown',
      about: [one.name],
      text: `${one.name} was answered ${one.attempts.map(({ answer }) => answer.code).join(', ')}, and is `
        + `there as ${[...one.ids, ...one.copyIds].join(', ')}`,
    }));
}

function storedTwice({ messages, losses }) {
  const found = [];
  for (const one of messages.values()) {
    // Redis may have lost what it knew of the ref.
    const isForgotten = one.attempts.length > 1 && losses.some(({ until }) => until >= one.sent);
    for (const [ids, where] of [[one.ids, one.receiver], [one.copyIds, `${one.sender}, as a copy`]]) {
      if (ids.size > 1 && !isForgotten) {
        found.push({
          kind: 'shown twice',
          about: [one.name],
          text: `${one.name} is in the mailbox of ${where} as ${[...ids].join(' and ')}`,
        });
      }
    }
  }
  return found;
}

// ---- The order ----

// Within a session ids grow, from the one that it began behind; but behind a reset from anywhere. A
// pair session is told of none: any loss of Redis may have been one.
function wrongInSession({ sessions, losses }) {
  const found = [];
  for (const { session, client, since, frames } of sessions.values()) {
    let last = new Map(); // mailbox -> the frame before
    let begin = since && position(since);
    for (const frame of frames) {
      if (frame.told?.reset) {
        last = new Map();
        begin = undefined;
      }
      if (frame.told || frame.id === undefined) continue;
      const before = last.get(frame.mailbox);
      const what = `${frame.message?.name} (${frame.id}) in ${session}`;
      const isUntold = before && client.kind === 'pair'
        && losses.some(({ from, until }) => until >= before.t && from <= frame.t);
      if (before && !isUntold && position(frame.id) <= position(before.id)) {
        found.push({
          kind: frame.id === before.id ? 'doubled' : 'order',
          about: [frame.message?.name, before.message?.name, client.name],
          text: `${what} came after ${before.message?.name} (${before.id})`,
        });
      } else if (begin !== undefined && position(frame.id) <= begin) {
        found.push({
          kind: 'doubled',
          about: [frame.message?.name, client.name],
          text: `${what} came, which has everything up to ${since}`,
        });
      }
      last.set(frame.mailbox, frame);
    }
  }
  return found;
}

// What a session sends to one receiver is stored in that order. And what was sent when another
// message had been answered is behind that, whoever sent them.
function reordered(account) {
  const found = [];
  const receivers = new Map();
  for (const one of account.messages.values()) {
    if (one.ids.size !== 1) continue; // not there; or twice, see above
    const list = receivers.get(one.receiver) ?? [];
    receivers.set(one.receiver, list);
    list.push({ message: one, at: position([...one.ids][0]) });
  }
  for (const list of receivers.values()) {
    list.sort((a, b) => (a.at < b.at ? -1 : 1));
    const lastOf = new Map(); // session -> of its messages so far, the one that was sent last
    for (const { message } of list) {
      if (message.attempts.length > 1) continue; // which one was it?
      const [{ session, number }] = message.attempts;
      const before = lastOf.get(session);
      if (before && before.attempts[0].number > number) {
        found.push({
          kind: 'order',
          about: [message.name, before.name],
          text: `${message.name} is behind ${before.name}, which ${session.session} sent later`,
        });
      } else {
        lastOf.set(session, message);
      }
    }
    let earliest; // of those with a higher id, the one that was answered first
    for (const { message } of [...list].reverse()) {
      if (earliest && earliest.storedBy < message.sent) {
        found.push({
          kind: 'order',
          about: [message.name, earliest.name],
          text: `${message.name} is before ${earliest.name}, which was stored before it was sent`,
        });
      }
      if (!earliest || message.storedBy < earliest.storedBy) earliest = message;
    }
  }
  return found;
}

// ---- What is not there ----

function missed(account) {
  const found = [];
  for (const client of account.clients.values()) {
    for (const message of account.messages.values()) {
      if (!message.mayBeStored) continue;
      for (const entry of account.due(client, message)) {
        if (client.shown.get(entry.mailbox).has(message.name)) continue;
        const kind = isMissed(account, client, message, entry);
        if (kind) {
          found.push({
            kind,
            about: [message.name, client.name],
            text: `${message.name} (${entry.id}${entry.isCopy ? ', a copy' : ''}) of ${entry.mailbox} was `
              + `never shown to ${client.name}${kind === 'lost' ? '' : ', and nothing was told'}`,
          });
        }
      }
    }
  }
  return found;
}

// As long as Redis has lost nothing, and a mailbox has not been full, nothing can be missing.
function gapsForNothing(account) {
  const found = [];
  for (const { name, told, users } of account.clients.values()) {
    for (const { t, reset, session } of told) {
      const isLossy = account.losses.some(({ from }) => from <= t);
      const isFull = users.some((user) => account.inMailbox(user)
        .filter(({ sent }) => sent <= t).length > account.mailboxMax);
      if (!isLossy && !isFull) {
        found.push({
          kind: 'gap for nothing',
          about: [name],
          text: `${name} was told a ${reset ? 'reset' : 'gap'} in ${session.session} at ${t.toFixed(0)} ms`,
        });
      }
    }
  }
  return found;
}

// ---- Sessions ----

function closes({ sessions, gateways }) {
  return [...sessions.values()].filter((one) => one.opened !== undefined && one.closed !== undefined
    && one.left === undefined && !(gateways.get(one.gateway) <= one.closed))
    .map(({ session, gateway, code, closed, client }) => ({
      kind: 'closed',
      about: [client.name],
      text: `${session} of ${client.name} was closed by ${gateway} with ${code} at ${closed.toFixed(0)} ms`,
    }));
}

function unread(account) {
  if (!account.unread) return [{ kind: 'unread', about: [], text: 'nobody read to the end' }];
  return account.unread.map((client) => ({
    kind: 'unread', about: [client], text: `${client} did not read to the end`,
  }));
}
