// What a log says happened to every message, and what every client was shown.
//
// A client is one place to read: a user and device of its own, or a pair of users; it opens one
// session after the other and remembers what it was shown. A log is a list of events in the order of
// their time `t`, in ms:
//
//   settings   { mailboxMax }       how many entries a mailbox keeps at least
//   connecting { session, client, kind, users, gateway, since }
//                                   kind: see participant.mjs. since: that it gives, if any
//   opened     { session, name, reset, gap }
//                                   its welcome, with the gateway's name for it; a pair has none
//   got        { session, id, sender, receiver, message, copy }
//                                   a message frame; `message` is the name of what was sent, when
//                                   the content is that to the byte. copy: { id, session, ref }
//   gap        { session, reset }   told in mid-session
//   leaving    { session }          the client lets go
//   closed     { session, code }
//   sending    { session, message, sender, receiver, ref }
//   answered   { session, message, id }, or { session, message, code }
//   deaf, hearing { client }        it does not read, on purpose
//   away, back { client }           it has no session, on purpose
//   killed, stopping { gateway }    noted before it is done
//   lossy      { from, since, emptied }
//                                   Redis may have lost, from `from` until now, what it stored since
//                                   `since`. emptied: everything
//   fault, healed { number, kind, gateway, … }
//                                   gateway: the one that it concerns; else Redis
//   end        { unread: [client] } everybody has read to the end but for these

const LAST_SEQ = 2n ** 64n - 1n;

// An id as a number that compares as ids do.
export function position(id) {
  const [, ms, seq] = /^(\d+)-(\d+)$/.exec(id);
  return (BigInt(ms) << 64n) | BigInt(seq);
}

function place(id, other) {
  if (id !== undefined) return { id, from: position(id), to: position(id) };
  const [ms] = other.split('-');
  return { id: `${ms}-?`, from: position(`${ms}-0`), to: position(`${ms}-${LAST_SEQ}`) };
}

export class Account {
  constructor(log) {
    this.log = log;
    this.messages = new Map();
    this.clients = new Map();
    this.sessions = new Map();
    this.gateways = new Map(); // name -> when its end began
    this.attempts = 0;
    this.losses = [];
    this.faults = new Map(); // number -> { kind, gateway, from, to }
    this.strangers = []; // frames that nobody sent
    this.byUser = new Map(); // inMailbox(), once asked
    for (const event of log) this[`_${event.event}`]?.(event);
  }

  // [{ mailbox, isCopy, id, from, to }]: the entries of a message that this client must be shown, and
  // between which positions they are. When nobody has seen one, then like the other entry: one script
  // made both, in the same millisecond.
  due(client, message) {
    if (!message.isStored) return [];
    const [id] = message.ids;
    const [copyId] = message.copyIds;
    const entries = client.users.includes(message.receiver)
      ? [{ mailbox: message.receiver, isCopy: false, ...place(id, copyId) }] : [];
    if (message.sender !== message.receiver && client.users.includes(message.sender)
      && client.kind !== 'pair' && !message.clients.has(client.name)) {
      entries.push({ mailbox: message.sender, isCopy: true, ...place(copyId, id) });
    }
    return entries;
  }

  // All messages that have, or may have, an entry in this mailbox.
  inMailbox(user) {
    if (!this.byUser.has(user)) {
      this.byUser.set(user, [...this.messages.values()].filter((one) => one.mayBeStored
        && (one.sender === user || one.receiver === user)));
    }
    return this.byUser.get(user);
  }

  // Whether anything was amiss in this time.
  isTroubled(from, to) {
    return [...this.faults.values()].some((one) => one.from <= to && one.to >= from);
  }

  // ---- The events ----

  _settings({ mailboxMax }) {
    this.mailboxMax = mailboxMax;
  }

  _connecting({ session, client, kind, users, gateway, since, t }) {
    if (!this.clients.has(client)) {
      this.clients.set(client, {
        name: client, kind, users, sessions: [],
        shown: new Map(users.map((user) => [user, new Map()])), // message -> { t, id, session }
        told: [], // gaps: { t, reset, session }
        absences: [], // { from, to }: not there, or not reading, on purpose
      });
    }
    const one = {
      session, client: this.clients.get(client), gateway, since, began: t, frames: [],
      left: undefined, closed: undefined,
    };
    this.clients.get(client).sessions.push(one);
    this.sessions.set(session, one);
  }

