import { defineConfig } from 'vitest/config';

/** They open pages; see `test/support/browser.ts`. */
const withBrowser = [
  'test/e2e/browser.test.ts',
  'test/e2e/dashboard.test.ts',
  'test/e2e/edge.test.ts',
  'test/e2e/plan-docs.test.ts',
];

const shared = {
  // Real processes, sockets and stores on machines that may be slow and shared.
  testTimeout: 180_000,
  hookTimeout: 120_000,
  teardownTimeout: 30_000,
  pool: 'forks',
} as const;

export default defineConfig({
  test: {
    // Most of them wait for other processes most of the time.
    maxWorkers: 3,
    projects: [
      {
        test: {
          ...shared,
          name: 'all',
          include: [
            'packages/*/src/**/*.test.ts',
            'packages/*/page/**/*.test.ts',
            'scripts/**/*.test.mjs',
            'test/**/*.test.ts',
          ],
          exclude: withBrowser,
        },
      },
      { test: { ...shared, name: 'with a browser', include: withBrowser, sequence: { groupOrder: 1 } } },
    ],
  },
});
