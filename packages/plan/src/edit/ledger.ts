import { chmodSync, existsSync, mkdirSync } from 'node:fs';
import { dirname, sep } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { PortolanError } from '@portolan/model';
import type { FileChange } from './change.ts';
import { advance, retreat } from './roll.ts';

/** How many writes of one tree can be undone. */
const KEPT = 20;
/** How long to wait for another portolan that writes, ms. */
const BUSY_TIMEOUT = 10_000;

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS writing (
    id INTEGER PRIMARY KEY AUTOINCREMENT, root TEXT NOT NULL, summary TEXT NOT NULL, at TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('begun', 'done', 'undone')), undoes INTEGER
  );
  CREATE TABLE IF NOT EXISTS change (
    writing INTEGER NOT NULL REFERENCES writing ON DELETE CASCADE, file TEXT NOT NULL, before TEXT, after TEXT,
    PRIMARY KEY (writing, file)
  ) WITHOUT ROWID;
  PRAGMA user_version = 1;
`;

export interface Writing {
  readonly id: number;
  /** Of the tree, absolute. */
  readonly root: string;
  readonly summary: string;
  /** ISO 8601. */
  readonly at: string;
  readonly changes: readonly FileChange[];
}

/** What became of a write that was interrupted. */
export interface Recovered extends Writing {
  readonly outcome: 'finished' | 'taken-back';
  /** Files that somebody else has changed since: they were left alone. */
  readonly strange: readonly string[];
}

/**
 * Writes changes to the files of trees all or nothing, and remembers them to be undone.
 *
 * The changes are made durable here before the first file is touched. So a write that is interrupted, be it by `kill -9`
 * or loss of power, is finished by the next `recover`, or taken back when a file of it has been changed since.
 */
export class Ledger {
  readonly #database: DatabaseSync;

  /** @param path of its file, outside of the trees: nothing that a tree holds can pose as a write that was interrupted */
  constructor(path: string) {
    mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
    const isNew = !existsSync(path);
    try {
      this.#database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT });
      // It holds what the files held, secrets of env files included.
      if (isNew) chmodSync(path, 0o600);
      this.#database.exec('PRAGMA journal_mode = DELETE; PRAGMA synchronous = FULL; PRAGMA foreign_keys = ON');
      this.#database.exec(SCHEMA);
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error);
      throw new PortolanError('forbidden', `The ledger of writes ${path} cannot be used: ${reason}`, { path });
    }
  }

  close(): void {
    this.#database.close();
  }

  /** Ends what interrupted writes left half-done, in whatever tree. */
  recover(): Recovered[] {
    const rows = () => this.#database.prepare(`SELECT * FROM writing WHERE state = 'begun' ORDER BY id`).all();
    if (rows().length === 0) return [];
    return this.#alone(() => rows().map((row) => this.#settle(row.root as string, this.#read(row))));
  }

  /**
   * @param root as `realpath` gives it
   * @param summary what it does, in a few words
   * @throws PortolanError `file-changed` when a file is not as it was read, `forbidden` when one cannot be written: no
   * file is changed then
   */
  write(root: string, changes: readonly FileChange[], summary: string): Writing {
    return this.#write(root, changes, summary, null);
  }

  /** Takes a write back. @throws PortolanError `file-changed` when a file was changed since */
  undo(last: Writing): void {
    const backwards = last.changes.map(({ file, before, after }) => ({ file, before: after, after: before }));
    this.#write(last.root, backwards, `undo: ${last.summary}`, last.id);
  }

  /** What was written last in a folder, below it, or in one that it lies in, and not taken back since. */
  last(folder: string): Writing | undefined {
    const rows = this.#database
      .prepare(`SELECT * FROM writing WHERE state = 'done' AND undoes IS NULL ORDER BY id DESC`)
      .all();
    const row = rows.find(({ root }) => isWithin(folder, root as string) || isWithin(root as string, folder));
    return row && this.#read(row);
  }

  #write(root: string, changes: readonly FileChange[], summary: string, undoes: number | null): Writing {
    const at = new Date().toISOString();
    const id = this.#alone(() => {
      this.#refuseUnfinished(root);
      const { lastInsertRowid } = this.#database
        .prepare(`INSERT INTO writing (root, summary, at, state, undoes) VALUES (?, ?, ?, 'begun', ?)`)
        .run(root, summary, at, undoes);
      const insert = this.#database.prepare('INSERT INTO change VALUES (?, ?, ?, ?)');
      for (const { file, before, after } of changes) insert.run(lastInsertRowid, file, before, after);
      return Number(lastInsertRowid);
    });
    const writing = { id, root, summary, at, changes };
    const { outcome, strange, cause } = this.#alone(() => this.#settle(root, writing));
    if (outcome === 'finished') return writing;
    if (cause) throw cause;
    throw new PortolanError(
      'file-changed',
      `Nothing was written, for there were changes since it was read: ${strange.join(', ')}`,
      { files: strange },
    );
  }

  /** Does the work once it is written down here that it is to be done. */
  #settle(root: string, writing: Writing): Recovered & { cause?: unknown } {
    const { id, changes } = writing;
    let strange: string[] = [];
    let cause: unknown;
    try {
      strange = advance(root, id, changes);
    } catch (error) {
      cause = error;
    }
    if (strange.length > 0 || cause !== undefined) {
      retreat(root, id, changes);
      this.#database.prepare('DELETE FROM writing WHERE id = ?').run(id);
      return { ...writing, outcome: 'taken-back', strange, cause };
    }
    const { undoes } = this.#database.prepare('SELECT undoes FROM writing WHERE id = ?').get(id) ?? {};
    this.#database.prepare(`UPDATE writing SET state = 'done' WHERE id = ?`).run(id);
    if (typeof undoes === 'number') {
      this.#database.prepare(`UPDATE writing SET state = 'undone' WHERE id = ?`).run(undoes);
    }
    this.#database
      .prepare(
        `DELETE FROM writing WHERE root = ? AND id NOT IN (SELECT id FROM writing WHERE root = ? ORDER BY id DESC LIMIT ${KEPT})`,
      )
      .run(root, root);
    return { ...writing, outcome: 'finished', strange: [] };
  }

  #refuseUnfinished(root: string): void {
    const one = this.#database.prepare(`SELECT id FROM writing WHERE root = ? AND state = 'begun'`).get(root);
    if (!one) return;
    throw new PortolanError('file-changed', `A write to ${root} was interrupted just now: run this again`, { root });
  }

  #read(row: Record<string, unknown>): Writing {
    const changes = this.#database
      .prepare('SELECT file, before, after FROM change WHERE writing = ? ORDER BY file')
      .all(row.id as number);
    return {
      id: row.id as number,
      root: row.root as string,
      summary: row.summary as string,
      at: row.at as string,
      changes: changes as unknown as FileChange[],
    };
  }

  /** One portolan of this user at a time; the lock ends with the process, however that ends. */
  #alone<T>(work: () => T): T {
    try {
      this.#database.exec('BEGIN IMMEDIATE');
    } catch {
      throw new PortolanError('contention', 'Another portolan is writing: try again when it has ended');
    }
    try {
      const result = work();
      this.#database.exec('COMMIT');
      return result;
    } catch (error) {
      this.#database.exec('ROLLBACK');
      throw error;
    }
  }
}

function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder.endsWith(sep) ? folder : folder + sep);
}
