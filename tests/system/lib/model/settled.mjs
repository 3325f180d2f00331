// One look at everything that must agree at rest: the event `settled` (see differences.mjs).

// redis: a Redis. gateways: the running ones, [{ name, status(), ask() }].
export async function look(redis, gateways, unixOffset) {
  const connection = await redis.connect();
  try {
    const call = async (...args) => {
      connection.send(...args);
      return text(await connection.reply());
    };
    const [seconds, micros] = await call('TIME');
    const settled = {
      now: seconds * 1000 + micros / 1000,
      unixOffset,
      leases: pairs(await call('ZRANGE', 'parley:gateways', 0, -1, 'WITHSCORES'), Number),
      presence: {},
      seen: {},
      registered: {},
      channels: {},
      ready: {},
      answers: {},
    };
    for (const key of await call('KEYS', 'parley:presence:{*}')) {
      settled.presence[between('parley:presence:{', key, '}')] = pairs(await call('HGETALL', key));
    }
    for (const key of await call('KEYS', 'parley:seen:{*}')) {
      settled.seen[between('parley:seen:{', key, '}')] = Number(await call('GET', key));
    }
    for (const key of await call('KEYS', 'parley:gateway:*:users')) {
      settled.registered[between('parley:gateway:', key, ':users')] = (await call('SMEMBERS', key)).map(decodeURIComponent);
    }
    const channels = await call('PUBSUB', 'CHANNELS', 'parley:*');
    settled.channels = pairs(await call('PUBSUB', 'NUMSUB', ...channels));
    for (const gateway of gateways) {
      settled.ready[gateway.name] = await gateway.status();
      settled.answers[gateway.name] = await gateway.ask();
    }
    return settled;
  } finally {
    connection.close();
  }
}

function between(start, key, end) {
  return decodeURIComponent(key.slice(start.length, -end.length));
}

function pairs(flat, value = (one) => one) {
  return Object.fromEntries(flat.flatMap((name, i) => (
    i % 2 ? [] : [[name, value(flat[i + 1])]])));
}

function text(reply) {
  if (reply instanceof Error) throw reply;
  if (Buffer.isBuffer(reply)) return reply.toString();
  return Array.isArray(reply) ? reply.map(text) : reply;
}
