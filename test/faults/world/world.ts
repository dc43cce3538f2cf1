import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ClockShim, compileClockShim } from './machine/clock-shim.ts';

/** What has to be stopped at the end. */
export interface Part {
  stop(): Promise<void> | void;
}

/** A folder with the logs of all that happened, and the parts that work in it. */
export class World {
  readonly directory: string;
  readonly clock: ClockShim;
  readonly #parts: Part[] = [];

  /** @param name begins the name of its folder */
  constructor(name: string) {
    this.directory = mkdtempSync(join(tmpdir(), `portolan-faults-${name}-`));
    this.clock = compileClockShim(this.directory);
  }

  own<T extends Part>(part: T): T {
    this.#parts.push(part);
    return part;
  }

  /** In the reverse order of their coming. */
  async stop(): Promise<void> {
    for (const part of this.#parts.splice(0).reverse()) await part.stop();
  }

  /** Once it is stopped, when nobody has to look into what happened. */
  remove(): void {
    rmSync(this.directory, { recursive: true, force: true });
  }
}
