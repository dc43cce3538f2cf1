import { type ChildProcess, execFile, execFileSync, type SpawnOptions, spawn } from 'node:child_process';
import { once } from 'node:events';
import { promisify } from 'node:util';

/**
 * Hosts on one machine: network namespaces on a switch, which is a bridge in a namespace of its own so that neither the
 * firewall nor the bridge settings of the machine (Docker's, say) reach it. One more cable leads to the namespace of the
 * test, so that a server there can be reached at `gateway`.
 *
 *     host 1: eth0 .11 ─┐
 *     host 2: eth0 .12 ─┤ bridge ├─ .1 (the test)
 */
export interface Hosts {
  readonly hosts: readonly TestHost[];
  /** IPv4 address at which the hosts reach the namespace of the test. */
  readonly gateway: string;
  /** Moves these hosts to a switch of their own: they reach each other, and nobody else, until each is healed. */
  part(hosts: readonly TestHost[]): Promise<void>;
  /** Ends what was started on the hosts, then removes them. */
  cleanup(): Promise<void>;
}

export interface TestHost {
  /** Of the network namespace, as `ip netns` knows it. */
  readonly namespace: string;
  /** IPv4 address. */
  readonly address: string;
  /** Starts a process on the host; its pid is that of the command itself. `cleanup` ends it if it still runs. */
  exec(command: string, args?: readonly string[], options?: SpawnOptions): ChildProcess;
  /** Pulls the cable. */
  cut(): Promise<void>;
  /** Puts it back. */
  heal(): Promise<void>;
}

const ip = (...args: string[]) => promisify(execFile)('ip', args);
let made = 0;
let islands = 0;

/** Why `createHosts` cannot work here, for a test to skip with; `undefined` when it can. */
export function hostsUnavailable(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces exist on Linux only';
  const namespace = `portolan-${process.pid}-probe`;
  try {
    execFileSync('ip', ['netns', 'add', namespace], { stdio: 'pipe' });
    execFileSync('ip', ['netns', 'delete', namespace], { stdio: 'pipe' });
    return undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return 'the command `ip` (package iproute2) is missing';
    const reason = String((error as { stderr?: Buffer }).stderr ?? error).trim();
    return `network namespaces need root, or \`unshare -Urnm\` with a tmpfs on /run and lo up (${reason})`;
  }
}

/**
 * Makes `count` hosts, 1..200. The caller asks `hostsUnavailable` first and awaits `cleanup` at the end; when its process
 * ends before that, in whatever way, they are removed all the same.
 */
export async function createHosts(count: number): Promise<Hosts> {
  const id = `${process.pid.toString(36)}${(made++).toString(36)}`;
  const network = await freeNetwork();
  const switchboard = `portolan-${id}-switch`;
  const trunk = `pt${id}`;
  const hosts = Array.from({ length: count }, (_, index) => new NamespaceHost(id, index + 1, switchboard, network));
  const namespaces = [switchboard, ...hosts.map((host) => host.namespace)];

  const janitor = spawn('sh', ['-c', JANITOR, 'janitor', ...namespaces], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  });
  janitor.unref();
  await ip('netns', 'add', switchboard);
  await ip('-n', switchboard, 'link', 'add', 'bridge', 'type', 'bridge');
  await ip('-n', switchboard, 'link', 'set', 'bridge', 'up');
  // The end in the switch goes with its namespace, and ours with it.
  await ip('link', 'add', trunk, 'type', 'veth', 'peer', 'name', 'trunk', 'netns', switchboard);
  await ip('-n', switchboard, 'link', 'set', 'trunk', 'master', 'bridge', 'up');
  await ip('address', 'add', `${network}.1/24`, 'dev', trunk);
  await ip('link', 'set', trunk, 'up');
  for (const host of hosts) await host.plugIn();

  return {
    hosts,
    gateway: `${network}.1`,
    async part(parted) {
      const island = `island${islands++}`;
      await ip('-n', switchboard, 'link', 'add', island, 'type', 'bridge');
      await ip('-n', switchboard, 'link', 'set', island, 'up');
      for (const host of hosts) if (parted.includes(host)) await host.moveTo(island);
    },
    async cleanup() {
      await Promise.all(hosts.map((host) => host.endAll()));
      // At once, where the kernel removes what belongs to a namespace in its own time.
      await ip('link', 'delete', trunk);
      for (const namespace of namespaces) await ip('netns', 'delete', namespace);
      janitor.kill('SIGKILL');
    },
  };
}

/** A runner that is interrupted kills its workers before they can clean up: so another process waits for their end. */
const JANITOR = `
  cat
  for namespace in "$@"; do
    kill -9 $(ip netns pids "$namespace")
    ip netns delete "$namespace"
  done
`;

class NamespaceHost implements TestHost {
  readonly namespace: string;
  readonly address: string;
  readonly #switchboard: string;
  readonly #cable: string;
  readonly #children = new Set<ChildProcess>();

  constructor(id: string, number: number, switchboard: string, network: string) {
    this.namespace = `portolan-${id}-${number}`;
    this.address = `${network}.${10 + number}`;
    this.#switchboard = switchboard;
    this.#cable = `host${number}`;
  }

  async plugIn(): Promise<void> {
    await ip('netns', 'add', this.namespace);
    await ip('-n', this.namespace, 'link', 'set', 'lo', 'up');
    const cable = ['link', 'add', this.#cable, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', this.namespace];
    await ip('-n', this.#switchboard, ...cable);
    await ip('-n', this.#switchboard, 'link', 'set', this.#cable, 'master', 'bridge', 'up');
    await ip('-n', this.namespace, 'address', 'add', `${this.address}/24`, 'dev', 'eth0');
    await ip('-n', this.namespace, 'link', 'set', 'eth0', 'up');
  }

  exec(command: string, args: readonly string[] = [], options: SpawnOptions = {}): ChildProcess {
    const child = spawn('ip', ['netns', 'exec', this.namespace, command, ...args], options);
    this.#children.add(child);
    child.once('exit', () => this.#children.delete(child));
    child.once('error', () => this.#children.delete(child));
    return child;
  }

  async cut(): Promise<void> {
    await ip('-n', this.#switchboard, 'link', 'set', this.#cable, 'down');
  }

  async heal(): Promise<void> {
    await ip('-n', this.#switchboard, 'link', 'set', this.#cable, 'master', 'bridge', 'up');
  }

  async moveTo(bridge: string): Promise<void> {
    await ip('-n', this.#switchboard, 'link', 'set', this.#cable, 'master', bridge);
  }

  async endAll(): Promise<void> {
    const exits = [...this.#children].map((child) => once(child, 'exit'));
    for (const child of this.#children) child.kill('SIGKILL');
    await Promise.all(exits);
    // What they had started in turn.
    const { stdout } = await ip('netns', 'pids', this.namespace);
    for (const pid of stdout.split('\n').filter(Boolean)) killIfAlive(Number(pid));
  }
}

function killIfAlive(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}

/** The first three numbers of a /24 in 10.64.0.0/10, in a part of it that this machine has no route into. */
async function freeNetwork(): Promise<string> {
  for (;;) {
    const network = `10.${64 + Math.floor(Math.random() * 64)}.${Math.floor(Math.random() * 256)}`;
    const { stdout } = await ip('-4', 'route', 'show', 'root', `${network}.0/16`);
    if (stdout.trim() === '') return network;
  }
}
