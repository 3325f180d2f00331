// Too many, too slow, too silent: what happens at each limit, and that others do not notice.
import assert from 'node:assert/strict';
import net from 'node:net';
import { connectPair, connectUser, refusal, uniqueUser } from './lib/client.mjs';
import { System } from './lib/system.mjs';
import { after, before, describe, test } from './lib/test.mjs';
import { DEADLINE, SLOWNESS, until, within } from './lib/wait.mjs';

describe('limits', () => {
  let system;
  before(async () => { system = await System.start({ gateways: 0 }); });
  after(() => system?.stop());

  test('--max-sessions: one more is 503, until one leaves', async () => {
    const gateway = await system.addGateway(['--max-sessions', 3]);
    const sessions = [];
    for (let count = 0; count < 3; count++) sessions.push(await connectUser(gateway, `u${count}`));
    const { status, headers, body } = await refusal(gateway, { user: 'one-more' });
    assert.equal(status, 503);
    assert.match(headers['retry-after'], /^\d+$/);
    assert.match(body.message, /max-sessions/);

    await sessions[0].end();
    await until(async () => await gateway.metric('parley_sessions', '{kind="native"}') === 2,
      DEADLINE, 'the session to be gone');
    await connectUser(gateway, 'one-more');
  });

  test('--max-sessions-per-user: one more is closed with 4409', async () => {
    const gateway = await system.addGateway(['--max-sessions-per-user', 2]);
    const alice = uniqueUser('alice');
    const sessions = [await connectUser(gateway, alice), await connectPair(gateway, 'x', alice)];
    const oneMore = await connectPair(gateway, alice, uniqueUser());
    assert.equal(await oneMore.closeCode(), 4409);
    assert.equal(oneMore.received.length, 0);

    sessions[0].send({ receiverID: alice, content: 'the others stay' });
    for (const session of sessions) assert.equal((await session.next()).content, 'the others stay');
    await sessions[0].end();
    const next = await connectUser(gateway, alice);
    next.send({ receiverID: alice, content: 'room again' });
    await next.next(({ content }) => content === 'room again');
  });

  test('--output-max: who does not read gets the rest later, the others go on', async () => {
    const gateway = await system.addGateway(['--output-max', '256KiB']);
    const bob = uniqueUser('bob');
    const sender = await connectUser(gateway, uniqueUser());
    const reader = await connectUser(gateway, bob);
    const slow = await connectUser(gateway, bob);
    slow.socket.pause();

    // More than the kernel buffers for a socket that nobody reads.
    const content = 'x'.repeat(60_000);
    let sent = 0;
    while (!gateway.log.some(({ event }) => event === 'session_slow')) {
      assert.ok(sent < 1000, 'nothing limits what is kept for a slow reader');
      sender.send({ receiverID: bob, content: [sent, content], ref: `${sent++}` });
      await sender.next();
    }
    const frames = await reader.take(sent);
    assert.ok(frames.every((frame, at) => frame.content[0] === at));
    sender.send({ receiverID: bob, content: 'still here' });
    assert.equal((await reader.next()).content, 'still here');

    assert.ok(await gateway.metric('parley_output_bytes') <= 256 * 1024);
    slow.socket.resume();
    const late = await slow.take(sent + 1);
    assert.ok(late.slice(0, -1).every((frame, at) => frame.content[0] === at));
    assert.equal(late.at(-1).content, 'still here');
    sender.send({ receiverID: bob, content: 'and live again' });
    assert.equal((await slow.next()).content, 'and live again');
  });

  test('--output-max: who does not read the answers it asks for is closed with 4408', async () => {
    const gateway = await system.addGateway(['--output-max', '128KiB']);
    const slow = await connectUser(gateway, uniqueUser());
    slow.socket.pause();
    const ping = { type: 'ping', ref: 'x'.repeat(64) };
    await until(async () => {
      slow.send(Array(100).fill(ping));
      return gateway.log.some(({ event }) => event === 'slow_session_closed');
    }, DEADLINE, 'it to be closed');
    slow.socket.resume();
    assert.equal(await slow.closeCode(), 4408);
  });

  test('--ping: an answering client stays, a silent one is dropped', async () => {
    const milliseconds = 200 * SLOWNESS;
    const gateway = await system.addGateway(['--ping', `${milliseconds}ms`, '--pong-timeout',
      `${milliseconds}ms`]);
    const answering = await connectUser(gateway, uniqueUser());
    const pair = await connectPair(gateway, uniqueUser(), uniqueUser());
    const silent = await connectUser(gateway, uniqueUser(), { autoPong: false });
    let pings = 0;
    let pairPings = 0;
    answering.socket.on('ping', () => { pings++; });
    pair.socket.on('ping', () => { pairPings++; });

    await within(silent.closed, DEADLINE, 'the silent one to be dropped');
    // Four pings take longer than one ping and its time-out.
    await until(() => pings >= 4 && pairPings >= 4, DEADLINE, 'four pings');
    answering.send({ type: 'ping' });
    assert.equal((await answering.next()).type, 'pong');
    assert.equal(pair.close, undefined);
  });

  test('--handshake-timeout: a connection without a request is closed', async () => {
    const gateway = await system.addGateway(['--handshake-timeout', '1s']);
    const waiting = await connectUser(gateway, uniqueUser());
    const beginnings = ['', 'G', 'GET / HTTP/1.1\r\nHost: x\r\n',
      'CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\n'];
    await Promise.all(beginnings.map((beginning) => {
      const socket = net.connect(gateway.port, '127.0.0.1');
      const closed = new Promise((resolve) => { socket.on('close', resolve); });
      socket.on('error', () => {}); // a reset will do
      socket.resume().write(beginning);
      return within(closed, DEADLINE, `"${beginning}" to be closed`);
    }));
    waiting.send({ type: 'ping' });
    assert.equal((await waiting.next()).type, 'pong', 'a session is not bound by it');
  });
});
