import { createHash, randomUUID } from 'node:crypto';
import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  writeFileSync,
} from 'node:fs';
import { arch, homedir, hostname, networkInterfaces, platform, release } from 'node:os';
import { dirname, join } from 'node:path';
import { HostId, type HostInfo, Interval, KERNEL_RESERVED_MAX, PortolanError, parseInterval } from '@portolan/model';
import manifest from '../package.json' with { type: 'json' };

/**
 * The id of this machine: the one given, else the one kept in the state directory, else one that is made (from
 * /etc/machine-id where there is one) and kept. Machines cloned from one image share a machine-id, and network
 * namespaces of one machine its state directory: there, give each its own id.
 *
 * @throws PortolanError `invalid-request` when the id given is not one, `forbidden` when the kept one is damaged
 */
export function hostIdentity(given?: string, stateDirectory = defaultStateDirectory()): string {
  if (given !== undefined) {
    const valid = HostId.safeParse(given);
    if (valid.success) return valid.data;
    throw new PortolanError('invalid-request', `"${given}" is no host id: ${valid.error.issues[0]?.message}`);
  }
  const kept = keptHostId(stateDirectory);
  if (kept !== undefined) return kept;
  const id = fromMachineId() ?? randomUUID();
  keep(join(stateDirectory, FILE), id);
  return id;
}

const FILE = 'host-id';

/**
 * The id that this machine's agent keeps in the state directory, if it does.
 *
 * @throws PortolanError `forbidden` when the file is damaged: another id would make another host of this machine
 */
export function keptHostId(stateDirectory = defaultStateDirectory()): string | undefined {
  const file = join(stateDirectory, FILE);
  if (!existsSync(file)) return undefined;
  const kept = HostId.safeParse(readText(file)?.trim());
  if (kept.success) return kept.data;
  throw new PortolanError(
    'forbidden',
    `The state file ${file} is damaged: no host id can be read from it. Restore it from "portolan hosts", or delete it to have one made anew.`,
    { path: file },
  );
}

/** `$XDG_STATE_HOME/portolan`, by default `~/.local/state/portolan`. */
export function defaultStateDirectory(): string {
  return join(process.env.XDG_STATE_HOME || join(homedir(), '.local', 'state'), 'portolan');
}

export function describeHost(blindSpots: readonly string[], name: string = hostname()): HostInfo {
  return {
    name: name.slice(0, 255) || 'unnamed',
    addresses: ownAddresses().slice(0, 256),
    platform: `${platform()} ${release()} ${arch()}`.slice(0, 64),
    agentVersion: manifest.version,
    ...kernelPorts(),
    blindSpots: blindSpots.slice(0, 32).map((spot) => spot.slice(0, 300)),
  };
}

/**
 * What a host is called when its system's own name is another host's already: `localhost-3f2c9a`. By its id and not by
 * a count, so that it is called the same after each start, and what is asked of `localhost-2` is not asked of another
 * machine when a third one has come and gone.
 */
export function distinctName(name: string, id: string): string {
  return `${name.slice(0, 240)}-${id.slice(-6).replace(/^[-_]+/, '')}`;
}

/** Hashed, since systemd wants the machine-id itself kept on the machine: see machine-id(5). */
function fromMachineId(): string | null {
  const machineId = readText('/etc/machine-id')?.trim();
  if (!machineId || !/^[0-9a-f]{32}$/.test(machineId)) return null;
  return createHash('sha256').update(`portolan host ${machineId}`).digest('hex').slice(0, 20);
}

/** A machine that cannot keep its id still gets one; made from the machine-id it is the same next time. */
function keep(file: string, id: string): void {
  try {
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 });
    const draft = `${file}.${process.pid}`;
    writeFileSync(draft, `${id}\n`, { mode: 0o600, flush: true });
    renameSync(draft, file);
    const directory = openSync(dirname(file), 'r');
    fsyncSync(directory);
    closeSync(directory);
  } catch {
    // A read-only file system.
  }
}

export function ownAddresses(): string[] {
  return Object.values(networkInterfaces())
    .flatMap((each) => each ?? [])
    .filter(({ internal }) => !internal)
    .map(({ address }) => address)
    .sort();
}

/** What the kernel takes outgoing ports from, in this network namespace, and what an operator keeps from that. */
export function kernelPorts(): Pick<HostInfo, 'ephemeral' | 'kernelReserved'> {
  const [from, to] = (readText('/proc/sys/net/ipv4/ip_local_port_range') ?? '').trim().split(/\s+/).map(Number);
  const listed = (readText('/proc/sys/net/ipv4/ip_local_reserved_ports') ?? '').trim().split(',');
  const kernelReserved = listed.flatMap((each) => parseInterval(each) ?? []).slice(0, KERNEL_RESERVED_MAX);
  return {
    ephemeral: Interval.safeParse({ from, to }).data ?? null,
    ...(kernelReserved.length > 0 && { kernelReserved }),
  };
}

function readText(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return undefined;
  }
}
