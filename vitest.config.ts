import { defineConfig } from 'vitest/config';

/** They open pages; see `test/support/browser.ts`. */
const withBrowser = [
  'test/e2e/browser.test.ts',
  'test/e2e/dashboard.test.ts',
  'test/e2e/edge.test.ts',
  'test/e2e/examples.test.ts',
  'test/e2e/plan-docs.test.ts',
  'test/e2e/reference.test.ts',
];

/** What is promised has to hold the first time. */
const promises = ['test/faults/**/*.test.ts', 'test/attacks/**/*.test.ts'];

/** A thousand connections at once want the processors to themselves. */
const alone = ['test/attacks/crowd.test.ts'];

const shared = {
  // Real processes, sockets and stores on machines that may be slow and shared.
  testTimeout: 180_000,
  hookTimeout: 120_000,
  teardownTimeout: 30_000,
  pool: 'forks',
} as const;

/**
 * Many processes against one clock: a machine that stands still for seconds can spoil one. Those that passed the second
 * time are named at the end of the run. Tests of parts, with their random inputs, have no second chance.
 */
const whole = { ...shared, retry: 1 } as const;

export default defineConfig({
  test: {
    // Most of them wait for other processes most of the time.
    maxWorkers: 4,
    projects: [
      {
        test: {
          ...shared,
          name: 'parts',
          include: ['packages/*/src/**/*.test.ts', 'packages/*/page/**/*.test.ts', 'scripts/**/*.test.mjs'],
        },
      },
      { test: { ...whole, name: 'whole', include: ['test/**/*.test.ts'], exclude: [...withBrowser, ...promises] } },
      { test: { ...shared, name: 'promises', include: promises, exclude: alone } },
      { test: { ...whole, name: 'with a browser', include: withBrowser, sequence: { groupOrder: 1 } } },
      { test: { ...shared, name: 'alone', include: alone, sequence: { groupOrder: 2 } } },
    ],
  },
});
