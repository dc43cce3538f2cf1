import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readlinkSync, renameSync, symlinkSync } from 'node:fs';
import { delimiter, dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { runStep, StepFailed } from './step.mjs';

/** TypeScript runs without a build from here on. */
const NODE_WANTED = 24;

const root = fileURLToPath(new URL('..', import.meta.url));
const tools = join(root, '.tools');
const link = join(root, 'node_modules/.bin/node');

/** Where the Node to use is or will be: the running one when it is new enough, else one inside `.tools`. */
export function nodePath() {
  if (Number(process.versions.node.split('.')[0]) >= NODE_WANTED) return process.execPath;
  return join(tools, 'node_modules', nodePackage(), 'bin', process.platform === 'win32' ? 'node.exe' : 'node');
}

/**
 * Installs Node into `.tools` unless the one to use is there.
 *
 * @throws {StepFailed}
 */
export async function installNode() {
  const node = nodePath();
  if (node === process.execPath || runs(node)) return;
  mkdirSync(tools, { recursive: true });
  const hint = `Is the npm registry reachable? Else install Node ${NODE_WANTED} or later yourself (https://nodejs.org), then run this again.`;
  // The package of the platform, not `node`: that one fetches this one in an install script, which npm may not run.
  const args = ['install', '--prefix', tools, '--no-audit', '--no-fund', '--loglevel=error'];
  await runStep(
    `installing Node ${NODE_WANTED} into .tools, beside your Node ${process.versions.node}`,
    'npm',
    [...args, `${nodePackage()}@${NODE_WANTED}`],
    { cwd: tools, hint },
  );
  if (!runs(node)) throw new StepFailed(`The Node installed at ${node} does not run on this machine.\n\n${hint}`);
}

/** Points `node_modules/.bin/node`, which pnpm's shims prefer to the PATH, at the Node to use. */
export function linkNode() {
  const node = nodePath();
  const target = node.startsWith(tools) ? relative(dirname(link), node) : node;
  if (existsSync(link) && linkTarget() === target) return;
  mkdirSync(dirname(link), { recursive: true });
  const fresh = `${link}.${process.pid}`;
  symlinkSync(target, fresh);
  renameSync(fresh, link);
}

/** The environment with the Node to use first on the PATH. */
export function nodeEnvironment() {
  return { ...process.env, PATH: [dirname(nodePath()), process.env.PATH].join(delimiter) };
}

function nodePackage() {
  const platform = process.platform === 'win32' ? 'win' : process.platform;
  return `${platform === 'darwin' && process.arch === 'arm64' ? 'node-bin' : 'node'}-${platform}-${process.arch}`;
}

/** @param {string} node */
function runs(node) {
  return existsSync(node) && spawnSync(node, ['--version']).status === 0;
}

function linkTarget() {
  try {
    return readlinkSync(link);
  } catch {
    return undefined;
  }
}
