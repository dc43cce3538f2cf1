// Has faults happen to coordinators and their stores: `npm run faults` says how.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bootstrap, endOnFailure } from './bootstrap.mjs';
import { runInForeground } from './foreground.mjs';
import { nodeEnvironment } from './node24.mjs';
import { provideRedis } from './redis.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

const node = await bootstrap();
const env = { ...nodeEnvironment(), ...(await provideRedis(node).catch(endOnFailure)) };
process.exitCode = await runInForeground(node, [join(root, 'test/faults/main.ts'), ...process.argv.slice(2)], {
  cwd: root,
  env,
});
