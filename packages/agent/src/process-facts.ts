import { existsSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { basename } from 'node:path';
import {
  ENDPOINTS_VARIABLE,
  type GivenPort,
  HOLDER_VARIABLE,
  type HolderState,
  LEASE_VARIABLE,
  type Process,
  parseGivenPorts,
} from '@portolan/model';
import { parseControlGroup } from './cgroup.ts';
import { type Checkout, checkoutOf, LIBRARY, sharesFiles } from './checkout.ts';
import { interpreterOf, programOf } from './command.ts';
import { formatCommandLine } from './command-line.ts';
import { holderState } from './holder.ts';
import { readProcFile } from './proc-file.ts';

/** All that helps to tell who a process is. */
export interface ProcessFacts {
  readonly process: Process;
  readonly argv: readonly string[];
  readonly containerId: string | null;
  readonly unit: string | null;
  /** Of the environment, these and nothing else are ever kept. */
  readonly environment: PortolanEnvironment;
  /** What has become of the process that holds its ports, when that was last looked at. */
  readonly holder?: HolderState | undefined;
  /** The nearest directory above the script (or the working directory) that holds a package, where its own name is generic. */
  readonly packageDirectory: string | null;
  /** The project that it runs in; `null` where that is none, or not to be seen from here. */
  readonly checkout: Checkout | null;
}

export interface PortolanEnvironment {
  readonly lease: string | null;
  readonly endpoints: readonly GivenPort[];
  /** By the name that it gave itself. */
  readonly holder: string | null;
  readonly pm2Name: string | null;
  readonly project: string | null;
}

export const NO_ENVIRONMENT: PortolanEnvironment = {
  lease: null,
  endpoints: [],
  holder: null,
  pm2Name: null,
  project: null,
};

/** What stays the same as long as a process does, except for its command line. */
export interface ProcessStamp {
  readonly parent: number;
  /** Milliseconds since 1970, the same at each reading. */
  readonly startedAt: number;
}

/** Linux shows times in hundredths of a second to programs, whatever the kernel's own tick. */
const TICKS_PER_SECOND = 100;

export function readStamp(pid: number): ProcessStamp | null {
  const bytes = readProcFile(`/proc/${pid}/stat`);
  if (!bytes) return null;
  const text = bytes.toString('latin1');
  // The name in parentheses may hold anything, spaces and parentheses too.
  const fields = text.slice(text.lastIndexOf(')') + 2).split(' ');
  return {
    parent: Number(fields[1]),
    startedAt: bootTime() + Math.round((Number(fields[19]) * 1000) / TICKS_PER_SECOND),
  };
}

let bootedAt: number | undefined;

/** Read once: it moves when the clock is set, and a start time that moves would make a new process of each. */
function bootTime(): number {
  bootedAt ??= Number(/^btime (\d+)$/m.exec(readFileSync('/proc/stat', 'latin1'))?.[1] ?? 0) * 1000;
  return bootedAt;
}

/** @returns the arguments; of another user's or a kernel process an empty list */
export function readArguments(pid: number): string[] {
  const text = readProcFile(`/proc/${pid}/cmdline`)?.subarray(0, 16_384).toString('utf8') ?? '';
  return text
    .replace(/\0+$/, '')
    .split('\0')
    .filter((argument, index) => argument !== '' || index > 0);
}

/** @returns `null` when the process is gone. What may not be seen is `null` inside. */
export function readProcess(pid: number): ProcessFacts | null {
  const stamp = readStamp(pid);
  if (!stamp) return null;
  const argv = readArguments(pid);
  const cwd = readLink(`/proc/${pid}/cwd`);
  const uid = readUid(pid);
  const command = readCommand(pid, argv);
  const group = parseControlGroup(readProcFile(`/proc/${pid}/cgroup`)?.toString('utf8') ?? '');
  const { script, generic } = programOf(argv, command);
  const environment = readEnvironment(pid);
  const home = uid === null ? null : (accountOf(uid)?.home ?? null);
  const checkout =
    cwd !== null && sharesFiles(pid, cwd) ? checkoutOf({ cwd, script, project: environment.project, home }) : null;
  const root = group.containerId ? `/proc/${pid}/root` : '';
  return {
    process: {
      pid,
      startedAt: stamp.startedAt,
      uid,
      user: uid === null ? null : userName(uid),
      command: command.slice(0, 255),
      commandLine: formatCommandLine(argv) || command,
      cwd: cwd?.slice(0, 1000) ?? null,
    },
    argv,
    ...group,
    environment,
    holder: holderState(environment.holder),
    checkout,
    packageDirectory: generic && !checkout?.folder ? packageDirectory(script, cwd, root) : null,
  };
}

/**
 * What a program was called as (`redis-server`, where the file is a link to `redis-check-rdb`) rather than its file,
 * except for interpreters, whose scripts write what they like there. Not `comm`, which is cut at 15 characters.
 */
function readCommand(pid: number, argv: readonly string[]): string {
  const executable = basename(readLink(`/proc/${pid}/exe`) ?? '').replace(/ \(deleted\)$/, '');
  if (executable && interpreterOf(executable)) return executable;
  const called = basename(argv[0]?.split(/[\s:]/, 1)[0] ?? '').replace(/^-/, '');
  if (/^[\w.+@-]+$/.test(called)) return called;
  return executable || readProcFile(`/proc/${pid}/comm`)?.toString('utf8').trim() || 'unknown';
}

/** The effective one. The owner of /proc/<pid> is root's for whatever process declares itself undumpable. */
function readUid(pid: number): number | null {
  const uid = /^Uid:\t\d+\t(\d+)/m.exec(readProcFile(`/proc/${pid}/status`)?.toString('latin1') ?? '')?.[1];
  if (uid !== undefined) return Number(uid);
  return statSync(`/proc/${pid}`, { throwIfNoEntry: false })?.uid ?? null;
}

interface Account {
  readonly name: string;
  readonly home: string | null;
}

const accounts = new Map<number, Account | null>();

export function userName(uid: number): string | null {
  return accountOf(uid)?.name ?? null;
}

function accountOf(uid: number): Account | null {
  let account = accounts.get(uid);
  if (account === undefined) accounts.set(uid, (account = readAccount(uid)));
  return account;
}

function readAccount(uid: number): Account | null {
  let passwd = '';
  try {
    passwd = readFileSync('/etc/passwd', 'utf8');
  } catch {
    // A container without users' names.
  }
  const fields = passwd.split('\n').map((line) => line.split(':'));
  const [name, , , , , home] = fields.find((each) => each[2] === String(uid)) ?? [];
  return name ? { name: name.slice(0, 64), home: home || null } : null;
}

function readEnvironment(pid: number): PortolanEnvironment {
  const bytes = readProcFile(`/proc/${pid}/environ`);
  if (!bytes || bytes.length === 0) return NO_ENVIRONMENT;
  const pm2 = variable(bytes, 'pm_id') !== null;
  const kept = {
    lease: variable(bytes, LEASE_VARIABLE),
    endpoints: parseGivenPorts(variable(bytes, ENDPOINTS_VARIABLE) ?? ''),
    holder: variable(bytes, HOLDER_VARIABLE),
    pm2Name: pm2 ? variable(bytes, 'name') : null,
    project: variable(bytes, 'PORTOLAN_PROJECT') || null,
  };
  // Other people's secrets passed through this buffer.
  bytes.fill(0);
  return kept;
}

function variable(environment: Buffer, name: string): string | null {
  const start = environment.subarray(0, name.length + 1).equals(Buffer.from(`${name}=`)) ? 0 : null;
  const found = environment.indexOf(`\0${name}=`);
  const at = start ?? (found === -1 ? null : found + 1);
  if (at === null) return null;
  const end = environment.indexOf(0, at);
  return environment.toString('utf8', at + name.length + 1, end === -1 ? environment.length : end);
}

const PACKAGE_MARKS = ['package.json', 'pyproject.toml', 'Cargo.toml', 'go.mod', 'composer.json', 'Gemfile', '.git'];
const DEEPEST = 12;

function packageDirectory(script: string | null, cwd: string | null, root: string): string | null {
  const path = script?.startsWith('/') ? script : cwd && (script ? `${cwd}/${script}` : cwd);
  if (!path) return null;
  // A tool out of node_modules says nothing of whom it works for: its working directory does.
  const from = LIBRARY.test(path) ? cwd : path;
  const parts = (from ?? '').split('/').reduce<string[]>((clean, part) => {
    if (part === '..') clean.pop();
    else if (part !== '' && part !== '.') clean.push(part);
    return clean;
  }, []);
  for (let depth = 0; depth < DEEPEST && parts.length > 0; depth++) {
    const directory = `/${parts.join('/')}`;
    if (PACKAGE_MARKS.some((mark) => existsSync(`${root}${directory}/${mark}`))) return directory;
    parts.pop();
  }
  return null;
}

function readLink(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null;
  }
}
