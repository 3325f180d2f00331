// build/bin/parley chat: through pipes and in a terminal, with real gateways that come and go.
import assert from 'node:assert/strict';
import { connectUser, uniqueUser } from './lib/client.mjs';
import { Gateway } from './lib/gateway.mjs';
import { Process, program, run } from './lib/process.mjs';
import { freePort } from './lib/redis.mjs';
import { System } from './lib/system.mjs';
import { after, afterEach, before, describe, test } from './lib/test.mjs';
import { DEADLINE, until } from './lib/wait.mjs';

const TIME = /^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z /;
const MISSING = '-- messages may be missing here: some are no longer stored';
const ANEW = '-- ids begin anew here: Redis came back without its messages, or with older ones';

// A chat that is typed into; `lines`: what it has printed, without the times.
class Chat extends Process {
  constructor(url, user, peer, ...flags) {
    super(program('parley'), ['chat', '--url', url, ...flags, user, peer], { input: null });
    this.user = user;
  }

  get lines() {
    return this.stdout.split('\n').slice(0, -1).map((line) => line.replace(TIME, ''));
  }

  type(...lines) {
    this.child.stdin.write(lines.map((line) => `${line}\n`).join(''));
  }

  prints(lines) {
    return until(() => this.lines.length >= lines.length || !this.running, DEADLINE,
      () => `${JSON.stringify(lines)} from ${this.user}; ${this.stdout}${this.stderr}`)
      .then(() => assert.deepEqual(this.lines, lines, this.stderr));
  }

  says(words) {
    return until(() => words.test(this.stderr) || !this.running, DEADLINE,
      () => `${words} from ${this.user}; ${this.stdout}${this.stderr}`)
      .then(() => assert.match(this.stderr, words));
  }

  // The end of its input, and its own with this status.
  async leave(code = 0) {
    this.child.stdin.end();
    assert.deepEqual(await this.end(), { code, signal: null }, this.stderr);
  }
}

