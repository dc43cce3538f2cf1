import { type Endpoint, type ServiceId, serviceId } from '@portolan/model';

/** Instances of services that were chosen here and are not promised yet: two that ask at once are given two. */
export class ClaimedInstances {
  readonly #counts = new Map<ServiceId, Map<number, number>>();

  claimed(service: ServiceId): Iterable<number> {
    return this.#counts.get(service)?.keys() ?? [];
  }

  /** @returns how to let go of it; several may claim one */
  claim({ instance, ...of }: Endpoint): () => void {
    const service = serviceId(of);
    const counts = this.#counts.get(service) ?? new Map<number, number>();
    this.#counts.set(service, counts);
    counts.set(instance, (counts.get(instance) ?? 0) + 1);
    return () => {
      const left = counts.get(instance)! - 1;
      if (left > 0) counts.set(instance, left);
      else counts.delete(instance);
      if (counts.size === 0) this.#counts.delete(service);
    };
  }
}
