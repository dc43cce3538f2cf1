import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HostId, PortolanError, type ReserveInput } from '@portolan/model';
import type { PortolanClient } from './client.ts';
import { localAgent } from './local-agent.ts';
import { isOwnAddress } from './own-address.ts';
import { stateDir } from './token.ts';

/**
 * The host that a request is about, unless it names one: this machine.
 *
 * @returns `undefined` when it cannot be told: then no agent tests that the port can be bound
 * @throws PortolanError `unknown-host` for a takeover, which would end a process wherever else the service runs; of the
 * coordinator
 */
export async function hostFor(
  { host, onTaken }: Pick<ReserveInput, 'host' | 'onTaken'>,
  client: PortolanClient,
): Promise<string | undefined> {
  const named = host ?? (await ownHost(client));
  if (named !== undefined || onTaken !== 'takeover') return named;
  throw new PortolanError(
    'unknown-host',
    "This machine's agent is not known here, so nothing is taken over: it could be on another machine. " +
      'Name the host by its id, as "portolan hosts --json" shows it: --host-name ID',
  );
}

/**
 * The id of this machine's host. Its agent knows; where that one cannot be asked, an id that is kept here or made from the
 * machine id counts if the coordinator has a host of that id at addresses of this machine: clones share both. The system's
 * name proves nothing: several machines have one.
 *
 * @throws PortolanError of the coordinator, but no refusal
 */
export async function ownHost(client: PortolanClient, directory: string = stateDir()): Promise<string | undefined> {
  const agent = await localAgent(client.token, { directory });
  const source = await agent.source().catch(ignore);
  agent.close();
  if (source) return source.agent;
  for (const id of [await keptId(directory), await idOfMachine()]) {
    const host = id === undefined ? undefined : await client.host(id).catch(ignoreRefusal);
    if (host?.addresses.every(isOwnAddress)) return host.id;
  }
  return undefined;
}

async function keptId(directory: string): Promise<string | undefined> {
  return HostId.safeParse((await read(join(directory, 'host-id'))).trim()).data;
}

/** As an agent makes it that is given none. */
async function idOfMachine(): Promise<string | undefined> {
  const machineId = (await read('/etc/machine-id')).trim();
  if (!/^[0-9a-f]{32}$/.test(machineId)) return undefined;
  return createHash('sha256').update(`portolan host ${machineId}`).digest('hex').slice(0, 20);
}

function read(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '');
}

function ignore(error: unknown): undefined {
  if (!(error instanceof PortolanError)) throw error;
}

function ignoreRefusal(error: unknown): undefined {
  if (error instanceof PortolanError && ['not-found', 'unknown-host', 'forbidden'].includes(error.code)) return;
  throw error;
}
