// Every recipe of docs/operations.md and docs/delivery.md, with a Redis of the settings that the first
// asks for.
import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { program, run } from './lib/process.mjs';
import { delivery, openSessions, operations, testRecipes } from './lib/recipes.mjs';
import { System } from './lib/system.mjs';
import { after, before, describe } from './lib/test.mjs';

function testDocument(name, document) {
  describe(`the recipes of docs/${name}`, () => {
    let system;
    let folder;
    let env;
    let clients;
    before(async () => {
      const args = operations.lines('conf').filter((line) => line && !line.startsWith('#'))
        .flatMap((line) => `--${line}`.split(' '));
      assert.notEqual(args.length, 0, 'the settings of Redis');
      system = await System.start({ gateways: 2, redis: { args } });
      folder = await mkdtemp(path.join(os.tmpdir(), 'parley-recipes-'));
      const cli = path.join(folder, 'redis-cli');
      const { stdout } = await run('sh', ['-c', 'command -v redis-cli']);
      await writeFile(cli, `#!/bin/sh\nexec ${stdout.trim()} -p ${system.redis.port} "$@"\n`);
      await chmod(cli, 0o755);
      env = {
        PATH: `${folder}:${path.dirname(program('parley'))}:${process.env.PATH}`,
        PARLEY_REDIS: system.redis.address,
        PARLEY_URL: system.gateways[0].url,
        G2_PID: String(system.gateways[1].process.pid),
        TERM: 'dumb',
      };
      clients = await openSessions(system.gateways, document);
    });
    after(async () => {
      clients?.forEach((client) => client.socket.terminate());
      await system?.gateways[1]?.kill(); // a recipe did so, perhaps
      await system?.stop();
      if (folder) await rm(folder, { recursive: true, force: true });
    });

    testRecipes(() => env, document);
  });
}

testDocument('operations.md', operations);
testDocument('delivery.md', delivery);
