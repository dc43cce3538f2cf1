import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import type { Program } from './program.ts';
import type { Workbench } from './workbench.ts';

const BROWSER = 'chromium';

/** Full path of the browser on this machine. @throws where there is none: `browserUnavailable` tells before */
export function findBrowser(): string {
  const found = (process.env.PATH ?? '')
    .split(delimiter)
    .map((folder) => join(folder, BROWSER))
    .find((path) => existsSync(path));
  if (found === undefined) throw new Error(`there is no ${BROWSER} on this machine`);
  return found;
}

/** @returns why no page can be opened here, `undefined` where one can */
export function browserUnavailable(): string | undefined {
  return spawnSync(BROWSER, ['--version']).status === 0 ? undefined : `there is no ${BROWSER} on this machine`;
}

/**
 * Opens a page in a browser without a screen, until it is ended. Tests that do so run when no others do: a browser gives
 * up whatever it is loading when a network interface comes or goes, as hosts of other tests do.
 */
export function openBrowser(bench: Workbench, url: string): Program {
  const profile = join(bench.directory, 'profile');
  const flags = ['--headless', '--no-sandbox', '--disable-gpu', '--disable-dev-shm-usage'];
  // The debugging port keeps it open.
  return bench.run(BROWSER, [...flags, `--user-data-dir=${profile}`, '--remote-debugging-port=0', url], {
    environment: { XDG_CONFIG_HOME: profile, XDG_CACHE_HOME: profile },
  });
}
