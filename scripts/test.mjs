import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bootstrap, endOnFailure } from './bootstrap.mjs';
import { provideChromium } from './chromium.mjs';
import { runInForeground } from './foreground.mjs';
import { provideIp } from './iproute.mjs';
import { nodeEnvironment } from './node24.mjs';
import { providePrometheus } from './prometheus.mjs';
import { provideRedis } from './redis.mjs';
import { provideSerf } from './serf.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

const node = await bootstrap();
const redis = await provideRedis(node).catch(endOnFailure);
await provideIp();
await provideChromium();
await provideSerf();
await providePrometheus();

const folder = mkdtempSync(join(tmpdir(), 'portolan-test-'));
const summaryFile = join(folder, 'summary.json');
const vitest = join(root, 'node_modules/vitest/vitest.mjs');
const args = ['run', '--reporter=default', '--reporter=./scripts/summary-reporter.mjs', ...process.argv.slice(2)];
const code = await runInForeground(node, [vitest, ...args], {
  cwd: root,
  env: { ...nodeEnvironment(), ...redis, PORTOLAN_TEST_SUMMARY: summaryFile },
});
const { passed, failed, skipped, repeated } = readSummary();
rmSync(folder, { recursive: true, force: true });

for (const { name, why } of repeated) {
  process.stdout.write(`passed the second time only: ${name}: ${why.split('\n')[0]}\n`);
}
for (const { name, why } of skipped) process.stdout.write(`skipped: ${name}: ${why}\n`);
if (passed + failed === 0) process.stdout.write('No test ran.\n');
const counts = [`${passed} passed`, `${failed} failed`, ...(skipped.length > 0 ? [`${skipped.length} skipped`] : [])];
process.stdout.write(`${counts.join(', ')}\n`);
process.exitCode = code === 0 && (failed > 0 || passed === 0) ? 1 : code;

/** @returns {import('./summary-reporter.mjs').Summary} */
function readSummary() {
  try {
    return JSON.parse(readFileSync(summaryFile, 'utf8'));
  } catch {
    // Vitest ended before its tests did.
    return { passed: 0, failed: 1, skipped: [], repeated: [] };
  }
}