describe('parley chat', () => {
  let system;
  let one;
  let two;
  let chats = [];
  before(async () => {
    system = await System.start({ gateways: 2 });
    [one, two] = system.gateways;
  });
  after(() => system?.stop());
  afterEach(async () => {
    await Promise.all(chats.map((chat) => chat.kill()));
    chats = [];
  });

  async function chatting(...args) {
    const chat = new Chat(...args);
    chats.push(chat);
    await chat.says(/connected to g/);
    return chat;
  }

  const piped = (input, ...args) => run(program('parley'), ['chat', '--url', one.url, ...args],
    { input });

  const mailbox = (user) => `parley:mailbox:{${user}}`;
  const lastId = async (user) => (await system.redis.command('XREVRANGE', mailbox(user), '+', '-',
    'COUNT', '1'))[0]?.[0];

  // The chat's acknowledgement of everything up to `id` was written down.
  async function acknowledged(user, id) {
    await until(async () => await system.redis.command('HGET', `parley:cursor:{${user}}`,
      'parley-chat') === id, DEADLINE, `the cursor of ${user}`);
  }

  test('two people on two gateways, each with time, sender and ticks', async () => {
    const [alice, bob] = [uniqueUser('alice'), uniqueUser('bob')];
    const hers = await chatting(one.url, alice, bob);
    const his = await chatting(two.url, bob, alice);
    hers.type('hello', '', 'is "anybody" there? 😀');
    await his.prints([`${alice}: hello`, `${alice}: is "anybody" there? 😀`]);
    his.type('yes');
    await hers.prints(['✓ hello', '✓ is "anybody" there? 😀', `${bob}: yes`]);
    await his.leave();
    await hers.leave();
    for (const line of hers.stdout.trimEnd().split('\n')) assert.match(line, TIME);
    assert.equal(await system.redis.command('XLEN', mailbox(bob)), 3); // and the copy of his own
  });

  test('in a pipe: every line in order, the last one without its end too', async () => {
    const bob = await connectUser(two, uniqueUser('bob'));
    const contents = [...Array(250).keys()].map((number) => `line ${number}`);
    const { code, stdout, stderr } = await piped(contents.join('\n'), uniqueUser('alice'),
      bob.welcome.user);
    assert.equal(code, 0, stderr);
    assert.deepEqual(stdout.trimEnd().split('\n').map((line) => line.replace(TIME, '')),
      contents.map((content) => `✓ ${content}`));
    assert.deepEqual((await bob.take(contents.length)).map(({ content }) => content), contents);
  });

  test('--json sends what is JSON as such; what comes is shown as JSON', async () => {
    const bob = uniqueUser('bob');
    const client = await connectUser(two, bob);
    const { code } = await piped('{"a": [1, 2]}\n"\\u0041"\nnot {json\n', '--json',
      uniqueUser('alice'), bob);
    assert.equal(code, 0);
    assert.deepEqual((await client.take(3)).map(({ content }) => content),
      [{ a: [1, 2] }, 'A', 'not {json']);
    const { stdout } = await piped('', bob, 'alice');
    assert.deepEqual(stdout.split('\n').slice(0, 3).map((line) => line.replace(/^.*?: /, '')),
      ['{"a": [1, 2]}', 'A', 'not {json']);
  });

  test('what a stranger writes can do nothing to the terminal', async () => {
    const [mallory, bob] = [uniqueUser('mallory'), uniqueUser('bob')];
    const his = await chatting(one.url, bob, 'alice');
    const client = await connectUser(two, mallory);
    client.send({ receiverID: bob, content: '\x1b[2J\r\n\tx\x00\x7f\u0085\u202ey\u2028\ud800' });
    client.send({ receiverID: bob, content: '\x1b[2J\r\n\tx\x00\x7f\u0085\u202ey\u2028' });
    await his.prints([
      `${mallory}: "\\u001b[2J\\r\\n\\tx\\u0000\\u007f\\u0085\\u202ey\\u2028\\ud800"`,
      `${mallory}: \\u001b[2J\\r\\n\\tx\\u0000\\u007f\\u0085\\u202ey\\u2028`]);
  });

  test('what was stored comes first, and once: also what USER sent from elsewhere', async () => {
    const [alice, bob, carol] = [uniqueUser('alice'), uniqueUser('bob'), uniqueUser('carol')];
    const [client, hers] = [await connectUser(one, bob), await connectUser(two, alice)];
    for (const [from, to, content] of [[hers, bob, 'one'], [client, alice, 'two'],
      [client, carol, 'three'], [hers, bob, 'four']]) {
      from.send({ receiverID: to, content, ref: content });
      await from.next(({ type, ref }) => type === 'sent' && ref === content);
    }
    const { code, stdout } = await piped('five\n', bob, alice);
    assert.equal(code, 0);
    const lines = stdout.trimEnd().split('\n').map((line) => line.replace(TIME, ''));
    assert.deepEqual(lines.filter((line) => !line.startsWith('✓')),
      [`${alice}: one`, `${bob}: two`, `${bob} -> ${carol}: three`, `${alice}: four`]);
    assert.ok(lines.includes('✓ five'));
    await acknowledged(bob, await lastId(bob)); // also what it sent itself
    hers.send({ receiverID: bob, content: 'six' });
    await until(async () => (await system.redis.command('XLEN', mailbox(bob))) === 6, DEADLINE,
      'the last message to be stored');
    const his = await chatting(one.url, bob, alice);
    await until(() => his.lines.includes(`${alice}: six`), DEADLINE, 'the last message');
    await his.leave();
    assert.deepEqual(his.lines, [`${alice}: six`]);
    await acknowledged(bob, await lastId(bob));
    const again = await piped('', bob, alice);
    assert.equal(again.stdout, '');
  });

  test('thousands that were stored are printed before it ends', async () => {
    const bob = uniqueUser('bob');
    const client = await connectUser(one, uniqueUser('alice'));
    for (let batch = 0; batch < 9; batch++) {
      client.send(Array.from({ length: 100 }, (_, number) => (
        { receiverID: bob, content: batch * 100 + number, ref: `${batch}-${number}` })));
      await client.next(({ ref }) => ref === `${batch}-99`);
    }
    const { code, stdout } = await piped('', bob, 'alice');
    assert.equal(code, 0);
    assert.deepEqual(stdout.trimEnd().split('\n').map((line) => Number(line.split(': ')[1])),
      [...Array(900).keys()]);
    await acknowledged(bob, await lastId(bob));
  });

  test('a gateway dies: it connects again, and each message is there once', async () => {
    const [alice, bob] = [uniqueUser('alice'), uniqueUser('bob')];
    const mortal = await Gateway.start({ redis: system.redis, flags: ['--id', 'g3'] });
    const hers = await chatting(mortal.url, alice, bob);
    const his = await chatting(two.url, bob, alice);
    hers.type('one');
    his.type('two');
    await until(() => hers.lines.length === 2 && his.lines.length === 2, DEADLINE, 'two messages');
    await mortal.kill();
    await hers.says(/was closed \(1006\).*; trying again/);
    hers.type('three', 'four');
    his.type('five');
    await until(() => his.lines.includes('✓ five'), DEADLINE, 'the fifth to be accepted');
    const reborn = await Gateway.start({ redis: system.redis, port: mortal.port,
      flags: ['--id', 'g4'] });
    try {
      await hers.says(/connected to g4/);
      await until(() => hers.lines.length >= 5, DEADLINE, () => `five messages: ${hers.stdout}`);
      await until(() => his.lines.length >= 5, DEADLINE, () => `five messages: ${his.stdout}`);
      const text = (line) => line.split(' ').at(-1);
      for (const chat of [hers, his]) {
        assert.deepEqual(chat.lines.map(text).sort(), ['five', 'four', 'one', 'three', 'two']);
      }
      assert.deepEqual(hers.lines.filter((line) => line.startsWith('✓')),
        ['✓ one', '✓ three', '✓ four']);
      assert.deepEqual(his.lines.filter((line) => line.startsWith(alice)),
        [`${alice}: one`, `${alice}: three`, `${alice}: four`]);
      await hers.leave();
      await his.leave();
    } finally {
      await reborn.stop();
    }
  });

  test('it goes on where it was, not where another of the same device is by then', async () => {
    const bob = uniqueUser('bob');
    const alice = await connectUser(two, uniqueUser('alice'));
    const { user } = alice.welcome;
    const mortal = await Gateway.start({ redis: system.redis, flags: ['--id', 'g7'] });
    const his = await chatting(mortal.url, bob, user);
    alice.send({ receiverID: bob, content: 'one' });
    await his.prints([`${user}: one`]);
    await mortal.kill();
    await his.says(/trying again/);
    const other = await chatting(two.url, bob, user);
    alice.send({ receiverID: bob, content: 'two' });
    await until(() => other.lines.includes(`${user}: two`), DEADLINE, () => other.stdout);
    await acknowledged(bob, await lastId(bob));
    const reborn = await Gateway.start({ redis: system.redis, port: mortal.port,
      flags: ['--id', 'g8'] });
    try {
      await his.prints([`${user}: one`, `${user}: two`]);
      await his.leave();
    } finally {
      await reborn.stop();
    }
  });

  test('nobody knows whether it was stored: it is sent again, and is there once', async () => {
    const [alice, bob] = [uniqueUser('alice'), uniqueUser('bob')];
    const hers = await chatting(one.url, alice, bob);
    system.redis.pause();
    try {
      hers.type('once', 'and behind it');
      await hers.says(/not accepted yet: once: unknown: /);
    } finally {
      system.redis.resume();
    }
    await hers.prints(['✓ once', '✓ and behind it']);
    await hers.leave();
    const stored = await system.redis.command('XRANGE', mailbox(bob), '-', '+');
    assert.deepEqual(stored.map(([, [, m]]) => JSON.parse(`{${m}`).content),
      ['once', 'and behind it']);
  });

  test('the answer is lost with the connection: its copy is the answer', async () => {
    const [alice, bob] = [uniqueUser('alice'), uniqueUser('bob')];
    const mortal = await Gateway.start({ redis: system.redis, flags: ['--id', 'g5'] });
    const hers = await chatting(mortal.url, alice, bob);
    system.redis.pause();
    try {
      hers.type('once');
      // The gateway has given it to Redis when it has read it, which nothing says from outside.
      await until(async () => await mortal.metric('parley_redis_pending') > 0, DEADLINE,
        'the message to wait for Redis');
      await mortal.kill();
    } finally {
      system.redis.resume();
    }
    await until(async () => await system.redis.command('XLEN', mailbox(bob)) === 1, DEADLINE,
      'Redis to take it');
    const reborn = await Gateway.start({ redis: system.redis, port: mortal.port,
      flags: ['--id', 'g6'] });
    try {
      await hers.prints(['✓ once']);
      await hers.leave();
      assert.deepEqual(hers.lines, ['✓ once']);
      assert.equal(await system.redis.command('XLEN', mailbox(bob)), 1);
    } finally {
      await reborn.stop();
    }
  });

  test('messages that are missing are told where they are missing', async () => {
    const bob = uniqueUser('bob');
    const client = await connectUser(one, 'alice');
    const stored = async (content) => {
      client.send({ receiverID: bob, content, ref: content });
      await client.next(({ ref }) => ref === content);
    };
    await stored('one');
    assert.match((await piped('', bob, 'alice')).stdout, /: one\n$/);
    await acknowledged(bob, await lastId(bob));
    await stored('two');
    await stored('three');
    await system.redis.command('XTRIM', mailbox(bob), 'MAXLEN', '=', '1');
    const { stdout } = await piped('', bob, 'alice');
    assert.deepEqual(stdout.trimEnd().split('\n').map((line) => line.replace(TIME, '')),
      [MISSING, 'alice: three']);
  });

  test('a line that is refused is said and costs only the exit status', async () => {
    const bob = await connectUser(two, uniqueUser('bob'));
    const long = 'x'.repeat(70 * 1024);
    const { code, stdout, stderr } = await piped(`one\n${long}\ntwo\n`, uniqueUser('alice'),
      bob.welcome.user);
    assert.equal(code, 1);
    assert.deepEqual(stdout.trimEnd().split('\n').map((line) => line.replace(TIME, '')),
      ['✓ one', '✓ two']);
    assert.match(stderr, /not sent: x+: too_large: /);
    assert.deepEqual((await bob.take(2)).map(({ content }) => content), ['one', 'two']);
  });

  test('a line that no frame can hold is given up, and not sent for ever', async () => {
    const { code, stdout, stderr } = await piped(`${'"'.repeat(900 * 1024)}\ntwo\n`,
      uniqueUser('alice'), uniqueUser('bob'));
    assert.equal(code, 1, stderr);
    assert.match(stdout, /✓ two\n$/);
    assert.match(stderr, /too_large: longer than any frame may be/);
  });

  test('an interrupt ends it, with 1 when something has no answer', async () => {
    const idle = await chatting(one.url, uniqueUser('alice'), 'bob');
    idle.signal('SIGINT');
    assert.deepEqual(await idle.end(), { code: 0, signal: null });
    const busy = await chatting(one.url, uniqueUser('alice'), 'bob');
    system.redis.pause();
    try {
      busy.type('one', 'two');
      await busy.says(/not accepted yet/);
      busy.signal('SIGINT');
      assert.deepEqual(await busy.end(), { code: 1, signal: null });
      assert.match(busy.stderr, /unanswered: 2\n$/);
    } finally {
      system.redis.resume();
    }
  });

  test('--timeout gives up what has no answer, and a gateway that is not there', async () => {
    const chat = await chatting(one.url, uniqueUser('alice'), 'bob', '--timeout', '300ms');
    system.redis.pause();
    try {
      chat.type('one');
      assert.deepEqual(await chat.end(), { code: 1, signal: null });
      assert.match(chat.stderr, /unanswered after 300 ms: 1/);
    } finally {
      system.redis.resume();
    }
    const { code, stderr } = await run(program('parley'), ['chat', '--timeout', '300ms', '--url',
      `ws://127.0.0.1:${await freePort()}`, 'alice', 'bob'], { input: 'hello\n' });
    assert.equal(code, 1);
    assert.match(stderr, /trying again\n.*no connection after 300 ms/);
  });

  test('what would be refused again is not tried again', async () => {
    const { code, stderr } = await run(program('parley'),
      ['chat', '--url', `${one.url}/nothing`, 'alice', 'bob']);
    assert.equal(code, 1);
    assert.match(stderr, /answered HTTP 404/);
  });

  test('in a terminal: typed, ticked, and ended by Ctrl-D', async () => {
    const [alice, bob] = [uniqueUser('alice'), uniqueUser('bob')];
    const client = await connectUser(two, bob);
    const terminal = new Process('script',
      ['-qefc', `${program('parley')} chat --url ${one.url} ${alice} ${bob}`, '/dev/null'],
      { input: null, env: { SHELL: '/bin/bash', TERM: 'dumb' } });
    chats.push(terminal);
    await until(() => /connected to/.test(terminal.stdout), DEADLINE, () => terminal.stdout);
    terminal.child.stdin.write('hello\n');
    assert.equal((await client.next()).content, 'hello');
    client.send({ receiverID: alice, content: 'hello too' });
    await until(() => /✓ hello\r?\n/.test(terminal.stdout)
      && terminal.stdout.includes(`${bob}: hello too`), DEADLINE, () => terminal.stdout);
    terminal.child.stdin.write('\x04');
    assert.deepEqual(await terminal.end(), { code: 0, signal: null }, terminal.stdout);
  });

  test('a wrong command line ends with 2 and says what would be right', async () => {
    for (const [args, right] of [
      [[], /takes USER and PEER/], [['alice'], /takes USER and PEER/],
      [['alice', 'bob', 'hello'], /takes USER and PEER/],
      [['alice', 'x'.repeat(129)], /1 to 128 bytes/],
      [['--url', 'http://x', 'alice', 'bob'], /must begin with ws/],
      [['--timeout', '1y', 'alice', 'bob'], /takes a duration/],
    ]) {
      const { code, stdout, stderr } = await run(program('parley'), ['chat', ...args]);
      assert.equal(code, 2, `${args}: ${stderr}`);
      assert.equal(stdout, '');
      assert.match(stderr, right);
    }
  });
});

describe('parley chat and a Redis that forgets', () => {
  test('ids begin anew, below those of before: it says so, and goes on', async () => {
    const system = await System.start();
    const [gateway] = system.gateways;
    let chat;
    try {
      // As of a Redis whose clock was ahead.
      const [seconds] = await system.redis.command('TIME');
      await system.redis.command('XADD', 'parley:mailbox:{bob}', `${Number(seconds) + 3600}000-0`,
        'm', '"sender":"alice","receiver":"bob","content":"before"}', 'peer', 'alice');
      chat = new Chat(gateway.url, 'bob', 'alice');
      await chat.prints(['alice: before']);
      const from = gateway.log.length;
      await system.redis.restart(); // empty
      await gateway.waitForLog('ready', {}, { from });
      await until(() => chat.lines.includes(ANEW), DEADLINE, () => chat.stdout);
      const client = await connectUser(gateway, 'alice');
      client.send({ receiverID: 'bob', content: 'after' });
      await chat.prints(['alice: before', ANEW, 'alice: after']);
      await chat.leave();
    } finally {
      await chat?.kill();
      await system.stop();
    }
  });
});
