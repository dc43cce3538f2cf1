import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { browserUnavailable, findBrowser } from '../support/browser.ts';
import { monorepo, replaceIn, writeTree } from '../support/monorepo.ts';
import { Workbench } from '../support/workbench.ts';

const MERMAID = createRequire(import.meta.url).resolve('mermaid/dist/mermaid.min.js');

let bench: Workbench;

beforeEach(() => {
  bench = new Workbench();
  writeTree(bench.directory, monorepo());
});
afterEach(() => bench.clear());

const portolan = (...args: string[]) => bench.portolan(args).ended;

test('the document is written between its markers, is up to date then, and no longer when the plan changes', async () => {
  const path = join(bench.directory, 'docs/map.md');
  expect((await portolan('docs', '-o', 'docs/map.md')).code).toBe(0);
  const text = readFileSync(path, 'utf8');
  expect(text).toContain('| 3000 | auth | ');
  expect(await portolan('docs', '-o', 'docs/map.md', '--check')).toMatchObject({ code: 0 });
  // It is made from the plan, so nothing in it is a finding.
  expect((await portolan('check')).stdout).toContain('Nothing is wrong');

  const files = monorepo();
  replaceIn(files, 'portolan.yaml', 'description: Sessions and tokens', 'description: Sessions');
  writeTree(bench.directory, files);
  const stale = await portolan('docs', '-o', 'docs/map.md', '--check');
  expect(stale).toMatchObject({
    code: 6,
    stdout: expect.stringContaining('+| 3000 | auth |  | required | Sessions |'),
  });
  expect(readFileSync(path, 'utf8')).toBe(text);
});

describe.skipIf(browserUnavailable())('in a browser', () => {
  let browser: Browser;

  beforeAll(async () => {
    browser = await chromium.launch({ executablePath: findBrowser(), args: ['--no-sandbox'] });
  });
  afterAll(() => browser?.close());

  test('the dependency graph is drawn, with a box for each service and an arrow for each need', async () => {
    const { stdout } = await portolan('docs');
    const [, graph = ''] = /```mermaid\n(.*?)```/s.exec(stdout) ?? [];
    const page = await browser.newPage();
    await page.addScriptTag({ path: MERMAID });
    const svg = await page.evaluate(async (source) => {
      const { mermaid } = globalThis as never as {
        mermaid: { initialize(options: object): void; render(id: string, text: string): Promise<{ svg: string }> };
      };
      mermaid.initialize({ startOnLoad: false });
      return (await mermaid.render('map', source)).svg;
    }, graph);
    await page.setContent(svg);
    const boxes = (await page.locator('.node').allTextContents()).map((text) => text.trim());
    const arrows = await page.locator('.edgePaths path').count();
    await page.close();
    expect(svg).not.toContain('Syntax error');
    expect(boxes).toContain('auth :3000');
    expect(boxes).toContain('minio :9000, :9001');
    expect(boxes.length).toBe(new Set(graph.match(/^ {2}s\d+(?=[[(])/gm)).size);
    expect(arrows).toBe(graph.match(/-->/g)!.length);
  });
});
