import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { GossipOptions, KeyReport, Member } from '@portolan/gossip';
import type { Program } from './program.ts';
import type { Where, Workbench } from './workbench.ts';

export interface Order {
  readonly id: number;
  readonly do: 'join' | 'members' | 'tag' | 'broadcast' | 'send' | 'event' | 'query' | 'keys' | 'remove' | 'metrics';
  readonly with: readonly string[];
}

export type Said =
  | { readonly id: number; readonly result?: unknown; readonly error?: string }
  | { readonly event: string; readonly what: string };

const NODE = fileURLToPath(new URL('gossip-node.ts', import.meta.url));

/** A node of ours in a process of its own. */
export class GossipProcess {
  readonly program: Program;
  /** What it was told by its node, as `event what`. */
  readonly heard: string[] = [];
  readonly #waiting = new Map<number, (said: Said) => void>();
  #id = 0;

  constructor(bench: Workbench, options: Omit<GossipOptions, 'delegate' | 'log'>, where: Where = {}) {
    this.program = bench.run(process.execPath, [NODE, JSON.stringify(options)], { ...where, stdin: 'pipe' });
    const { stdin, stdout } = this.program.child;
    // It may have been killed.
    stdin?.on('error', () => {});
    createInterface(stdout as NodeJS.ReadableStream).on('line', (line) => this.#hear(JSON.parse(line)));
  }

  members(): Promise<Pick<Member, 'name' | 'status' | 'tags'>[]> {
    return this.order('members');
  }

  keys(action: 'list' | 'install' | 'use' | 'remove', key = ''): Promise<KeyReport> {
    return this.order('keys', action, key);
  }

  /** @throws Error when it went wrong there, or the process has ended */
  async order<Result>(what: Order['do'], ...args: string[]): Promise<Result> {
    const order: Order = { id: this.#id++, do: what, with: args };
    const answered = new Promise<Said>((resolve) => this.#waiting.set(order.id, resolve));
    this.program.child.stdin?.write(`${JSON.stringify(order)}\n`);
    const ended = this.program.ended.then(({ stderr }) => ({ id: order.id, error: `it has ended: ${stderr}` }) as Said);
    const said = await Promise.race([answered, ended]);
    this.#waiting.delete(order.id);
    if ('error' in said && said.error !== undefined) throw new Error(said.error);
    return ('result' in said ? said.result : undefined) as Result;
  }

  #hear(said: Said): void {
    if ('event' in said) this.heard.push(`${said.event} ${said.what}`);
    else this.#waiting.get(said.id)?.(said);
  }
}
