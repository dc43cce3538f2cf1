import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { portFlag } from './framework.ts';

let directory: string;
beforeAll(() => {
  directory = mkdtempSync(join(tmpdir(), 'portolan-framework-'));
  const scripts = {
    dev: 'vite',
    start: 'next start',
    build: 'vite build',
    checked: 'tsc --noEmit && NODE_ENV=development vite --host 0.0.0.0',
    fixed: 'vite --port 3000',
    both: 'concurrently "vite" "tsc -w"',
    piped: 'astro dev | tee log',
    outer: 'npm run dev',
    outerPnpm: 'pnpm dev',
    loop: 'npm run loop',
    api: "cross-env 'NODE_OPTIONS=--inspect' nuxt dev",
  };
  writeFileSync(join(directory, 'package.json'), JSON.stringify({ scripts }));
});
afterAll(() => rmSync(directory, { recursive: true }));

const added = (line: string) => portFlag(line.split(' '), 4000, directory)?.arguments.join(' ');

describe('a command that does not look at PORT is given its flag', () => {
  test.each([
    ['vite', '--port 4000 --strictPort'],
    ['vite --mode staging', '--port 4000 --strictPort'],
    ['npx -y vite preview', '--port 4000 --strictPort'],
    ['node ./node_modules/vite/bin/vite.js dev', '--port 4000 --strictPort'],
    ['./node_modules/.bin/next dev', '--port 4000'],
    ['pnpm exec astro dev', '--port 4000'],
    ['ng serve --open', '--port 4000'],
    ['npx nuxi dev', '--port 4000'],
    ['webpack serve', '--port 4000'],
    ['webpack-dev-server', '--port 4000'],
    ['python manage.py runserver', '4000'],
    ['python3 manage.py runserver --noreload', '4000'],
    ['bundle exec rails s', '--port 4000'],
    ['flask --app shop run', '--port 4000'],
    ['uv run uvicorn shop:app --reload', '--port 4000'],
    ['python -m uvicorn shop:app', '--port 4000'],
    ['python3.11 -m http.server', '4000'],
    ['env DEBUG=1 npx vite', '--port 4000 --strictPort'],
    ['npm run dev', '-- --port 4000 --strictPort'],
    ['npm run dev -- --host', '--port 4000 --strictPort'],
    ['npm start', '-- --port 4000'],
    ['pnpm dev', '--port 4000 --strictPort'],
    ['pnpm run dev --host', '--port 4000 --strictPort'],
    ['yarn dev', '--port 4000 --strictPort'],
    ['bun run dev', '--port 4000 --strictPort'],
    ['npm run checked', '-- --port 4000 --strictPort'],
    ['npm run api', '-- --port 4000'],
    ['npm run outer', '-- -- --port 4000 --strictPort'],
    ['npm run outerPnpm', '-- --port 4000 --strictPort'],
  ])('%s', (line, expected) => expect(added(line)).toBe(expected));
});

describe('nothing is added to a command', () => {
  test.each([
    ['that has a port', 'vite --port 3000'],
    ['that has a port after an equals sign', 'ng serve --port=3000'],
    ['that has a port by the short flag', 'next dev -p 3000'],
    ['that has a port as a word', 'python manage.py runserver 0.0.0.0:8000'],
    ['whose script has a port', 'npm run fixed'],
    ['whose script is given a port', 'npm run dev -- --port 1'],
    ['that does not listen', 'vite build'],
    ['whose script does not listen', 'npm run build'],
    ['whose script runs several', 'npm run both'],
    ['whose script only a shell understands', 'npm run piped'],
    ['whose script is not there', 'npm run nothing'],
    ['whose script calls itself', 'npm run loop'],
    ['that installs', 'npm install vite'],
    ['that is not known', 'node server.js'],
    ['that only begins like a known one', 'vite-node server.ts'],
  ])('%s', (_why, line) => expect(added(line)).toBeUndefined());
});
