import { chmodSync, existsSync, statSync } from 'node:fs';
import { DatabaseSync } from 'node:sqlite';
import { PortolanError } from '@portolan/model';
import type { Logger } from 'pino';

/** Marks a file as Portolan's: `PORT` in ASCII. */
const APPLICATION_ID = 0x504f5254;
const SCHEMA_VERSION = 1;
/** How long to wait for a coordinator that is just stopping, ms. */
const BUSY_TIMEOUT = 2000;

const SCHEMA = `
  CREATE TABLE meta (id INTEGER PRIMARY KEY CHECK (id = 1), head TEXT NOT NULL, epoch INTEGER NOT NULL, clock INTEGER NOT NULL);
  CREATE TABLE entries (key TEXT PRIMARY KEY, version TEXT NOT NULL, value TEXT NOT NULL) WITHOUT ROWID;
  CREATE TABLE leases (id TEXT PRIMARY KEY, deadline REAL NOT NULL) WITHOUT ROWID;
  CREATE INDEX leases_by_deadline ON leases (deadline);
  CREATE TABLE log (revision INTEGER PRIMARY KEY, nonce TEXT NOT NULL, record TEXT NOT NULL);
  INSERT INTO meta VALUES (1, '0-0', 0, 0);
  PRAGMA application_id = ${APPLICATION_ID};
  PRAGMA user_version = ${SCHEMA_VERSION};
`;

/**
 * Opens or makes the file, for this process alone.
 *
 * @throws PortolanError `store-unavailable` when another process has it, or it is damaged, not Portolan's, or newer
 */
export function openDatabase(path: string, synchronous: 'full' | 'off', logger?: Logger): DatabaseSync {
  if (statSync(path, { throwIfNoEntry: false })?.size === 0) throw damaged(path, 'it has no content');
  let database: DatabaseSync | undefined;
  try {
    database = new DatabaseSync(path, { timeout: BUSY_TIMEOUT });
    // An exclusive lock is the operating system's: it ends with the process, however that ends.
    database.exec(`PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = ${synchronous}`);
    database.exec('BEGIN EXCLUSIVE');
    const isNew = pragma(database, 'schema_version') === 0;
    if (isNew) {
      database.exec(SCHEMA);
      for (const file of [path, `${path}-wal`]) if (existsSync(file)) chmodSync(file, 0o600);
    }
    const isOurs = pragma(database, 'application_id') === APPLICATION_ID;
    const version = pragma(database, 'user_version');
    database.exec('COMMIT');
    // After a file that was lost nothing else would tell.
    if (isNew) logger?.info({ path }, 'there was no store: a new one was made, with an empty registry');
    if (!isOurs)
      throw new PortolanError('store-unavailable', `${path} belongs to another program; name another file`, { path });
    if (version !== SCHEMA_VERSION) {
      throw new PortolanError(
        'store-unavailable',
        `${path} has form ${version}, this Portolan reads form ${SCHEMA_VERSION}; start the Portolan that wrote it`,
        { path, version },
      );
    }
    return database;
  } catch (error) {
    database?.close();
    throw explain(error, path);
  }
}

/** The error that callers of the store see for one of SQLite's. */
export function explain(error: unknown, path: string): unknown {
  const code = sqliteCode(error);
  if (code === undefined) return error;
  const reason = (error as Error).message;
  if (code === SQLITE_BUSY) {
    return new PortolanError(
      'store-unavailable',
      `another process has ${path} open; one coordinator at a time can use it: stop the other, or let several share a Redis`,
      { path },
      { cause: error },
    );
  }
  if (code === SQLITE_CORRUPT || code === SQLITE_NOTADB) return damaged(path, reason);
  if (code === SQLITE_IOERR) {
    return new PortolanError(
      'durability-unknown',
      `the disk failed while ${path} was written (${reason}): the commit may or may not last; check the disk, then ask again`,
      { path, reason },
      { cause: error },
    );
  }
  return new PortolanError(
    'store-unavailable',
    `${path} cannot be used now (${reason}); nothing was changed`,
    { path, reason },
    {
      cause: error,
    },
  );
}

const SQLITE_BUSY = 5;
const SQLITE_IOERR = 10;
const SQLITE_CORRUPT = 11;
const SQLITE_NOTADB = 26;

/** The primary result code; `undefined` when the error is not SQLite's. */
function sqliteCode(error: unknown): number | undefined {
  if (!(error instanceof Error) || !('errcode' in error)) return undefined;
  return Number(error.errcode) & 0xff;
}

function damaged(path: string, reason: string): PortolanError {
  return new PortolanError(
    'store-unavailable',
    `${path} is damaged or no database (${reason}); restore a backup, or move the file away to begin with an empty fleet`,
    { path, reason },
  );
}

function pragma(database: DatabaseSync, name: string): unknown {
  return database.prepare(`PRAGMA ${name}`).get()?.[name];
}
