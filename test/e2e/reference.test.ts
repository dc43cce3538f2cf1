import { AxeBuilder } from '@axe-core/playwright';
import { connect } from '@portolan/client';
import type { Browser, BrowserContext } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import { browserUnavailable } from '../support/browser.ts';
import { launchBrowser, withToken } from '../support/page.ts';
import { Workbench } from '../support/workbench.ts';

const unavailable = browserUnavailable();
beforeEach((context) => context.skip(unavailable !== undefined, unavailable));

let browser: Browser;
let context: BrowserContext;
let bench: Workbench;
let url: string;
/** What the page asked for elsewhere, and what went wrong in it. */
let complaints: string[];

beforeAll(async () => {
  if (unavailable === undefined) browser = await launchBrowser();
});
afterAll(() => browser?.close());
beforeEach(async () => {
  bench = new Workbench();
  complaints = [];
  ({ url } = await bench.coordinator([]));
  context = await browser.newContext({ viewport: { width: 1280, height: 800 } });
  context.setDefaultTimeout(30_000);
  context.on('weberror', (error) => complaints.push(String(error.error())));
  context.on('request', (request) => {
    if (!request.url().startsWith(`${url}/`)) complaints.push(`asked for ${request.url()}`);
  });
  context.on('console', (message) => {
    if (/Content Security Policy|Trusted/.test(message.text())) complaints.push(message.text());
  });
});
afterEach(async () => {
  await context?.close();
  await bench?.clear();
  expect(complaints).toEqual([]);
});

describe('the reference', () => {
  test('has every operation of the document, without a token and with no request elsewhere', async () => {
    const page = await context.newPage();
    const response = await page.goto(`${url}/reference`);
    expect(response?.headers()['content-security-policy']).toContain("require-trusted-types-for 'script'");
    const document = (await (await fetch(`${url}/v1/openapi.json`)).json()) as { paths: Record<string, object> };
    const operations = Object.values(document.paths).reduce((sum, methods) => sum + Object.keys(methods).length, 0);
    await page.getByRole('heading', { name: 'Portolan API' }).waitFor();
    expect(await page.locator('.operation').count()).toBe(operations);

    await page.getByRole('searchbox', { name: 'Find' }).fill('post /v1/assignments');
    await page.locator('#post-assignments > summary').click();
    const shown = page.locator('#post-assignments');
    await shown.getByText('For the roles admin, operator, client.').waitFor();
    await shown.getByText('Needs a token.').waitFor();
    await shown.getByText('"fail" | "next" | "takeover"').waitFor();
    await shown.getByText('number, 5–86400').waitFor();
    await shown.getByText('application/problem+json').click();
    await shown.getByText('RFC 9457').waitFor();
    expect(new URL(page.url()).hash).toBe('#post-assignments');
    await page.reload();
    await page.locator('#post-assignments[open]').waitFor();
    await page.goto(`${url}/reference#get-stream`);
    await page.reload();
    await page.locator('#get-stream').getByText('it is a WebSocket').waitFor();
  });

  test('sends a request with the token of the reader, by keyboard alone, and says what came of it', async () => {
    const page = await context.newPage();
    await page.goto(`${url}/reference#post-assignments`);
    const form = page.locator('#post-assignments form');
    const body = form.getByLabel('Body, as JSON');
    expect(JSON.parse(await body.inputValue())).toEqual({ project: 'string', service: 'string' });
    await body.fill('{"project":"shop","service":"cart","port":24010}');
    await form.getByRole('button', { name: 'Send POST' }).press('Enter');
    await form.getByRole('status').getByText('401').waitFor();

    await page.getByLabel('Token for').fill(bench.token);
    await form.getByRole('button', { name: 'Send POST' }).press('Enter');
    await form.getByRole('status').getByText('201').waitFor();
    expect(await form.getByLabel('The answer').inputValue()).toContain('"port": 24010');
    const command = await form.locator('.command code').textContent();
    expect(command).toContain('portolan token show');
    expect(command).not.toContain(bench.token);
    expect((await connect({ url, token: bench.token }).assignments()).items).toMatchObject([{ port: 24010 }]);
  });

  test('fills in paths and queries, and follows an answer that does not end until it is stopped', async () => {
    const page = await context.newPage();
    await page.addInitScript(withToken(bench.token));
    await page.goto(`${url}/reference#get-ports-port`);
    const port = page.locator('#get-ports-port form');
    await port.getByLabel('port required').fill('24010');
    await port.getByLabel('protocol').selectOption('tcp');
    await port.getByRole('button', { name: 'Send GET' }).click();
    await port.getByRole('status').getByText('200').waitFor();
    expect(await port.locator('.command code').textContent()).toContain('/v1/ports/24010?protocol=tcp');

    await page.locator('#get-changes > summary').click();
    const changes = page.locator('#get-changes form');
    await changes.getByLabel('Answer as').selectOption('text/event-stream');
    await changes.getByRole('button', { name: 'Send GET' }).click();
    await vi.waitFor(
      async () => expect(await changes.getByLabel('The answer').inputValue()).toContain('synced'),
      30_000,
    );
    await changes.getByRole('button', { name: 'Stop' }).click();
    await changes.getByRole('button', { name: 'Stop' }).waitFor({ state: 'detached' });
  });

  test('breaks no rule of accessibility, light and dark, wide and on a phone', async () => {
    for (const theme of ['light', 'dark']) {
      for (const viewport of [
        { width: 1280, height: 800 },
        { width: 390, height: 800 },
      ]) {
        const page = await context.newPage();
        await page.setViewportSize(viewport);
        await page.addInitScript(`localStorage.setItem('portolan-theme', '${theme}')`);
        await page.goto(`${url}/reference#post-assignments`);
        const form = page.locator('#post-assignments form');
        await form.getByRole('button', { name: 'Send POST' }).click();
        await form.getByLabel('The answer').waitFor();
        for (const summary of await page.locator('#post-assignments .response summary').all()) await summary.click();
        expect(await page.locator('html').getAttribute('data-theme')).toBe(theme);
        expect((await new AxeBuilder({ page }).setLegacyMode().analyze()).violations).toEqual([]);
        const overflow = await page.evaluate('document.documentElement.scrollWidth - innerWidth');
        expect(overflow).toBeLessThanOrEqual(0);
        await page.close();
      }
    }
  });
});
