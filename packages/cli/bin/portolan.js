#!/usr/bin/env node
// Starts the command on a Node that runs TypeScript as it is. Kept to what any Node understands, and to little: each
// `portolan` pays for it.
import { existsSync } from 'node:fs';
import module from 'node:module';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const NODE_WANTED = 24;

if (Number(process.versions.node.split('.')[0]) >= NODE_WANTED) {
  // Not for the commands that this one may start.
  delete process.env.PORTOLAN_LAUNCHED;
  const source = new URL('../src/main.ts', import.meta.url);
  if (existsSync(source)) silenceTypeStripping();
  // Halves the time to start. In the user's own folder: whoever can write there can make us run their code.
  module.enableCompileCache(join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'portolan'));
  await import(existsSync(source) ? source : new URL('../dist/main.js', import.meta.url));
} else {
  // `npm start` has put it there.
  const node = join(fileURLToPath(import.meta.url), '../../../../node_modules/.bin/node');
  if (process.env.PORTOLAN_LAUNCHED === undefined && existsSync(node)) await launchWith(node);
  else refuse();
}

function silenceTypeStripping() {
  const emitWarning = process.emitWarning;
  process.emitWarning = (warning, ...rest) => {
    if (!String(warning).startsWith('Type Stripping')) emitWarning.call(process, warning, ...rest);
  };
}

async function launchWith(node) {
  const { spawn } = await import('node:child_process');
  const { constants } = await import('node:os');
  // Signals first, so that none ends this process and leaves the child behind. A terminal has sent Ctrl-C to the child too;
  // twice would mean "at once".
  const onTerminal = [process.stdin, process.stdout, process.stderr].some((stream) => stream.isTTY);
  process.on('SIGINT', () => onTerminal || child.kill('SIGINT'));
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
  const child = spawn(node, [fileURLToPath(import.meta.url), ...process.argv.slice(2)], {
    stdio: 'inherit',
    env: { ...process.env, PORTOLAN_LAUNCHED: '1' },
  });
  child.on('error', refuse);
  child.on('exit', (code, signal) => process.exit(signal === null ? code : 128 + constants.signals[signal]));
}

function refuse() {
  process.stderr.write(
    `portolan needs Node ${NODE_WANTED} or later; this is Node ${process.versions.node}.\n` +
      'In a clone of the repository run `npm start` once: it brings its own. Elsewhere: https://nodejs.org\n',
  );
  process.exitCode = 1;
}