  _opened({ session, name, reset, gap, t }) {
    const one = this.sessions.get(session);
    Object.assign(one, { name, opened: t });
    if (reset || gap) this._gap({ session, reset, t });
  }

  _gap({ session, reset, t }) {
    const one = this.sessions.get(session);
    const told = { t, reset: Boolean(reset), session: one };
    one.client.told.push(told);
    one.frames.push({ t, told });
  }

  _got({ session, id, sender, receiver, message: name, copy, t }) {
    const one = this.sessions.get(session);
    const message = this.messages.get(name);
    const mailbox = copy ? sender : receiver;
    const frame = { t, id, sender, receiver, copy, mailbox, message, session: one };
    one.frames.push(frame);
    if (!message || message.sender !== sender || message.receiver !== receiver
      || !one.client.users.includes(mailbox) || id === undefined) {
      this.strangers.push(frame);
      return;
    }
    (copy ? message.copyIds : message.ids).add(id);
    if (copy?.id !== undefined) message.ids.add(copy.id);
    message.seen = Math.min(message.seen, t);
    const shown = one.client.shown.get(mailbox);
    if (!shown.has(name)) shown.set(name, frame);
  }

  _leaving({ session, t }) {
    this.sessions.get(session).left ??= t;
  }

  _closed({ session, code, t }) {
    Object.assign(this.sessions.get(session), { closed: t, code });
  }

  _sending({ session, message: name, sender, receiver, ref, t }) {
    const one = this.sessions.get(session);
    if (!this.messages.has(name)) {
      this.messages.set(name, new Message({ name, sender, receiver, ref }));
    }
    const message = this.messages.get(name);
    message.attempts.push({ session: one, t, number: ++this.attempts });
    message.clients.add(one.client.name);
  }

  _answered({ session, message: name, id, code, t }) {
    const message = this.messages.get(name);
    const attempt = message.attempts.findLast((one) => one.session.session === session);
    attempt.answer = { t, id, code };
    if (id !== undefined) message.ids.add(id);
  }

  _deaf({ client, t }) {
    this.clients.get(client)?.absences.push({ from: t, to: Infinity });
  }

  _hearing({ client, t }) {
    const absence = this.clients.get(client)?.absences.findLast(({ to }) => to === Infinity);
    if (absence) absence.to = t;
  }

  _away(event) {
    this._deaf(event);
  }

  _back(event) {
    this._hearing(event);
  }

  _killed({ gateway, t }) {
    this.gateways.set(gateway, t);
  }

  _stopping({ gateway, t }) {
    this.gateways.set(gateway, t);
  }

  _lossy({ from, since, emptied, t }) {
    this.losses.push({ from, since, until: t, emptied });
  }

  _fault({ number, kind, gateway, t }) {
    this.faults.set(number, { kind, gateway, from: t, to: Infinity });
  }

  _healed({ number, t }) {
    this.faults.get(number).to = t;
  }

  _end({ unread }) {
    this.unread = unread;
  }
}

class Message {
  constructor(fields) {
    Object.assign(this, fields, {
      attempts: [], // { session, t, number, answer: undefined, or { t, id } or { t, code } }
      clients: new Set(), // that sent it
      ids: new Set(), // in the receiver's mailbox: answered, or seen
      copyIds: new Set(), // in the sender's, seen
      seen: Infinity, // when somebody got it first
    });
  }

  get isAccepted() {
    return this.attempts.some(({ answer }) => answer?.id !== undefined);
  }

  // All others are surely not carried out.
  get mayBeStored() {
    return this.attempts.some(({ answer }) => answer === undefined || answer.id !== undefined
      || answer.code === 'unknown');
  }

  get isStored() {
    return this.ids.size + this.copyIds.size > 0;
  }

  get sent() {
    return this.attempts[0].t;
  }

  // By when it was stored, if it was.
  get storedBy() {
    return Math.min(this.seen, ...this.attempts.filter(({ answer }) => answer?.id !== undefined)
      .map(({ answer }) => answer.t));
  }
}
