import { canInstallPackages, findCommand, installPackage } from './system-package.mjs';

/**
 * Makes sure of a browser, in which tests look at the dashboard. Where it cannot be had those tests skip and say why, so
 * this never fails.
 */
export async function provideChromium() {
  if (process.platform !== 'linux' || findCommand('chromium') !== undefined || !canInstallPackages()) return;
  try {
    await installPackage('chromium', 'a browser for the tests');
  } catch (error) {
    process.stderr.write(`\n${error.message}\n\nGoing on: the tests that need a browser will be skipped.\n`);
  }
}
