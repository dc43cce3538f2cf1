import { existsSync } from 'node:fs';
import { delimiter, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { canInstallPackages, findCommand, unpackPackage } from './system-package.mjs';

const folder = fileURLToPath(new URL('../.tools/serf', import.meta.url));
const ownSerf = `${folder}/usr/bin/serf`;

/**
 * Makes sure of `serf` on the PATH, with which tests let our gossip and the real one be one cluster. Where it cannot be
 * had those tests skip and say why, so this never fails.
 */
export async function provideSerf() {
  if (process.platform !== 'linux' || findCommand('serf') !== undefined) return;
  if (!existsSync(ownSerf) && canInstallPackages()) {
    try {
      await unpackPackage('serf', 'a real Serf for the tests of gossip', folder);
    } catch (error) {
      process.stderr.write(`\n${error.message}\n\nGoing on: the tests beside a real Serf will be skipped.\n`);
    }
  }
  if (existsSync(ownSerf)) process.env.PATH = [process.env.PATH, dirname(ownSerf)].join(delimiter);
}
