import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bootstrap, endOnFailure } from './bootstrap.mjs';
import { runInForeground } from './foreground.mjs';
import { provideRedis } from './redis.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));

const node = await bootstrap();
const wanted = process.argv.slice(2);
const benches = findBenches().filter((file) => wanted.includes('all') || wanted.some((part) => file.includes(part)));
if (benches.length === 0) {
  const why = wanted.length === 0 ? 'Name what to measure' : 'No benchmark has that in its path';
  process.stderr.write(`${why}: a part of one of these paths, or "all" (half an hour).\n${findBenches().join('\n')}\n`);
  process.exit(1);
}
const env = { ...process.env, ...(await provideRedis(node).catch(endOnFailure)) };
for (const bench of benches) {
  process.stdout.write(`\n== ${bench}\n\n`);
  const code = await runInForeground(node, [join(root, bench)], { cwd: root, env });
  if (code !== 0) process.exit(code);
}

/** Paths below the root of the repository, in order. */
function findBenches() {
  const folders = [...readdirSync(join(root, 'packages')).map((name) => `packages/${name}/bench`), 'test/bench'];
  return folders
    .filter((folder) => existsSync(join(root, folder)))
    .flatMap((folder) => readdirSync(join(root, folder)).map((name) => `${folder}/${name}`))
    .filter((file) => file.endsWith('.bench.ts'))
    .sort();
}
