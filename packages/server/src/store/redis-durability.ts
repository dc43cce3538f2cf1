import { setTimeout as sleep } from 'node:timers/promises';
import type { Acknowledgement } from '@portolan/model';
import type { Redis } from 'ioredis';
import type { Logger } from 'pino';
import {
  confirmations,
  type Durability,
  durabilityOf,
  NONE_REQUIRED,
  type Required,
  requiredReplicas,
  seen,
} from './durability.ts';
import type { RedisAddress } from './redis-address.ts';
import { unavailable } from './redis-connection.ts';
import { persistenceOf, persistenceText } from './redis-persistence.ts';
import { type PrimaryFacts, type Promotion, primaryFacts, promotionOf } from './redis-promotion.ts';

/** How often the set-up is looked at, ms: while all is well, and while something is not as it should be. */
const LOOK_EVERY = 5_000;
const LOOK_AGAIN = 500;
/** The least time between two looks, ms, however much there is to doubt. */
const LOOK_PAUSE = 100;

export interface Watched {
  /** The connection that commits go over. */
  readonly redis: Redis;
  readonly address: RedisAddress;
  readonly wanted: Acknowledgement | undefined;
  readonly logger: Logger | undefined;
  /** How often the set-up is looked at while all is well, ms. */
  readonly lookEvery?: number | undefined;
  /** Ends it. */
  readonly until: AbortSignal;
}

/**
 * Keeps up with what a Redis can promise: chosen anew on each connection, before the first commit on it, and followed as
 * replicas come and go, roles change and the configuration does.
 */
export class DurabilityWatch {
  readonly #watched: Watched;
  #durability: Durability = { level: 'memory', replicas: 0, lowered: null, refused: null };
  #required: Required = NONE_REQUIRED;
  /** Whether the choice was made on the connection that stands. */
  #chosen = false;
  #looking: Promise<void> | undefined;
  #wake = new AbortController();
  /** Why those who decide on promotions could not be asked. */
  #unasked = '';

  constructor(watched: Watched) {
    this.#watched = watched;
    const { redis } = watched;
    redis.on('close', () => {
      this.#chosen = false;
    });
    redis.on('ready', () => void this.look().catch(() => undefined));
    void this.#follow();
  }

  get current(): Durability {
    return this.#durability;
  }

  /** Whether `current` holds for the connection that stands; else `choose` has to be waited for. */
  get chosen(): boolean {
    return this.#chosen;
  }

  /** @throws PortolanError `store-unavailable` when the connection broke meanwhile */
  async choose(): Promise<Durability> {
    // A look that was under way may be of the connection before.
    for (let i = 0; i < 2 && !this.#chosen; i++) await this.look().catch(() => undefined);
    if (!this.#chosen) throw unavailable(new Error('the connection broke while it was asked how it persists'));
    return this.#durability;
  }

  /** Whether the level follows the set-up: none was asked for. */
  get followed(): boolean {
    return this.#watched.wanted === undefined;
  }

  /** Whether all that have to confirm a commit have it, as `confirmations` says. */
  confirmed(online: ReadonlyMap<string, number>, written: number): number | undefined | null {
    const before = this.#required;
    this.#required = seen(before, online.keys());
    if (this.#required !== before) this.doubt();
    return confirmations(this.#required, online, written);
  }

  /** Something may have changed: to be looked at soon. */
  doubt(): void {
    this.#wake.abort();
  }

  /** What a commit that too few replicas confirmed is told beside the count. */
  get hint(): string {
    const away = [...this.#required.replicas].flatMap(([id, since]) => (since === undefined ? [] : [id]));
    const who = away.length > 0 ? `; ${away.sort().join(', ')} is not connected but could still be promoted` : '';
    return `${who}${this.#unasked && `; ${this.#unasked}`}`;
  }

  /** @throws Error of the connection */
  look(): Promise<void> {
    this.#looking ??= this.#look().finally(() => {
      this.#looking = undefined;
    });
    return this.#looking;
  }

  async #look(): Promise<void> {
    const { redis, address, wanted } = this.#watched;
    let broken = false;
    const onClose = () => {
      broken = true;
    };
    redis.once('close', onClose);
    try {
      const [facts, persistence] = await Promise.all([primaryFacts(redis), persistenceOf(redis)]);
      const promotion = await this.#promotion(facts);
      if (broken) return;
      this.#required = requiredReplicas(this.#required, facts, promotion, performance.now());
      this.#settle(durabilityOf({ kind: address.kind, persistence, required: this.#required }, wanted));
      if (wanted === 'disk' && persistence === 'unknown') this.#tellUnknown();
    } finally {
      redis.off('close', onClose);
    }
  }

  async #promotion(facts: PrimaryFacts): Promise<Promotion | undefined> {
    const { redis, address } = this.#watched;
    this.#unasked = '';
    const promotion = await promotionOf(redis, address, facts);
    if (promotion && !promotion.certain) this.#unasked = promotion.why;
    return promotion;
  }

  #settle(next: Durability): void {
    const { logger } = this.#watched;
    const before = this.#durability;
    const first = !this.#chosen && before.replicas === 0 && before.lowered === null && before.level === 'memory';
    this.#durability = next;
    this.#chosen = true;
    const { level, lowered, refused } = next;
    if (refused !== null && refused !== before.refused) {
      logger?.error({ reason: refused }, `commits are refused: "${level}" was requested but is not available`);
    } else if (lowered !== null && (lowered !== before.lowered || level !== before.level)) {
      logger?.warn(
        { acknowledgement: level, reason: lowered },
        'durability is lowered: commits are acknowledged with less durability than they should be',
      );
    } else if (!first && (level !== before.level || lowered !== before.lowered || refused !== before.refused)) {
      logger?.info({ acknowledgement: level }, 'commits are acknowledged at this level from now on');
    }
  }

  #toldUnknown = false;
  #tellUnknown(): void {
    if (this.#toldUnknown) return;
    this.#toldUnknown = true;
    this.#watched.logger?.warn(`"disk" is assumed: ${persistenceText.unknown}`);
  }

  get #settled(): boolean {
    const { replicas, floor } = this.#required;
    const away = [...replicas.values()].some((since) => since !== undefined);
    return this.#chosen && this.#durability.lowered === null && !away && floor <= replicas.size;
  }

  async #follow(): Promise<void> {
    const { redis, until, lookEvery = LOOK_EVERY } = this.#watched;
    while (!until.aborted) {
      const wait = AbortSignal.any([until, this.#wake.signal]);
      await sleep(this.#settled ? lookEvery : LOOK_AGAIN, undefined, { signal: wait, ref: false }).catch(() => {});
      if (this.#wake.signal.aborted) {
        this.#wake = new AbortController();
        await sleep(LOOK_PAUSE, undefined, { signal: until, ref: false }).catch(() => {});
      }
      if (redis.status === 'ready') await this.look().catch(() => undefined);
    }
  }
}
