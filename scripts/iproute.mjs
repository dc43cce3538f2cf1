import { canInstallPackages, findCommand, installPackage } from './system-package.mjs';

/**
 * Makes sure of the command `ip`, with which tests make hosts of network namespaces. Where it cannot be had those tests
 * skip and say why, so this never fails.
 */
export async function provideIp() {
  if (process.platform !== 'linux' || findCommand('ip') !== undefined || !canInstallPackages()) return;
  try {
    await installPackage('iproute2', 'network namespaces for the tests');
  } catch (error) {
    process.stderr.write(`\n${error.message}\n\nGoing on: the tests that need network namespaces will be skipped.\n`);
  }
}
