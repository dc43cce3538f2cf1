import { join } from 'node:path';
import { connect } from '@portolan/client';

import type { Browser } from 'playwright-core';
import { makeDemoFleet } from './demo-fleet.ts';
import { startOwnCoordinator } from './own-coordinator.ts';
import { launchBrowser, openDashboard, settled } from './page.ts';

const [directory = '.', out = '.', ...only] = process.argv.slice(2);
const token = 'ptn_of_the_screenshots_0123456789ab';

const pages: Record<string, string> = {
  overview: '/',
  findings: '/findings',
  collision: '/findings/collision%3Atcp%3A3050',
  map: '/map',
  'map-near': '/map?port=41040',
  port: '/ports/41040',
  services: '/services?sort=-listeners',
  service: '/services/shop/orders',
  dependencies: '/graph?project=shop',
  hosts: '/hosts',
  host: '/hosts/harbour-2',
  ranges: '/ranges',
  listeners: '/listeners?q=shop',
  reserve: '/reserve?project=shop&service=reviews',
  alerts: '/alerts',
};

const looks = {
  light: { colorScheme: 'light', viewport: { width: 1280, height: 800 } },
  dark: { colorScheme: 'dark', viewport: { width: 1280, height: 800 } },
  phone: { colorScheme: 'light', viewport: { width: 390, height: 844 } },
} as const;

const server = await startOwnCoordinator(directory, token);
const browser = await launchBrowser();
try {
  const hosts = await makeDemoFleet(connect({ url: server.url, token }));
  // Who says nothing for long is unreachable; the last one has left.
  const alive = setInterval(() => {
    for (const host of hosts.slice(0, -1)) void host.change([], []);
  }, 8_000);
  alive.unref();
  for (const look of Object.keys(looks) as (keyof typeof looks)[]) await shoot(browser, look);
} finally {
  await browser.close();
  await server.stop();
}

async function shoot(browser: Browser, look: keyof typeof looks): Promise<void> {
  const context = await browser.newContext({ ...looks[look], reducedMotion: 'reduce' });
  const page = await openDashboard(context, server.url, token);
  for (const [name, path] of Object.entries(pages)) {
    if (only.length > 0 && !only.includes(name) && !only.includes(look)) continue;
    await page.goto(server.url + path);
    await settled(page);
    await page.waitForLoadState('networkidle');
    await page.screenshot({ path: join(out, `${name}-${look}.png`) });
    process.stdout.write(`${name}-${look}.png\n`);
  }
  await context.close();
}
