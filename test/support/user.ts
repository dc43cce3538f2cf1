import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import type { TestHost } from './netns.ts';

const AS_NOBODY = ['--reuid=nobody', '--clear-groups'];

/** Why a test cannot run things as another user here, to skip it with; `undefined` when it can. */
export function usersUnavailable(): string | undefined {
  const tried = spawnSync('setpriv', [...AS_NOBODY, process.execPath, '--check', fileURLToPath(import.meta.url)]);
  return tried.status === 0 ? undefined : 'this needs root, and a place that the user nobody may read';
}

/** The host, where everything runs as the user nobody. */
export function asNobody(host: TestHost): Pick<TestHost, 'exec'> {
  return {
    exec: (command, args = [], options) => host.exec('setpriv', [...AS_NOBODY, command, ...args], options),
  };
}
