// docs/deploy.md against what it describes: the variables of compose.yaml, the unit, the proxies.
import assert from 'node:assert/strict';
import { access, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { Document, plain } from './lib/document.mjs';
import { program, run } from './lib/process.mjs';
import { after, before, describe, test } from './lib/test.mjs';

const document = await Document.read('deploy.md');
const shipped = (name) => readFile(new URL(`../../${name}`, import.meta.url), 'utf8');

describe('docs/deploy.md', () => {
  let folder;
  before(async () => { folder = await mkdtemp(path.join(os.tmpdir(), 'parley-deploy-')); });
  after(() => rm(folder, { recursive: true, force: true }));

  test('has every variable of compose.yaml, with its default', async () => {
    const compose = (await shipped('compose.yaml')).replace(/^ *#.*$/gm, '');
    const used = [...compose.matchAll(/\$\{(\w+):-([^}]*)\}/g)].map(([, name, value]) => [name, value]);
    const rows = document.tables.find(({ rows: [head] }) => head[0] === 'variable').rows.slice(1);
    const documented = rows.flatMap(([names, values]) => {
      const defaults = values.split(', ');
      return plain(names).split(', ').map((name, nth) => [name, defaults[nth]]);
    });
    const unique = new Map(used);
    assert.deepEqual(documented.sort(), [...unique].sort());
  });

  test('its unit is one that systemd accepts', async () => {
    const unit = document.lines('ini').join('\n');
    assert.match(unit, /^ExecStart=\/usr\/local\/bin\/parley-gateway /m);
    if (!await access('/usr/bin/systemd-analyze').then(() => true, () => false)) return;
    const file = path.join(folder, 'parley-gateway@3001.service');
    await writeFile(file, unit.replace('/usr/local/bin/parley-gateway', program('parley-gateway')));
    const { code, stderr } = await run('systemd-analyze', ['verify', '--man=no', file]);
    const ours = stderr.split('\n').filter((line) => line.includes('parley-gateway'));
    assert.deepEqual([code, ours], [0, []], stderr);
  });

  test('what it changes in haproxy.cfg makes a configuration that HAProxy accepts', async () => {
    const [global, servers] = document.blocks.filter(({ language }) => language === 'haproxy')
      .map(({ lines }) => lines.join('\n'));
    const config = (await shipped('tools/container/haproxy.cfg'))
      .replace(/^global$/m, `global\n${global}`).replace(/^ *server-template .*$/m, servers);
    assert.ok(config.includes('server g2 127.0.0.1:3002'));
    const file = path.join(folder, 'haproxy.cfg');
    await writeFile(file, config);
    const { code, stdout, stderr } = await run('haproxy', ['-c', '-f', file],
      { env: { PATH: `${process.env.PATH}:/usr/sbin` } });
    assert.deepEqual([code, /WARNING|ALERT/.test(stderr)], [0, false], stdout + stderr);
  });
});
