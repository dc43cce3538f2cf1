import { type BigIntStats, statSync } from 'node:fs';
import { PortolanError } from '@portolan/model';

/**
 * Watches that the path still leads to the file that was opened. SQLite goes on writing into one that was deleted or put
 * back from a backup, and what it writes is gone with the process; a second coordinator opens the new one meanwhile.
 */
export class FileInPlace {
  readonly #path: string;
  readonly #opened: BigIntStats | undefined;

  constructor(path: string) {
    this.#path = path;
    this.#opened = this.#look();
  }

  /** @throws PortolanError `store-unavailable` when it is another file by now */
  check(): void {
    const lost = this.#lost();
    if (!lost) return;
    throw new PortolanError(
      'store-unavailable',
      `${this.#path} ${lost.how} while this coordinator had it open; nothing was changed: ${lost.remedy}`,
      { path: this.#path },
    );
  }

  /** After a commit. @throws PortolanError `durability-unknown` when the commit may have gone into a file that is no more */
  checkCommitted(): void {
    const lost = this.#lost();
    if (!lost) return;
    throw new PortolanError(
      'durability-unknown',
      `${this.#path} ${lost.how} during the commit, which may be lost: ${lost.remedy}; then ask again`,
      { path: this.#path },
    );
  }

  #lost(): { how: string; remedy: string } | undefined {
    const found = this.#look();
    if (!found) {
      return {
        how: 'was removed',
        remedy:
          'restore it from a backup, then restart the coordinator; without the file it would begin with an empty registry',
      };
    }
    const same = found.ino === this.#opened?.ino && found.dev === this.#opened.dev;
    return same ? undefined : { how: 'was replaced by another file', remedy: 'restart the coordinator' };
  }

  #look(): BigIntStats | undefined {
    return statSync(this.#path, { bigint: true, throwIfNoEntry: false });
  }
}
