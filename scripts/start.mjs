import { fileURLToPath } from 'node:url';
import { bootstrap } from './bootstrap.mjs';
import { runInForeground } from './foreground.mjs';

const portolan = fileURLToPath(new URL('../packages/cli/bin/portolan.js', import.meta.url));

const node = await bootstrap();
process.exitCode = await runInForeground(node, [portolan, 'up', ...process.argv.slice(2)]);
