import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
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
  await updateLists();
  const install = [...APT, 'install', '-y', '--no-install-recommends', name];
  await runStep(`installing the package ${name} (${purpose})`, 'apt-get', install, { env });
}

/**
 * Takes the files of a Debian package without installing it: for one that would start a service.
 *
 * @param {string} name
 * @param {string} purpose for the progress line
 * @param {string} folder where they go
 * @throws {import('./step.mjs').StepFailed}
 */
export async function unpackPackage(name, purpose, folder) {
  await updateLists();
  const parcel = mkdtempSync(join(tmpdir(), 'portolan-package-'));
  try {
    await runStep(`fetching the package ${name} (${purpose})`, 'apt-get', [...APT, 'download', name], {
      env,
      cwd: parcel,
    });
    for (const file of readdirSync(parcel)) {
      await runStep(`unpacking ${file}`, 'dpkg-deb', ['-x', join(parcel, file), folder]);
    }
  } finally {
    rmSync(parcel, { recursive: true, force: true });
  }
}

const env = { ...process.env, DEBIAN_FRONTEND: 'noninteractive' };

/** Another apt may be at work, as on a machine that has just started. */
const APT = ['-qq', '-o', 'DPkg::Lock::Timeout=120', '-o', 'Acquire::Retries=3'];

async function updateLists() {
  await runStep('updating the package lists (apt-get update)', 'apt-get', [...APT, 'update'], { env });
}
