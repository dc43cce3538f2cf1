import { defineConfig } from '@playwright/test';
import { freePort } from '@portolan/client/node';

// Each worker reads this file again: the first reader asks for the port, and the others inherit it.
process.env.SHOP_PORT ??= String((await freePort()).port);
const url = `http://127.0.0.1:${process.env.SHOP_PORT}`;

export default defineConfig({
  fullyParallel: true,
  workers: 4,
  // A browser of the system; without CHROMIUM it is Playwright's own.
  use: { baseURL: url, launchOptions: { executablePath: process.env.CHROMIUM } },
  webServer: { command: 'node shop.mjs', url, env: { PORT: process.env.SHOP_PORT } },
});
