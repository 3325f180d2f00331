// A log in numbers, and in lines for people.
import { Account } from './account.mjs';

// What happened: { accepted, unknown, refused, unanswered: messages by what came of them; delivered:
// first frames of an entry to a client; repeated: frames that came again, to be hidden by who
// remembers ids; gaps: told; faults: kind -> number; waits: kind -> ms }. A wait is the longest time
// that something accepted was due to a client which was there and reading, while there was such a fault
// at Redis, or at a gateway that the client was connected to.
export function tally(log) {
  const account = new Account(log);
  const messages = [...account.messages.values()];
  const clients = [...account.clients.values()];
  const sum = (list, number) => list.reduce((total, one) => total + number(one), 0);
  const delivered = sum(clients, ({ shown }) => sum([...shown.values()], ({ size }) => size));
  const isOf = (code) => (one) => !one.isAccepted
    && one.attempts.at(-1).answer?.code === code;
  const counts = {
    accepted: messages.filter((one) => one.isAccepted).length,
    unknown: messages.filter(isOf('unknown')).length,
    refused: messages.filter((one) => !one.mayBeStored).length,
    unanswered: messages.filter((one) => one.mayBeStored && isOf(undefined)(one)).length,
    delivered,
    repeated: log.filter(({ event }) => event === 'got').length - delivered,
    gaps: sum(clients, ({ told }) => told.length),
    faults: {},
    waits: {},
  };
  for (const { kind } of account.faults.values()) {
    counts.faults[kind] = (counts.faults[kind] ?? 0) + 1;
  }
  for (const client of clients) longestWaits(account, client, counts.waits);
  return counts;
}

function longestWaits(account, client, waits) {
  for (const mailbox of client.shown.values()) {
    for (const { message, t } of mailbox.values()) {
      const answered = message.attempts.map(({ answer }) => answer)
        .find((answer) => answer?.id !== undefined);
      if (!answered) continue;
      const from = Math.max(answered.t, client.sessions[0].began, ...client.absences
        .filter((absence) => absence.from <= t).map(({ to }) => Math.min(to, t)));
      const gateways = client.sessions.filter(({ began, closed = Infinity }) => began <= t
        && closed >= from).map(({ gateway }) => gateway);
      for (const { kind, gateway, ...fault } of account.faults.values()) {
        if (fault.from <= t && fault.to >= from && t > from
          && (gateway === undefined || gateways.includes(gateway))) {
          waits[kind] = Math.max(waits[kind] ?? 0, t - from);
        }
      }
    }
  }
}

// Adds the counts of one run to those of all before.
export function add(total, counts) {
  for (const [name, value] of Object.entries(counts)) {
    if (typeof value !== 'object') total[name] = (total[name] ?? 0) + value;
    else {
      total[name] ??= {};
      for (const [kind, number] of Object.entries(value)) {
        const before = total[name][kind] ?? 0;
        total[name][kind] = name === 'waits' ? Math.max(before, number) : before + number;
      }
    }
  }
  return total;
}

export function lines({ accepted, unknown, refused, unanswered, delivered, repeated, gaps, faults,
  waits, ...verdict }) {
  const list = (object, text) => Object.entries(object).sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => `${name} ${text(value)}`).join(', ') || 'none';
  return [
    `messages: ${accepted} accepted, ${unknown} unknown, ${refused} refused, ${unanswered} unanswered`,
    `delivered: ${delivered}, and ${repeated} again; gaps told: ${gaps}`,
    ...Object.entries(verdict).map(([name, number]) => `${name}: ${number}`),
    `faults: ${list(faults, String)}`,
    `longest wait: ${list(waits, (ms) => `${(ms / 1000).toFixed(1)} s`)}`,
  ];
}

// The log in lines: what went wrong in the world, and what has to do with one of these messages and
// clients.
export function tell(log, about) {
  const names = new Set(about);
  const clients = new Map(); // session -> client
  const told = [];
  for (const { t, event, ...fields } of log) {
    if (event === 'connecting') clients.set(fields.session, fields.client);
    const client = fields.client ?? clients.get(fields.session);
    const isOfClient = ['connecting', 'opened', 'gap', 'leaving', 'closed', 'deaf', 'hearing', 'away',
      'back'].includes(event);
    if (['settings', 'end', 'stalled'].includes(event)) continue;
    if (isOfClient ? !names.has(client)
      : fields.message !== undefined && !names.has(fields.message)) continue;
    told.push(`${(t / 1000).toFixed(3).padStart(8)}  ${event} ${describe(fields)}`);
  }
  return told;
}

function describe(fields) {
  return Object.entries(fields).filter(([, value]) => value !== undefined)
    .map(([name, value]) => `${name}=${typeof value === 'object' ? JSON.stringify(value) : value}`)
    .join(' ');
}
