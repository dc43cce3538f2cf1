import { existsSync } from 'node:fs';
import { delimiter, dirname } from 'node:path';
import { fileURLToPath } from 'node:url';
import { canInstallPackages, findCommand, unpackPackage } from './system-package.mjs';

const folder = fileURLToPath(new URL('../.tools/prometheus', import.meta.url));
const ownPrometheus = `${folder}/usr/bin/prometheus`;

/**
 * Makes sure of `prometheus` and `promtool` on the PATH, with which a test scrapes what a coordinator tells them of. Where
 * they cannot be had that test skips and says why, so this never fails.
 */
export async function providePrometheus() {
  if (process.platform !== 'linux' || findCommand('prometheus') !== undefined) return;
  if (!existsSync(ownPrometheus) && canInstallPackages()) {
    try {
      await unpackPackage('prometheus', 'a real Prometheus for the tests of service discovery', folder);
    } catch (error) {
      process.stderr.write(`\n${error.message}\n\nGoing on: the tests with a real Prometheus will be skipped.\n`);
    }
  }
  if (existsSync(ownPrometheus)) process.env.PATH = [process.env.PATH, dirname(ownPrometheus)].join(delimiter);
}
