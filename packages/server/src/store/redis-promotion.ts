import type { Socket } from 'node:net';
import { Redis } from 'ioredis';
import type { RedisAddress, RedisNode } from './redis-address.ts';
import { addressIn, isDown, type SentinelFields, sentinelFields, sentinelOptions } from './redis-sentinel.ts';

/** How long one sentinel may take to answer, ms. */
const ANSWER_WITHIN = 500;

/** A server, as `<host>:<port>`. */
type ServerId = string;

/** The primary as it tells of itself. */
export interface PrimaryFacts {
  readonly runId: string;
  /** Where it was reached. */
  readonly at: ServerId;
  /** Replicas that are connected and in step. */
  readonly online: readonly ServerId[];
}

/** What those who decide on promotions say of the replicas of this primary. */
export interface Promotion {
  /** All that belong to it. */
  readonly known: ReadonlySet<ServerId>;
  /** Those that a majority would not promote: dead, too far behind, or never to be promoted by configuration. */
  readonly down: ReadonlySet<ServerId>;
  /** Those that may be dead, and may as well be promoted on the other side of a cut. */
  readonly doubted: ReadonlySet<ServerId>;
  /** Those that belong to somebody else, or are no replicas. */
  readonly others: ReadonlySet<ServerId>;
  /** Whether a majority spoke, and of this very primary. Else nothing may be concluded from what is missing here. */
  readonly certain: boolean;
  /** Why it is not certain. */
  readonly why: string;
}

/** @throws Error of the connection */
export async function primaryFacts(redis: Redis): Promise<PrimaryFacts> {
  const info = await redis.info().catch((error: Error) => {
    // Without the right to ask, no replica is known of, as with a server that has none.
    if (error.name === 'ReplyError') return '';
    throw error;
  });
  return {
    runId: /^run_id:(\w+)/m.exec(info)?.[1] ?? '',
    at: addressOf(redis),
    online: [...replicationOf(info).online.keys()],
  };
}

/** How far a primary has written, and how far each replica that is in step has said that it has come, in bytes. */
export interface Replication {
  readonly written: number;
  readonly online: ReadonlyMap<ServerId, number>;
}

/** @param info what `INFO replication` answers */
export function replicationOf(info: string): Replication {
  const replicas = Array.from(info.matchAll(/^slave\d+:(.*)$/gm), ([, fields]) => fieldsOf(fields!));
  return {
    written: Number(/^master_repl_offset:(\d+)/m.exec(info)?.[1] ?? 0),
    online: new Map(
      replicas
        .filter(({ state }) => state === 'online')
        .map(({ ip, port, offset }) => [`${ip}:${port}`, Number(offset)]),
    ),
  };
}

/** Where the server is, as this end sees it. */
function addressOf({ stream }: Redis): ServerId {
  const { remoteAddress, remotePort } = stream as Partial<Socket>;
  return `${remoteAddress}:${remotePort}`;
}

/** `ip=127.0.0.1,port=6380,state=online` */
function fieldsOf(text: string): Record<string, string> {
  return Object.fromEntries(
    text
      .trim()
      .split(',')
      .map((field) => field.split('=', 2)),
  );
}

/**
 * What those who decide on promotions say of a primary; `undefined` where nobody does.
 *
 * @throws Error of the connection
 */
export async function promotionOf(
  redis: Redis,
  address: RedisAddress,
  facts: PrimaryFacts,
): Promise<Promotion | undefined> {
  if (address.kind === 'single') return undefined;
  try {
    return await (address.kind === 'sentinel' ? askSentinels(address, facts) : askCluster(redis));
  } catch (error) {
    if ((error as Error).name !== 'ReplyError') throw error;
    const none = new Set<ServerId>();
    return { known: none, down: none, doubted: none, others: none, certain: false, why: (error as Error).message };
  }
}

/** What the sentinels say of a primary. Some of them are enough, if they are a majority. */
async function askSentinels(address: RedisAddress, { runId, at }: PrimaryFacts): Promise<Promotion> {
  const asked = await Promise.allSettled(address.nodes.map((node) => askSentinel(address, node)));
  // The URL need not name all of them, and may name one twice.
  const strangers = strangersIn(asked, address.nodes);
  asked.push(...(await Promise.allSettled(strangers.map((node) => askSentinel(address, node)))));
  const answers = distinct(asked.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : [])));
  const refusal = asked.find((result) => result.status === 'rejected' && result.reason?.name === 'ReplyError');
  const all = Math.max(1, ...answers.map(({ others }) => others.length + 1));
  const majority = Math.floor(all / 2) + 1;
  // Where it was reached counts while they have not asked a new primary for its id yet.
  const agreeing = answers.filter((answer) => (answer.runId === '' ? answer.at === at : answer.runId === runId));
  const known = new Set(answers.flatMap(({ replicas }) => replicas.map(({ id }) => id)));
  const accusers = (id: string) =>
    agreeing.filter((answer) => answer.replicas.some((each) => each.id === id && each.down));
  return {
    known,
    down: new Set([...known].filter((id) => accusers(id).length >= majority)),
    doubted: new Set(),
    others: new Set(),
    certain: agreeing.length >= majority,
    why: refusal
      ? `a sentinel refused the query (${(refusal as PromiseRejectedResult).reason.message})`
      : `${agreeing.length} of ${all} sentinels say that it is the primary`,
  };
}

