// The dashboard with a large fleet, in a real browser: how soon it shows, how it moves, what it takes.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { connect } from '@portolan/client';
import type { CDPSession, Page } from 'playwright-core';
import { MadeFleet } from '../support/made-fleet.ts';
import { startOwnCoordinator } from '../support/own-coordinator.ts';
import { launchBrowser, settled, withToken } from '../support/page.ts';

const scale = { hosts: Number(process.env.DASHBOARD_HOSTS ?? 10_000), listeners: 20 };
const ASSIGNMENTS = 2_000;
const CHANGES = 1_000;
/** How long scrolling, the map and changes are looked at, ms. */
const LOOK = 6_000;
const token = 'ptn_of_a_bench_0123456789abcdefghij';
const traces = fileURLToPath(new URL('../../build', import.meta.url));

const directory = mkdtempSync(join(tmpdir(), 'portolan-dashboard-'));
const coordinator = await startOwnCoordinator(directory, token);
const browser = await launchBrowser();
try {
  const client = connect({ url: coordinator.url, token, timeout: 60_000 });
  const fleet = new MadeFleet(coordinator.url, token, scale);
  const started = performance.now();
  await fleet.begin();
  await fleet.reserve(client, ASSIGNMENTS);
  say(
    'told through the API',
    `${scale.hosts} hosts, ${scale.hosts * scale.listeners} listeners, ${ASSIGNMENTS} assignments in ${seconds(performance.now() - started)}`,
  );

  // Hosts that say nothing for long are unreachable: something always happens, as in a fleet.
  const quiet = new AbortController();
  const calm = fleet.churn(scale.hosts / 10, quiet.signal);
  const context = await browser.newContext({ viewport: { width: 1440, height: 900 } });
  const page = await context.newPage();
  const protocol = await context.newCDPSession(page);
  await page.addInitScript(withToken(token));
  await page.goto(coordinator.url);
  await page.locator('.soundings').waitFor();

  const views: number[] = [];
  await settled(page);
  for (let i = 0; i < 3; i++) {
    await page.goto('about:blank');
    const opened = performance.now();
    await page.goto(coordinator.url);
    await page.locator('.soundings').waitFor();
    views.push(performance.now() - opened);
    if (i === 2) {
      await settled(page);
      say('all listeners in the page', `${seconds(performance.now() - opened)} after it was opened`);
    }
  }
  say('first view (aim: 2 s)', views.map(seconds).join(', '));
  say('memory (aim: 300 MB)', await memoryOf(protocol));

  mkdirSync(traces, { recursive: true });
  await page.goto(`${coordinator.url}/listeners`);
  await page.locator('.table-row').nth(10).waitFor();
  await settled(page);
  await browser.startTracing(page, { path: join(traces, 'dashboard-scroll.json') });
  say('scrolling the listeners', await frames(page, () => scroll(page)));
  await browser.stopTracing();
  const search = page.getByRole('searchbox');
  const typed = performance.now();
  await search.pressSequentially('harbour service-77');
  await page.getByRole('status').getByText(/ of /).waitFor();
  say('18 letters of a search', seconds(performance.now() - typed));

  await page.goto(`${coordinator.url}/map`);
  await page.locator('canvas').waitFor();
  await settled(page);
  await browser.startTracing(page, { path: join(traces, 'dashboard-map.json') });
  say('the port map, zoomed and moved', await frames(page, () => steer(page)));
  await browser.stopTracing();

  quiet.abort();
  await calm;
  for (const [name, path] of [
    ['overview', '/'],
    ['port map', '/map'],
    ['listeners', '/listeners'],
    ['services', '/services'],
  ] as const) {
    await page.goto(coordinator.url + path);
    await page.locator('h1').waitFor();
    await settled(page);
    const stop = new AbortController();
    const churn = fleet.churn(CHANGES, stop.signal);
    const moved = await frames(page, () => page.waitForTimeout(LOOK));
    stop.abort();
    say(`${name} at ${Math.round((await churn) / (LOOK / 1000))} changes/s`, moved);
  }
  say('memory after that', await memoryOf(protocol));
} finally {
  await browser.close();
  await coordinator.stop();
  rmSync(directory, { recursive: true, force: true });
}

/** Frames of the page while something is done: their rate, and how long the longest took. */
async function frames(page: Page, act: () => Promise<unknown>): Promise<string> {
  await page.evaluate(`globalThis.frameTimes = []; globalThis.counting = true; (function count(at) {
    frameTimes.push(at);
    if (counting) requestAnimationFrame(count);
  })(performance.now())`);
  await act();
  const times = await page.evaluate<number[]>('counting = false, frameTimes');
  const gaps = times.slice(2).map((at, i) => at - times[i + 1]!);
  const rate = (1000 * gaps.length) / (times.at(-1)! - times[1]!);
  const sorted = gaps.toSorted((a, b) => a - b);
  const late = gaps.filter((gap) => gap > 34).length;
  return `${rate.toFixed(1)} frames/s; 99 of 100 within ${sorted[Math.floor(0.99 * sorted.length)]!.toFixed(0)} ms, the longest ${sorted.at(-1)!.toFixed(0)} ms, ${late} of ${gaps.length} late`;
}

async function scroll(page: Page): Promise<void> {
  await page.mouse.move(700, 500);
  const until = performance.now() + LOOK;
  while (performance.now() < until) {
    await page.mouse.wheel(0, 240);
    await page.waitForTimeout(16);
  }
}

async function steer(page: Page): Promise<void> {
  const box = (await page.locator('canvas').boundingBox())!;
  const middle = { x: box.x + box.width / 2, y: box.y + box.height / 2 };
  await page.mouse.move(middle.x, middle.y);
  const until = performance.now() + LOOK;
  for (let i = 0; performance.now() < until; i++) {
    if (i % 60 < 30) await page.mouse.wheel(0, i % 120 < 60 ? -40 : 40);
    else {
      if (i % 60 === 30) await page.mouse.down();
      await page.mouse.move(middle.x + 60 * Math.sin(i / 5), middle.y + 60 * Math.cos(i / 5));
      if (i % 60 === 59) await page.mouse.up();
    }
    await page.waitForTimeout(10);
  }
}

/** After the garbage is gone: what the page's scripts hold, and all that V8 has taken for it. */
async function memoryOf(protocol: CDPSession): Promise<string> {
  await protocol.send('HeapProfiler.collectGarbage');
  const {
    usedSize,
    totalSize,
    backingStorageSize = 0,
  } = (await protocol.send('Runtime.getHeapUsage')) as {
    usedSize: number;
    totalSize: number;
    backingStorageSize?: number;
  };
  const megabytes = (bytes: number) => `${(bytes / 1e6).toFixed(0)} MB`;
  return `${megabytes(usedSize + backingStorageSize)} in use (${megabytes(usedSize)} of objects, ${megabytes(backingStorageSize)} of arrays), ${megabytes(totalSize + backingStorageSize)} taken`;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(2)} s`;
}

function say(what: string, how: string): void {
  process.stdout.write(`${what}: ${how}\n`);
}
