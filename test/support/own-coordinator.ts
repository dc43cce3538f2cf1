import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

const PORTOLAN = fileURLToPath(new URL('../../packages/cli/bin/portolan.js', import.meta.url));

/** `portolan server` with a file of its own, for what runs outside the test runner. */
export async function startOwnCoordinator(
  directory: string,
  token: string,
): Promise<{ url: string; pid: number; stop(): Promise<void> }> {
  const data = join(directory, 'fleet.sqlite');
  const child = spawn(
    process.execPath,
    [PORTOLAN, 'server', '--port', '0', '--log-level', 'warn', '--json', '--data', data],
    {
      env: { ...process.env, PORTOLAN_TOKEN: token, PORTOLAN_STATE_DIR: directory },
      stdio: ['ignore', 'pipe', 'inherit'],
    },
  );
  process.on('exit', () => child.kill('SIGKILL'));
  for await (const line of createInterface(child.stdout)) {
    const { url } = JSON.parse(line) as { url: string };
    return {
      url,
      pid: child.pid as number,
      async stop() {
        child.kill('SIGTERM');
        if (child.exitCode === null) await once(child, 'exit');
      },
    };
  }
  throw new Error('the coordinator ended before it was ready');
}
