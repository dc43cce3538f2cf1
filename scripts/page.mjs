import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeEnvironment } from './node24.mjs';
import { runStep } from './step.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const dashboard = join(root, 'packages/dashboard');
const stampFile = join(dashboard, 'dist/page-stamp');

/** Whether the dashboard was built from the very sources that are here now. */
export function pageIsCurrent() {
  return existsSync(join(dashboard, 'dist/page/index.html')) && readIfThere(stampFile) === stamp();
}

/**
 * Builds the page that coordinators serve. It takes a second.
 *
 * @throws {import('./step.mjs').StepFailed}
 */
export async function buildPage() {
  const built = stamp();
  await runStep('building the dashboard', join(dashboard, 'node_modules/.bin/vite'), ['build', '--logLevel=warn'], {
    cwd: dashboard,
    env: nodeEnvironment(),
  });
  writeFileSync(stampFile, built);
}

function stamp() {
  const sources = ['packages/dashboard/page', 'packages/client/src', 'packages/model/src']
    .flatMap((folder) =>
      readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
        .filter((entry) => entry.isFile() && !entry.name.includes('.test.'))
        .map((entry) => join(entry.parentPath, entry.name)),
    )
    .sort();
  const hash = createHash('sha256');
  for (const file of [...sources, join(dashboard, 'vite.config.ts'), join(root, 'pnpm-lock.yaml')]) {
    hash
      .update(`${file.slice(root.length)}\0`)
      .update(readFileSync(file))
      .update('\0');
  }
  return hash.digest('hex');
}

/** @param {string} file */
function readIfThere(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT') return undefined;
    throw error;
  }
}
