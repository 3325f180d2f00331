// Debian's Chromium, driven by playwright-core.
import { access, constants, mkdir } from 'node:fs/promises';
import path from 'node:path';
import { chromium } from 'playwright-core';
import { buildFolder } from '../../system/lib/process.mjs';
import { DEADLINE } from '../../system/lib/wait.mjs';

// As root it has no sandbox of its own; and it is to talk to nobody but our gateways.
const FLAGS = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run',
  '--disable-background-networking', '--disable-component-update', '--disable-sync'];

export const DESKTOP = { width: 1280, height: 800 };
export const PHONE = { width: 360, height: 740 };

export class Browser {
  // In a temporary profile, which goes with it.
  static async start() {
    const browser = new Browser();
    browser.chromium = await chromium.launch({
      executablePath: await inPath('chromium'), args: FLAGS, chromiumSandbox: false,
      timeout: 3 * DEADLINE,
    });
    return browser;
  }

  async stop() {
    await this.chromium?.close();
  }

  // A page of its own storage, closed when the test ends; `errors` gathers what went wrong in it.
  // options: those of playwright (viewport, locale, colorScheme, ...). Without animations, which
  // cost much where there is no GPU, unless they ask for them.
  async page(t, options = {}) {
    const context = await this.chromium.newContext(
      { viewport: DESKTOP, locale: 'en-GB', reducedMotion: 'reduce', ...options });
    t.after(() => context.close());
    context.setDefaultTimeout(DEADLINE);
    const page = await context.newPage();
    page.errors = [];
    page.on('pageerror', (error) => page.errors.push(error.message));
    page.on('console', (message) => {
      // A WebSocket that cannot connect is no mistake of the page.
      if (message.type() === 'error' && !/^WebSocket connection/.test(message.text())) {
        page.errors.push(message.text());
      }
    });
    return page;
  }
}

// Kept in the build folder, for people.
export async function screenshot(page, name, options = {}) {
  const folder = path.join(buildFolder, 'screenshots');
  await mkdir(folder, { recursive: true });
  await page.screenshot({ path: path.join(folder, `${name}.png`), ...options });
}

async function inPath(name) {
  for (const folder of process.env.PATH.split(':')) {
    const file = path.join(folder, name);
    if (await access(file, constants.X_OK).then(() => true, () => false)) return file;
  }
  throw new Error(`${name} is missing: tools/packages.sh test installs it`);
}
