import { type Health, type HealthReport, key, type Position } from '@portolan/model';
import type { Executor } from '../executor.ts';
import { alternative, put } from './entries.ts';

/** What agents found when they asked for the health of the services on their hosts. */
export class HealthReports {
  readonly #executor: Executor;

  constructor(executor: Executor) {
    this.#executor = executor;
  }

  /** Takes in what differs from what is known. Of checks that are no longer wanted nothing is kept. */
  report(host: string, { results }: HealthReport): Promise<{ position: Position }> {
    return this.#executor.execute<{ position: Position }>(() => {
      const { fleet } = this.#executor;
      const since = new Date().toISOString();
      const changes = new Map<string, { version: string; value: Health }>();
      for (const { service, label, ...outcome } of results) {
        const held = fleet.get('health', key.health({ host, service, label }));
        if (!held || held.value.state === outcome.state) continue;
        changes.set(held.key, { version: held.version, value: { ...held.value, ...outcome, since } });
      }
      if (changes.size === 0) return { result: { position: fleet.position } };
      const only = alternative({
        conditions: Array.from(changes, ([entryKey, { version }]) => ({ key: entryKey, version })),
        puts: Array.from(changes, ([entryKey, { value }]) => put<'health'>(entryKey, value)),
      });
      return { alternatives: [only], answer: ({ position }) => ({ position }) };
    });
  }
}
