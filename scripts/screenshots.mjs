// Makes docs/screenshots: every page of the dashboard, light, dark and on a phone, of a fleet made for that.
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bootstrap } from './bootstrap.mjs';
import { provideChromium } from './chromium.mjs';
import { runInForeground } from './foreground.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const out = join(root, 'docs/screenshots');
const node = await bootstrap();
await provideChromium();
mkdirSync(out, { recursive: true });
const directory = mkdtempSync(join(tmpdir(), 'portolan-screenshots-'));
try {
  process.exitCode = await runInForeground(node, [
    join(root, 'test/support/screenshots.ts'),
    directory,
    out,
    ...process.argv.slice(2),
  ]);
} finally {
  rmSync(directory, { recursive: true, force: true });
}
