import { spawn } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { bootstrap } from './bootstrap.mjs';
import { nodeEnvironment } from './node24.mjs';

const root = fileURLToPath(new URL('..', import.meta.url));
const bin = (/** @type {string} */ name) => join(root, 'node_modules/.bin', name);

const node = await bootstrap();
const colors = process.stdout.isTTY ? 'force' : 'off';
const results = await Promise.all([
  check('format and lint', bin('biome'), ['ci', `--colors=${colors}`], 'pnpm fix'),
  check('types', bin('tsc'), ['-p', 'tsconfig.json', '--pretty', String(colors === 'force')]),
  check('types of the page', bin('tsc'), ['-p', 'packages/dashboard', '--pretty', String(colors === 'force')]),
  check('unused code', bin('knip'), ['--no-progress', '--no-config-hints']),
  check('imports', node, ['scripts/import-rule.mjs']),
  check('dependencies', node, ['scripts/supply-chain.mjs']),
]);
process.exitCode = results.every(Boolean) ? 0 : 1;

/**
 * Runs one tool and prints its name and time, and what it said when it found something.
 *
 * @param {string} name
 * @param {string} command
 * @param {string[]} args
 * @param {string} [remedy] a command that mends most of what the tool finds
 * @returns {Promise<boolean>}
 */
function check(name, command, args, remedy) {
  const started = performance.now();
  const child = spawn(command, args, { cwd: root, env: nodeEnvironment(), stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  const keep = (/** @type {Buffer} */ chunk) => {
    output += chunk;
  };
  child.stdout.on('data', keep);
  child.stderr.on('data', keep);
  child.on('error', (error) => {
    output += error.message;
  });
  return new Promise((resolve) => {
    child.on('close', (code) => {
      const seconds = ((performance.now() - started) / 1000).toFixed(1);
      const hint = remedy ? ` (\`${remedy}\` mends most of it)` : '';
      process.stdout.write(code === 0 ? `✓ ${name} ${seconds} s\n` : `✗ ${name} ${seconds} s${hint}\n\n${output}\n`);
      resolve(code === 0);
    });
  });
}
