// Flags, environment, file: what the gateway makes of them, and of wrong ones.
import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { connectUser } from './lib/client.mjs';
import { Gateway } from './lib/gateway.mjs';
import { program, run } from './lib/process.mjs';
import { freePort } from './lib/redis.mjs';
import { System } from './lib/system.mjs';
import { after, before, describe, test } from './lib/test.mjs';

const NAMES = [
  'port', 'listen', 'reuse-port', 'admin-listen', 'redis', 'id', 'prefix', 'delivery',
  'presence', 'max-message', 'max-frame', 'max-depth', 'max-sessions', 'max-sessions-per-user', 'mailbox-max',
  'mailbox-ttl', 'ref-ttl', 'copies', 'output-max', 'ping', 'pong-timeout', 'handshake-timeout', 'drain', 'user',
  'log-level', 'log-format',
];

describe('settings', () => {
  let folder;
  let system;
  before(async () => {
    folder = await mkdtemp(path.join(os.tmpdir(), 'parley-settings-'));
    system = await System.start({ gateways: 0 });
  });
  after(async () => {
    await system?.stop();
    await rm(folder, { recursive: true, force: true });
  });

  function gateway(args, env) {
    return run(program('parley-gateway'), args.map(String), { env });
  }

  async function file(text) {
    const name = path.join(folder, 'parley.conf');
    await writeFile(name, text);
    return name;
  }

  // The effective settings: a Map from name to value.
  async function effective(args, env) {
    const { code, stdout, stderr } = await gateway(['--check-config', ...args], env);
    assert.equal(code, 0, stderr);
    return new Map(stdout.trimEnd().split('\n').filter((line) => !line.startsWith('#'))
      .map((line) => line.split(' = ')));
  }

  async function assertWrong(args, env, ...words) {
    const { code, stdout, stderr } = await gateway(args, env);
    assert.equal(code, 2, `${args}: ${stderr}`);
    assert.equal(stdout, '');
    assert.match(stderr, /^[^\n]+\n$/, 'one line');
    for (const word of words) assert.ok(stderr.includes(word), `${word} is not in: ${stderr}`);
    return stderr;
  }

  describe('a wrong one ends it with status 2 and one line that names it', () => {
    for (const [name, ...values] of [
      ['port', '', 'x', '-1', '65536', '3000x', '0x10', ' 80', '99999999999999999999'],
      ['listen', '', 'localhost', '1.2.3', '127.0.0.1:80'],
      ['reuse-port', 'maybe'],
      ['admin-listen', '127.0.0.1', ':9000', '127.0.0.1:x', '127.0.0.1:70000'],
      ['redis', '', 'http://x', 'redis://', 'redis://host:x', 'redis://h/x', 'unix:relative',
        'a:b:c'],
      ['id', 'two words', 'a:b', '{x}', 'x'.repeat(65)],
      ['prefix', '', 'a:b', 'x'.repeat(65)],
      ['presence', '', 'yes', 'On'],
      ['max-message', '0', '10', '-1', '1.5KiB', '64KB', '64kib', '1GiB', 'KiB', '64 KiB'],
      ['max-frame', '1', '65MiB'],
      ['max-depth', '0', '513', '8KiB'],
      ['max-sessions', '-1', 'many'],
      ['max-sessions-per-user', '-1', '100001'],
      ['mailbox-max', '0', '-5', '1e3'],
      ['mailbox-ttl', '-1', '1y', '5 d', '1.5h', '3651d'],
      ['ref-ttl', '0', '999ms', '366d'],
      ['copies', '', 'yes', '1'],
      ['delivery', '', 'Live', 'both'],
      ['output-max', '1', '2GiB'],
      ['ping', '99ms', '61m', '25sec'],
      ['pong-timeout', '0', '99ms'],
      ['handshake-timeout', '0', '999ms'],
      ['drain', '99ms', '61m', '-1'],
      ['log-level', 'verbose', 'INFO', ''],
      ['log-format', 'xml'],
    ]) {
      test(name, async () => {
        await Promise.all(values.map((value) =>
          assertWrong([`--${name}=${value}`], {}, name, value)));
        const variable = `PARLEY_${name.toUpperCase().replaceAll('-', '_')}`;
        await assertWrong([], { [variable]: values.at(-1) }, variable, values.at(-1));
        const line = `# a comment\n\n${name} = ${values.at(-1)}\n`;
        await assertWrong(['--config', await file(line)], {}, name, values.at(-1), 'parley.conf');
      });
    }

    test('a flag that does not exist, lacks its value, or is not one', async () => {
      await assertWrong(['--nonsense'], {}, '--nonsense');
      await assertWrong(['--nonsense=1'], {}, '--nonsense');
      await assertWrong(['--por', '1'], {}, '--por');
      await assertWrong(['--port'], {}, '--port');
      await assertWrong(['3000'], {}, '3000');
      await assertWrong(['-p', '3000'], {}, '-p');
    });

    test('two that do not go together', async () => {
      await assertWrong(['--max-message', '2MiB'], {}, 'max-message', 'max-frame');
      await assertWrong(['--output-max', '100KiB'], {}, 'output-max', 'max-message');
      await assertWrong(['--redis', 'redis://127.0.0.1/3'], {}, 'redis', 'prefix');
    });

    test('a file that is missing, or has a line that is none', async () => {
      await assertWrong(['--config', path.join(folder, 'missing')], {}, 'missing');
      await assertWrong(['--config', folder], {}, folder);
      for (const [text, word, number] of [
        ['port = 1\nnonsense = 2\n', 'nonsense', 2], ['\n\nport\n', 'port', 3],
        ['port = 1\n= 2', '= 2', 2], ['--port = 1', '--port', 1], ['config = x', 'config', 1],
      ]) {
        await assertWrong(['--config', await file(text)], {}, word, `parley.conf:${number}`);
      }
    });
  });

  test('a flag wins over the environment, that over the file, that over the default', async () => {
    const config = await file('max-depth = 10\nping = 10s\nmailbox-max=10\n');
    const env = { PARLEY_PING: '20', PARLEY_MAILBOX_MAX: '20', PARLEY_CONFIG: config };
    const settings = await effective(['--mailbox-max', '30'], env);
    assert.equal(settings.get('mailbox-max'), '30');
    assert.equal(settings.get('ping'), '20s');
    assert.equal(settings.get('max-depth'), '10');
    assert.equal(settings.get('max-message'), '64KiB');
  });

  test('--check-config prints all settings as a file that means the same', async () => {
    const args = ['--port', 0, '--max-frame=2MiB', '--reuse-port', '--ping', '90s', '--prefix', 'x',
      '--mailbox-ttl', '0', '--redis', 'redis://127.0.0.1:6380/1', '--id', 'here'];
    const settings = await effective(args);
    for (const name of NAMES) {
      if (['admin-listen', 'user'].includes(name)) continue; // none by default
      assert.ok(settings.has(name), name);
    }
    assert.equal(settings.get('reuse-port'), 'on');
    const lines = [...settings].map(([name, value]) => `${name} = ${value}`);
    const config = await file(lines.join('\n'));
    assert.deepEqual(await effective(['--config', config]), settings);
  });

  test('a password is never shown', async () => {
    for (const redis of ['redis://user:s3cret@127.0.0.1:6379', 'redis://:s3cret@127.0.0.1']) {
      const { stdout, stderr } = await gateway(['--check-config', '--redis', redis]);
      assert.doesNotMatch(stdout + stderr, /s3cret/);
      assert.match(stdout, /\*\*\*/);
      assert.doesNotMatch(await assertWrong(['--redis', `${redis}/x`], {}, '--redis'), /s3cret/);
    }
  });

  test('--help lists every setting, --version the version', async () => {
    const { code, stdout, stderr } = await gateway(['--help']);
    assert.equal(code, 0);
    assert.equal(stderr, '');
    for (const name of [...NAMES, 'config', 'check-config', 'help', 'version']) {
      assert.match(stdout, new RegExp(`^ .*--${name}\\b`, 'm'));
    }
    const version = await gateway(['--version']);
    assert.equal(version.code, 0);
    assert.match(version.stdout, /^parley-gateway \d+\.\d+\.\d+\n$/);
  });

  test('a taken port ends it with status 1, and --reuse-port shares it', async () => {
    const port = await freePort();
    const options = (flags) => ({ redis: system.redis, port, flags });
    const only = await Gateway.start(options([]));
    const second = await gateway(['--port', port, '--redis', system.redis.address]);
    assert.equal(second.code, 1);
    assert.match(second.stderr, new RegExp(`port=${port}\\b`));
    await only.stop();

    const sharing = [];
    for (let count = 0; count < 2; count++) {
      sharing.push(await Gateway.start(options(['--reuse-port', '--log-level', 'debug'])));
    }
    const seen = (one) => one.log.some(({ event }) => event === 'session_opened');
    for (let count = 0; count < 200 && !sharing.every(seen); count++) {
      await connectUser(sharing[0], `user-${count}`); // whichever of the two gets it
    }
    assert.ok(sharing.every(seen), 'the kernel gives both of them connections');
    for (const one of sharing) await one.stop();
  });

  test('--user with an account that does not exist ends it with status 1', async () => {
    const { code, stderr } = await gateway(['--port', 0, '--user', 'no-such-account-here']);
    assert.equal(code, 1);
    assert.match(stderr, /event=user_failed user=no-such-account-here/);
  });

  test('--listen on all addresses, with IPv6 where there is some', async () => {
    const everywhere = await system.addGateway(['--listen', '::']);
    assert.equal((await fetch(everywhere.http)).status, 200);
  });

  test('--log-format json writes an object a line', async () => {
    const { code, stderr } = await run(program('parley-gateway'), ['--port', await freePort(),
      '--listen', '203.0.113.1', '--log-format', 'json']); // an address that is not ours
    assert.equal(code, 1);
    for (const line of stderr.trimEnd().split('\n')) {
      const { ts, level, event } = JSON.parse(line);
      assert.match(ts, /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      assert.match(level, /^(info|warn|error)$/);
      assert.match(event, /^\w+$/);
    }
  });
});
