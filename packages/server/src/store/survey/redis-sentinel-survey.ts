import { Redis } from 'ioredis';
import type { RedisAddress, RedisNode } from '../redis-address.ts';
import { reasonOf } from '../redis-connection.ts';
import { addressIn, isDown, type SentinelFields, sentinelFields, sentinelOptions } from '../redis-sentinel.ts';
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
  /** Whether it is the one that fails over at this moment. */
  readonly failingOver: boolean | undefined;
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
  const { primary: name = '' } = address;
  const sentinel = new Redis({
    ...sentinelOptions(address, node),
    lazyConnect: true,
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
    return { address: nodeText(node), silent: reasonOf(reason ?? error) };
  }
  const questioner = new Questioner(sentinel);
  const [place, primary, replicas, others] = await Promise.all([
    questioner.ask('SENTINEL get-master-addr-by-name', name),
    questioner.ask('SENTINEL MASTER', name).then(sentinelFields),
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
      failingOver: primary && /failover_in_progress/.test(primary.get('flags') ?? ''),
      total: others ? others.length + 1 : primary && numberOf(primary, 'num-other-sentinels', 1),
      quorum: primary && numberOf(primary, 'quorum'),
      downAfter: primary && numberOf(primary, 'down-after-milliseconds'),
      failoverTimeout: primary && numberOf(primary, 'failover-timeout'),
      others: others?.map((row) => ({ address: addressIn(row), down: isDown(row) })),
      replicas: replicas?.map((row) => ({
        address: addressIn(row),
        down: isDown(row),
        priority: numberOf(row, 'slave-priority'),
      })),
      untold: questioner.untold,
    },
  };
}

function rowsOf(reply: unknown): SentinelFields[] | undefined {
  return Array.isArray(reply) ? reply.map((row) => sentinelFields(row) ?? new Map()) : undefined;
}

function numberOf(row: SentinelFields, name: string, more = 0): number | undefined {
  const text = row.get(name);
  return text === undefined ? undefined : Number(text) + more;
}
