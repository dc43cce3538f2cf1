import { setTimeout as sleep } from 'node:timers/promises';
import { type Assignment, formatEndpoint, type Held, key } from '@portolan/model';
import type { Logger } from 'pino';
import { alternative } from './commands/entries.ts';
import { lostFinding, lostFindingId, resolvedLoss } from './commands/lost-finding.ts';
import type { Executor } from './executor.ts';
import { REST } from './reaper.ts';
import type { Replica } from './replica.ts';
import type { Alternative } from './store/store.ts';

/** Findings of one commit. */
const AT_ONCE = 200;
/** ms */
const TRY_AGAIN_AFTER = 1_000;

/**
 * Tells of promises that the store has forgotten: for each a finding, with its owner. Every coordinator tells what its own
 * copy had, for each may know of some that no other does; leases that their holders take back at once resolve theirs.
 */
export class LostAssignments {
  readonly #executor: Executor;
  readonly #replica: Replica;
  readonly #logger: Logger;
  readonly #stopping = new AbortController();
  /** What is to be told, by endpoint and protocol. */
  readonly #untold = new Map<string, Held<'assignment'>>();
  /** Until leases that were lost would have ended. */
  readonly #timers = new Set<NodeJS.Timeout>();
  #telling: Promise<void> | undefined;

  constructor(executor: Executor, replica: Replica, logger: Logger) {
    this.#executor = executor;
    this.#replica = replica;
    this.#logger = logger;
  }

  start(): void {
    this.#replica.subscribe({
      applied: () => {},
      reset: (_reason, lost) => {
        for (const held of lost) this.#untold.set(nameOf(held.value), held);
        if (this.#untold.size > 0) this.#telling ??= this.#tell();
      },
    });
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    for (const timer of this.#timers) clearTimeout(timer);
    await this.#telling;
  }

  async #tell(): Promise<void> {
    while (this.#untold.size > 0 && !this.#stopping.signal.aborted) {
      const some = [...this.#untold].slice(0, AT_ONCE);
      try {
        await this.#executor.execute<void>(() => {
          const told = this.#told(some.map(([, held]) => held));
          if (told.puts.length === 0) return { result: undefined };
          return { alternatives: [told], answer: () => undefined };
        });
        for (const [, held] of some) this.#forgetLater(held);
        // What was lost once more meanwhile is to be told as it was then.
        for (const [name, held] of some) if (this.#untold.get(name) === held) this.#untold.delete(name);
      } catch (error) {
        this.#logger.debug({ err: error }, 'lost assignments could not be reported yet');
        await sleep(TRY_AGAIN_AFTER, undefined, { signal: this.#stopping.signal, ref: false }).catch(() => {});
      }
    }
    this.#telling = undefined;
  }

  /** A lease would have ended by then, had its holder not come back: it is missed no more. */
  #forgetLater({ value: { endpoint, protocol, lease } }: Held<'assignment'>): void {
    if (!lease) return;
    const entryKey = key.finding(lostFindingId(endpoint, protocol));
    const told = this.#executor.fleet.get('finding', entryKey);
    if (!told) return;
    const forget = () =>
      this.#executor.execute<void>(() => {
        const now = this.#executor.fleet.get('finding', entryKey);
        if (!now || now.version !== told.version) return { result: undefined };
        const conditions = [{ key: entryKey, version: now.version }];
        return { alternatives: [alternative({ conditions, puts: [resolvedLoss(now)] })], answer: () => undefined };
      });
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        void forget().catch(() => {});
      },
      lease.ttl * 1000 + REST,
    );
    timer.unref();
    this.#timers.add(timer);
  }

  #told(lost: readonly Held<'assignment'>[]): Alternative {
    const fleet = this.#executor.fleet;
    const now = new Date().toISOString();
    const findings = lost
      .filter(({ value: { endpoint, protocol } }) => {
        const known = fleet.standing(lostFindingId(endpoint, protocol));
        return !fleet.assignmentOf(endpoint, protocol) && !known;
      })
      .map(({ value: { endpoint, protocol, port }, version }) => ({
        endpoint: { key: key.endpoint(endpoint, protocol), version: null },
        ...lostFinding(
          fleet,
          { endpoint, protocol, port, token: version, why: 'the store came back with an older history' },
          now,
        ),
      }));
    return alternative({
      conditions: findings.flatMap(({ endpoint, condition }) => [endpoint, condition]),
      puts: findings.map(({ put }) => put),
    });
  }
}

function nameOf({ endpoint, protocol }: Assignment): string {
  return `${protocol}:${formatEndpoint(endpoint)}`;
}
