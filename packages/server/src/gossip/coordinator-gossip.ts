import { hostname } from 'node:os';
import {
  answerNudges,
  type GossipOptions,
  keySeals,
  type SheetCluster,
  type SigningKey,
  startSheetCluster,
} from '@portolan/gossip';
import {
  type Fleet,
  GOSSIP_PORT,
  hasSheet,
  isLoopback,
  key,
  MEMBER_KIND,
  type MemberTags,
  REGISTRY_SHEET,
  sheetSizeOf,
} from '@portolan/model';
import type { Logger } from 'pino';
import manifest from '../../package.json' with { type: 'json' };
import { alternative, put } from '../commands/entries.ts';
import type { Committer } from '../committer.ts';
import type { Executor } from '../executor.ts';
import type { Replica } from '../replica.ts';
import type { FleetGossip } from './fleet-gossip.ts';
import type { FleetIdentity } from './fleet-identity.ts';
import type { Keyrings } from './keyrings.ts';

export interface GossipSettings {
  /** Address to listen on; 127.0.0.1 unless told otherwise. */
  readonly host?: string | undefined;
  /** 7679 unless told otherwise; where that is taken the next free one of ten. 0: any. */
  readonly port?: number | undefined;
  /** Where members reach this one, when that is not what it listens on. */
  readonly advertise?: { readonly host: string; readonly port: number } | undefined;
  /** `host:port` of members to join, beside the coordinators that the store knows. */
  readonly join?: readonly string[] | undefined;
  /** Keys given by hand, the one that encrypts first; unless told, those of the store. */
  readonly keys?: readonly string[] | undefined;
  /** Of a coordinator that is an agent too: the id of its host, its name, and the key that it signs with. */
  readonly agent?: { readonly host: string; readonly name: string; readonly key: SigningKey } | undefined;
  readonly profile?: GossipOptions['profile'];
  /** Records of sheets that are kept. */
  readonly recordLimit?: number | undefined;
}

export interface GossipPlace extends GossipSettings {
  /** Names this coordinator. */
  readonly id: string;
  readonly label: string;
  /** Where others reach this coordinator by HTTP. */
  readonly api: string;
}

/** How long a coordinator that said nothing stays a seed, ms. */
const SEED_TTL = 180_000;
/** How many ports are tried from the first one on, before any. */
const PORTS = 10;

/**
 * Takes part in the gossip of the fleet, and tells in the store where.
 *
 * @returns what ends that
 * @throws GossipError `invalid`; Error of the system when no port can be had
 */
