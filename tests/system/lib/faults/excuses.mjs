// When a client may miss a message: its mailbox was trimmed, or Redis has lost data. Either is told,
// to who had a position; only those who were never here, or whose cursor was lost too, cannot be.
import { position } from './account.mjs';

// How long until a cursor is surely in Redis: an interval between pings, a flush, and some patience
// with a busy machine. In ms.
const CURSOR = 5000;

// undefined: as it should be. 'lost': it must have been shown. 'gap not told': it need not have been,
// but that must have been told.
export function isMissed(account, client, message, entry) {
  const mailbox = client.shown.get(entry.mailbox);
  const losses = account.losses.filter((loss) => mayHaveLost(loss, message));
  if (losses.some((loss) => !loss.emptied || isTold(client, mailbox, loss))) return undefined;
  const trimmed = trim(account, client, message, entry);
  if (trimmed === 'told') return undefined;
  return losses.length > 0 || trimmed === 'untold' ? 'gap not told' : 'lost';
}

function mayHaveLost({ since, until }, { sent, storedBy }) {
  return sent <= until && storedBy >= since;
}

// Whether this client was told that Redis came back empty, or had nothing to compare with: it does
// not say where it is, or it had been nowhere.
function isTold(client, mailbox, { from }) {
  if (client.told.some(({ t }) => t >= from)) return true;
  const last = Math.max(...[...mailbox.values()].map(({ t }) => t).filter((t) => t < from));
  const reset = client.told.some((told) => told.reset && told.t < from && told.t >= last);
  return !givesSince(client) || last === -Infinity || reset;
}

function givesSince({ kind }) {
  return kind === 'library' || kind === 'since';
}

// 'told', 'untold', or undefined: it was not trimmed.
function trim(account, client, message, entry) {
  const frames = [...client.shown.get(entry.mailbox).values()]
    .map((frame) => ({ ...frame, at: position(frame.id) }));
  const next = extreme(frames.filter((frame) => frame.at > entry.to), (a, b) => a.at < b.at);
  const read = next?.t ?? Infinity;
  const newer = account.inMailbox(entry.mailbox).filter((one) => one !== message
    && one.sent <= read && mayBeNewer(one, entry));
  if (newer.length < account.mailboxMax) return undefined;
  if (client.kind === 'pair') return 'told'; // it is told nothing, ever
  const last = extreme(frames.filter((frame) => frame.at < entry.from && frame.t <= read),
    (a, b) => a.at > b.at);
  if (!last || !hadPosition(account, client, last, next)) return 'told';
  return client.told.some(({ t }) => t >= last.t && t <= read) ? 'told' : 'untold';
}

function mayBeNewer(message, { mailbox, from }) {
  const ids = message.receiver === mailbox ? message.ids : message.copyIds;
  return ids.size === 0 || [...ids].some((id) => position(id) > from);
}

// Whether the gateway knew, when it sent `next`, that `last` had been read.
function hadPosition(account, client, last, next) {
  if (givesSince(client) || next?.session === last.session) return true;
  const end = last.session.closed ?? Infinity;
  return end - last.t > CURSOR && !account.isTroubled(last.t, last.t + CURSOR);
}

function extreme(list, isBetter) {
  return list.reduce((best, one) => (best === undefined || isBetter(one, best) ? one : best),
    undefined);
}
