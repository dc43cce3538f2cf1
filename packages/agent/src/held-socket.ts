import { readdirSync, readlinkSync } from 'node:fs';
import { type EndTarget, HOST_NETNS, type ProcessId } from '@portolan/model';
import { readProcFile } from './proc-file.ts';
import { readStamp } from './process-facts.ts';

/** Whether the process with this pid is the one that was meant. */
export function isSame({ pid, startedAt }: ProcessId): boolean {
  return readStamp(pid)?.startedAt === startedAt;
}

/** @returns the inodes of the sockets that a process has; none when it has ended or may not be looked into */
function socketsOf(pid: number | string): ReadonlySet<string> {
  const inodes = new Set<string>();
  for (const descriptor of list(`/proc/${pid}/fd`)) {
    const target = follow(`/proc/${pid}/fd/${descriptor}`);
    if (target?.startsWith('socket:[')) inodes.add(target.slice(8, -1));
  }
  return inodes;
}

/** Whether the process still has one of the sockets. */
export function holds({ pid, sockets }: { pid: number; sockets: readonly Pick<EndTarget, 'socket'>[] }): boolean {
  const held = socketsOf(pid);
  return sockets.some(({ socket }) => held.has(socket));
}

/** All processes that have one of the sockets, as far as this agent may see. It reads the descriptors of all. */
export function holdersOf(sockets: readonly Pick<EndTarget, 'socket'>[]): ProcessId[] {
  return list('/proc').flatMap((name) => {
    if (!/^\d+$/.test(name)) return [];
    const held = socketsOf(name);
    if (!sockets.some(({ socket }) => held.has(socket))) return [];
    const stamp = readStamp(Number(name));
    return stamp ? [{ pid: Number(name), startedAt: stamp.startedAt }] : [];
  });
}

/** Whether the kernel still lists the socket. In another namespace it cannot be told once its process is gone. */
export function isListed(target: EndTarget): boolean {
  return ownerOf(target) !== null;
}

/** @returns the user that the kernel lists the socket for, whoever may look into the process; `null`: it is not listed */
export function ownerOf({ protocol, address, port, netns, socket }: EndTarget): { uid: number } | null {
  if (netns !== HOST_NETNS) return null;
  const table = readProcFile(`/proc/self/net/${protocol}${address.includes(':') ? '6' : ''}`)?.toString('latin1') ?? '';
  const local = `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
  for (const line of table.split('\n')) {
    const fields = line.trim().split(/\s+/);
    if (fields[9] === socket && fields[1]?.endsWith(local)) return { uid: Number(fields[7]) };
  }
  return null;
}

function list(directory: string): string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

function follow(link: string): string | undefined {
  try {
    return readlinkSync(link);
  } catch {
    return undefined;
  }
}
