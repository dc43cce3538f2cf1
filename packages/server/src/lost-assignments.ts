import { setTimeout as sleep } from 'node:timers/promises';
import { type Assignment, formatEndpoint, type Held, key } from '@portolan/model';
import type { Logger } from 'pino';
import { alternative } from './commands/entries.ts';
import { lostFinding, lostFindingId } from './commands/lost-finding.ts';
import type { Executor } from './executor.ts';
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
        // What was lost once more meanwhile is to be told as it was then.
        for (const [name, held] of some) if (this.#untold.get(name) === held) this.#untold.delete(name);
      } catch (error) {
        this.#logger.debug({ err: error }, 'lost assignments could not be told of yet');
        await sleep(TRY_AGAIN_AFTER, undefined, { signal: this.#stopping.signal, ref: false }).catch(() => {});
      }
    }
    this.#telling = undefined;
  }

  #told(lost: readonly Held<'assignment'>[]): Alternative {
    const fleet = this.#executor.fleet;
    const now = new Date().toISOString();
    const findings = lost
      .filter(({ value: { endpoint, protocol } }) => {
        const known = fleet.get('finding', key.finding(lostFindingId(endpoint, protocol)));
        return !fleet.assignmentOf(endpoint, protocol) && (!known || known.value.state === 'resolved');
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
