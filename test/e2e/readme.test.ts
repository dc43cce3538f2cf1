import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { Workbench } from '../support/workbench.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));
const readme = readFileSync(join(root, 'README.md'), 'utf8');
/** What sets up a machine or a fleet is not for a machine that runs tests. */
const ELSEWHERE = /^(npm (start|test)|export|portolan (server|agent)|docker|openssl)\b/;
const lines = Array.from(readme.matchAll(/^```sh\n(.*?)^```$/gms), ([, block]) => block!)
  .flatMap((block) => block.split('\n'))
  .map((line) => line.replace(/\s+#.*$/, '').trim())
  .filter((line) => line !== '' && !ELSEWHERE.test(line));

let bench: Workbench;
let url: string;

beforeAll(async () => {
  bench = new Workbench();
  // Where `portolan` and a project with `npm run dev` are at hand.
  mkdirSync(join(bench.directory, 'bin'));
  symlinkSync(join(root, 'packages/cli/bin/portolan.js'), join(bench.directory, 'bin/portolan'));
  symlinkSync(process.execPath, join(bench.directory, 'bin/node'));
  const scripts = { dev: 'node -e "console.log(process.env.PORT)"' };
  writeFileSync(join(bench.directory, 'package.json'), JSON.stringify({ name: 'web', scripts }));
  const up = bench.portolan(['up', '--port', '0', '--json']);
  const [line] = await up.says(/\{"ready":true.*\}/);
  url = JSON.parse(line).url;
});
afterAll(() => bench?.clear());

function shell(line: string) {
  const environment = {
    PATH: `${join(bench.directory, 'bin')}:${process.env.PATH}`,
    PORTOLAN_URL: url,
    PORTOLAN_TOKEN: bench.token,
  };
  return bench.run('bash', ['-ec', line.replaceAll('http://127.0.0.1:7678', url)], { environment });
}

test('the README has commands to try', () => {
  expect(lines.length).toBeGreaterThan(12);
});

test.each(lines)('%s', { timeout: 60_000 }, async (line) => {
  const program = shell(line.startsWith('portolan watch') ? `exec ${line}` : line);
  if (line.startsWith('portolan watch')) {
    // It goes on until it is stopped.
    await program.says(/\S/);
    expect((await program.end('SIGINT')).stderr).not.toMatch(/error/i);
    return;
  }
  const { code, stderr } = await program.ended;
  // Whether somebody is on a port, and who, is for the machine to say. 3: nobody; 4: one that is not to be ended.
  const fine = /^portolan (who|kill)/.test(line) ? [0, 3, 4] : [0];
  expect(fine.includes(code ?? -1), `it ended with ${code}: ${stderr}`).toBe(true);
});
