import { setImmediate as afterInput, setTimeout as sleep } from 'node:timers/promises';
import { ORIGIN, type Position } from '@portolan/model';
import type { Redis } from 'ioredis';
import { checkSuccessor, decodeRecord, previousOf } from './log-record.ts';
import { isPassing, isRefusal, send, unavailable, whenReady } from './redis-connection.ts';
import type { FleetKeys } from './redis-keys.ts';
import { type Change, HistoryLostError } from './store.ts';

/** Groups read at once, so that a reader who comes late does not hold up Redis. */
const BATCH = 32;
/** ms */
const RETRY_PAUSE = 100;

interface ReadOptions {
  readonly from: Position;
  readonly until: AbortSignal;
  /** How long one read waits for news, ms. */
  readonly block: number;
  readonly has?: ((position: Position) => boolean) | undefined;
}

/** @see Store.changes; goes on over lost connections as long as the history still holds the last position read */
export async function* readChanges(redis: Redis, keys: FleetKeys, options: ReadOptions): AsyncGenerator<Change[]> {
  const { until, block, has } = options;
  let position = options.from;
  let known = false;
  redis.on('close', () => {
    known = false;
  });
  while (!until.aborted) {
    await whenReady(redis, until);
    if (until.aborted) return;
    let records: readonly PositionedRecord[];
    try {
      if (!known) {
        // A promoted replica may end before the position; then no read would come back to say so.
        known = true;
        await checkPosition(redis, keys, position);
      }
      records = await readRecords(redis, keys, position, { block });
      if (records.length === 0) known = false;
    } catch (error) {
      if (error instanceof HistoryLostError) throw error;
      if (until.aborted) return;
      if (isRefusal(error) && !isPassing(error)) throw unavailable(error);
      await sleep(RETRY_PAUSE, undefined, { signal: until }).catch(() => undefined);
      continue;
    }
    // Redis tells its readers before it answers the writer, who has no need of what it wrote itself.
    await afterInput();
    const changes: Change[] = [];
    for (const { id, text } of records) {
      checkSuccessor(position, previousOf(text));
      position = id;
      if (!has?.(id)) for (const change of decodeRecord(id, text).changes) changes.push(change);
    }
    if (records.length > 0) yield changes;
  }
}

interface PositionedRecord {
  readonly id: Position;
  /** As `decodeRecord` takes it. */
  readonly text: string;
}

/** @param options.block how long to wait for news, ms; without it the answer may be empty at once */
export async function readRecords(
  redis: Redis,
  keys: FleetKeys,
  after: Position,
  { count = BATCH, block }: { count?: number; block?: number } = {},
): Promise<PositionedRecord[]> {
  const wait = block === undefined ? [] : ['BLOCK', block];
  const reply = (await send(redis, 'xread', ['COUNT', count, ...wait, 'STREAMS', keys.log, after])) as
    | [key: string, entries: StreamEntry[]][]
    | null;
  return (reply?.[0]?.[1] ?? []).map(recordOf);
}

/** @throws HistoryLostError when the position is not a place in the log */
async function checkPosition(redis: Redis, keys: FleetKeys, position: Position): Promise<void> {
  // In this order: when nothing follows the position, the head that was read before is still the head.
  const [head, [next]] = await Promise.all([
    send(redis, 'hget', [keys.meta, 'head']) as Promise<Position | null>,
    readRecords(redis, keys, position, { count: 1 }),
  ]);
  checkSuccessor(position, next ? previousOf(next.text) : (head ?? ORIGIN));
}

type StreamEntry = [id: Position, fields: [name: string, text: string]];

function recordOf([id, [, text]]: StreamEntry): PositionedRecord {
  return { id, text };
}
