import type { ProblemCode, RenewRequest, RenewResponse, Version } from '@portolan/model';
import { PortolanError } from '@portolan/model/plain';
import { backoff, unref } from './backoff.ts';

/** A lease that is kept alive. */
export interface Renewable {
  /** As last granted; a new assertion gives others. */
  grant(): { id: string; token: Version; ttl: number };
  /** Asks for the same ports again under the old token. @throws PortolanError when it is refused */
  reassert(): Promise<void>;
  /** What became of each renewal; after `lost` nothing more comes. */
  notify(event: RenewalEvent): void;
}

/** @param timeout how long the answer may take, ms: so long that there is time for another attempt */
export type Renew = (request: RenewRequest, timeout: number) => Promise<RenewResponse>;

export type RenewalEvent =
  | { outcome: 'renewed' | 'reasserted' }
  /** Not renewed yet, and tried again soon. */
  | { outcome: 'late'; error: PortolanError }
  /** Somebody else has the port, or the coordinator will not have this client renew it. */
  | { outcome: 'lost'; error: PortolanError };

/** When the next renewal of a lease is due: a third of its time to live, and jitter so that a fleet does not march in step. */
const RENEW_AFTER = 1 / 3;
/** Leases that fall due within this share of their time to live travel together. */
const TOGETHER = 1 / 10;
const LEASES_MAX = 1000;
/** How many assertions are under way at once, when all leases are gone with a store's history. */
const REASSERT_TOGETHER = 16;
const RETRY_BASE = 500;
const RETRY_CAP = 10_000;

/** Failures that say nothing about the lease. */
const passing: ReadonlySet<ProblemCode> = new Set([
  'unreachable',
  'stranger',
  'store-unavailable',
  'durability-unknown',
  'not-ready',
  'abandoned',
  'contention',
  'too-many',
  'internal',
]);

interface Held {
  readonly lease: Renewable;
  /** By the monotonic clock of this machine, ms. */
  due: number;
  failures: number;
  /** The coordinator said that the lease is no more. */
  gone: boolean;
}

/** Renews all leases of a client, many in one request, for as long as they are held. */
export class Renewals {
  readonly #renew: Renew;
  readonly #held = new Map<Renewable, Held>();
  #timer: ReturnType<typeof setTimeout> | undefined;
  #busy = false;

  constructor(renew: Renew) {
    this.#renew = renew;
  }

  /** @param since when the request that granted the lease was sent, by `performance.now()` */
  add(lease: Renewable, since: number): void {
    const held: Held = { lease, due: 0, failures: 0, gone: false };
    this.#held.set(lease, held);
    extend(held, since);
    this.#schedule();
  }

  remove(lease: Renewable): void {
    this.#held.delete(lease);
    this.#schedule();
  }

  clear(): void {
    this.#held.clear();
    this.#schedule();
  }

  #schedule(): void {
    clearTimeout(this.#timer);
    if (this.#held.size === 0 || this.#busy) return;
    let due = Number.POSITIVE_INFINITY;
    for (const held of this.#held.values()) due = Math.min(due, held.due);
    this.#timer = setTimeout(() => this.#run(), Math.max(0, due - performance.now()));
    unref(this.#timer);
  }

  async #run(): Promise<void> {
    this.#busy = true;
    try {
      await this.#renewDue();
    } finally {
      // Whatever a listener throws, the other leases are renewed.
      this.#busy = false;
      this.#schedule();
    }
  }

  async #renewDue(): Promise<void> {
    const now = performance.now();
    const due = [...this.#held.values()].filter((held) => held.due <= now + held.lease.grant().ttl * 1000 * TOGETHER);
    // Also after its time is over: a coordinator that was away itself gives more time to all.
    const alive = due.filter((held) => !held.gone);
    for (let start = 0; start < alive.length; start += LEASES_MAX) {
      await this.#renewTogether(alive.slice(start, start + LEASES_MAX));
    }
    const gone = due.filter((held) => held.gone);
    for (let start = 0; start < gone.length; start += REASSERT_TOGETHER) {
      await Promise.all(gone.slice(start, start + REASSERT_TOGETHER).map((held) => this.#reassert(held)));
    }
  }

  async #renewTogether(group: readonly Held[]): Promise<void> {
    const sent = performance.now();
    const grants = new Map(group.map((held) => [held, held.lease.grant()]));
    try {
      const leases = [...grants.values()].map(({ id, token }) => ({ id, token }));
      const shortest = Math.min(...[...grants.values()].map(({ ttl }) => ttl));
      const { renewed, lost } = await this.#renew({ leases }, (shortest * 1000) / 4);
      const renewedIds = new Set(renewed.map(({ id }) => id));
      const lostIds = new Set(lost.map(({ id }) => id));
      for (const [held, { id }] of grants) {
        if (!this.#held.has(held.lease)) continue;
        if (renewedIds.has(id)) {
          extend(held, sent);
          held.lease.notify({ outcome: 'renewed' });
        } else if (lostIds.has(id)) {
          held.gone = true;
        } else {
          this.#late(held, new PortolanError('internal', `The coordinator did not say what became of lease ${id}.`));
        }
      }
    } catch (error) {
      for (const held of group) this.#late(held, asProblem(error));
    }
  }

  async #reassert(held: Held): Promise<void> {
    const sent = performance.now();
    try {
      await held.lease.reassert();
      if (!this.#held.has(held.lease)) return;
      extend(held, sent);
      held.lease.notify({ outcome: 'reasserted' });
    } catch (thrown) {
      const error = asProblem(thrown);
      if (passing.has(error.code)) return this.#late(held, error);
      if (this.#held.delete(held.lease)) held.lease.notify({ outcome: 'lost', error });
    }
  }

  #late(held: Held, error: PortolanError): void {
    if (!this.#held.has(held.lease)) return;
    const cap = Math.min(RETRY_CAP, held.lease.grant().ttl * 1000 * RENEW_AFTER);
    held.due = performance.now() + backoff(held.failures++, Math.min(RETRY_BASE, cap), cap, Math.random());
    held.lease.notify({ outcome: 'late', error });
  }
}

function extend(held: Held, since: number): void {
  const ttl = held.lease.grant().ttl * 1000;
  held.due = since + ttl * RENEW_AFTER * (0.9 + 0.2 * Math.random());
  held.failures = 0;
  held.gone = false;
}

function asProblem(error: unknown): PortolanError {
  if (error instanceof PortolanError) return error;
  return new PortolanError('internal', error instanceof Error ? error.message : String(error), {}, { cause: error });
}
