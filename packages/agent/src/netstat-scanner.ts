import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { HOST_NETNS, type Listener, type Protocol } from '@portolan/model';
import { canonicalAddress } from './address.ts';
import { identify, type Manifest } from './identity.ts';
import { ListenerBook } from './listener-book.ts';
import { NO_ENVIRONMENT, type ProcessFacts } from './process-facts.ts';
import type { Scan, Scanner, ScannerOptions } from './scanner.ts';

const run = promisify(execFile);
const ANSWER = { timeout: 20_000, maxBuffer: 64 * 1024 * 1024, windowsHide: true };

const BLIND_SPOTS = [
  'command lines, working directories and start times of processes: netstat and tasklist do not tell them',
  'IPv6 sockets on "::": netstat does not tell whether they refuse IPv4, so they are taken to accept it',
];

/** For Windows. Each scan costs a run of netstat, and one of tasklist when a process is new. */
export class NetstatScanner implements Scanner {
  readonly #now: () => number;
  readonly #manifests: readonly Manifest[];
  readonly #book = new ListenerBook();
  #programs = new Map<number, string>();

  constructor({ manifests = [], now = Date.now }: ScannerOptions = {}) {
    this.#manifests = manifests;
    this.#now = now;
  }

  async scan(): Promise<Scan> {
    const sockets = parseNetstat((await run('netstat', ['-ano'], ANSWER)).stdout);
    if (sockets.some(({ pid }) => !this.#programs.has(pid))) {
      this.#programs = parseTasklist((await run('tasklist', ['/FO', 'CSV', '/NH'], ANSWER)).stdout);
    }
    const seen = sockets.map((socket) => this.#describe(socket));
    const { listeners, changed } = this.#book.enter(seen, new Date(this.#now()).toISOString());
    return { listeners, changed, blindSpots: BLIND_SPOTS };
  }

  #describe({ protocol, address, port, pid }: NetstatSocket): Omit<Listener, 'since'> {
    const program = this.#programs.get(pid);
    const owner = program && pid > 0 ? describeProcess(pid, program) : null;
    return {
      protocol,
      address,
      port,
      netns: HOST_NETNS,
      v6only: address === '::' ? null : false,
      socket: `${pid}.0`,
      process: owner?.process ?? null,
      container: null,
      identity: identify({ protocol, port, process: owner, container: null }, this.#manifests),
    };
  }
}

function describeProcess(pid: number, program: string): ProcessFacts {
  const command = program.slice(0, 255);
  return {
    process: { pid, startedAt: 0, uid: null, user: null, command, commandLine: command, cwd: null },
    argv: [command],
    containerId: null,
    unit: null,
    environment: NO_ENVIRONMENT,
    packageDirectory: null,
    checkout: null,
  };
}

export interface NetstatSocket {
  readonly protocol: Protocol;
  readonly address: string;
  readonly port: number;
  readonly pid: number;
}

/**
 * Reads what `netstat -ano` writes on Windows. The state's name is translated (`LISTENING`, `ABHÖREN`), so a listening
 * socket is told by its remote port 0.
 */
export function parseNetstat(text: string): NetstatSocket[] {
  const sockets: NetstatSocket[] = [];
  for (const line of text.split(/\r?\n/)) {
    const match = /^\s*(TCP|UDP)\s+(\S+):(\d+)\s+(?:\S+:0\s+\S.*?|\*:\*)\s+(\d+)\s*$/.exec(line);
    if (!match) continue;
    const [, protocol, host = '', port, pid] = match;
    const address = canonicalAddress(host, host.startsWith('[') ? 6 : 4);
    if (!address || Number(port) < 1) continue;
    sockets.push({ protocol: protocol === 'UDP' ? 'udp' : 'tcp', address, port: Number(port), pid: Number(pid) });
  }
  return sockets;
}

/** Reads what `tasklist /FO CSV /NH` writes: `"node.exe","4464","Console","1","50,000 K"`. */
export function parseTasklist(text: string): Map<number, string> {
  const programs = new Map<number, string>();
  for (const match of text.matchAll(/^"([^"]*)","(\d+)"/gm)) programs.set(Number(match[2]), match[1] ?? '');
  return programs;
}
