import { type Browser, type BrowserContext, chromium, type Page } from 'playwright-core';
import { findBrowser } from './browser.ts';

/** The system's browser, without a screen. */
export function launchBrowser(): Promise<Browser> {
  return chromium.launch({ executablePath: findBrowser(), args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}

/** A page of the dashboard in which somebody is already. */
export async function openDashboard(context: BrowserContext, url: string, token: string): Promise<Page> {
  const page = await context.newPage();
  await page.addInitScript(withToken(token));
  await page.goto(url);
  await page.locator('.line.live').waitFor();
  return page;
}

/** A script that is run before those of the page: somebody has been in this tab before. */
export function withToken(token: string): string {
  return `sessionStorage.setItem('portolan-token', ${JSON.stringify(token)})`;
}

/** Waits until the page shows all that it is going to. */
export async function settled(page: Page): Promise<void> {
  await page.locator('.line.live').waitFor();
  await page.locator('.waiting, .share').first().waitFor({ state: 'detached' });
}
