// Builds what is published: JavaScript and types of each package in its `dist`, and the page. In the workspace only the
// page is built; Node runs the sources as they are.
import { cpSync, readdirSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bootstrap, endOnFailure } from './bootstrap.mjs';
import { nodeEnvironment } from './node24.mjs';
import { buildPage } from './page.mjs';
import { runStep } from './step.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const build = join(root, 'build');

await bootstrap();
rmSync(build, { recursive: true, force: true });
const tsc = join(root, 'node_modules/.bin/tsc');
await runStep('building the packages', tsc, ['-p', 'tsconfig.build.json'], { cwd: root, env: nodeEnvironment() }).catch(
  endOnFailure,
);
for (const name of readdirSync(build)) {
  const dist = join(root, 'packages', name, 'dist');
  rmSync(dist, { recursive: true, force: true });
  cpSync(join(build, name, 'src'), dist, { recursive: true });
}
cpSync(join(root, 'packages/server/src/store/commit.lua'), join(root, 'packages/server/dist/store/commit.lua'));
rmSync(build, { recursive: true });
await buildPage().catch(endOnFailure);
