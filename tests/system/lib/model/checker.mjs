// Judges a log (see history.mjs) by what presence promises. Pure: the same log, the same verdict.
import { differences } from './differences.mjs';
import { History } from './history.mjs';
import { intersect } from './intervals.mjs';

// What is wrong, one line each; empty when nothing is.
export function check(log) {
  const history = new History(log);
  return [...lostSessions(history), ...wrongWords(history), ...wrongAnswers(history),
    ...unsettled(history)];
}

function lostSessions(history) {
  return [...history.sessions.values()].filter(({ lost }) => lost !== undefined)
    .map(({ name, user, gateway, left, lost }) => `${at(left)} ${gateway.name} closed ${name} of `
      + `${user} with ${lost}`);
}

// ---- What a watcher was told ----

function wrongWords(history) {
  const found = [];
  for (const { session, gateway, words } of watchers(history)) {
    const who = `${session.name} on ${gateway.name}`;
    for (const [user, list] of words) {
      list.forEach((word, i) => {
        const next = list[i + 1];
        const said = `${who} was told that ${user} is ${word.online ? 'online' : 'offline'}`;
        if (next && next.online === word.online) found.push(`${at(next.t)} ${said} twice in a row`);
        if (word.sessions > 0 !== word.online) {
          found.push(`${at(word.t)} ${said}, with ${word.sessions} sessions`);
        }
        const until = Math.min(next?.t ?? history.end, session.left, gateway.ending);
        const wrong = wrongMoment(history, { session, gateway, user, word, until });
        if (wrong !== undefined) {
          found.push(`${at(word.t)} ${said}, which was surely not so at ${at(wrong)}`);
        }
      });
    }
  }
  return found;
}

// [{ session, gateway, words: Map of user -> [{ t, since, online, sessions }] }], in order. `since`:
// a word is about no time before.
export function watchers(history) {
  const found = new Map();
  for (const event of history.log) {
    if (event.event === 'watching') {
      found.set(event.session, {
        session: history.sessions.get(event.session),
        gateway: history.gateways.get(event.gateway),
        words: new Map(),
      });
    } else if (event.event === 'told') {
      const { words } = found.get(event.session);
      for (const { user, online, sessions } of event.users) {
        if (!words.has(user)) words.set(user, []);
        const list = words.get(user);
        const since = event.asked ?? list[0]?.since ?? -Infinity;
        list.push({ t: event.t, since, online, sessions });
      }
    }
  }
  return [...found.values()];
}

// A moment at which the word stood and could not be true any more: all that the gateway can have
// seen by then, late as it may be, was the contrary.
function wrongMoment(history, { gateway, user, word, until }) {
  const contrary = word.online ? history.surelyOffline(user) : history.surelyOnline(user);
  const troubled = gateway.troubles.map(({ from }) => from);
  for (const interval of contrary) {
    const moments = [word.t, until, interval.to, ...troubled]
      .filter((t) => t >= word.t && t <= until && t <= interval.to);
    const wrong = moments.find((t) => (
      Math.max(history.view(gateway, t, t).from, word.since) >= interval.from));
    if (wrong !== undefined) return wrong;
  }
  return undefined;
}

// ---- What was answered ----

function wrongAnswers(history) {
  return history.log.filter(({ event }) => event === 'answered').flatMap((answer) => {
    const gateway = history.gateways.get(answer.gateway);
    const view = history.view(gateway, answer.asked, answer.t, 0);
    return answer.users.flatMap(({ user, online, sessions }) => {
      const all = history.sessionsOf(user);
      const isMet = (intervals) => intersect(intervals, [view]).length > 0;
      const least = all.filter(({ surely }) => surely.some(({ from, to }) => from <= view.from
        && to >= view.to)).length;
      const most = all.filter(({ perhaps }) => isMet([perhaps])).length * history.copies(view);
      const said = `${at(answer.t)} ${gateway.name} answered that ${user} is `
        + `${online ? 'online' : 'offline'} with ${sessions} sessions`;
      if (online !== sessions > 0) return [said];
      if (sessions < least) return [`${said}; there were at least ${least}`];
      return sessions > most ? [`${said}; there were at most ${most}`] : [];
    });
  });
}

// ---- The end ----

function unsettled(history) {
  const last = history.log.findLast(({ event }) => event === 'settled');
  if (!last) return ['nobody looked at the end'];
  return differences(history, watchers(history), last);
}

function at(t) {
  return `${(t / 1000).toFixed(3)} s:`;
}
