// Asks the registry for known holes in what users of Portolan install. Apart from `npm run check`, which needs no network.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { bootstrap } from './bootstrap.mjs';
import { PNPM } from './dependencies.mjs';
import { nodeEnvironment } from './node24.mjs';

await bootstrap();
const { status, stdout, stderr } = spawnSync('npx', ['-y', PNPM, 'audit', '--prod'], {
  cwd: fileURLToPath(new URL('..', import.meta.url)),
  env: nodeEnvironment(),
  encoding: 'utf8',
});
const output = `${stdout}${stderr}`.trim();
// pnpm has one exit code for holes and for a registry that does not answer; the names of its errors tell them apart.
const unanswered = /ERR_PNPM_AUDIT|ENOTFOUND|ECONNREFUSED|EAI_AGAIN|fetch failed|error sending request/.test(output);
if (status !== 0 && unanswered) {
  process.stdout.write(`skipped: the registry does not tell of known holes here.\n\n${output}\n`);
} else {
  process.stdout.write(`${output}\n`);
  process.exitCode = status ?? 1;
}
