// build/bin/parley: listen and send, as scripts use them.
import assert from 'node:assert/strict';
import { connectUser, uniqueUser } from './lib/client.mjs';
import { Process, program, run } from './lib/process.mjs';
import { freePort } from './lib/redis.mjs';
import { System } from './lib/system.mjs';
import { after, before, describe, test } from './lib/test.mjs';
import { DEADLINE, until } from './lib/wait.mjs';

describe('the terminal client', () => {
  let system;
  let one;
  let two;
  before(async () => {
    system = await System.start({ gateways: 2 });
    [one, two] = system.gateways;
  });
  after(() => system?.stop());

  const parley = (...args) => run(program('parley'), args.map(String));

  function lines(text) {
    return text.trimEnd().split('\n').map((line) => JSON.parse(line));
  }

  async function listening(user, ...args) {
    const listener = new Process(program('parley'),
      ['listen', '--url', one.url, '--user', user, ...args]);
    await until(() => /"welcome"/.test(listener.stdout) || !listener.running, DEADLINE,
      () => `the welcome: ${listener.stdout}${listener.stderr}`);
    return listener;
  }

  test('listen prints what send sent, across two gateways', async () => {
    const [alice, bob] = [uniqueUser('alice'), uniqueUser('bob')];
    const listener = await listening(bob, '--count', '2', '--timeout', '10s');
    for (const text of ['hello', 'a second "line"']) {
      const { code, stdout, stderr } = await parley('send', '--url', two.url, '--user', alice, bob,
        text);
      assert.equal(code, 0, stderr);
      const [sent] = lines(stdout);
      assert.equal(sent.type, 'sent');
      assert.equal(sent.online, true);
    }
    assert.deepEqual(await listener.end(), { code: 0, signal: null });
    const messages = lines(listener.stdout).filter(({ type }) => type === 'message');
    assert.deepEqual(messages.map(({ sender, content }) => [sender, content]),
      [[alice, 'hello'], [alice, 'a second "line"']]);
  });

  test('listen ends with 1 when fewer came in time', async () => {
    const { code } = await parley('listen', '--url', one.url, '--user', uniqueUser(), '--count', 1,
      '--timeout', '200ms');
    assert.equal(code, 1);
  });

  test('send reaches any client', async () => {
    const bob = await connectUser(one, uniqueUser('bob'));
    const { code } = await parley('send', '--url', one.url, '--user', 'alice', bob.welcome.user,
      '发送 😀');
    assert.equal(code, 0);
    assert.equal((await bob.next()).content, '发送 😀');
  });

  test('send takes lines from standard input, and JSON with --json', async () => {
    const bob = await connectUser(one, uniqueUser('bob'));
    const contents = [...Array(50).keys()].map((number) => ({ number, text: 'ünï' }));
    const { code, stdout, stderr } = await run(program('parley'),
      ['send', '--url', two.url, '--user', 'alice', '--json', bob.welcome.user],
      { input: `${contents.map((content) => JSON.stringify(content)).join('\n')}\nnot json` });
    assert.equal(code, 0, stderr);
    assert.equal(lines(stdout).length, 51);
    assert.deepEqual((await bob.take(51)).map(({ content }) => content), [...contents, 'not json']);
  });

  test('listen without --count ends with 0 when it is interrupted', async () => {
    const listener = await listening(uniqueUser());
    listener.signal('SIGINT');
    assert.deepEqual(await listener.end(), { code: 0, signal: null });
  });

  test('what cannot be done ends with 1 and says why', async () => {
    const nobody = `ws://127.0.0.1:${await freePort()}`;
    for (const args of [
      ['send', '--url', nobody, '--user', 'alice', 'bob', 'hello'],
      ['listen', '--url', nobody, '--user', 'alice', '--timeout', '5s'],
      ['send', '--url', `${one.url}/nothing`, '--user', 'alice', 'bob', 'hello'],
      ['send', '--url', one.url, '--user', 'alice', 'x'.repeat(129), 'hello'],
    ]) {
      const { code, stdout, stderr } = await parley(...args);
      assert.equal(code, 1, `${args}: ${stderr}`);
      assert.notEqual(stdout + stderr, '', 'an error frame, or words');
    }
  });

  test('a wrong command line ends with 2 and says what would be right', async () => {
    for (const args of [
      [], ['nonsense'], ['send'], ['listen', '--nonsense'], ['send', '--user', 'alice'],
      ['send', '--user', 'alice', 'bob', 'two', 'words'],
      ['listen', '--url', one.url], ['listen', '--url', 'http://x', '--user', 'a'],
      ['listen', '--url', one.url, '--user', 'a', '--count', 'x'],
      ['listen', '--url', one.url, '--user', 'a', '--timeout', '1y'],
    ]) {
      const { code, stderr } = await parley(...args);
      assert.equal(code, 2, `${args}: ${stderr}`);
      assert.notEqual(stderr, '');
    }
  });
});
