import { type Alias, key, PortolanError, type Position, type ServiceId } from '@portolan/model';
import type { Executor } from '../executor.ts';
import { alternative, put } from './entries.ts';

/** That two names are one service: what people know, where evidence gives a process another name than its plan has. */
export class Aliases {
  readonly #executor: Executor;

  constructor(executor: Executor) {
    this.#executor = executor;
  }

  /** @throws PortolanError `invalid-request` when the two are one already, by way of other aliases too */
  set(service: ServiceId, of: ServiceId, by: string): Promise<{ alias: Alias; position: Position }> {
    const { fleet } = this.#executor;
    return this.#executor.execute(() => {
      if (fleet.canonical(of) === service) {
        throw new PortolanError(
          'invalid-request',
          `${of} counts as ${service} already; the two cannot stand for one another`,
        );
      }
      const alias: Alias = { service, of, by, at: new Date().toISOString() };
      const entryKey = key.alias(service);
      const only = alternative({
        conditions: [
          { key: entryKey, version: fleet.version('alias', entryKey) },
          // Else two that are made at once could close a circle.
          { key: key.alias(of), version: fleet.version('alias', key.alias(of)) },
        ],
        puts: [put<'alias'>(entryKey, alias)],
      });
      return { alternatives: [only], answer: ({ position }) => ({ alias, position }) };
    });
  }

  /** @throws PortolanError `not-found` */
  remove(service: ServiceId): Promise<{ alias: Alias; position: Position }> {
    return this.#executor.execute(() => {
      const held = this.#executor.fleet.get('alias', key.alias(service));
      if (!held) throw new PortolanError('not-found', `${service} counts as nobody but itself`);
      const only = alternative({ conditions: [{ key: held.key, version: held.version }], deletes: [held.key] });
      return { alternatives: [only], answer: ({ position }) => ({ alias: held.value, position }) };
    });
  }
}
