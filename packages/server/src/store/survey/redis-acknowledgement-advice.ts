import { confirmations, durabilityOf, NONE_REQUIRED, type Required, requiredReplicas } from '../durability.ts';
import type { Persistence } from '../redis-persistence.ts';
import { fail, fine, type RedisAdvice, warn } from './redis-advice-level.ts';
import type { PersistenceFacts, RedisSurvey, ServerFacts } from './redis-survey.ts';

type Kind = RedisSurvey['kind'];

const SYNCING = 'appendonly yes and appendfsync always';

/** How surely coordinators answer on this Redis, by the very rules that they go by. */
export function adviseOnAcknowledgement(server: ServerFacts, kind: Kind): RedisAdvice[] {
  const { primary, promotion } = server;
  const persistence = persistenceIn(server.persistence);
  const required = requiredReplicas(NONE_REQUIRED, primary, promotion, 0);
  if (isBlocked(required, primary.online)) return [blocked(server, kind)];
  const { level, lowered, replicas } = durabilityOf({ kind, persistence, required }, undefined);
  if (lowered !== null) {
    const remedy = remedyOf({ away: required.missing.size > 0, replicas, persistence, kind });
    return [warn('ack', `${level} is what coordinators answer: ${lowered}`, remedy)];
  }
  const slow = (server.replicas ?? []).filter(({ state, behind }) => state === 'online' && behind > 0);
  if (slow.length > 0) {
    const names = slow.map(({ address }) => address).join(', ');
    return [
      warn(
        'ack',
        `${level} is what coordinators choose, and writes are answered 503 (durability-unknown) while ${names} does not confirm them`,
        'see its log, and the network between the two; stop it if it hangs',
      ),
    ];
  }
  const why = replicas > 0 ? ': all that are online confirm, so that a failover to any of them loses nothing' : '';
  return [fine('ack', `${level} is what coordinators choose by default${why}`)];
}

/** What they would answer once all replicas were given up. */
export function levelAlone({ persistence }: ServerFacts, kind: Kind): string {
  return durabilityOf({ kind, persistence: persistenceIn(persistence), required: NONE_REQUIRED }, undefined).level;
}

/** As coordinators see it: by CONFIG GET alone. */
function persistenceIn({ appendOnly, appendSync, skipsSyncOnRewrite }: PersistenceFacts): Persistence {
  if (appendOnly === undefined || appendSync === undefined) return 'unknown';
  if (!appendOnly) return 'off';
  return appendSync === 'always' && !skipsSyncOnRewrite ? 'always' : 'lazy';
}

/** Whether no commit is confirmed, however well those that are online keep up. */
function isBlocked(required: Required, online: readonly string[]): boolean {
  return confirmations(required, new Map(online.map((id) => [id, 0])), 0) === null;
}

function blocked(server: ServerFacts, kind: Kind): RedisAdvice {
  const missing = absent(server);
  const names =
    missing.length > 0 ? `${missing.join(', ')} may have been promoted` : 'a replica may have been promoted';
  const { promotion, primary } = server;
  if (promotion?.known.has(primary.at)) {
    return warn(
      'ack',
      'coordinators answer every write 503 (durability-unknown) until the failover is over',
      'ask again in some seconds',
    );
  }
  if (promotion && !promotion.certain) {
    return fail(
      'ack',
      `coordinators answer every write 503 (durability-unknown): ${names}, and no majority says otherwise (${promotion.why})`,
      kind === 'sentinel'
        ? 'start the other sentinels: writes go on when a majority of them is back; or start the replica'
        : 'redis-cli --cluster check: writes go on when a majority of the primaries is back; or start the replica',
    );
  }
  // One that gave it up while it was down goes on without it until it is in step.
  const [level, who] =
    primary.online.length > 0
      ? [warn, 'coordinators that start now, or saw it in step until now,']
      : [fail, 'coordinators'];
  return level(
    'ack',
    `${who} answer every write 503 (durability-unknown): ${names}, and is not connected to the primary`,
    `start it, or see why it is not connected; writes go on once ${giverUp(kind)} has given it up`,
  );
}

function giverUp(kind: Kind): string {
  return kind === 'cluster' ? 'a majority of the primaries' : 'a majority of the sentinels';
}

/** Replicas that may be promoted, as far as anybody says, and that are not connected. */
function absent({ primary: { at, online }, promotion }: ServerFacts): string[] {
  if (!promotion) return [];
  const { known, down, certain } = promotion;
  const able = [...known].filter((id) => id !== at && !online.includes(id));
  return (certain ? able.filter((id) => !down.has(id)) : able).sort();
}

interface Lowered {
  /** Whether a replica is away. */
  readonly away: boolean;
  /** That confirm each commit. */
  readonly replicas: number;
  readonly persistence: Persistence;
  readonly kind: Kind;
}

function remedyOf({ away, replicas, persistence, kind }: Lowered): string {
  if (replicas > 0 && persistence !== 'always' && (persistence === 'off' || !away)) return `${SYNCING}, on all of them`;
  const more = persistence === 'always' ? '' : `; ${SYNCING}`;
  const forget = kind === 'cluster' ? 'CLUSTER FORGET on each node' : 'SENTINEL RESET on each sentinel';
  if (away) return `start the replica; ${forget} if it is gone for good${more}`;
  if (kind !== 'single') return `connect two replicas${more}`;
  return `${SYNCING}; or replicas`;
}
