import { Redis } from 'ioredis';
import type { RedisAddress, RedisNode } from './redis-address.ts';
import { nodeText } from './redis-node.ts';
import { ANSWER_WITHIN, Questioner, type Untold, within } from './redis-question.ts';

export interface SentinelFacts {
  /** `host:port`, as in the URL. */
  readonly address: string;
  /** Why it could not be asked; else `view` is there. */
  readonly silent?: string;
  readonly view?: SentinelView;
}

/** What one sentinel knows; `undefined` where it does not tell. */
export interface SentinelView {
  /** `host:port`; `null` when it knows none of that name. */
  readonly primary: string | null | undefined;
  /** Whether it takes the primary for down. */
  readonly primaryDown: boolean | undefined;
  /** How many sentinels there are, with this one. */
  readonly total: number | undefined;
  readonly quorum: number | undefined;
  /** ms of silence until it takes a server for down. */
  readonly downAfter: number | undefined;
  /** ms; a failover that failed is tried again after twice that. */
  readonly failoverTimeout: number | undefined;
  readonly others: readonly { readonly address: string; readonly down: boolean }[] | undefined;
  readonly replicas: readonly SentinelReplica[] | undefined;
  readonly untold: readonly Untold[];
}

export interface SentinelReplica {
  /** `host:port`, to which coordinators would go after a failover. */
  readonly address: string;
  readonly down: boolean;
  /** The lowest is promoted first, 0 never. */
  readonly priority: number | undefined;
}

/** Asks all sentinels of the URL at once. @param until closes the connections */
export function surveySentinels(address: RedisAddress, until: AbortSignal): Promise<SentinelFacts[]> {
  return Promise.all(address.nodes.map((node) => surveySentinel(address, node, until)));
}

async function surveySentinel(address: RedisAddress, node: RedisNode, until: AbortSignal): Promise<SentinelFacts> {
  const { sentinelUser, tls, primary: name = '' } = address;
  const sentinel = new Redis({
    ...node,
    ...(sentinelUser?.name && { username: sentinelUser.name }),
    ...(sentinelUser?.password && { password: sentinelUser.password }),
    ...(tls && { tls }),
    lazyConnect: true,
    // It would ask for INFO, which a sentinel's user need not have.
    enableReadyCheck: false,
    disableClientInfo: true,
    retryStrategy: null,
    connectTimeout: ANSWER_WITHIN,
  });
  let reason: Error | undefined;
  sentinel.on('error', (error: Error) => {
    reason ??= error;
  });
  until.addEventListener('abort', () => sentinel.disconnect(), { once: true });
  try {
    await within(2 * ANSWER_WITHIN, sentinel.connect());
  } catch (error) {
    return { address: nodeText(node), silent: (reason ?? (error as Error)).message };
  }
  const questioner = new Questioner(sentinel);
  const [place, primary, replicas, others] = await Promise.all([
    questioner.ask('SENTINEL get-master-addr-by-name', name),
    questioner.ask('SENTINEL MASTER', name).then(fieldsOf),
    questioner.ask('SENTINEL REPLICAS', name).then(rowsOf),
    questioner.ask('SENTINEL SENTINELS', name).then(rowsOf),
  ]);
  // Last: after it this connection is for messages alone.
  await questioner.hear('SUBSCRIBE', sentinel.subscribe('+switch-master'));
  return {
    address: nodeText(node),
    view: {
      primary: Array.isArray(place) ? place.join(':') : (place as null | undefined),
      primaryDown: primary && isDown(primary),
      total: others ? others.length + 1 : primary && numberOf(primary, 'num-other-sentinels', 1),
      quorum: primary && numberOf(primary, 'quorum'),
      downAfter: primary && numberOf(primary, 'down-after-milliseconds'),
      failoverTimeout: primary && numberOf(primary, 'failover-timeout'),
      others: others?.map((row) => ({ address: addressOf(row), down: isDown(row) })),
      replicas: replicas?.map((row) => ({
        address: addressOf(row),
        down: isDown(row),
        priority: numberOf(row, 'slave-priority'),
      })),
      untold: questioner.untold,
    },
  };
}

type Fields = ReadonlyMap<string, string>;

/** A flat array: name, value, name, value. */
function fieldsOf(reply: unknown): Fields | undefined {
  if (!Array.isArray(reply)) return undefined;
  const texts = reply.map(String);
  return new Map(texts.flatMap((name, i) => (i % 2 === 0 ? [[name, texts[i + 1] ?? '']] : [])) as [string, string][]);
}

function rowsOf(reply: unknown): Fields[] | undefined {
  return Array.isArray(reply) ? reply.map((row) => fieldsOf(row) ?? new Map()) : undefined;
}

function addressOf(row: Fields): string {
  return `${row.get('ip')}:${row.get('port')}`;
}

/** `disconnected` alone passes: it is told of each that was met a moment ago. */
function isDown(row: Fields): boolean {
  return /[so]_down/.test(row.get('flags') ?? '');
}

function numberOf(row: Fields, name: string, more = 0): number | undefined {
  const text = row.get(name);
  return text === undefined ? undefined : Number(text) + more;
}
