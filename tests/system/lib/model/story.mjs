// A log for people, in lines: what happened to gateways and Redis, and what concerns some users.

export function tell(log, isAbout) {
  const users = new Map(); // of sessions
  const lines = [];
  for (const event of log) {
    if (event.user !== undefined) users.set(event.session, event.user);
    const line = describe(event, isAbout, users.get(event.session));
    if (line) lines.push(`${(event.t / 1000).toFixed(3).padStart(7)}  ${line}`);
  }
  return lines;
}

function describe({ event, session, gateway, users, device, since, data, code }, isAbout, user) {
  switch (event) {
    case 'settled':
      return 'looked at the end';
    case 'watching':
      return undefined;
    case 'told':
    case 'answered': {
      const words = users.filter((one) => isAbout(one.user))
        .map((one) => `${one.user} ${one.online ? `online(${one.sessions})` : 'offline'}`);
      return words.length > 0 && `${session ?? gateway} ${event} ${words.join(', ')}`;
    }
    default:
      if (user !== undefined && !isAbout(user)) return undefined;
      return [session ?? gateway, event, user && `of ${user}`, event === 'connecting' && gateway,
        device, code, data !== undefined && `data ${data}`, since && `since ${Math.round(since)} ms`]
        .filter(Boolean).join(' ');
  }
}
