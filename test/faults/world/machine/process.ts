import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, mkdirSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { until } from '../wait.ts';
import type { ClockShim } from './clock-shim.ts';

export interface ProcessOptions {
  /** Its working directory, made when it is missing; its log lies there. */
  readonly directory: string;
  readonly name: string;
  readonly command: readonly string[];
  readonly environment?: NodeJS.ProcessEnv;
  /** Its wall clock can be moved by `jump` where the shim is to be had. */
  readonly clock?: ClockShim;
  /** The network namespace that it runs in; without it, that of this process. */
  readonly namespace?: string | undefined;
}

/** How long a process may take to be ready, on a machine that has much else to do, ms. */
const PATIENCE = 90_000;

/** None outlives this process. */
const running = new Set<number>();
process.on('exit', () => {
  for (const pid of running) killIfAlive(pid);
});

/** A process that can be killed, frozen, put at another time, and started again. What it writes goes to its log. */
export abstract class Process {
  readonly name: string;
  readonly directory: string;
  readonly #command: string[];
  readonly #environment: NodeJS.ProcessEnv;
  readonly #clockFile: string | undefined;
  readonly #namespace: string | undefined;
  #child: ChildProcess | undefined;
  #ended: Promise<unknown> = Promise.resolve();

  constructor({ directory, name, command, environment, clock, namespace }: ProcessOptions) {
    this.name = name;
    this.directory = directory;
    this.#command = [...command];
    this.#namespace = namespace;
    this.#environment = { ...process.env, ...environment };
    mkdirSync(directory, { recursive: true });
    if (clock && 'library' in clock) {
      this.#clockFile = join(directory, `${name}.clock`);
      Object.assign(this.#environment, { LD_PRELOAD: clock.library, CLOCK_FILE: this.#clockFile });
      this.jump(0);
    }
  }

  /** Arguments at the next start. */
  protected abstract args(): readonly string[];
  /** Whether it does its work. */
  protected abstract isReady(): Promise<boolean>;

  get alive(): boolean {
    return this.#child !== undefined;
  }

  /** What it wrote since it was first started. */
  get log(): string {
    return readFileSync(this.#logFile, 'utf8');
  }

  get #logFile(): string {
    return join(this.directory, `${this.name}.log`);
  }

  /** @returns whether it became ready; not when it ended before that, or took longer than 90 s */
  async start(): Promise<boolean> {
    const log = openSync(this.#logFile, 'a');
    const inside = this.#namespace === undefined ? [] : ['ip', 'netns', 'exec', this.#namespace];
    const [command = '', ...args] = [...inside, ...this.#command, ...this.args()];
    const options = {
      cwd: this.directory,
      env: this.#environment,
      stdio: ['ignore', log, log] as ('ignore' | number)[],
    };
    const child = spawn(command, args, options);
    closeSync(log);
    this.#child = child;
    const { pid } = child;
    if (pid !== undefined) running.add(pid);
    this.#ended = new Promise<void>((resolve) => {
      const end = () => {
        if (pid !== undefined) running.delete(pid);
        if (this.#child === child) this.#child = undefined;
        resolve();
      };
      child.once('exit', end);
      child.once('error', end);
    });
    await until(async () => this.#child !== child || (await this.isReady()), PATIENCE);
    return this.#child === child && (await this.isReady().catch(() => false));
  }

  /** As `start`, for what the rest needs. @throws with the end of its log */
  async mustStart(): Promise<this> {
    if (await this.start()) return this;
    throw new Error(`${this.name} did not start: ${this.#logFile} ends with ${this.log.slice(-1000)}`);
  }

  signal(name: NodeJS.Signals): void {
    this.#child?.kill(name);
  }

  /** Sends the signal and waits for the end. */
  async kill(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    this.signal(signal);
    await this.#ended;
  }

  /** Puts its wall clock so many seconds beside the true time, at once. */
  jump(seconds: number): void {
    if (this.#clockFile === undefined) throw new Error(`the clock of ${this.name} cannot be moved`);
    writeFileSync(this.#clockFile, `${seconds}\n`);
  }

  async stop(): Promise<void> {
    await this.kill();
  }
}

function killIfAlive(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It has ended meanwhile.
  }
}
