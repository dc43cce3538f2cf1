/**
 * How long the command takes to start, beside Node itself: `portolan --version` and commands that load more, against
 * `node -e 0`. Each pair runs in turn, so that what else the machine does hits both; medians are told.
 */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const ROUNDS = Number(process.env.ROUNDS ?? 25);
const bin = fileURLToPath(new URL('../bin/portolan.js', import.meta.url));
const directory = mkdtempSync(join(tmpdir(), 'portolan-start-'));
const env = { PATH: process.env.PATH, HOME: directory, PORTOLAN_STATE_DIR: directory, PORTOLAN_TOKEN: 'ptn_none' };

function took(args: readonly string[]): number {
  const since = performance.now();
  spawnSync(process.execPath, args, { env, stdio: 'ignore' });
  return performance.now() - since;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] as number;
}

const commands = [
  ['--version'],
  ['--help'],
  ['ls', '--url', 'http://127.0.0.1:1'],
  ['run', 'a/b', '--url', 'http://127.0.0.1:1', '--', 'true'],
];
try {
  for (const command of commands) {
    const args = [bin, ...command];
    // The first start fills the compile cache.
    for (let i = 0; i < 3; i++) took(args);
    const own: number[] = [];
    const bare: number[] = [];
    for (let i = 0; i < ROUNDS; i++) {
      bare.push(took(['-e', '0']));
      own.push(took(args));
    }
    const [a, b] = [median(own), median(bare)];
    console.log(
      `portolan ${command.join(' ')}: ${a.toFixed(0)} ms, node -e 0: ${b.toFixed(0)} ms, ratio ${(a / b).toFixed(2)}`,
    );
  }
} finally {
  rmSync(directory, { recursive: true });
}
