import { once } from 'node:events';
import { mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Below what systems give out by themselves, and apart from what `test/support/port.ts` gives. */
const FROM = 20_000;
const COUNT = 10_000;
const CLAIMS = join(tmpdir(), 'portolan-faults-ports');

const claimed = new Set<string>();
process.on('exit', () => {
  for (const file of claimed) rmSync(file, { force: true });
});

/**
 * A TCP port of this machine for as long as this process lives. It is claimed by a file, since what listens there will be
 * killed and started again: a trial beside this one must not take the port meanwhile.
 */
export async function claimPort(): Promise<number> {
  mkdirSync(CLAIMS, { recursive: true });
  for (;;) {
    const port = FROM + Math.floor(Math.random() * COUNT);
    if (claim(join(CLAIMS, String(port))) && (await isFree(port))) return port;
  }
}

function claim(file: string): boolean {
  try {
    writeFileSync(file, String(process.pid), { flag: 'wx' });
  } catch {
    if (!lives(ownerOf(file))) rmSync(file, { force: true });
    return false;
  }
  claimed.add(file);
  return true;
}

function ownerOf(file: string): number | undefined {
  try {
    // Empty for the moment between its creation and its content.
    return Number(readFileSync(file, 'utf8')) || undefined;
  } catch {
    return undefined;
  }
}

function lives(pid: number | undefined): boolean {
  if (pid === undefined) return true;
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port);
  try {
    await once(server, 'listening');
  } catch {
    return false;
  }
  server.close();
  await once(server, 'close');
  return true;
}
