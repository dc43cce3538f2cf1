import { writeFileSync } from 'node:fs';

/**
 * A vitest reporter that writes what came of a run, as JSON, to the file that PORTOLAN_TEST_SUMMARY names, for
 * `test.mjs` to print after everything else.
 *
 * Failures are failed tests, suites and files that failed outside of their tests (a file that cannot be loaded, a hook
 * that throws), and errors that nobody handled.
 *
 * @typedef {{name: string, why: string}} Named
 * @typedef {{passed: number, failed: number, skipped: Named[], repeated: Named[]}} Summary
 */
export default class SummaryReporter {
  #filtersByName = false;

  /** @param {import('vitest/node').Vitest} vitest */
  onInit(vitest) {
    this.#filtersByName = vitest.config.testNamePattern !== undefined;
  }

  /**
   * @param {readonly import('vitest/node').TestModule[]} modules
   * @param {readonly unknown[]} unhandledErrors
   */
  onTestRunEnd(modules, unhandledErrors) {
    /** @type {Summary} */
    const summary = { passed: 0, failed: unhandledErrors.length, skipped: [], repeated: [] };
    for (const module of modules) {
      if (module.errors().length > 0) summary.failed++;
      for (const suite of module.children.allSuites()) if (suite.errors().length > 0) summary.failed++;
      for (const test of module.children.allTests()) {
        const { state, note, errors } = test.result();
        if (test.diagnostic()?.flaky) summary.repeated.push({ name: nameOf(test), why: errors?.[0]?.message ?? '' });
        if (state === 'passed') summary.passed++;
        else if (state === 'failed') summary.failed++;
        else if (suiteFailed(test)) summary.skipped.push({ name: nameOf(test), why: 'its suite failed before it' });
        // With `-t` all tests that were not asked for count as skipped, without a note.
        else if (note !== undefined || !this.#filtersByName) {
          summary.skipped.push({ name: nameOf(test), why: note ?? 'no reason was given' });
        }
      }
    }
    writeFileSync(process.env.PORTOLAN_TEST_SUMMARY, JSON.stringify(summary));
  }
}

/** @param {import('vitest/node').TestCase} test */
function nameOf(test) {
  return `${test.module.relativeModuleId} > ${test.fullName}`;
}

/** @param {import('vitest/node').TestCase} test */
function suiteFailed(test) {
  for (let parent = test.parent; ; parent = parent.parent) {
    if (parent.errors().length > 0) return true;
    if (parent.type === 'module') return false;
  }
}
