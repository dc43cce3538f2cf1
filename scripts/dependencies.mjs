import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { nodeEnvironment, nodePath } from './node24.mjs';
import { runStep } from './step.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
/** What images are built with, too: deploy/Dockerfile. */
export const PNPM = 'pnpm@12.21.0';
// Inside node_modules, so that whoever deletes that also deletes the stamp.
const stampFile = join(root, 'node_modules/.bootstrap-stamp');

/** Whether the dependencies were installed from the very files that are here now, for the Node to use. */
export function dependenciesAreCurrent() {
  return existsSync(nodePath()) && readIfThere(stampFile) === stamp();
}

/** @throws {import('./step.mjs').StepFailed} */
export async function installDependencies() {
  await runStep('installing the dependencies with pnpm', 'npx', ['-y', PNPM, 'install', '--frozen-lockfile'], {
    cwd: root,
    // Without CI pnpm may ask on a terminal whether to remove a foreign node_modules, and nobody would see it.
    env: { ...nodeEnvironment(), CI: 'true' },
    hint: 'Is the npm registry reachable? If pnpm-lock.yaml is out of date, run `npx pnpm@12 install` and commit it.',
  });
  writeFileSync(stampFile, stamp());
}

function stamp() {
  const packages = readdirSync(join(root, 'packages')).map((name) => `packages/${name}/package.json`);
  const hash = createHash('sha256');
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml', 'package.json', ...packages.sort()]) {
    hash.update(`${file}\0${readIfThere(join(root, file)) ?? ''}\0`);
  }
  const node = nodePath();
  hash.update(`${node}\0${statSync(node).mtimeMs}`);
  return hash.digest('hex');
}

/** @param {string} file */
function readIfThere(file) {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return undefined;
    throw error;
  }
}
