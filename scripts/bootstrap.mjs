import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { dependenciesAreCurrent, installDependencies } from './dependencies.mjs';
import { withLock } from './lock.mjs';
import { installNode, linkNode, nodePath } from './node24.mjs';
import { buildPage, pageIsCurrent } from './page.mjs';
import { StepFailed } from './step.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

/**
 * Makes the workspace ready to run: Node 24, the dependencies, `node_modules/.bin/node`, the page. Does nothing, quickly and
 * silently, when it is. On failure it says why and ends the process.
 *
 * @returns {Promise<string>} the Node to run things with
 */
export async function bootstrap() {
  try {
    if (!dependenciesAreCurrent()) await withLock(join(root, '.tools/bootstrap.lock'), install);
    linkNode();
    if (!pageIsCurrent()) await withLock(join(root, '.tools/bootstrap.lock'), page);
  } catch (error) {
    endOnFailure(error);
  }
  return nodePath();
}

async function install() {
  // Another process may have done it while this one waited for the lock.
  if (dependenciesAreCurrent()) return;
  await installNode();
  await installDependencies();
}

async function page() {
  if (!pageIsCurrent()) await buildPage();
}

/**
 * @param {unknown} error
 * @returns {never}
 */
export function endOnFailure(error) {
  if (!(error instanceof StepFailed)) throw error;
  process.stderr.write(`\n${error.message}\n`);
  process.exit(error.exitCode);
}
