import { execFileSync } from 'node:child_process';
import { mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { join } from 'node:path';
import type { Part } from '../world.ts';

const SIZE = '24m';

/** A file system in memory, small enough to be filled. Needs Linux and root. */
export class SmallDisk implements Part {
  readonly directory: string;
  readonly #abandon = () => this.stop();

  /** @throws when it cannot be mounted */
  constructor(directory: string) {
    this.directory = directory;
    mkdirSync(directory);
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${SIZE}`, 'tmpfs', directory], { stdio: 'pipe' });
    process.on('exit', this.#abandon);
  }

  async fill(): Promise<void> {
    const { bavail, bsize } = await statfs(this.directory);
    writeFileSync(this.#filler, Buffer.alloc(bavail * bsize));
  }

  empty(): void {
    rmSync(this.#filler, { force: true });
  }

  stop(): void {
    process.off('exit', this.#abandon);
    execFileSync('umount', ['-l', this.directory], { stdio: 'pipe' });
  }

  get #filler(): string {
    return join(this.directory, 'filler');
  }
}
