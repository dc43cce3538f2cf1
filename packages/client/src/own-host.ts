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
  // An agent that was not there a moment ago may be there now.
  const found = await askAnew(client, stateDir());
  if (found !== undefined) return found;
  throw new PortolanError(
    'unknown-host',
    "This machine's agent is not known here, so nothing is taken over: it could be on another machine. " +
      'Name the host by its id, as "portolan hosts --json" shows it: --host-name ID',
  );
}

/** How long an answer is good for, ms: an agent may be installed anew, and one may come where there was none. */
const KNOWN_FOR = 5 * 60_000;
const UNKNOWN_FOR = 30_000;
/** An agent that takes longer to say who it is will hardly test a port in time, ms. */
const AGENT_TIMEOUT = 1_000;

interface Asked {
  readonly answer: Promise<string | undefined>;
  /** By `performance.now()`; `Infinity` while it is not answered, so that all who ask meanwhile wait for one answer. */
  until: number;
}

/** By client, since it is the coordinator that says whether a host is known; then by state directory. */
const asked = new WeakMap<PortolanClient, Map<string, Asked>>();

/**
 * The id of this machine's host. Its agent knows; where that one cannot be asked, an id that it or this machine keeps here, or one made from the
 * machine id counts if the coordinator has a host of that id at addresses of this machine: clones share both. The system's
 * name proves nothing: several machines have one.
 *
 * It is asked once for a client, and again after a while; see `KNOWN_FOR`.
 *
 * @throws PortolanError of the coordinator, but no refusal
 */
export async function ownHost(client: PortolanClient, directory: string = stateDir()): Promise<string | undefined> {
  const before = asked.get(client)?.get(directory);
  return before && before.until > performance.now() ? before.answer : askAnew(client, directory);
}

async function askAnew(client: PortolanClient, directory: string): Promise<string | undefined> {
  const now: Asked = { answer: lookForHost(client, directory), until: Number.POSITIVE_INFINITY };
  const byDirectory = asked.get(client) ?? new Map<string, Asked>();
  asked.set(client, byDirectory.set(directory, now));
  try {
    const id = await now.answer;
    now.until = performance.now() + (id === undefined ? UNKNOWN_FOR : KNOWN_FOR);
    return id;
  } catch (error) {
    now.until = 0;
    throw error;
  }
}

async function lookForHost(client: PortolanClient, directory: string): Promise<string | undefined> {
  const agent = await localAgent(client.token, { directory, timeout: AGENT_TIMEOUT });
  const source = await agent.source().catch(ignore);
  agent.close();
  if (source) return source.agent;
  for (const id of new Set([await idOfAgent(directory), await keptId(directory), await idOfMachine()])) {
    const host = id === undefined ? undefined : await client.host(id).catch(ignoreRefusal);
    if (host?.addresses.every(isOwnAddress)) return host.id;
  }
  return undefined;
}

/** Of an agent that has said where it answers, and now does not. */
async function idOfAgent(directory: string): Promise<string | undefined> {
  try {
    const { host } = JSON.parse(await read(join(directory, 'local-api.json'))) as { host?: unknown };
    return HostId.safeParse(host).data;
  } catch {
    return undefined;
  }
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
