import { randomInt } from 'node:crypto';
import { EventEmitter, once } from 'node:events';
import type { DatabaseSync } from 'node:sqlite';
import { formatVersion, PortolanError, type Position, revisionOf } from '@portolan/model';
import type { Logger } from 'pino';
import { checkGroup } from './group-limits.ts';
import { checkSuccessor, decodeRecord, encodeRecord, leavesTrace, previousOf } from './log-record.ts';
import { Outage } from './outage.ts';
import { explain, openDatabase } from './sqlite-database.ts';
import { FileInPlace } from './sqlite-file.ts';
import {
  type Alternative,
  type Change,
  CLOCK_STEP_MAX,
  type Condition,
  type Entry,
  type GroupOutcome,
  type Outcome,
  type SnapshotChunk,
  type Store,
  type Transaction,
} from './store.ts';

export interface SqliteStoreOptions {
  /** Of the file, which is made when it is not there; `:memory:` keeps nothing. */
  readonly path: string;
  /** How many groups the log keeps, approximately: how far back a reader can resume. */
  readonly logLength?: number;
  /** With `off` a power failure may take commits that were answered: for tests. */
  readonly synchronous?: 'full' | 'off';
  readonly logger?: Logger;
}

/** Groups read from the log at once. */
const BATCH = 100;
/** Entries of one chunk of a snapshot. */
const CHUNK = 2000;
/** What the proof writes that there is room again, bytes: more than most commits. */
const ROOM = 64 * 1024;

/** @throws PortolanError `store-unavailable` when another process has the file, or it is damaged, not Portolan's, or newer */
export async function openSqliteStore(options: SqliteStoreOptions): Promise<Store> {
  const { path, logLength = 10_000, synchronous = 'full', logger } = options;
  const database = openDatabase(path, synchronous, logger);
  const sql = prepare(database);
  const news = new EventEmitter().setMaxListeners(0);
  const closed = new AbortController();

  const stored = sql.meta.get() as unknown as { head: Position; epoch: number; clock: number };
  let head = stored.head;
  // Goes on from where it was: the time in which nobody could renew does not count.
  let clock = stored.clock || Date.now();
  let ticked = performance.now();
  let untrimmed = 0;
  const file = path === ':memory:' ? undefined : new FileInPlace(path);
  // A file that was put back from a backup looks like any other: so each opening begins a new epoch.
  const epoch = Math.max(Date.now(), stored.epoch + 1);
  guarded(() => sql.setMeta.run(head, epoch, clock));
  const outage = new Outage(
    logger,
    'the store is not accepting commits: writes are refused until it is',
    'the store accepts commits again',
  );
  /** A commit was refused since the last one that worked: one that changes nothing may still fit on a full disk. */
  let refused = false;
  const acknowledgement = file === undefined || synchronous === 'off' ? 'memory' : 'disk';

  return {
    acknowledgement,
    lowered: null,

    async commit(group) {
      checkGroup(group);
      try {
        file?.check();
        if (refused && group.every(isEmpty)) guarded(proveRoom);
        const outcome = guarded(() => commitGroup(group));
        if (outcome.position !== head) {
          head = outcome.position;
          news.emit('commit');
        }
        file?.checkCommitted();
        refused = false;
        outage.worked();
        return outcome;
      } catch (error) {
        refused = true;
        outage.failed(error);
        throw error;
      }
    },

    async *snapshot(): AsyncGenerator<SnapshotChunk> {
      // One exclusive connection gives no second view beside its writes, so this is read in one go.
      const entries = guarded(() => sql.entries.all()) as unknown as Entry[];
      const place = { position: head, epoch, epochs: [] };
      let from = 0;
      do {
        yield { entries: entries.slice(from, from + CHUNK), ...place };
        from += CHUNK;
      } while (from < entries.length);
    },

    async *changes(from, signal, has): AsyncGenerator<Change[]> {
      const until = AbortSignal.any([signal, closed.signal]);
      let position = from;
      while (!until.aborted) {
        const rows = guarded(() => sql.logAfter.all(revisionOf(position), BATCH)) as unknown as LogRow[];
        if (rows.length === 0) {
          checkSuccessor(position, head);
          await once(news, 'commit', { signal: until }).catch(() => undefined);
          continue;
        }
        const changes: Change[] = [];
        for (const { revision, nonce, record } of rows) {
          const id = `${revision}-${nonce}`;
          checkSuccessor(position, previousOf(record));
          position = id;
          if (!has?.(id)) for (const change of decodeRecord(id, record).changes) changes.push(change);
        }
        yield changes;
      }
    },

    async due(limit) {
      return guarded(() => {
        const time = tick();
        const found = sql.due.all(time, limit) as { id: string; deadline: number }[];
        const total = sql.countLeases.get()?.total as number;
        return { leases: found.map(({ id }) => id), deadlines: found.map(({ deadline }) => deadline), total, time };
      });
    },

    async close() {
      closed.abort();
      if (database.isOpen) database.close();
    },
  };

  /** The time in ms, by the monotonic clock of this process; see `Store.due`. */
  function tick(): number {
    const now = performance.now();
    clock += Math.min(now - ticked, CLOCK_STEP_MAX);
    ticked = now;
    return Math.floor(clock);
  }

  function guarded<T>(work: () => T): T {
    if (!database.isOpen) throw new PortolanError('store-unavailable', 'the store is closed', { path });
    try {
      return work();
    } catch (error) {
      if (database.isTransaction) database.exec('ROLLBACK');
      throw explain(error, path);
    }
  }

  function commitGroup(group: readonly Transaction[]): GroupOutcome {
    const now = tick();
    const nonce = String(randomInt(1, 2 ** 48 - 1));
    const changes: Change[] = [];
    let revision = revisionOf(head);
    database.exec('BEGIN IMMEDIATE');
    const outcomes = group.map(({ alternatives }): Outcome => {
      const alternative = alternatives.findIndex(({ conditions }) =>
        conditions.every((condition) => holds(condition, now)),
      );
      const chosen = alternatives[alternative];
      if (!chosen) return { applied: false };
      if (leavesTrace(chosen)) {
        revision++;
        changes.push({ position: head, revision, epoch, puts: chosen.puts, deletes: chosen.deletes });
      }
      apply(chosen, formatVersion(epoch, revision), now);
      return { applied: true, alternative, revision };
    });
    const position = changes.length > 0 ? `${revision}-${nonce}` : head;
    if (changes.length > 0) {
      sql.append.run(revision, nonce, encodeRecord({ previous: head, changes }));
      trim();
    }
    // Written also when nothing changed: so a group that answers has proved that the store takes writes.
    sql.setMeta.run(position, epoch, now);
    database.exec('COMMIT');
    return { outcomes, previous: head, position, epoch, acknowledgement };
  }

  /** Writes as much as most commits would, and takes it back: were it left there, a lease that never ends does no harm. */
  function proveRoom(): void {
    const filler = 'room'.padEnd(ROOM);
    sql.setLease.run(filler, Number.MAX_SAFE_INTEGER);
    sql.endLease.run(filler);
  }

  /** Counting back from the head costs time, so it is done now and then. */
  function trim(): void {
    untrimmed++;
    if (untrimmed * 16 < logLength) return;
    sql.trim.run(logLength);
    untrimmed = 0;
  }

  function holds(condition: Condition, now: number): boolean {
    if ('key' in condition) {
      const version = sql.version.get(condition.key)?.version;
      return (version ?? null) === condition.version;
    }
    if ('epoch' in condition) return condition.epoch === epoch;
    const deadline = sql.deadline.get(condition.lease)?.deadline as number | undefined;
    if (deadline === undefined) return false;
    return condition.due === undefined || condition.due === deadline <= now;
  }

  function apply({ puts, deletes, leases }: Alternative, version: string, now: number): void {
    for (const { key, value } of puts) sql.put.run(key, version, value);
    for (const key of deletes) sql.delete.run(key);
    for (const { id, ttl } of leases) {
      if (ttl === null) sql.endLease.run(id);
      else sql.setLease.run(id, now + ttl);
    }
  }
}

