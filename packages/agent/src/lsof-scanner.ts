import { execFile } from 'node:child_process';
import { userInfo } from 'node:os';
import { basename } from 'node:path';
import { promisify } from 'node:util';
import { HOST_NETNS, type Listener, PortolanError, type Process, type Protocol } from '@portolan/model';
import { canonicalAddress } from './address.ts';
import { checkoutOf } from './checkout.ts';
import { programOf } from './command.ts';
import { formatCommandLine } from './command-line.ts';
import { identify, type Manifest } from './identity.ts';
import { ListenerBook } from './listener-book.ts';
import { NO_ENVIRONMENT, type ProcessFacts } from './process-facts.ts';
import type { Scan, Scanner, ScannerOptions } from './scanner.ts';

const run = promisify(execFile);

/** One descriptor that lsof shows to wait for somebody. */
export interface LsofSocket {
  readonly pid: number;
  readonly command: string;
  readonly uid: number | null;
  readonly user: string | null;
  readonly protocol: Protocol;
  readonly address: string;
  readonly port: number;
  /** What the system calls the socket: the same in each process that shares it. */
  readonly socket: string;
}

const LISTING = ['-nP', '-iTCP', '-sTCP:LISTEN', '-iUDP', '-FpcuLftdPn'];
const ANSWER = { timeout: 20_000, maxBuffer: 64 * 1024 * 1024, env: { ...process.env, LC_ALL: 'C' } };

/** For macOS and the BSDs, which have no /proc. Each scan costs a run of lsof. */
export class LsofScanner implements Scanner {
  readonly #now: () => number;
  readonly #manifests: readonly Manifest[];
  readonly #book = new ListenerBook();
  #processes = new Map<number, ProcessFacts>();

  constructor({ manifests = [], now = Date.now }: ScannerOptions = {}) {
    this.#manifests = manifests;
    this.#now = now;
  }

  async scan(): Promise<Scan> {
    const sockets = parseLsof(await listing('lsof', LISTING));
    await this.#lookUp(sockets);
    const owners = new Map<string, LsofSocket>();
    for (const socket of sockets) {
      const key = `${socket.protocol}/${socket.address}/${socket.port}/${socket.socket}`;
      const before = owners.get(key);
      if (!before || this.#startOf(socket) < this.#startOf(before)) owners.set(key, socket);
    }
    const seen = Array.from(owners.values(), (socket) => this.#describe(socket));
    const { listeners, changed } = this.#book.enter(seen, new Date(this.#now()).toISOString());
    return { listeners, changed, blindSpots: userInfo().uid === 0 ? [DUAL_STACK] : [DUAL_STACK, OTHER_USERS] };
  }

  #startOf(socket: LsofSocket): number {
    return this.#processes.get(socket.pid)?.process.startedAt ?? Number.POSITIVE_INFINITY;
  }

  /** The start time costs one run of ps and tells a process from a later one with its number. */
  async #lookUp(sockets: readonly LsofSocket[]): Promise<void> {
    const pids = [...new Set(sockets.map(({ pid }) => pid))];
    if (pids.length === 0) return;
    const started = parsePs(await listing('ps', ['-o', 'pid=,lstart=,args=', '-p', pids.join(',')]));
    const known = (pid: number) => this.#processes.get(pid)?.process.startedAt === started.get(pid)?.startedAt;
    const fresh = pids.filter((pid) => started.has(pid) && !known(pid));
    const directories = fresh.length
      ? parseCwd(await listing('lsof', ['-a', '-d', 'cwd', '-p', fresh.join(','), '-Fpn']))
      : new Map<number, string>();
    const next = new Map<number, ProcessFacts>();
    for (const socket of sockets) {
      const { pid } = socket;
      const line = started.get(pid);
      if (!line || next.has(pid)) continue;
      const before = fresh.includes(pid) ? undefined : this.#processes.get(pid);
      next.set(pid, before ?? describeProcess(socket, line, directories.get(pid) ?? null));
    }
    this.#processes = next;
  }

  #describe({ protocol, address, port, socket, pid }: LsofSocket): Omit<Listener, 'since'> {
    const owner = this.#processes.get(pid) ?? null;
    return {
      protocol,
      address,
      port,
      netns: HOST_NETNS,
      v6only: address === '::' ? null : false,
      socket,
      process: owner?.process ?? null,
      container: null,
      identity: identify({ protocol, port, process: owner, container: null }, this.#manifests),
    };
  }
}

