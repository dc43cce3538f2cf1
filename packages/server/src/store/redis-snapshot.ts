import { ORIGIN, PortolanError, type Position } from '@portolan/model';
import type { Redis } from 'ioredis';
import { decodeEntry, decodeRecord } from './log-record.ts';
import { send } from './redis-connection.ts';
import type { FleetKeys } from './redis-keys.ts';
import { readRecords } from './redis-log.ts';
import type { Entry, EpochStart, SnapshotChunk } from './store.ts';

/** Entries of one chunk, and fields that one HSCAN looks at. */
const CHUNK = 2000;
const ATTEMPTS = 3;

/**
 * Redis gives no view of a hash at one moment without holding up all others. So the hash is scanned while it changes,
 * then the log since the start of the scan is applied on top: that gives the state at the last record applied.
 */
export async function* readSnapshot(redis: Redis, keys: FleetKeys): AsyncGenerator<SnapshotChunk> {
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const { head, epoch } = await readHead(redis, keys);
    const entries = await scan(redis, keys);
    const end = await replay(redis, keys, entries, head, epoch);
    if (!end) continue;
    yield* chunksOf(entries, { ...end, epochs: await readEpochs(redis, keys) });
    return;
  }
  throw new PortolanError(
    'store-unavailable',
    `the log moved on faster than the entries could be read, ${ATTEMPTS} times; give the log a greater length`,
  );
}

interface Place {
  readonly position: Position;
  readonly epoch: number;
}

async function readHead(redis: Redis, keys: FleetKeys): Promise<{ head: Position; epoch: number }> {
  const [head, epoch] = (await send(redis, 'hmget', [keys.meta, 'head', 'epoch'])) as [Position | null, string | null];
  return { head: head ?? ORIGIN, epoch: Number(epoch) };
}

async function readEpochs(redis: Redis, keys: FleetKeys): Promise<EpochStart[]> {
  const [text] = (await send(redis, 'hmget', [keys.meta, 'epochs'])) as [string | null];
  return (text ?? '')
    .split(' ')
    .filter(Boolean)
    .map((start) => {
      const [epoch, after] = start.split('@') as [string, Position];
      return { epoch: Number(epoch), after };
    });
}

async function scan(redis: Redis, keys: FleetKeys): Promise<Map<string, Entry>> {
  const entries = new Map<string, Entry>();
  let cursor = '0';
  do {
    const reply = (await send(redis, 'hscan', [keys.kv, cursor, 'COUNT', CHUNK])) as [string, string[]];
    cursor = reply[0];
    const fields = reply[1];
    for (let i = 0; i + 1 < fields.length; i += 2) {
      const key = fields[i] as string;
      entries.set(key, decodeEntry(key, fields[i + 1] as string));
    }
  } while (cursor !== '0');
  return entries;
}

/** @returns the place of the last record, or nothing when the log no longer reaches back to `head` */
async function replay(
  redis: Redis,
  keys: FleetKeys,
  entries: Map<string, Entry>,
  head: Position,
  epochAtHead: number,
): Promise<Place | undefined> {
  let position = head;
  let epoch = epochAtHead;
  for (;;) {
    const records = await readRecords(redis, keys, position);
    if (records.length === 0) return { position, epoch };
    for (const { id, text } of records) {
      const { previous, changes } = decodeRecord(id, text);
      if (previous !== position) return undefined;
      for (const change of changes) {
        const version = `${change.epoch}.${change.revision}`;
        for (const { key, value } of change.puts) entries.set(key, { key, value, version });
        for (const key of change.deletes) entries.delete(key);
        epoch = change.epoch;
      }
      position = id;
    }
  }
}

function* chunksOf(entries: Map<string, Entry>, place: Omit<SnapshotChunk, 'entries'>): Iterable<SnapshotChunk> {
  do {
    const chunk: Entry[] = [];
    for (const [key, entry] of entries) {
      chunk.push(entry);
      // The receiver keeps the state in its own form: hold none of it longer than needed.
      entries.delete(key);
      if (chunk.length === CHUNK) break;
    }
    yield { entries: chunk, ...place };
  } while (entries.size > 0);
}