function isEmpty({ alternatives }: Transaction): boolean {
  return !alternatives.some((each) => leavesTrace(each) || each.leases.length > 0);
}

interface LogRow {
  readonly revision: number;
  readonly nonce: string;
  readonly record: string;
}

function prepare(database: DatabaseSync) {
  return {
    meta: database.prepare('SELECT head, epoch, clock FROM meta'),
    setMeta: database.prepare('UPDATE meta SET head = ?, epoch = ?, clock = ?'),
    version: database.prepare('SELECT version FROM entries WHERE key = ?'),
    entries: database.prepare('SELECT key, value, version FROM entries'),
    put: database.prepare('INSERT OR REPLACE INTO entries (key, version, value) VALUES (?, ?, ?)'),
    delete: database.prepare('DELETE FROM entries WHERE key = ?'),
    deadline: database.prepare('SELECT deadline FROM leases WHERE id = ?'),
    setLease: database.prepare('INSERT OR REPLACE INTO leases (id, deadline) VALUES (?, ?)'),
    endLease: database.prepare('DELETE FROM leases WHERE id = ?'),
    due: database.prepare('SELECT id, deadline FROM leases WHERE deadline <= ? ORDER BY deadline LIMIT ?'),
    countLeases: database.prepare('SELECT count(*) AS total FROM leases'),
    append: database.prepare('INSERT INTO log (revision, nonce, record) VALUES (?, ?, ?)'),
    logAfter: database.prepare('SELECT revision, nonce, record FROM log WHERE revision > ? ORDER BY revision LIMIT ?'),
    trim: database.prepare(
      'DELETE FROM log WHERE revision <= (SELECT revision FROM log ORDER BY revision DESC LIMIT 1 OFFSET ?)',
    ),
  };
}