const DUAL_STACK = 'IPv6 sockets on "::": lsof does not tell whether they refuse IPv4, so they are taken to accept it';
const OTHER_USERS = 'sockets of other users: run the agent as root to see them';

function describeProcess(socket: LsofSocket, line: PsLine, cwd: string | null): ProcessFacts {
  const { pid, uid, user } = socket;
  const argv = line.args.split(' ');
  const command = basename(argv[0] ?? '') || socket.command;
  const process: Process = {
    pid,
    startedAt: line.startedAt,
    uid,
    user: user?.slice(0, 64) ?? null,
    command: command.slice(0, 255),
    commandLine: formatCommandLine(argv) || command,
    cwd: cwd?.slice(0, 1000) ?? null,
  };
  const { script } = programOf(argv, command);
  const checkout = checkoutOf({ cwd, script, project: null, home: null });
  return {
    process,
    argv,
    containerId: null,
    unit: null,
    environment: NO_ENVIRONMENT,
    packageDirectory: null,
    checkout,
  };
}

/** lsof and ps exit with 1 when they found nothing, or not all. */
async function listing(program: string, args: readonly string[]): Promise<string> {
  try {
    return (await run(program, args, ANSWER)).stdout;
  } catch (error) {
    const { code, stdout } = error as { code?: unknown; stdout?: string };
    if (code === 1) return stdout ?? '';
    if (code !== 'ENOENT') throw error;
    const message = `The sockets of this machine cannot be listed: ${program} is not installed. Install it, then start the agent again.`;
    throw new PortolanError('internal', message, { program }, { cause: error });
  }
}

/** Reads what `lsof -F pcuLftdPn` writes: a field a line, its first letter says which. */
export function parseLsof(text: string): LsofSocket[] {
  const sockets: LsofSocket[] = [];
  let owner = { pid: 0, command: '', uid: null as number | null, user: null as string | null };
  let file: Record<string, string> = {};
  const finish = () => {
    const socket = readSocket(owner, file);
    if (socket) sockets.push(socket);
    file = {};
  };
  for (const line of text.split('\n')) {
    const field = line[0];
    const value = line.slice(1);
    if (field === 'p') {
      finish();
      owner = { pid: Number(value), command: '', uid: null, user: null };
    } else if (field === 'f') {
      finish();
      file = { f: value };
    } else if (field === 'c') owner.command = value;
    else if (field === 'u') owner.uid = Number(value);
    else if (field === 'L') owner.user = value;
    else if (field) file[field] = value;
  }
  finish();
  return sockets;
}

type Owner = Pick<LsofSocket, 'pid' | 'command' | 'uid' | 'user'>;

function readSocket(owner: Owner, file: Readonly<Record<string, string>>): LsofSocket | null {
  const { n: name = '', P: protocol = '', t: type, d: device, f: descriptor } = file;
  // A socket with a remote end is a client's.
  if (name.includes('->')) return null;
  const colon = name.lastIndexOf(':');
  const port = Number(name.slice(colon + 1));
  const address = canonicalAddress(name.slice(0, colon), type === 'IPv6' ? 6 : 4);
  const lower = protocol.toLowerCase();
  if ((lower !== 'tcp' && lower !== 'udp') || !address || !Number.isInteger(port) || port < 1) return null;
  return { ...owner, protocol: lower, address, port, socket: device || `${owner.pid}.${descriptor}` };
}

interface PsLine {
  readonly startedAt: number;
  readonly args: string;
}

/** Reads what `ps -o pid=,lstart=,args=` writes: `  81 Sat Nov 21 07:49:51 2026 node server.js`. */
export function parsePs(text: string): Map<number, PsLine> {
  const lines = new Map<number, PsLine>();
  for (const line of text.split('\n')) {
    const match = /^\s*(\d+)\s+\w{3}\s+(\w{3}\s+\d+\s+[\d:]{8}\s+\d{4})\s+(.*)$/.exec(line);
    const startedAt = Date.parse(match?.[2] ?? '');
    if (match && startedAt >= 0) lines.set(Number(match[1]), { startedAt, args: match[3]?.trim() ?? '' });
  }
  return lines;
}

/** Reads what `lsof -d cwd -F pn` writes. */
function parseCwd(text: string): Map<number, string> {
  const directories = new Map<number, string>();
  let pid = 0;
  for (const line of text.split('\n')) {
    if (line.startsWith('p')) pid = Number(line.slice(1));
    else if (line.startsWith('n/')) directories.set(pid, line.slice(1));
  }
  return directories;
}
