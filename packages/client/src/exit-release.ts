import { spawn } from 'node:child_process';
import { constants } from 'node:os';
import type { PortolanClient } from './client.ts';
import type { Reserved } from './reserved.ts';

/** How long a signal waits for the release, ms. */
const PATIENCE = 2_000;
const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

const held = new Map<Reserved, PortolanClient>();

/**
 * Gives the ports back when this process ends, as far as that can be done: by signal, by `process.exit`, by an error
 * that nobody caught, or because nothing is left to do. After a SIGKILL the lease ends by itself.
 *
 * A program that handles a signal itself decides when it ends; its ports are given back then.
 *
 * @returns how to call it off, when they were released
 */
export function releaseOnExit(reserved: Reserved, client: PortolanClient): () => void {
  if (held.size === 0) listen();
  held.set(reserved, client);
  return () => {
    if (held.delete(reserved) && held.size === 0) unlisten();
  };
}

function listen(): void {
  for (const signal of SIGNALS) process.on(signal, onSignal);
  process.on('beforeExit', releaseAll);
  process.on('exit', releaseFromElsewhere);
}

function unlisten(): void {
  for (const signal of SIGNALS) process.off(signal, onSignal);
  process.off('beforeExit', releaseAll);
  process.off('exit', releaseFromElsewhere);
}

async function onSignal(signal: (typeof SIGNALS)[number]): Promise<void> {
  if (process.listenerCount(signal) > 1) return;
  const late = setTimeout(() => process.exit(128 + constants.signals[signal]), PATIENCE);
  await releaseAll();
  clearTimeout(late);
  unlisten();
  // With nobody left that listens to it, it does what it does without us.
  process.kill(process.pid, signal);
}

async function releaseAll(): Promise<void> {
  const all = [...held.keys()];
  held.clear();
  await Promise.all(all.map((reserved) => reserved[Symbol.asyncDispose]()));
}

/** Nothing asynchronous is done any more here, but a process can still be started that does it. */
function releaseFromElsewhere(): void {
  for (const [{ lease, token, state }, client] of held) {
    if (!lease || state === 'released' || state === 'lost') continue;
    // In the environment, since others can read command lines.
    const env = {
      ...process.env,
      PORTOLAN_URL: client.url,
      PORTOLAN_TOKEN: client.token,
      RELEASE: JSON.stringify({ lease: lease.id, token }),
    };
    const args = ['--no-warnings', '--input-type=module', '-e', releaseScript()];
    const child = spawn(process.execPath, args, { env, detached: true, stdio: 'ignore' });
    child.on('error', () => {});
    child.unref();
  }
}

/** A function, for the module that is run is looked up only then. */
const releaseScript = () => `
const { fromEnvironment } = await import(${JSON.stringify(import.meta.resolve('@portolan/client/node'))});
const client = await fromEnvironment({ patience: 0 });
await client.release(JSON.parse(process.env.RELEASE));
`;
