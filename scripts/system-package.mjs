import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { runStep } from './step.mjs';

/**
 * The full path of a command on the PATH or where administrators' commands are, which few users have on theirs.
 *
 * @param {string} name
 * @returns {string | undefined}
 */
export function findCommand(name) {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders.map((folder) => join(folder, name)).find((path) => existsSync(path));
}

/** Whether packages can be installed here without asking anybody: root on a Debian-like system. */
export function canInstallPackages() {
  return process.getuid?.() === 0 && existsSync('/usr/bin/apt-get');
}

/**
 * @param {string} name of the Debian package
 * @param {string} purpose for the progress line
 * @throws {import('./step.mjs').StepFailed}
 */
export async function installPackage(name, purpose) {
  const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };
  // Another apt may be at work, as on a machine that has just started.
  const args = ['-qq', '-o', 'DPkg::Lock::Timeout=120', '-o', 'Acquire::Retries=3'];
  await runStep('updating the package lists (apt-get update)', 'apt-get', [...args, 'update'], { env });
  const install = [...args, 'install', '-y', '--no-install-recommends', name];
  await runStep(`installing the package ${name} (${purpose})`, 'apt-get', install, { env });
}