export async function joinGossip(
  place: GossipPlace,
  parts: {
    gossip: FleetGossip;
    identity: FleetIdentity;
    keyrings: Keyrings;
    committer: Committer;
    executor: Executor;
    replica: Replica;
    fleet: Fleet;
    logger: Logger;
  },
): Promise<{ cluster: SheetCluster; stop: () => Promise<void> }> {
  const { gossip: link, identity, keyrings, committer, executor, replica, fleet, logger } = parts;
  const { id, host = '127.0.0.1', agent } = place;
  const name = agent?.host ?? id;
  const stored = await keyrings.ensure();
  await identity.ensure();
  const cluster = await startSheetCluster({
    name,
    host,
    ports: portsFrom(place.port ?? GOSSIP_PORT),
    ...(place.advertise && { advertise: place.advertise }),
    label: place.label,
    keyring: place.keys ?? stored,
    tags: tagsOf(place),
    kindTag: 'kind',
    keyQueries: false,
    isKnown: (member) => fleet.host(member) !== undefined || fleet.has(key.seed(member)),
    defaultPort: GOSSIP_PORT,
    profile: place.profile ?? (isLoopback(host) ? 'local' : 'lan'),
    sheets: {
      // A coordinator has the store; only one that is an agent too keeps what agents say of their hosts.
      accepts: (owner) => owner === REGISTRY_SHEET || (agent !== undefined && hasSheet(fleet.host(owner))),
      sizeOf: sheetSizeOf,
      seals: keySeals(
        (owner) => {
          if (owner === REGISTRY_SHEET) return identity.known;
          return owner === agent?.host ? agent.key : undefined;
        },
        (owner) => fleet.host(owner)?.key,
      ),
      ...(place.recordLimit !== undefined && { limit: place.recordLimit }),
    },
    log: (level, text) => logger[level === 'warn' ? 'debug' : 'trace']({ gossip: name }, text),
  });
  const { address } = cluster.gossip;
  const own = `${address.host.includes(':') ? `[${address.host}]` : address.host}:${address.port}`;
  const api = urlFor(place.api, address.host);
  if (api !== place.api) cluster.gossip.setTags(tagsOf({ ...place, api }));
  logger.info({ address: own, name, api }, 'taking part in gossip');
  const follow = () => {
    if (!place.keys && keyrings.keys.length > 0) cluster.gossip.setKeys(keyrings.keys);
  };
  const refresh = async () => {
    if (place.keys) throw new Error('its keys were given to it by hand');
    await executor.catchUp();
    follow();
  };
  cluster.onEvent(answerNudges(cluster.gossip, refresh));
  const unfollow = replica.subscribe({
    applied: ({ touches }) => {
      if (touches.some((touch) => touch.key === key.keyring())) follow();
    },
    reset: follow,
  });
  follow();
  let isTold = false;
  cluster.onEvent((event) => {
    if (event.type !== 'conflict' || !event.lost || isTold) return;
    isTold = true;
    logger.warn({ name, other: event.other }, SAME_NAME);
  });
  link.attach(cluster, { label: place.label, api });

  const seedKey = key.seed(id);
  const announce = () =>
    committer
      .commit({
        alternatives: [
          alternative({
            puts: fleet.has(seedKey) ? [] : [put<'seed'>(seedKey, { coordinator: id, address: own })],
            leases: [{ id: seedKey, ttl: SEED_TTL }],
          }),
        ],
      })
      .catch((error: unknown) => logger.debug({ err: error }, 'the place of gossip could not be told'));
  await announce();
  const rejoin = async () => {
    const wanted = new Set([...(place.join ?? []), ...seedsOf(fleet)]);
    wanted.delete(own);
    const known = new Set(
      cluster.gossip
        .members()
        .flatMap((each) => (each.status === 'alive' ? [`${each.address.host}:${each.address.port}`] : [])),
    );
    const missing = [...wanted].filter((seed) => !known.has(seed));
    if (missing.length > 0) await cluster.gossip.join(missing).catch(() => {});
  };
  void rejoin();
  const timer = setInterval(() => {
    void announce();
    void rejoin();
  }, SEED_TTL / 3).unref();

  return {
    cluster,
    async stop() {
      clearInterval(timer);
      unfollow();
      const gone = alternative({ deletes: [seedKey], leases: [{ id: seedKey, ttl: null }] });
      await committer.commit({ alternatives: [gone] }).catch(() => {});
      await cluster.stop();
    },
  };
}

const SAME_NAME =
  'another member of gossip goes by the name of this one, and most hold the other for it: either a host was copied with its state, or somebody has the key of gossip who should not';

/** Where the coordinators of the fleet gossip. */
export function seedsOf(fleet: Fleet): string[] {
  return Array.from(fleet.all('seed'), ({ value }) => value.address);
}

/** One that listens on all addresses has that of its gossip: to others, `0.0.0.0` would be their own machine. */
export function urlFor(api: string, host: string): string {
  const url = new URL(api);
  if (!/^(0\.0\.0\.0|\[::\])$/.test(url.hostname)) return api;
  url.hostname = host.includes(':') ? `[${host}]` : host;
  return url.origin;
}

function tagsOf({ agent, api }: GossipPlace): Record<string, string> {
  const tags: MemberTags = {
    kind: MEMBER_KIND,
    role: agent ? 'coordinator,agent' : 'coordinator',
    host: (agent?.name ?? hostname()).slice(0, 64),
    version: manifest.version,
    api: api.slice(0, 200),
  };
  return { ...tags };
}

/** @param first 0: any */
export function portsFrom(first: number): number[] {
  if (first === 0) return [0];
  return [...Array.from({ length: PORTS }, (_, i) => first + i).filter((port) => port <= 65_535), 0];
}