interface SentinelAnswer {
  /** Of the primary; empty while it was not asked. */
  readonly runId: string;
  /** Where the primary is, as `<host>:<port>`. */
  readonly at: string;
  /** The other sentinels, as far as this one knows. */
  readonly others: readonly { readonly runId: string; readonly node: RedisNode }[];
  readonly replicas: readonly { readonly id: string; readonly down: boolean }[];
}

async function askSentinel(address: RedisAddress, node: RedisNode): Promise<SentinelAnswer> {
  const sentinel = new Redis({
    ...sentinelOptions(address, node),
    lazyConnect: true,
    retryStrategy: null,
    connectTimeout: ANSWER_WITHIN,
    commandTimeout: ANSWER_WITHIN,
  });
  sentinel.on('error', () => {});
  try {
    await sentinel.connect();
    const [master, replicas, others] = (await Promise.all(
      ['MASTER', 'REPLICAS', 'SENTINELS'].map((what) => sentinel.call('SENTINEL', what, address.primary ?? '')),
    )) as [unknown, unknown[], unknown[]];
    const told = sentinelFields(master) ?? new Map<string, string>();
    // As the sentinels choose: one whose link to the primary has been down for longer is passed over.
    const linkDownMax = 10 * Number(told.get('down-after-milliseconds'));
    return {
      runId: told.get('runid') ?? '',
      at: addressIn(told),
      others: others
        .flatMap((each) => sentinelFields(each) ?? [])
        .map((other) => ({
          runId: other.get('runid') ?? '',
          node: { host: other.get('ip') ?? '', port: Number(other.get('port')) },
        })),
      replicas: replicas
        .flatMap((each) => sentinelFields(each) ?? [])
        .map((replica) => ({
          id: addressIn(replica),
          down:
            isDown(replica) ||
            replica.get('slave-priority') === '0' ||
            Number(replica.get('master-link-down-time')) > linkDownMax ||
            neverSynced(replica),
        })),
    };
  } finally {
    sentinel.disconnect();
  }
}

/** It has nothing yet of what the primary has. */
function neverSynced(replica: SentinelFields): boolean {
  return replica.get('master-link-status') === 'err' && Number(replica.get('master-link-down-time')) < 0;
}

/** Sentinels that others tell of and the URL does not. */
function strangersIn(asked: readonly PromiseSettledResult<SentinelAnswer>[], named: readonly RedisNode[]): RedisNode[] {
  const known = new Set(named.map(({ host, port }) => `${host}:${port}`));
  const strangers = new Map<string, RedisNode>();
  for (const result of asked) {
    if (result.status === 'rejected') continue;
    // One whose name is not its address was asked already: it is told apart by its word below.
    for (const { node } of result.value.others) {
      const id = `${node.host}:${node.port}`;
      if (!known.has(id) && node.host !== '') strangers.set(id, node);
    }
  }
  return [...strangers.values()];
}

/** A sentinel tells of all others: so two that tell of the same are one. */
function distinct(answers: readonly SentinelAnswer[]): SentinelAnswer[] {
  const idOf = ({ others }: SentinelAnswer) =>
    others
      .map(({ runId }) => runId)
      .sort()
      .join();
  return [...new Map(answers.map((answer) => [idOf(answer), answer])).values()];
}

/** What the cluster says of the replicas of the node at the other end: `fail` is the word of a majority of its primaries. */
async function askCluster(redis: Redis): Promise<Promotion> {
  const [info, nodes] = (await Promise.all([redis.call('CLUSTER', 'INFO'), redis.call('CLUSTER', 'NODES')])) as [
    string,
    string,
  ];
  const lines = nodes
    .split('\n')
    .map((line) => line.split(' '))
    .filter((line) => line.length >= 4);
  const own = lines.find(([, , flags]) => flags!.split(',').includes('myself'));
  const told = lines.map(([, address, flags, primary]) => ({
    id: address!.replace(/[@,].*$/, ''),
    own: flags!.split(',').includes('slave') && primary === own?.[0],
    down: flags!.split(',').includes('fail'),
    doubted: flags!.split(',').includes('fail?'),
  }));
  const idsOf = (some: typeof told) => new Set(some.map(({ id }) => id));
  return {
    known: idsOf(told.filter((each) => each.own)),
    down: idsOf(told.filter((each) => each.own && each.down)),
    doubted: idsOf(told.filter((each) => each.own && each.doubted)),
    others: idsOf(told.filter((each) => !each.own)),
    certain: /^cluster_state:ok/m.test(info) && own !== undefined && own[2]!.split(',').includes('master'),
    why: 'the node is no primary of a cluster that has a majority',
  };
}
