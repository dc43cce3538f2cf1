// Feeds hostile bytes to the decoder of gossip, many more than the tests do: `npm run fuzz [-- INPUTS]`.
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bootstrap } from './bootstrap.mjs';
import { runInForeground } from './foreground.mjs';
import { nodeEnvironment } from './node24.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const [inputs = '5000000'] = process.argv.slice(2);
if (!/^[1-9]\d*$/.test(inputs)) {
  process.stderr.write(`How many inputs must be a whole number above 0, not ${inputs}: npm run fuzz -- 1000000\n`);
  process.exit(1);
}

const node = await bootstrap();
const vitest = join(root, 'node_modules/vitest/vitest.mjs');
process.exitCode = await runInForeground(node, [vitest, 'run', 'packages/gossip/src/wire/fuzz.test.ts'], {
  cwd: root,
  env: { ...nodeEnvironment(), PORTOLAN_FUZZ_INPUTS: inputs },
});
