import { type EntryValue, type Held, key } from '@portolan/model';
import type { Logger } from 'pino';
import type { Duty, Term } from '../leader.ts';
import type { Replica } from '../replica.ts';
import { Courier } from './courier.ts';

/** After a courier that failed, ms. */
const EMPLOY_AGAIN = 5_000;

/** Has a courier for each webhook while this coordinator leads. */
export class AlertsDuty implements Duty {
  readonly #replica: Replica;
  readonly #logger: Logger;

  constructor(replica: Replica, logger: Logger) {
    this.#replica = replica;
    this.#logger = logger;
  }

  lead(term: Term, signal: AbortSignal): void {
    const { fleet } = this.#replica;
    const couriers = new Map<string, Courier>();
    const dismiss = (name: string) => {
      couriers.get(name)?.dismiss();
      couriers.delete(name);
    };
    const employ = () => {
      for (const { value } of fleet.all('webhook')) {
        if (couriers.has(value.name)) continue;
        const courier = new Courier(value.name, fleet, term, this.#logger, signal);
        couriers.set(value.name, courier);
        void courier.run().catch((error: unknown) => {
          this.#logger.error({ err: error, webhook: value.name }, 'a courier failed; another one takes its place');
          if (couriers.get(value.name) !== courier) return;
          dismiss(value.name);
          setTimeout(() => signal.aborted || employ(), EMPLOY_AGAIN).unref();
        });
      }
    };
    const unsubscribe = this.#replica.subscribe({
      applied: ({ touches }) => {
        const events: Held<'event'>[] = [];
        for (const { kind, before, after } of touches) {
          if (kind === 'event' && after && !before) events.push(after as Held<'event'>);
          if (kind !== 'webhook') continue;
          const { name } = (after ?? before)!.value as EntryValue<'webhook'>;
          if (after) couriers.get(name)?.refill();
          else dismiss(name);
        }
        if (events.length > 0) for (const courier of couriers.values()) courier.add(events);
        if (fleet.count('webhook') > couriers.size) employ();
      },
      reset: () => {
        for (const [name, courier] of couriers) {
          if (fleet.get('webhook', key.webhook(name))) courier.refill();
          else dismiss(name);
        }
        employ();
      },
    });
    signal.addEventListener('abort', unsubscribe, { once: true });
    employ();
  }
}
