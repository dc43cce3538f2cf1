import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { vi } from 'vitest';

export interface Ended {
  /** `null` when a signal ended it. */
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** How long a program may take to say what it is waited for, ms. */
const PATIENCE = 30_000;

/** A process of a test, with what it wrote so far. */
export class Program {
  readonly child: ChildProcess;
  readonly ended: Promise<Ended>;
  stdout = '';
  stderr = '';

  /** @param child with pipes for stdout and stderr */
  constructor(child: ChildProcess) {
    this.child = child;
    child.stdout?.on('data', (data) => {
      this.stdout += data;
    });
    child.stderr?.on('data', (data) => {
      this.stderr += data;
    });
    this.ended = once(child, 'close').then(([code]) => ({ code, stdout: this.stdout, stderr: this.stderr }));
  }

  get pid(): number {
    return this.child.pid as number;
  }

  /** Waits until it has written this to stdout. @throws when it ends before, or takes longer than 30 s */
  async says(pattern: RegExp): Promise<RegExpExecArray> {
    const found = () => pattern.exec(this.stdout);
    const search = () => {
      const match = found();
      if (match) return match;
      throw new Error(`it did not say ${pattern}, but: ${this.stdout}${this.stderr}`);
    };
    const ended = this.ended.then(({ code }) => {
      const match = found();
      if (match) return match;
      throw new Error(`it ended with ${code} and did not say ${pattern}, but: ${this.stdout}${this.stderr}`);
    });
    return Promise.race([vi.waitFor(search, { timeout: PATIENCE, interval: 10 }), ended]);
  }

  /** Sends the signal and waits for the end; also when it has ended already. */
  async end(signal: NodeJS.Signals = 'SIGTERM'): Promise<Ended> {
    this.child.kill(signal);
    return this.ended;
  }
}
