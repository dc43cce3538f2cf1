import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';
import { vi } from 'vitest';
import type { Program } from './program.ts';
import type { Workbench } from './workbench.ts';

/** @returns why no agent of Serf can be run here, `undefined` where one can */
export function serfUnavailable(): string | undefined {
  // Other systems have no addresses but 127.0.0.1 on their loopback.
  if (process.platform !== 'linux') return 'a cluster on one machine needs the loopback addresses of Linux';
  try {
    execFileSync('serf', ['version'], { stdio: 'ignore' });
    return undefined;
  } catch {
    return 'there is no serf (the Debian package `serf`)';
  }
}

/** Three numbers of a loopback network that no other test has, with good luck: 127.64.0 to 127.127.255. */
export function loopbackNetwork(): string {
  return `127.${64 + Math.floor(Math.random() * 64)}.${Math.floor(Math.random() * 256)}`;
}

export interface SerfOptions {
  readonly name: string;
  /** Of the loopback. */
  readonly address: string;
  readonly port: number;
  readonly args?: readonly string[];
}

/** An agent of Serf, the real one. */
export class SerfAgent {
  readonly program: Program;
  readonly #rpc: string;

  private constructor(program: Program, rpc: string) {
    this.program = program;
    this.#rpc = rpc;
  }

  /** Resolves when it answers. */
  static async start(bench: Workbench, { name, address, port, args = [] }: SerfOptions): Promise<SerfAgent> {
    const rpc = `${address}:7373`;
    const own = ['agent', '-node', name, '-bind', `${address}:${port}`, '-rpc-addr', rpc, '-log-level', 'debug'];
    const agent = new SerfAgent(bench.run('serf', [...own, ...args]), rpc);
    await Promise.race([
      vi.waitFor(() => agent.run('members'), { timeout: 60_000, interval: 100 }),
      agent.program.ended.then(({ stdout, stderr }) => {
        throw new Error(`serf ended: ${stdout}${stderr}`);
      }),
    ]);
    return agent;
  }

  /** Runs one of its commands. @returns what that printed @throws Error with what it printed when it failed */
  async run(command: string, ...args: string[]): Promise<string> {
    const { stdout } = await promisify(execFile)('serf', [command, `-rpc-addr=${this.#rpc}`, ...args], {
      timeout: 60_000,
    }).catch((error: Error & { stdout?: string; stderr?: string }) => {
      throw new Error(`${error.message}\n${error.stdout}${error.stderr}`);
    });
    return stdout;
  }

  async members(): Promise<{ name: string; status: string; tags: Record<string, string> }[]> {
    const { members } = JSON.parse(await this.run('members', '-format=json'));
    return members.map(({ name, status, tags }: { name: string; status: string; tags: Record<string, string> }) => ({
      name,
      status,
      tags,
    }));
  }
}
